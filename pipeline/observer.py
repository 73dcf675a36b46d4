"""Watches the nodes of a pipeline as TFX launches them, whichever orchestrator does.

Both of TFX's in-process runners launch a node through ``Launcher.launch``, and neither reports
what it does other than in log text; so the launcher is wrapped while a run lasts.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from tfx.orchestration.portable.launcher import Launcher

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
    """

    run_id: str | None = None
    nodes: list[NodeRun] = field(default_factory=list)
    failure: BaseException | None = None


@contextlib.contextmanager
def observed(listener: Callable[[NodeRun], None]) -> Iterator[Observation]:
    """Observes what is launched inside the block.

    Args:
        listener: called as a node starts and as it ends.
    """
    observation = Observation()
    launch, run_executor = Launcher.launch, Launcher._run_executor
    executed: set[str] = set()

    def observed_launch(self: Launcher):
        node = NodeRun(self._pipeline_node.node_info.id)
        runtime = self._pipeline_runtime_spec
        observation.run_id = runtime.pipeline_run_id.field_value.string_value
        observation.nodes.append(node)
        listener(node)
        started = time.perf_counter()
        try:
            result = launch(self)
            ran = node.node in executed or self._executor_operator is None
            node.state = "done" if ran else "cached"
            return result
        except Exception as error:
            observation.failure = observation.failure or error
            node.state = "interrupted" if isinstance(error, Interrupted) else "failed"
            raise
        finally:
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
        yield observation
    finally:
        Launcher.launch, Launcher._run_executor = launch, run_executor
