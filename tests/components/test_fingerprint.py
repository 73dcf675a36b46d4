"""The hash of the code that a node runs: what changes it and what does not."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components import fingerprint
from components.fingerprint import code_hash

FILES = {
    "__init__": "",
    "graph": "import myslice.helper\nfrom myslice.constants import SIZE\n",
    "helper": "import json\nfrom myslice.deeper import value\n",
    "deeper": "value = 1\n",
    "constants": "SIZE = 3\n",
    "unrelated": "value = 1\n",
    "sibling": "value = 1\n",
    "by_name": "from myslice import sibling\n",
    "relative": "from . import sibling\nfrom .deeper import value\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "myslice"
    folder.mkdir()
    for name, source in FILES.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    forget()
    yield folder
    forget()
    for name in [name for name in sys.modules if name.partition(".")[0] == "myslice"]:
        del sys.modules[name]


def forget() -> None:
    """Sources are read once a process; a change in between is what a new process would see."""
    for function in vars(fingerprint).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


def changes(package: Path, module: str) -> Callable[[str], bool]:
    def changed_by(name: str) -> bool:
        forget()
        before = code_hash([module])
        file = package / f"{name}.py"
        source = file.read_text(encoding="utf-8")
        file.write_text(source + "# another line\n", encoding="utf-8")
        forget()
        after = code_hash([module])
        file.write_text(source, encoding="utf-8")
        forget()
        assert code_hash([module]) == before, "the hash is not stable"
        return after != before

    return changed_by


@pytest.mark.parametrize("name", ["graph", "helper", "deeper", "constants"])
def test_a_change_in_what_is_imported_changes_the_hash(package: Path, name: str) -> None:
    assert changes(package, "myslice.graph")(name)


@pytest.mark.parametrize("name", ["unrelated", "sibling"])
def test_a_change_in_what_is_not_imported_changes_nothing(package: Path, name: str) -> None:
    assert not changes(package, "myslice.graph")(name)


def test_a_module_imported_by_name_from_a_users_package_counts(package: Path) -> None:
    assert changes(package, "myslice.by_name")("sibling")


@pytest.mark.parametrize("name", ["sibling", "deeper"])
def test_a_module_imported_relatively_counts(package: Path, name: str) -> None:
    assert changes(package, "myslice.relative")(name)


def test_the_order_of_the_modules_does_not_count() -> None:
    modules = ["models.spec", "components.errors", "components.spec"]
    assert code_hash(modules) == code_hash(modules[::-1])
    assert code_hash(modules) != code_hash(modules[:2])


def test_modules_of_ours_are_followed_into_one_another() -> None:
    found = fingerprint._closure("components.spec")
    ours = ("dotted", "options", "raw", "search_space", "spec")
    names = {"components.spec"}
    names |= {f"components.ingest.{name}" for name in ("options", "readers", "splits", "times")}
    names.add("components.validate.options")
    assert found == names | {f"models.{name}" for name in ours}


def test_each_cell_has_a_hash_of_its_own() -> None:
    hashes = {code_hash([f"models.cells.{cell}"]) for cell in ("lstm", "gru", "none")}
    assert len(hashes) == 3


def test_a_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        code_hash(["nowhere_to_be_found"])


IN_A_FRESH_PROCESS = """
import sys

HEAVY = {"tensorflow", "keras", "apache_beam", "tfx", "tensorflow_transform", "numpy",
         "tensorflow_model_analysis"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise RuntimeError(f"{name} is imported")

sys.meta_path.insert(0, Refuse())
from components.fingerprint import _closure, code_hash
found = _closure("models.network")
assert {"models.layers.sequence", "models.options", "models.spec"} <= found, found
assert not any(name.partition(".")[0] in HEAVY for name in found), found
print(code_hash(["components.train.executor", "components.evaluate.gate",
                 "components.ingest.executor", "models.features.text.graph"]))
"""


def test_hashing_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_PROCESS],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.strip()) == 16
