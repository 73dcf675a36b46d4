"""TFX's Tuner with the executor that runs trials in parallel."""

from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base import executor_spec

from components.tune.executor import ParallelTunerExecutor


class ParallelTuner(Tuner):
    """TFX's Tuner; see ``components.tune.executor``."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ParallelTunerExecutor)
