"""keras-tuner's workers as processes, their epochs heard and their deaths noticed."""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

ADDRESS, PORT, WORKER = "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID"
BYTES_EACH = 2 * 2**30
LAST_LINES = 15


def default_parallel() -> int:
    """Trials at a time that this machine has cores and memory for."""
    with open("/proc/meminfo", encoding="ascii") as file:
        sizes = dict(line.split(":", 1) for line in file)
    available = int(sizes["MemAvailable"].split()[0]) * 1024
    return max(1, min(cores(), available // BYTES_EACH))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


class Worker:
    """A worker's process.

    Args:
        name: by which the chief knows it.
        folder: of its job and its log.
        job: what it is to do, see ``components.tune.worker``.
        port: of the chief, on this machine.
        epochs: gets ``(trial, epoch)`` as they end.
    """

    def __init__(
        self, name: str, folder: Path, job: dict, port: int, epochs: "queue.Queue[tuple[str, int]]"
    ):
        self.name = name
        self.log = folder / f"{name}.log"
        job_file = folder / f"{name}.json"
        job_file.write_text(json.dumps(job), encoding="utf-8")
        read, write = os.pipe()
        environment = {
            **os.environ,
            ADDRESS: "127.0.0.1",
            PORT: str(port),
            WORKER: name,
            # The modules of the experiment's user are found where they are here.
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        }
        with open(self.log, "a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "components.tune.worker", str(job_file), str(write)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=[write],
                start_new_session=True,
            )
        os.close(write)
        self._listener = threading.Thread(target=_listen, args=(read, epochs), daemon=True)
        self._listener.start()

    def poll(self) -> int | None:
        """Its exit status once it ended."""
        return self._process.poll()

    def stop(self) -> None:
        """Ends it and waits until it has."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._listener.join()

    def death(self) -> str:
        """How it ended, and the last lines of its log."""
        status = self._process.returncode
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        hint = " (the machine may have run out of memory; lower tune.parallel)"
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        text = "\n".join(lines)
        return f"{text}\n{self.name} {how}{hint if status == -9 else ''}; its log is {self.log}"


def _listen(descriptor: int, epochs: "queue.Queue[tuple[str, int]]") -> None:
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        for line in stream:
            if line.endswith("\n"):
                event = json.loads(line)
                epochs.put((event["trial"], event["epoch"]))
