"""Packing and unpacking: nothing is written outside the folder, and broken files say so."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpora.files import ArchiveError, pack, unpack_gzip, unpack_tar


def archive_of(path: Path, *members: tuple[tarfile.TarInfo | str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_wanted_files_are_unpacked_under_their_new_names(tmp_path: Path) -> None:
    archive = archive_of(
        tmp_path / "a.tgz",
        ("top/in/one.txt", b"1"),
        ("top/two.md", b"2"),
        ("top/in/three.txt", b"3"),
    )
    count = unpack_tar(
        archive,
        tmp_path / "out",
        lambda path: f"texts/{path.name}" if path.suffix == ".txt" else None,
    )
    assert count == 2
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    assert found == {"one.txt": b"1", "three.txt": b"3"}


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("/etc/evil.txt", "outside"),
        ("../evil.txt", "outside"),
        ("in/../../evil.txt", "outside"),
        ("in\\..\\evil.txt", "outside"),
        (special("link.txt", tarfile.SYMTYPE, "/etc/passwd"), "link or a device"),
        (special("hard.txt", tarfile.LNKTYPE, "../evil.txt"), "link or a device"),
        (special("pipe.txt", tarfile.FIFOTYPE), "link or a device"),
        (special("disk.txt", tarfile.BLKTYPE), "link or a device"),
    ],
    ids=lambda value: value.name if isinstance(value, tarfile.TarInfo) else value,
)
def test_path_tricks_are_refused(tmp_path: Path, member: tarfile.TarInfo | str, said: str) -> None:
    archive = archive_of(tmp_path / "a.tgz", (member, b""))
    with pytest.raises(ArchiveError, match=said):
        unpack_tar(archive, tmp_path / "out", str)
    assert not list(tmp_path.rglob("evil*"))


def test_a_new_name_outside_the_folder_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tgz", ("one.txt", b"1"))
    with pytest.raises(ArchiveError, match="outside"):
        unpack_tar(archive, tmp_path / "out", lambda path: f"../{path}")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "door").symlink_to(tmp_path)
    with pytest.raises(ArchiveError, match="outside"):
        unpack_tar(archive, tmp_path / "out", lambda path: f"door/{path}")
    assert not (tmp_path / "one.txt").exists()


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300))
def test_broken_archives_are_errors(tmp_path_factory, noise: bytes, cut: int) -> None:
    folder = tmp_path_factory.mktemp("broken")
    whole = archive_of(folder / "whole.tgz", ("in/one.txt", bytes(range(256)) * 8)).read_bytes()
    for content in (noise, whole[: min(cut, len(whole) - 1)], whole[:60] + noise + whole[60:]):
        (folder / "a.tgz").write_bytes(content)
        try:
            unpack_tar(folder / "a.tgz", folder / "out", lambda path: path.name)
        except ArchiveError as error:
            assert str(folder / "a.tgz") in str(error)


def test_packing_is_undone_and_always_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"words\n" * 1000)
    for name in ("one.gz", "two.gz"):
        pack(tmp_path / "a.txt", tmp_path / name)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
    unpack_gzip(tmp_path / "one.gz", tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_bytes() == b"words\n" * 1000


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"words" * 99)[:-9]], ids=len)
def test_broken_gzip_files_are_errors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(content)
    if content:
        with pytest.raises(ArchiveError, match="not a whole gzip file"):
            unpack_gzip(tmp_path / "a.gz", tmp_path / "a")
    else:
        unpack_gzip(tmp_path / "a.gz", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == b""
