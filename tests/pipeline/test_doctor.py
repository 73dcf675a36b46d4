"""``rondo doctor``: what it finds, and that each problem comes with a command."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline import doctor, stack
from pipeline.cli.main import main
from pipeline.doctor import Finding


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def lock(folder: Path, *lines: str) -> None:
    found = stack.installed(version("tfx"))
    assert found is not None
    (folder / "requirements").mkdir()
    (folder / "requirements" / f"{found.name}.txt").write_text("\n".join(lines) + "\n")


def test_versions_that_differ_from_the_lock_file_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "REPOSITORY", tmp_path)
    lock(tmp_path, f"keras=={version('keras')}", "click==0.0.1", "not-a-package==1.0")
    packages = by_subject(doctor.environment())["packages"]
    assert packages.value.startswith("1 of 3")
    assert packages.problem is not None and "keras" not in packages.problem
    assert f"click {version('click')} (needs 0.0.1)" in packages.problem
    assert "not-a-package missing (needs 1.0)" in packages.problem
    assert packages.remedy is not None
    assert sys.executable in packages.remedy and str(tmp_path / "requirements") in packages.remedy


def test_an_environment_as_locked_has_no_problem() -> None:
    found = by_subject(doctor.environment())
    assert [finding.problem for finding in found.values()] == [None] * len(found)
    assert f"tensorflow {version('tensorflow')}" in found["libraries"].value
    assert found["stack"].value.startswith(f"{stack.installed(version('tfx')).name}; glibc")


def test_a_stack_too_new_for_the_machine_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "installed", lambda tfx: stack.CURRENT)
    monkeypatch.setattr(stack, "glibc_version", lambda: (2, 36))
    found = by_subject(doctor.environment())["stack"]
    assert found.problem is not None and "current (TFX 1.21) needs 2.39" in found.problem
    assert found.remedy == "rm -rf .venv && make setup"


def test_a_machine_for_neither_stack_gets_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "glibc_version", lambda: (2, 17))
    found = by_subject(doctor.environment())["stack"]
    assert found.problem is not None and "2.17 is too old" in found.problem
    assert found.remedy is not None and "debian:trixie" in found.remedy


def test_the_machine_is_described_where_the_runs_folder_is_still_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE", 0.0)
    found = by_subject(doctor.machine(str(tmp_path / "not" / "there")))
    assert str(tmp_path) in found["free disk"].value
    assert found["runs"].value == str(tmp_path / "not" / "there")
    assert int(found["cores"].value) >= 1
    assert not any(finding.problem for finding in found.values())


def test_a_folder_that_cannot_hold_runs_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    found = by_subject(doctor.machine(str(tmp_path / "file" / "runs")))["runs"]
    assert found.problem == f"{tmp_path}/file is a file, so no folder can be made there"
    assert found.remedy is not None and "--home" in found.remedy
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(doctor, "LEAST_FREE", 1e9)
    found = by_subject(doctor.machine(str(tmp_path)))
    assert f"{tmp_path} cannot be written" in str(found["runs"].problem)
    assert f"chown {os.geteuid()} {tmp_path}" in str(found["runs"].remedy)
    assert "a run may not fit in" in str(found["free disk"].problem)
    assert f"du -sh {tmp_path}/*" in str(found["free disk"].remedy)


def test_libraries_that_do_not_load_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PROBE", "raise ImportError('GLIBC_2.38 not found')")
    (found,) = doctor.devices()
    assert found.problem is not None and "GLIBC_2.38 not found" in found.problem
    monkeypatch.setattr(doctor, "PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.5)
    (found,) = doctor.devices()
    assert found.problem == "the libraries did not load in 0.5 s"


def test_a_gpu_that_tensorflow_does_not_see_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: Tesla'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(doctor, "PROBE", """print('{"gpus": [], "backend": "torch"}')""")
    devices, backend = doctor.devices()
    assert devices.problem is not None and "GPU 0: Tesla" in devices.problem
    assert f"tensorflow[and-cuda]=={version('tensorflow')}" in str(devices.remedy)
    assert backend.remedy == "export KERAS_BACKEND=tensorflow"
    monkeypatch.setattr(doctor, "PROBE", """print('{"gpus": ["T4"], "backend": "tensorflow"}')""")
    assert doctor.devices() == [Finding("devices", "T4"), Finding("Keras backend", "tensorflow")]


def test_the_exit_status_says_whether_something_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE", 0.0)
    monkeypatch.setattr(doctor, "devices", lambda: [Finding("devices", "no GPU")])
    fine = CliRunner().invoke(main, ["doctor"])
    assert fine.exit_code == 0 and "nothing is missing" in fine.output
    broken = Finding("devices", "unknown", "does not load", "make setup")
    monkeypatch.setattr(doctor, "devices", lambda: [broken])
    found = CliRunner().invoke(main, ["doctor"])
    assert found.exit_code == 1
    assert "devices: does not load\n  make setup" in found.output


@pytest.mark.slow
def test_the_whole_report_on_this_machine() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", "doctor"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    assert "Keras backend  tensorflow" in done.stdout  # so everything that is compiled loads
    # A GPU without its libraries is missing something, and no fault of the code.
    assert done.returncode == (0 if "nothing is missing" in done.stdout else 1)
