"""What an environment and its machine have for Rondo, what is missing, and how to get it.

Every finding is looked up when it is asked for. Only the probe, a process of its own, imports
TensorFlow, so that a library which does not load is a finding too.
"""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import stack

REPOSITORY = Path(__file__).resolve().parents[1]
SHOWN = ("tfx", "tensorflow", "keras", "apache-beam", "protobuf", "numpy")
SET_UP_AGAIN = "rm -rf .venv && make setup"
OTHER_MACHINE = "docker run --interactive --tty --platform linux/amd64 debian:trixie bash"
LEAST_FREE = 5.0
"""GB of disk below which it warns: a run keeps the examples twice, checkpoints and models."""
PROBE_SECONDS = 300
PROBE = """
import json, keras, ml_metadata, tensorflow as tf, tensorflow_data_validation, tfx_bsl
gpus = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")]
print(json.dumps({"gpus": gpus, "backend": keras.backend.backend()}))
"""


class Finding(NamedTuple):
    """One line of the report."""

    subject: str
    value: str
    problem: str | None = None  # what keeps a run from working, or working as it should
    remedy: str | None = None  # the command that mends it


def environment() -> list[Finding]:
    """The stack, Python and the libraries; reads metadata only."""
    versions = {name: _version(name) for name in SHOWN}
    found = stack.installed(versions["tfx"]) if versions["tfx"] else None
    return [
        _stack(found, versions["tfx"]),
        Finding("Python", f"{platform.python_version()} at {sys.executable}"),
        Finding("libraries", ", ".join(f"{name} {versions[name] or '-'}" for name in SHOWN)),
        *([_packages(REPOSITORY / "requirements" / f"{found.name}.txt")] if found else []),
    ]


def machine(home: str) -> list[Finding]:
    """Cores, memory, the runs' folder and its disk, and what the optional commands need."""
    engine = _output("docker", "version", "--format", "{{.Server.Version}}")
    return [
        Finding("cores", str(len(os.sched_getaffinity(0)))),
        Finding("memory", _memory()),
        *_home(home),
        Finding("Docker", f"engine {engine}" if engine else "no engine; only images need one"),
        Finding("current stack", _current_stack(engine)),
    ]


def devices() -> list[Finding]:
    """GPUs as TensorFlow sees them, and whether the compiled libraries load; takes 10 seconds."""
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "0"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            text=True,
            check=False,
            timeout=PROBE_SECONDS,
            env={**os.environ, **settings},
        )
    except subprocess.TimeoutExpired:
        problem = f"the libraries did not load in {PROBE_SECONDS} s"
        return [Finding("devices", "unknown", problem, SET_UP_AGAIN)]
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return [Finding("devices", "unknown", f"the libraries do not load: {reason}", SET_UP_AGAIN)]
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    return [_gpus(seen), _backend(seen)]


def _stack(found: stack.Stack | None, tfx: str | None) -> Finding:
    try:
        chosen, why = stack.choose_here()
    except stack.UnsupportedMachine as error:
        return Finding("stack", found.name if found else "none", str(error), OTHER_MACHINE)
    if found is None:
        what = f"TFX {tfx} is of neither stack" if tfx else "TFX is not installed"
        return Finding("stack", f"none; {why}", what, SET_UP_AGAIN)
    if found.glibc > chosen.glibc:
        return Finding("stack", found.name, f"does not load here: {why}", SET_UP_AGAIN)
    if found is not chosen:
        why += f"; `{SET_UP_AGAIN}` would install {chosen.name}"
    return Finding("stack", f"{found.name}; {why}")


def _home(home: str) -> list[Finding]:
    """Whether runs can be written under a folder that need not exist yet, and how much."""
    folder = Path(home).resolve()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    disk = Finding("free disk", f"{free:.0f} GB in {existing}")
    if free < LEAST_FREE:
        problem = f"a run may not fit in {free:.1f} GB; have {LEAST_FREE:.0f} GB free"
        remedy = f"du -sh {shlex.quote(str(existing))}/*  # remove what is of no use, or give "
        disk = disk._replace(problem=problem, remedy=f"{remedy}--home DIR on another disk")
    runs = Finding("runs", str(folder))
    if not existing.is_dir():
        problem = f"{existing} is a file, so no folder can be made there"
        return [disk, runs._replace(problem=problem, remedy="give another folder with --home DIR")]
    if not os.access(existing, os.W_OK | os.X_OK):
        problem = f"{existing} cannot be written by this user"
        remedy = f"sudo chown {os.geteuid()} {shlex.quote(str(existing))}  # or give --home DIR"
        return [disk, runs._replace(problem=problem, remedy=remedy)]
    return [disk, runs]


def _packages(lock: Path) -> Finding:
    if not lock.exists():
        return Finding("packages", f"not compared: no {lock}")
    locked = re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    wrong = [
        f"{name} {_version(name) or 'missing'} (needs {wanted})"
        for name, wanted in locked
        if _version(name) != wanted
    ]
    value = f"{len(locked) - len(wrong)} of {len(locked)} as in {lock.name}"
    if not wrong:
        return Finding("packages", value)
    remedy = _install("--requirement", str(lock))
    return Finding("packages", value, ", ".join(wrong), remedy)


def _gpus(seen: dict[str, Any]) -> Finding:
    value = ", ".join(seen["gpus"]) or "no GPU; TensorFlow uses the processor"
    present = _output("nvidia-smi", "--list-gpus")
    if seen["gpus"] or not present:
        return Finding("devices", value)
    problem = f"TensorFlow does not see {present.splitlines()[0]}: no CUDA or an old driver"
    return Finding(
        "devices", value, problem, _install(f"tensorflow[and-cuda]=={_version('tensorflow')}")
    )


def _backend(seen: dict[str, Any]) -> Finding:
    if seen["backend"] == "tensorflow":
        return Finding("Keras backend", "tensorflow")
    return Finding(
        "Keras backend", seen["backend"], "must be tensorflow", "export KERAS_BACKEND=tensorflow"
    )


def _memory() -> str:
    pages = {name: os.sysconf(f"SC_{name}_PAGES") for name in ("PHYS", "AVPHYS")}
    size = os.sysconf("SC_PAGE_SIZE")
    total, unused = (pages[name] * size / 1e9 for name in ("PHYS", "AVPHYS"))
    return f"{total:.0f} GB, {unused:.0f} GB of it unused"


def _current_stack(engine: str | None) -> str:
    glibc = stack.glibc_version()
    if glibc and glibc >= stack.CURRENT.glibc:
        return "loads here"
    sudo = "" if engine or os.geteuid() == 0 else "sudo "
    return f"does not load here; `{sudo}make test-current` tests it inside Debian 13"


def _install(*what: str) -> str:
    uv = REPOSITORY / ".tools" / "bin" / "uv"
    command = (str(uv) if uv.exists() else "uv", "pip", "install", "--python", sys.executable)
    return shlex.join((*command, *what))


def _output(*command: str) -> str | None:
    """What a command printed; None if it is not there or failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
