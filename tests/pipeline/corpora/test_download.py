"""Fetching: cut connections, wrong contents, servers that know no ranges, no network."""

import errno
import hashlib
import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import Home, serving

from pipeline.corpora import download
from pipeline.corpora.spec import Checksum, RemoteFile

CONTENT = bytes(itertools.islice(itertools.cycle(range(251)), 300_000))
SOURCE = f"somebody/something file.txt @ {'0' * 40}"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0.0)
    with serving(Home({"/data.bin": CONTENT})) as served:
        yield served


def remote(home: Home, content: bytes = CONTENT, algorithm: str = "sha256") -> RemoteFile:
    digest = hashlib.new(algorithm, content).hexdigest()
    checksum = Checksum(algorithm=algorithm, digest=digest, source=SOURCE)
    return RemoteFile(url=f"{home.url}/data.bin", checksum=checksum)


def no_progress(done: int, total: int | None, what: str) -> None:
    assert 0 <= done <= len(CONTENT) and total in (None, len(CONTENT)) and what == "data.bin"


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_file_is_fetched_once(home: Home, tmp_path: Path, algorithm: str) -> None:
    file = remote(home, algorithm=algorithm)
    for _ in range(2):
        path = download.fetch(file, tmp_path / "cache", no_progress)
        assert path.read_bytes() == CONTENT
    assert home.asked == [("/data.bin", None)]
    assert not path.with_name("data.bin.part").exists()


def test_a_cut_connection_goes_on_where_it_ended(home: Home, tmp_path: Path) -> None:
    home.cuts = [100_000, 50_000]
    assert download.fetch(remote(home), tmp_path, no_progress).read_bytes() == CONTENT
    assert [asked for _, asked in home.asked] == [None, "bytes=100000-", "bytes=150000-"]


def test_what_came_before_a_kill_is_kept(home: Home, tmp_path: Path) -> None:
    def interrupted(done: int, total: int | None, what: str) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download.fetch(remote(home), tmp_path, interrupted)
    kept = (tmp_path / "data.bin.part").stat().st_size
    assert 0 < kept < len(CONTENT) and not (tmp_path / "data.bin").exists()
    assert download.fetch(remote(home), tmp_path, no_progress).read_bytes() == CONTENT
    assert home.asked[-1] == ("/data.bin", f"bytes={kept}-")


def test_a_server_without_ranges_sends_all_again(home: Home, tmp_path: Path) -> None:
    home.ranges, home.cuts = False, [100_000]
    assert download.fetch(remote(home), tmp_path, no_progress).read_bytes() == CONTENT
    assert len(home.asked) == 2


def test_a_whole_part_file_is_only_verified(home: Home, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert download.fetch(remote(home), tmp_path, no_progress).read_bytes() == CONTENT


def test_a_part_of_an_older_file_is_fetched_anew(home: Home, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(b"older" * 1000)
    assert download.fetch(remote(home), tmp_path, no_progress).read_bytes() == CONTENT
    assert [asked for _, asked in home.asked] == ["bytes=5000-", None]


def test_a_broken_file_in_the_cache_is_fetched_anew(home: Home, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(CONTENT[:-1])
    assert download.fetch(remote(home), tmp_path, no_progress).read_bytes() == CONTENT


def test_wrong_content_is_refused_and_dropped(home: Home, tmp_path: Path) -> None:
    with pytest.raises(download.WrongContent) as caught:
        download.fetch(remote(home, b"another"), tmp_path, no_progress)
    message = str(caught.value)
    assert hashlib.sha256(CONTENT).hexdigest() in message and SOURCE in message
    assert not list(tmp_path.glob("data.bin*"))


def test_a_line_that_is_cut_again_and_again_says_what_is_kept(home: Home, tmp_path: Path) -> None:
    home.cuts = [1000] + [0] * download.ATTEMPTS
    with pytest.raises(download.DownloadError, match="the 1,000 bytes that came are kept"):
        download.fetch(remote(home), tmp_path, no_progress)
    assert (tmp_path / "data.bin.part").stat().st_size == 1000


def test_passing_refusals_are_tried_again_and_others_are_not(home: Home, tmp_path: Path) -> None:
    home.statuses = [503, 429]
    assert download.fetch(remote(home), tmp_path, no_progress).read_bytes() == CONTENT
    asked = len(home.asked)
    home.statuses = [403]
    with pytest.raises(download.DownloadError, match="its home answers 403 Forbidden"):
        download.fetch(remote(home), tmp_path / "other", no_progress)
    assert len(home.asked) == asked + 1


def test_a_home_that_nobody_reaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = Home({})
    home.url = f"http://127.0.0.1:{port}"
    with pytest.raises(download.Unreachable, match="cannot be reached: Connection refused"):
        download.fetch(remote(home), tmp_path, no_progress)


def test_a_full_disk_is_no_network_error(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_continue", full)
    with pytest.raises(OSError, match="No space left"):
        download.fetch(remote(home), tmp_path, no_progress)


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert download.default_cache() == Path("/somewhere/rondo")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert download.default_cache() == Path.home() / ".cache" / "rondo"
