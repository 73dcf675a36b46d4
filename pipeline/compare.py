"""Simple models on the very split that the pipeline's model was judged on."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from components.fingerprint import code_hash
from components.read import raw_examples, text_of
from models.baselines import tfidf_logistic_regression
from pipeline.experiment import Experiment
from pipeline.runs import RunRecord
from pipeline.workspace import Workspace, WorkspaceError

KEPT = "compare.json"


def text_features(experiment: Experiment) -> list[str]:
    """Names of the features that hold text."""
    return [name for name, options in experiment.features.items() if options.kind == "text"]


def described(experiment: Experiment) -> str:
    """The task and the kinds of the features, for messages."""
    kinds = sorted({options.kind for options in experiment.features.values()})
    return f"task {experiment.task.kind} with features of kind {', '.join(kinds)}"


def compare(experiment: Experiment, place: Workspace, record: RunRecord) -> list[dict[str, Any]]:
    """Accuracy on the test split of the majority label, TF-IDF + logistic regression, the network.

    The simple models see the train split only, as the network does.  Results are kept until the
    examples or the code change.

    Returns:
        dicts of ``model``, ``accuracy``, and ``seconds`` where it was trained here.

    Raises:
        WorkspaceError: the experiment does not classify text, or no run of it was judged.
    """
    names = text_features(experiment)
    if experiment.task.kind != "classify" or not names:
        raise WorkspaceError(
            f"{experiment.name}: the simple models here classify text; this is "
            f"{described(experiment)} (the release compared it with its task's trivial baseline)"
        )
    if "examples" not in record.artifacts or not record.verdict:
        raise WorkspaceError(f"{experiment.name}: no run was judged yet (`rondo run FILE` first)")
    examples = record.artifacts["examples"]
    key = [examples, names, code_hash(["models.baselines"])]
    kept = place.folder / KEPT
    rows = _kept(kept, key)
    if rows is None:
        rows = _train(examples, names, experiment.task.label)
        kept.write_text(json.dumps({"key": key, "rows": rows}, indent=1), encoding="utf-8")
    network = {"model": f"this network ({experiment.network.cell})"}
    return [*rows, network | {"accuracy": record.verdict["metrics"]["accuracy"]}]


def _kept(path: Path, key: list[Any]) -> list[dict[str, Any]] | None:
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    return kept["rows"] if kept["key"] == key else None


def _train(examples: str, names: list[str], label: str) -> list[dict[str, Any]]:
    texts: dict[str, list[str]] = {}
    labels: dict[str, list[str]] = {}
    for split in ("train", "test"):
        found = list(raw_examples(examples, split))
        texts[split] = [" ".join(text_of(row, name) for name in names) for row in found]
        labels[split] = [text_of(row, label) for row in found]
    majority = Counter(labels["train"]).most_common(1)[0][0]
    started = time.perf_counter()
    predicted = tfidf_logistic_regression(texts["train"], labels["train"], texts["test"])
    seconds = round(time.perf_counter() - started, 1)
    return [
        {"model": "majority label", "accuracy": _accuracy(labels["test"], majority)},
        {
            "model": "TF-IDF + logistic regression",
            "accuracy": _accuracy(labels["test"], predicted),
            "seconds": seconds,
        },
    ]


def _accuracy(labels: list[str], predicted: list[str] | str) -> float:
    answers = [predicted] * len(labels) if isinstance(predicted, str) else predicted
    return sum(a == b for a, b in zip(labels, answers, strict=True)) / len(labels)
