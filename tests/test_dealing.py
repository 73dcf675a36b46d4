"""How tests are dealt to processes: what a file's fixture makes is made once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
TEST = """\
import os
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number):  # {uses}
    with Path({log!r}).open("a") as file:
        file.write(f"{group} {{os.getpid()}}\\n")
"""
FILES = {"one": "", "two": "first_run", "three": "", "four": "first_run"}


def test_a_file_is_dealt_to_one_process_and_so_is_a_shared_run(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    log = tmp_path / "log"
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    for name, uses in FILES.items():
        text = TEST.format(uses=uses, log=str(log), group=uses or name)
        (tmp_path / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "xdist", "."]
    bare = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [line.split() for line in log.read_text().splitlines()]
    assert len(ran) == 16
    processes = {group: {process for name, process in ran if name == group} for group, _ in ran}
    assert set(processes) == {"one", "three", "first_run"}
    assert all(len(found) == 1 for found in processes.values()), processes
    assert len(set.union(*processes.values())) == 2
