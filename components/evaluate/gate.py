"""The release gate: TFMA's thresholds from the experiment, and why a model was refused.

The Evaluator is TFX's own; ours leaves out a last blessed model that cannot be compared (other
features, labels, steps ahead) with a message, where TFX's would crash, and writes ``release.json``
with every rule, what it asked and what came.
"""

import json
import os
from typing import Any

import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tfx.components.evaluator import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils, proto_utils

from components.evaluate.metric import TABLE, ReleaseMetric
from components.spec import SLICE_PREFIX, EvaluateConfig
from models.export import ABOUT, read_about

RELEASE = "release.json"
CANDIDATE, BLESSED = "candidate", "last_blessed"
COMPARED = ("features", "task", "labels", "judged", "terms")

SMALLEST_GAIN = 1e-9
"""TFMA passes a value that equals its bound, and a gain of nothing must not pass."""
ROUNDING = 1e-9
"""Of sums of the same rows in another order."""


def eval_config(config: EvaluateConfig, label: str) -> tfma.EvalConfig:
    """The experiment's release rules as TFMA reads them.

    Args:
        config: the Evaluator's share of the experiment.
        label: the raw feature that holds the label.
    """
    # TFMA holds a threshold that names no slice against every slice; these are of all rows.
    thresholds = {}
    for name, bound in config.release.thresholds.items():
        above = config.task.higher_is_better[name]
        thresholds[name] = {
            "value_threshold": {"lower_bound": bound} if above else {"upper_bound": bound}
        }
    thresholds["groups"] = {"value_threshold": {"lower_bound": config.release.smallest_test}}
    metric = config.task.release_metric
    if config.release.beat_baseline:
        thresholds[f"{metric}_gain_low"] = {"value_threshold": {"lower_bound": SMALLEST_GAIN}}
    if config.release.keep_quality:
        above = config.task.higher_is_better[metric]
        allowed = config.release.allowed_loss + ROUNDING
        thresholds.setdefault(metric, {})["change_threshold"] = {
            "direction": "HIGHER_IS_BETTER" if above else "LOWER_IS_BETTER",
            "absolute": -allowed if above else allowed,
        }
    return json_format.ParseDict(
        {
            "model_specs": [
                {"name": CANDIDATE, "signature_name": "evaluate", "label_key": label},
                {
                    "name": BLESSED,
                    "signature_name": "evaluate",
                    "label_key": label,
                    "is_baseline": True,
                },
            ],
            "slicing_specs": [
                {},
                *({"feature_keys": [SLICE_PREFIX + name]} for name in config.release.slices),
            ],
            "metrics_specs": [
                {
                    "metrics": [
                        {
                            "class_name": ReleaseMetric.__name__,
                            "module": ReleaseMetric.__module__,
                            "config": json.dumps({"config": config.to_json()}),
                        }
                    ],
                    "per_slice_thresholds": {
                        name: {"thresholds": [{"slicing_specs": [{}], "threshold": threshold}]}
                        for name, threshold in thresholds.items()
                    },
                }
            ],
            "options": {"include_default_metrics": False},
        },
        tfma.EvalConfig(),
    )


def incomparable(candidate: dict[str, Any], blessed: dict[str, Any]) -> str | None:
    """Why the last blessed model cannot be compared with the candidate, if it cannot.

    Args:
        candidate: the candidate's ``rondo.json``.
        blessed: the last blessed model's.
    """
    for field in COMPARED:
        ours, theirs = candidate.get(field), blessed.get(field)
        if field == "labels" and ours is not None and theirs is not None:
            ours, theirs = sorted(ours), sorted(theirs)
        # Models of before did not tell what they are judged by, which their task says as well, and
        # there were no terms.
        if field == "judged" and theirs is None:
            continue
        if field == "terms":
            ours, theirs = ours or {}, theirs or {}
        if ours != theirs:
            return f"its {field} are other ones ({_short(theirs)}; now {_short(ours)})"
    return None


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."


class ReleaseExecutor(executor.Executor):
    """TFX's Evaluator with a comparison that cannot crash, and a readable verdict."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        """Evaluates, validates, and writes ``release.json`` beside the evaluation."""
        input_dict = dict(input_dict)
        model = artifact_utils.get_single_instance(input_dict["model"])
        skipped = None
        if input_dict.get("baseline_model"):
            blessed = artifact_utils.get_single_instance(input_dict["baseline_model"])
            ours, theirs = (path_utils.serving_model_path(found.uri) for found in (model, blessed))
            if fileio.exists(os.path.join(theirs, ABOUT)):
                reason = incomparable(read_about(ours), read_about(theirs))
            else:
                reason = "no model is there (none was released before, or it was removed)"
            if reason:
                skipped = f"not compared with the last blessed model ({blessed.uri}): {reason}"
                del input_dict["baseline_model"]
        super().Do(input_dict, output_dict, exec_properties)
        config = tfma.EvalConfig()
        proto_utils.json_to_proto(exec_properties["eval_config"], config)
        uri = artifact_utils.get_single_uri(output_dict["evaluation"])
        with fileio.open(os.path.join(uri, RELEASE), "w") as file:
            file.write(json.dumps(_verdict(uri, config, skipped), indent=1))


class ReleaseEvaluator(component.Evaluator):
    """TFX's Evaluator component with ``ReleaseExecutor``."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(ReleaseExecutor)


