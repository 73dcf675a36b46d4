"""The TFMA metric that judges a release: value, trivial baseline, gain, interval.

A task gives statistics of each row that can be summed, for the model and for its trivial baseline.
Their sums, and their sums under Poisson resampling, are all that is kept, so that workers can merge
them; the task turns sums into metrics.  The resampling gives every *group* one Poisson(1) weight a
replicate, drawn from a hash of the group's name: rows that belong together are resampled together,
whichever worker meets them.

Method: Poisson bootstrap, Hanley & MacGibbon 2006, https://doi.org/10.1016/j.cmpb.2006.04.006;
for streams, Chamandy et al. 2012, https://research.google/pubs/pub43157/.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from components.spec import GROUP_FEATURE, ID_FEATURE, EvaluateConfig
from models.export import BASELINE_PREFIX
from models.options import graph_module
from models.raw import Raw

REPLICATES = 400
SUFFIXES = ("", "_low", "_high", "_baseline", "_gain", "_gain_low", "_gain_high")
"""Of each metric's name: the model's value with its interval, the trivial baseline's value, and the
gain over it (positive is better, whichever way the metric points) with its interval."""


def metric_names(config: EvaluateConfig) -> list[str]:
    """All names that the metric reports, ``rows`` and ``groups`` last."""
    task = graph_module("tasks", config.task.kind)
    values = task.summarise(config.task, np.ones(len(task.statistics(config.task))))
    return [value + suffix for value in values for suffix in SUFFIXES] + ["rows", "groups"]


def group_weights(group: bytes) -> np.ndarray:
    """Poisson(1) weights of a group, float64 ``[REPLICATES]``, the same wherever drawn."""
    seed = int.from_bytes(hashlib.sha256(group).digest()[:8], "big")
    return np.random.default_rng(seed).poisson(1.0, REPLICATES).astype(np.float64)


class Sums(NamedTuple):
    """Sums of statistics, the model's and the baseline's side by side.

    Attributes:
        total: float64 ``[2, statistics]``.
        replicates: float64 ``[REPLICATES, 2, statistics]``.
        groups: hashes of the groups met.
        rows: how many rows were met.
    """

    total: np.ndarray
    replicates: np.ndarray
    groups: set[bytes]
    rows: int


class StatisticsCombiner(beam.CombineFn):
    """Sums the statistics of rows and turns the sums into metrics."""

    def __init__(self, config_json: str, model_name: str):
        self._config_json = config_json
        self._model_name = model_name

    def setup(self):
        self._config = EvaluateConfig.model_validate_json(self._config_json)
        self._task = graph_module("tasks", self._config.task.kind)

    def create_accumulator(self) -> Sums:
        size = (2, len(self._task.statistics(self._config.task)))
        return Sums(np.zeros(size), np.zeros((REPLICATES, *size)), set(), 0)

    def add_input(self, sums: Sums, inputs: Any) -> Sums:
        features = inputs.features
        targets = {
            name: _target(features[name], form) for name, form in self._config.task.targets.items()
        }
        both = np.stack(
            [
                self._task.example_statistics(self._config.task, targets, part)[0]
                for part in split_outputs(inputs.get_predictions(self._model_name))
            ]
        )
        group = bytes(
            np.asarray(features[GROUP_FEATURE if self._config.grouped else ID_FEATURE]).ravel()[0]
        )
        weights = group_weights(group)
        sums.groups.add(hashlib.sha256(group).digest()[:8])
        sums.total[...] += both
        sums.replicates[...] += weights[:, None, None] * both[None]
        return sums._replace(rows=sums.rows + 1)

    def merge_accumulators(self, parts: Iterable[Sums]) -> Sums:
        merged = self.create_accumulator()
        for part in parts:
            merged.total[...] += part.total
            merged.replicates[...] += part.replicates
            merged.groups.update(part.groups)
            merged = merged._replace(rows=merged.rows + part.rows)
        return merged

    def extract_output(self, sums: Sums) -> dict[metric_types.MetricKey, float]:
        values = metrics_of(self._config, sums)
        return {metric_key(name, self._model_name): value for name, value in values.items()}


def _target(value: Any, form: Raw) -> np.ndarray:
    """What a row is judged by, with a batch axis of one."""
    return np.asarray(value).reshape([1, *(-1 if size is None else size for size in form.shape)])


def metric_key(name: str, model_name: str) -> metric_types.MetricKey:
    """The key under which TFMA looks for a metric that a threshold names."""
    return metric_types.MetricKey(name, model_name=model_name, example_weighted=None)


def split_outputs(outputs: dict[str, np.ndarray]) -> tuple[dict, dict]:
    """A row's served outputs with a batch axis of one: the model's, the baseline's."""
    model, baseline = {}, {}
    for name, value in outputs.items():
        target = baseline if name.startswith(BASELINE_PREFIX) else model
        target[name.removeprefix(BASELINE_PREFIX)] = np.asarray(value)[None]
    return model, baseline


def metrics_of(config: EvaluateConfig, sums: Sums) -> dict[str, float]:
    """All metrics by name, from the sums over the rows of a slice."""
    task = graph_module("tasks", config.task.kind)
    tail = (1.0 - config.release.confidence) / 2.0
    total, replicates = (
        task.summarise(config.task, part) for part in (sums.total, sums.replicates)
    )
    metrics: dict[str, float] = {}
    for name in total:
        direction = 1.0 if config.task.higher_is_better[name] else -1.0
        model, baseline = total[name]
        gains = direction * (replicates[name][:, 0] - replicates[name][:, 1])
        # A replicate that drew no row shows no gain.
        gains = np.nan_to_num(gains, nan=0.0)
        low, high = np.nanquantile(replicates[name][:, 0], [tail, 1.0 - tail])
        gain_low, gain_high = np.nanquantile(gains, [tail, 1.0 - tail])
        gain = direction * (model - baseline)
        values = (model, low, high, baseline, gain, gain_low, gain_high)
        metrics |= {
            name + suffix: float(value) for suffix, value in zip(SUFFIXES, values, strict=True)
        }
    return metrics | {"rows": float(sums.rows), "groups": float(len(sums.groups))}


class ReleaseMetric(tfma.metrics.Metric):
    """The task's metrics with baseline, gain and bootstrap interval; see the module."""

    def __init__(self, config: str, name: str = "release"):
        super().__init__(_computations, config=config, name=name)


def _computations(
    config: str, name: str, model_names: Iterable[str] = ("",)
) -> list[metric_types.MetricComputation]:
    parsed = EvaluateConfig.model_validate_json(config)
    names = metric_names(parsed)
    read = [GROUP_FEATURE if parsed.grouped else ID_FEATURE, *parsed.task.targets]
    return [
        metric_types.MetricComputation(
            keys=[metric_key(metric, model) for metric in names],
            preprocessors=[
                metric_types.StandardMetricInputsPreprocessor(
                    include_filter={tfma.FEATURES_KEY: {name: {} for name in read}},
                    model_names=[model] if model else None,
                    name=name,
                )
            ],
            combiner=StatisticsCombiner(config, model),
        )
        for model in model_names
    ]
