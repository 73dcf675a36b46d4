"""Watches the nodes of a pipeline as TFX launches them, whichever orchestrator does.

Both of TFX's in-process runners launch a node through ``Launcher.launch``, and neither reports
what it does other than in log text; so the launcher is wrapped while a run lasts.
"""

import contextlib
import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

NodeState = Literal["running", "done", "cached", "failed", "interrupted"]


class Interrupted(Exception):
    """Ctrl-C, as an error that TFX records before it stops."""


@dataclass
class NodeRun:
    """A node in this run.

    Attributes:
        node: its id.
        state: how far it came; a node whose outputs were taken from an earlier run is ``cached``.
        seconds: how long it took.
    """

    node: str
    state: NodeState = "running"
    seconds: float = 0.0


@dataclass
class Observation:
    """What was seen of a run.

    Attributes:
        run_id: TFX's id of the run, once a node was launched.
        nodes: in the order of launch.
        failure: the error that stopped the run.
        schema: what became of the schema file, if anything did.
    """

    run_id: str | None = None
    nodes: list[NodeRun] = field(default_factory=list)
    failure: BaseException | None = None
    schema: str | None = None


@contextlib.contextmanager
def observed(listener: Callable[[NodeRun], None]) -> Iterator[Observation]:
    """Observes what is launched inside the block.

    Args:
        listener: called as a node starts and as it ends.
    """
    from tfx.orchestration.portable.launcher import Launcher

    observation = Observation()
    launch, run_executor = Launcher.launch, Launcher._run_executor
    executed: set[str] = set()
    threads: list[int] = []

    def observed_launch(self: Launcher):
        node = NodeRun(self._pipeline_node.node_info.id)
        runtime = self._pipeline_runtime_spec
        observation.run_id = runtime.pipeline_run_id.field_value.string_value
        observation.nodes.append(node)
        started = time.perf_counter()
        threads.append(threading.get_ident())
        try:
            listener(node)
            result = launch(self)
            ran = node.node in executed or self._executor_operator is None
            node.state = "done" if ran else "cached"
            return result
        except BaseException as error:
            observation.failure = observation.failure or error
            stopped = isinstance(error, (Interrupted, KeyboardInterrupt))
            node.state = "interrupted" if stopped else "failed"
            raise
        finally:
            threads.remove(threading.get_ident())
            node.seconds = time.perf_counter() - started
            listener(node)

    def observed_executor(self: Launcher, execution_info):
        executed.add(self._pipeline_node.node_info.id)
        try:
            return run_executor(self, execution_info)
        except KeyboardInterrupt as error:
            # TFX records errors of an executor, but lets an interrupt leave it running for ever.
            raise Interrupted from error

    Launcher.launch, Launcher._run_executor = observed_launch, observed_executor
    try:
        with _interrupts_reach(threads):
            yield observation
    finally:
        Launcher.launch, Launcher._run_executor = launch, run_executor


@contextlib.contextmanager
def _interrupts_reach(threads: list[int]) -> Iterator[None]:
    """Hands Ctrl-C to the threads that run nodes.

    Python hands it to the main thread only, while Beam runs nodes in others and waits for them.
    """
    main = threading.main_thread().ident
    own = signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    if own or threading.get_ident() != main:
        # Ignored (a job in the background), or another's to handle.
        yield
        return

    def interrupt(signum: int, frame: object) -> None:
        others = [thread for thread in threads if thread != main]
        for thread in others:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread), ctypes.py_object(Interrupted)
            )
        if not others:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