def _verdict(uri: str, config: tfma.EvalConfig, skipped: str | None) -> dict[str, Any]:
    metrics: dict[str, dict[str, float]] = {}
    slices: dict[str, dict[str, dict[str, float]]] = {}
    table: dict[str, dict[str, float]] = {}
    for slice_metrics in tfma.load_metrics(uri):
        by_model = _by_model(slice_metrics)
        keys = slice_metrics.slice_key.single_slice_keys
        if not keys:
            metrics = by_model
            table = _table(slice_metrics)
            continue
        column = keys[0].column.removeprefix(SLICE_PREFIX)
        value = keys[0].bytes_value.decode("utf-8", "replace")
        slices.setdefault(column, {})[value] = by_model[CANDIDATE]
    written = json.loads(config.metrics_specs[0].metrics[0].config)["config"]
    evaluated = EvaluateConfig.model_validate_json(written)
    rules = release_rules(evaluated, metrics[CANDIDATE], metrics.get(BLESSED))
    blessed = bool(tfma.load_validation_result(uri).validation_ok)
    if blessed != all(rule["passed"] for rule in rules):
        raise RuntimeError(
            f"TFMA says {tfma.load_validation_result(uri)}, but the rules say {rules}"
        )
    return {
        "blessed": blessed,
        "metrics": metrics[CANDIDATE],
        "slices": slices,
        "table": table,
        "measures": evaluated.task.measures,
        "last_blessed": metrics.get(BLESSED),
        "skipped": skipped,
        "rules": rules,
    }


def _by_model(slice_metrics: Any) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for entry in slice_metrics.metric_keys_and_values:
        if not entry.key.is_diff and entry.value.HasField("double_value"):
            model = entry.key.model_name or CANDIDATE
            found.setdefault(model, {})[entry.key.name] = entry.value.double_value.value
    return found


def _table(slice_metrics: Any) -> dict[str, dict[str, float]]:
    """The candidate's table; empty if its task has none."""
    for entry in slice_metrics.metric_keys_and_values:
        if entry.key.name == TABLE and (entry.key.model_name or CANDIDATE) == CANDIDATE:
            return json.loads(entry.value.bytes_value)
    return {}


def release_rules(
    config: EvaluateConfig, candidate: dict[str, float], blessed: dict[str, float] | None
) -> list[dict[str, Any]]:
    """Each rule of the release in words, and whether the candidate passes it.

    Args:
        config: the Evaluator's share of the experiment.
        candidate: the candidate's metrics by name.
        blessed: the last blessed model's on the same rows, if it was compared.

    Returns:
        dicts of ``rule`` (its field in the experiment), ``says`` (with the figures), ``passed``.
    """
    rules = []

    def rule(name: str, says: str, passed: bool) -> None:
        rules.append({"rule": name, "says": says, "passed": bool(passed)})

    for name, bound in config.release.thresholds.items():
        came = candidate[name]
        above = config.task.higher_is_better[name]
        short = bound - came if above else came - bound
        rule(
            f"thresholds.{name}",
            f"{name} {came:.4f}, at {'least' if above else 'most'} {bound:g} asked"
            + (f": {short:.4f} short" if short > 0 else ""),
            short <= 0,
        )
    groups, smallest = int(candidate["groups"]), config.release.smallest_test
    if groups < smallest:
        what = "groups" if config.grouped else "rows"
        says = f"the test split has {groups} {what}, at least {smallest} asked"
        rule("smallest_test", says, False)
    metric = config.task.release_metric
    if config.release.beat_baseline:
        gain, low = candidate[f"{metric}_gain"], candidate[f"{metric}_gain_low"]
        rule(
            "beat_baseline",
            f"gain in {metric} over the trivial baseline {gain:+.4f}, lower end of its "
            f"{config.release.confidence:.0%} interval {low:+.4f}, above 0 asked",
            low >= SMALLEST_GAIN,
        )
    if config.release.keep_quality and blessed is not None:
        direction = 1.0 if config.task.higher_is_better[metric] else -1.0
        change = direction * (candidate[metric] - blessed[metric])
        rule(
            "keep_quality",
            f"{metric} {candidate[metric]:.4f}, last blessed model {blessed[metric]:.4f} on the "
            f"same rows: {'a loss' if change < 0 else 'a gain'} of {abs(change):.4f}, a loss of at "
            f"most {config.release.allowed_loss:g} asked",
            change >= -(config.release.allowed_loss + ROUNDING),
        )
    return rules
