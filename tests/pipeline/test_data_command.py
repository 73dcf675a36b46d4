"""``rondo data``: lists, asks, refuses, and says what to do next."""

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from loopback import Home, serving

from pipeline.cli.main import main
from pipeline.corpora import download
from pipeline.corpora.registry import named, names
from pipeline.corpora.sets import tinyshakespeare
from pipeline.corpora.spec import Checksum, RemoteFile

TEXT = b"To fetch, or not to fetch.\n" * 50


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(download, "PAUSE", 0.0)
    return tmp_path


def from_home(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Lets a set's file be a small one at another address."""
    checksum = Checksum(
        algorithm="sha256",
        digest=hashlib.sha256(TEXT).hexdigest(),
        source=f"somebody/something file.txt @ {'0' * 40}",
    )
    files = (RemoteFile(url=f"{url}/input.txt", checksum=checksum),)
    monkeypatch.setattr(
        tinyshakespeare, "SET", tinyshakespeare.SET.model_copy(update={"files": files})
    )


def rondo(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["data", *arguments])


@pytest.mark.parametrize("name", ["list", "get"])
def test_every_command_has_help(name: str) -> None:
    done = rondo(name, "--help")
    assert done.exit_code == 0 and "Usage:" in done.output


def test_list_names_all_and_how_each_comes(folder: Path) -> None:
    done = rondo("list")
    assert done.exit_code == 0, done.output
    for name in names():
        (line,) = [line for line in done.output.splitlines() if line.startswith(f"{name} ")]
        assert ("downloaded" if hasattr(named(name), "files") else "made here") in line
    assert "CC BY-SA 4.0" in done.output


def test_get_fetches_packs_and_then_does_nothing(folder: Path, monkeypatch) -> None:
    with serving(Home({"/input.txt": TEXT})) as home:
        from_home(monkeypatch, home.url)
        done = rondo("get", "tinyshakespeare", "--yes")
        assert done.exit_code == 0, done.output
        assert "public domain" in done.output and "Karpathy 2015" in done.output
        assert done.output.endswith("next: rondo run experiments/tinyshakespeare.yaml\n")
        again = rondo("get", "tinyshakespeare")
        assert again.exit_code == 0 and "up to date" in again.output
        other = rondo("get", "tinyshakespeare", "--accept-licence", "--output", "a b")
        assert "--set data.path='a b'" in other.output
        assert len(home.asked) == 1
    packed = folder / "data" / "tinyshakespeare" / "input.txt.gz"
    assert gzip.decompress(packed.read_bytes()) == TEXT
    assert (folder / "cache" / "rondo" / "tinyshakespeare" / "input.txt").read_bytes() == TEXT


def test_offline_is_one_line_and_a_local_copy_is_the_way_out(folder: Path, monkeypatch) -> None:
    from_home(monkeypatch, "http://127.0.0.1:9")
    done = rondo("get", "tinyshakespeare", "--yes")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "cannot be reached" in line and "--from DIR" in line
    (folder / "copy").mkdir()
    (folder / "copy" / "input.txt").write_bytes(TEXT)
    done = rondo("get", "tinyshakespeare", "--yes", "--from", "copy")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("answer", ["n\n", "\n", "y\n"])
def test_the_licence_is_asked_for(folder: Path, monkeypatch, answer: str) -> None:
    monkeypatch.setattr("pipeline.cli.data._somebody_is_here", lambda: True)
    with serving(Home({"/input.txt": TEXT})) as home:
        from_home(monkeypatch, home.url)
        done = CliRunner().invoke(main, ["data", "get", "tinyshakespeare"], input=answer)
        assert "licence" in done.output and "accept and go on?" in done.output
        if answer == "y\n":
            assert done.exit_code == 0, done.output
        else:
            assert done.exit_code == 2 and "not accepted" in done.stderr
            assert not home.asked and not (folder / "data").exists()


def test_nobody_to_ask_is_no_consent(folder: Path, monkeypatch) -> None:
    from_home(monkeypatch, "http://127.0.0.1:9")
    done = rondo("get", "tinyshakespeare")
    assert done.exit_code == 2 and "--accept-licence" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["imbd"], "imbd: no data set of that name; did you mean imdb?"),
        (["imdb", "--rows", "3"], "imdb: --rows came, which is not for this set (it has --from)"),
        (
            ["parity", "--from", "."],
            "--from came, which is not for this set (it has --rows, --length",
        ),
        (["reservations", "--length", "9"], "--length came"),
        (["docstrings", "--seed", "1"], "it has none of these"),
        (["parity", "--rows", "0"], "0 is not in the range"),
        (
            ["imdb", "--yes", "--from", "nowhere"],
            "nowhere: holds no aclImdb_v1.tar.gz (there is no",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_is_refused(folder: Path, arguments: list[str], said: str) -> None:
    done = rondo("get", *arguments)
    assert done.exit_code == 2 and said in done.stderr
    assert not list(folder.iterdir())


def test_generated_sets_are_kept_and_replaced_only_by_force(folder: Path) -> None:
    few = ("get", "parity", "--rows", "30", "--length", "5")
    assert "next: rondo run experiments/parity.yaml" in rondo(*few).output
    path = folder / "data" / "parity" / "parity.jsonl"
    before = path.read_bytes()
    assert "up to date" in rondo(*few).output
    refused = rondo(*few, "--seed", "1")
    assert refused.exit_code == 2 and "--force writes over it" in refused.stderr
    assert path.read_bytes() == before
    assert rondo(*few, "--seed", "1", "--force").exit_code == 0
    assert path.read_bytes() != before
    assert json.loads(path.read_text().splitlines()[0]).keys() == {"bits", "parity", "last"}


def test_calls_come_with_what_trackers_make_of_them(folder: Path) -> None:
    done = rondo("get", "reservations", "--rows", "40")
    assert done.exit_code == 0, done.output
    assert "keywords  joint goal 0." in done.output
    assert "oracle    joint goal 1.000" in done.output


def test_data_commands_import_nothing_heavy(folder: Path) -> None:
    program = (
        "import sys\n"
        "from pipeline.cli.main import main\n"
        "main(['data', 'list'], standalone_mode=False)\n"
        "main(['data', 'get', 'parity', '--rows', '5'], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'keras', 'tfx', 'apache_beam', 'pandas', 'numpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
