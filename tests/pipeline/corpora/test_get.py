"""Data sets in folders: made whole or not at all, known again, never written over unasked."""

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from loopback import Home, serving

from components.errors import UserError
from pipeline.corpora import download
from pipeline.corpora.files import as_they_are, packed
from pipeline.corpora.get import (
    FolderError,
    check_place,
    download_into,
    generate_into,
    is_there,
)
from pipeline.corpora.spec import Checksum, DownloadedSet, GeneratedSet, Progress, RemoteFile

CONTENTS = {"one.txt": b"first\n" * 500, "two.txt.gz": gzip.compress(b"second\n", mtime=0)}
COMMON = {"what": "w", "task": "t", "size": "s", "licence": "l", "citation": "c", "home": "h"}


def remote(name: str, url: str, content: bytes) -> RemoteFile:
    digest = hashlib.sha256(content).hexdigest()
    source = f"somebody/something file.txt @ {'0' * 40}"
    checksum = Checksum(algorithm="sha256", digest=digest, source=source)
    return RemoteFile(url=f"{url}/{name}", checksum=checksum)


def downloaded(url: str = "http://127.0.0.1:1", prepare=as_they_are) -> DownloadedSet:
    files = tuple(remote(name, url, content) for name, content in CONTENTS.items())
    return DownloadedSet(name="things", files=files, prepare=prepare, **COMMON)


def made(version: int = 1) -> GeneratedSet:
    def generate(folder: Path, options: Mapping[str, int], progress: Progress) -> list[str]:
        for number in range(options["rows"]):
            (folder / f"{number}.txt").write_text(f"{options['seed']}")
        return ["a line"]

    return GeneratedSet(
        name="things", options={"rows": 2, "seed": 0}, version=version, generate=generate, **COMMON
    )


def silent(done: int, total: int | None, what: str) -> None:
    assert done >= 0 and what


def local(folder: Path, contents: dict[str, bytes] = CONTENTS) -> Path:
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def test_files_are_fetched_to_the_cache_and_put_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    cache, output = tmp_path / "cache", tmp_path / "deep" / "out"
    with serving(Home({f"/{name}": content for name, content in CONTENTS.items()})) as home:
        dataset = downloaded(home.url)
        assert not is_there(dataset, {}, output)
        download_into(dataset, output, cache=cache, source=None, progress=silent)
        assert is_there(dataset, {}, output)
        download_into(dataset, tmp_path / "again", cache=cache, source=None, progress=silent)
        assert len(home.asked) == len(CONTENTS)
    assert {path.name: path.read_bytes() for path in output.glob("[!.]*")} == CONTENTS
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["out"]


def test_without_a_network_one_line_names_the_way_out(tmp_path: Path, monkeypatch) -> None:
    def unreachable(*_: object) -> Path:
        raise download.Unreachable("http://home/one.txt cannot be reached: no route")

    monkeypatch.setattr(download, "fetch", unreachable)
    with pytest.raises(UserError) as caught:
        download_into(
            downloaded(), tmp_path / "o", cache=tmp_path / "c", source=None, progress=silent
        )
    message = str(caught.value)
    assert "\n" not in message and "is there a network?" in message
    assert "`rondo data get things --from DIR`" in message and "one.txt, two.txt.gz" in message
    assert not (tmp_path / "o").exists()


def test_a_local_copy_is_verified_and_may_be_packed(tmp_path: Path) -> None:
    source = local(tmp_path / "copy")
    (source / "one.txt").rename(source / "spare")
    (source / "one.txt.gz").write_bytes(gzip.compress(CONTENTS["one.txt"]))
    output = tmp_path / "out"
    dataset = downloaded(prepare=packed)
    download_into(dataset, output, cache=tmp_path / "c", source=source, progress=silent)
    assert gzip.decompress((output / "one.txt.gz").read_bytes()) == CONTENTS["one.txt"]
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ({"readme": b""}, "holds no one.txt (there are readme)"),
        ({}, "it is empty"),
        ({**CONTENTS, "one.txt": b"other"}, "one.txt: is another file than the published one: its"),
        ({f"{n}": b"" for n in range(20)}, "and 12 more"),
    ],
    ids=["others", "empty", "changed", "many"],
)
def test_other_files_in_the_local_copy_are_said_plainly(
    tmp_path: Path, contents: dict[str, bytes], said: str
) -> None:
    source = local(tmp_path / "copy", contents)
    with pytest.raises(FolderError) as caught:
        download_into(
            downloaded(), tmp_path / "o", cache=tmp_path / "c", source=source, progress=silent
        )
    assert said in str(caught.value)
    assert f"rondo run experiments/things.yaml --set data.path={source}" in str(caught.value)
    assert not (tmp_path / "o").exists()
    with pytest.raises(FolderError, match="there is no such folder"):
        download_into(
            downloaded(),
            tmp_path / "o",
            cache=tmp_path / "c",
            source=tmp_path / "x",
            progress=silent,
        )


def test_a_folder_is_known_again_until_something_changes(tmp_path: Path) -> None:
    output, options = tmp_path / "out", {"rows": 2, "seed": 0}
    assert generate_into(made(), options, output, silent) == ["a line"]
    assert is_there(made(), options, output)
    assert not is_there(made(), {**options, "seed": 1}, output)
    assert not is_there(made(version=2), options, output)
    (output / "1.txt").write_text("edited")
    assert not is_there(made(), options, output)
    (output / ".things.json").write_text("[]")
    assert not is_there(made(), options, output)


def test_what_lies_in_a_folder_is_written_over_only_by_force(tmp_path: Path) -> None:
    output = tmp_path / "out"
    check_place("things", output, force=False)
    output.mkdir()
    check_place("things", output, force=False)
    (output / "mine.txt").write_text("precious")
    with pytest.raises(FolderError, match=r"what lies there is not things \(--force"):
        check_place("things", output, force=False)
    check_place("things", output, force=True)
    generate_into(made(), {"rows": 3, "seed": 0}, output, silent)
    with pytest.raises(FolderError, match="holds things with other options"):
        check_place("things", output, force=False)
    # Less of it now: what it had written before goes, what is not its own stays.
    generate_into(made(), {"rows": 1, "seed": 5}, output, silent)
    assert sorted(path.name for path in output.iterdir()) == [".things.json", "0.txt", "mine.txt"]
    assert (output / "mine.txt").read_text() == "precious"
    with pytest.raises(FolderError, match="is no folder"):
        check_place("things", output / "mine.txt", force=True)


def test_a_generator_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken(folder: Path, options: Mapping[str, int], progress: Progress) -> list[str]:
        (folder / "half.txt").write_text("half")
        raise RuntimeError("broken")

    dataset = made().model_copy(update={"generate": broken})
    with pytest.raises(RuntimeError, match="broken"):
        generate_into(dataset, {"rows": 1, "seed": 0}, tmp_path / "out", silent)
    assert not list(tmp_path.iterdir())
