"""Which stack a machine gets, why, and that nothing but ``pipeline/stack.py`` asks for versions."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline import stack

REPOSITORY = Path(__file__).resolve().parents[2]
# Those that state versions (in a report, a cache key, a corpus) and decide nothing by them.
STATE_VERSIONS = {
    "pipeline/cluster.py",
    "pipeline/compare.py",
    "pipeline/doctor.py",
    "pipeline/corpora/libraries.py",
    "components/fingerprint.py",
}
ASKS = {
    "__version__",
    "version_info",
    "python_version",
    "confstr",
    "libc_ver",
    "importlib.metadata",
}


@pytest.mark.parametrize(
    ("glibc", "name"),
    [((2, 28), "compat"), ((2, 36), "compat"), ((2, 39), "current"), ((3, 0), "current")],
)
def test_a_machine_gets_the_newest_stack_that_it_loads(glibc: tuple[int, int], name: str) -> None:
    chosen, why = stack.choose(glibc, "Linux", "x86_64")
    assert chosen.name == name
    assert f"glibc {glibc[0]}.{glibc[1]} loads TFX {chosen.tfx}" in why
    assert ("current (TFX 1.21) needs 2.39" in why) == (name == "compat")


@pytest.mark.parametrize(
    ("glibc", "system", "architecture", "said"),
    [
        (None, "Linux", "x86_64", "without glibc"),
        (None, "Darwin", "arm64", "Darwin on arm64"),
        ((2, 39), "Linux", "aarch64", "Linux on aarch64"),
        ((2, 17), "Linux", "x86_64", "glibc 2.17 is too old; 2.28 or newer"),
    ],
)
def test_a_machine_that_loads_none_is_told_why(
    glibc: tuple[int, int] | None, system: str, architecture: str, said: str
) -> None:
    with pytest.raises(stack.UnsupportedMachine, match=said):
        stack.choose(glibc, system, architecture)


def test_this_environment_is_of_a_stack_that_its_machine_loads() -> None:
    found = stack.installed(version("tfx"))
    assert found is not None and version("tensorflow").startswith(found.tensorflow)
    assert (stack.glibc_version() or (0, 0)) >= found.glibc
    assert stack.installed("1.2.3") is None


def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As the Makefile does: without this environment, by the file."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(REPOSITORY / "pipeline" / "stack.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_set_up_is_told_what_to_make_and_why() -> None:
    chosen, why = stack.choose_here()
    assert ask("").stdout.split()[:2] == [chosen.name, chosen.python]
    assert ask("current").stdout == "current 3.13 2_39\n"
    assert ask("", "explain").stdout == f"Stack: {chosen.name}; {why}\n"
    unknown = ask("newest", "explain")
    assert unknown.returncode == 1 and "there are current, compat" in unknown.stderr


def test_a_stack_that_does_not_load_here_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack, "glibc_version", lambda: (2, 36))
    with pytest.raises(stack.UnsupportedMachine, match="make test-current"):
        stack.main("current", explain=True)
    monkeypatch.setattr(stack, "glibc_version", lambda: (2, 41))
    stack.main("compat", explain=True)
    assert "(current would load too)" in capsys.readouterr().out


@pytest.mark.parametrize("name", [found.name for found in stack.STACKS])
def test_the_lock_file_holds_the_stack(name: str) -> None:
    lock = (REPOSITORY / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    (found,) = (one for one in stack.STACKS if one.name == name)
    assert any(line.startswith(f"tfx=={found.tfx}.") for line in lock)
    assert any(line.startswith(f"tensorflow=={found.tensorflow}.") for line in lock)
    assert not any("://" in line for line in lock)


def test_only_the_stack_module_decides_by_versions() -> None:
    asking = set()
    for package in ("models", "components", "serving", "pipeline"):
        for file in (REPOSITORY / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = {
                    getattr(node, "attr", None),
                    getattr(node, "module", None),
                    *(alias.name for alias in getattr(node, "names", ()) if hasattr(alias, "name")),
                }
                if names & ASKS:
                    asking.add(str(file.relative_to(REPOSITORY)))
    assert asking == STATE_VERSIONS | {"pipeline/stack.py"}
