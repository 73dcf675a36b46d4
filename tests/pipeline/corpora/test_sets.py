"""The data sets as they stand: what each says of itself, and how its files are brought in form."""

import csv
import gzip
import io
import re
import tarfile
from pathlib import Path

import pytest

from components.errors import UserError
from pipeline.corpora.registry import named, names
from pipeline.corpora.sets import fsdd, imdb
from pipeline.corpora.spec import Checksum, DownloadedSet, GeneratedSet, RemoteFile
from pipeline.experiment import load

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCE = f"somebody/something file.txt @ {'0' * 40}"
DIGEST = "0" * 64


@pytest.mark.parametrize("name", names())
def test_every_set_says_what_it_is(name: str) -> None:
    dataset = named(name)
    assert dataset.name == name
    for text in (dataset.what, dataset.task, dataset.size, dataset.licence, dataset.citation):
        assert text and "\n" not in text
    assert dataset.folder in (f"data/{name}", "data")
    if isinstance(dataset, DownloadedSet):
        assert dataset.home.startswith("https://")
        for file in dataset.files:
            assert file.url.startswith("https://")
            assert re.search(r"@ [0-9a-f]{40}$", file.checksum.source)
    else:
        assert (REPOSITORY / dataset.home).exists()
    assert (REPOSITORY / dataset.experiment).is_file()


@pytest.mark.parametrize("name", names())
def test_the_ready_experiment_looks_where_the_set_is_put(name: str) -> None:
    dataset = named(name)
    experiment = load(str(REPOSITORY / dataset.experiment), data_alone=True)
    place = Path(experiment.data.path).resolve()
    folder = REPOSITORY / dataset.folder
    assert place in (folder / dataset.file, folder) or place.parent == folder


@pytest.mark.parametrize("name", names())
def test_the_documents_name_every_set(name: str) -> None:
    assert f"`{name}`" in (REPOSITORY / "docs" / "data_sets.md").read_text(encoding="utf-8")


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean imdb") as caught:
        named("imbd")
    assert all(name in str(caught.value) for name in names())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"algorithm": "sha256", "digest": "0" * 32, "source": SOURCE}, "64 hexadecimal digits"),
        ({"algorithm": "md5", "digest": "G" * 32, "source": SOURCE}, "32 hexadecimal digits"),
        ({"algorithm": "crc", "digest": "0" * 8, "source": SOURCE}, "algorithm"),
        ({"algorithm": "sha256", "digest": DIGEST, "source": "a blog"}, "source"),
        ({"algorithm": "sha256", "digest": DIGEST}, "source"),
    ],
)
def test_a_checksum_has_its_digits_and_its_source(values: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Checksum.model_validate(values)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://home/a.txt", "https://home/", "https://home/..", "a.txt"]
)
def test_only_plain_files_over_http_are_fetched(url: str) -> None:
    checksum = Checksum(algorithm="sha256", digest=DIGEST, source=SOURCE)
    with pytest.raises(ValueError, match=r"came|plain file name"):
        RemoteFile(url=url, checksum=checksum)


def test_files_of_one_name_are_refused() -> None:
    ptb = named("ptb")
    with pytest.raises(ValueError, match="two files have one name"):
        DownloadedSet.model_validate({**dict(ptb), "files": (*ptb.files, ptb.files[0])})


def test_generated_sets_have_options_that_are_numbers() -> None:
    generated = [named(name) for name in names() if isinstance(named(name), GeneratedSet)]
    assert {dataset.name for dataset in generated} == {
        *("adding", "chords", "parity", "patients", "reservations", "sine", "thermostat")
    }
    assert all({"rows", "seed"} <= set(dataset.options) for dataset in generated)


def archive_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_reviews_become_tables(tmp_path: Path) -> None:
    archive = archive_of(
        tmp_path / "a.tar.gz",
        {
            "aclImdb/README": b"read me",
            "aclImdb/train/pos/1_9.txt": "so-so,\n\u201cgood\u201d".encode(),
            "aclImdb/train/neg/0_2.txt": b"bad",
            "aclImdb/train/unsup/0_0.txt": b"who knows",
            "aclImdb/test/pos/7_10.txt": b"great",
        },
    )
    imdb.prepare({"a.tar.gz": archive}, tmp_path)
    with gzip.open(tmp_path / "train.csv.gz", "rt", encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["id", "rating", "label", "text"],
            ["0", "2", "0", "bad"],
            ["1", "9", "1", "so-so,\n\u201cgood\u201d"],
        ]
    assert gzip.decompress((tmp_path / "test.csv.gz").read_bytes()).endswith(b"7,10,1,great\n")


def test_recordings_lie_in_one_folder(tmp_path: Path) -> None:
    archive = archive_of(
        tmp_path / "a.tar.gz",
        {"top-1/recordings/3_theo_1.wav": b"3", "top-1/utils/x.py": b"", "top-1/a.wav": b""},
    )
    fsdd.prepare({"a.tar.gz": archive}, tmp_path)
    assert [path.name for path in tmp_path.rglob("*.wav")] == ["3_theo_1.wav"]
    assert (tmp_path / "recordings" / "3_theo_1.wav").read_bytes() == b"3"


@pytest.mark.parametrize(("module", "said"), [(imdb, "no reviews"), (fsdd, "no recordings")])
def test_archives_of_something_else_say_so(tmp_path: Path, module, said: str) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", {"other/file.txt": b""})
    with pytest.raises(UserError, match=said):
        module.prepare({"a.tar.gz": archive}, tmp_path)
