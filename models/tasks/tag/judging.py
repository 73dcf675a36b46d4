"""What a release judges: sums over the rows, and the metrics that come of them.

Spans are counted by the definition of conlleval, see ``models.tasks.tag.spans``: a span is right if
its first step, its last one and its type are.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from models.tasks.f1 import f1
from models.tasks.names import SMALLEST_PROBABILITY, names_as_bytes
from models.tasks.tag import Options
from models.tasks.tag.spans import spans_of

STEPS = ("rows", "tokens", "correct", "log_loss", "sentences_right")
SPANS = ("spans_true", "spans_found", "spans_right")
SEQUENCE = ("sequence_right", "sequence_log_loss")


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed over the rows."""
    spans = SPANS if options.spans != "none" else ()
    return (*STEPS, *spans, *(SEQUENCE if options.sequence_label else ()))


def example_statistics(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of each row that can be summed; see ``statistics``.

    Args:
        options: the task's options.
        targets: raw labels by column, bytes or str: those of the steps ``[rows, time]``, that of
            the sequence ``[rows]``.
        outputs: judged outputs.

    Returns:
        float64 ``[rows, statistics]``.  A label that is not among the served ones counts as wrong,
        with the loss of the smallest probability.

    Raises:
        ValueError: a row has another number of answers than of labels.
    """
    truth = names_as_bytes(targets[options.label])
    rows, steps = truth.shape
    lengths = np.asarray(outputs["length"]).reshape(-1)
    if (lengths != steps).any():
        raise ValueError(f"{lengths.tolist()} steps were answered, where rows have {steps} labels")
    answers = names_as_bytes(outputs["labels"])[:, :steps]
    correct = answers == truth
    loss = _log_loss(
        truth[:, :, None],
        names_as_bytes(outputs["names"])[:, None, :],
        np.asarray(outputs["all_scores"])[:, :steps],
    )
    right = correct.all(axis=1)
    sequence = []
    if options.sequence_label:
        wanted = names_as_bytes(targets[options.sequence_label]).reshape(-1)
        same = names_as_bytes(outputs["sequence_label"]).reshape(-1) == wanted
        names = names_as_bytes(outputs["sequence_names"])
        sequence = [same, _log_loss(wanted[:, None], names, outputs["sequence_scores"])]
        right = right & same
    found = [np.ones(rows), np.full(rows, steps), correct.sum(axis=1), loss.sum(axis=1), right]
    if options.spans != "none":
        found += list(_span_counts(truth, answers).T)
    return np.stack([*found, *sequence], axis=1).astype(np.float64)


def _log_loss(truth: np.ndarray, names: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Minus the logarithm of what the true name got: the last axis is that of the names."""
    probability = np.where(names == truth, np.asarray(scores, np.float64), 0.0).sum(axis=-1)
    return -np.log(np.clip(probability, SMALLEST_PROBABILITY, 1.0))


def _span_counts(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    counts = []
    for wanted, came in zip(truth, answers, strict=True):
        true, found = _spans(wanted), _spans(came)
        counts.append((len(true), len(found), len(true & found)))
    return np.array(counts)


def _spans(labels: np.ndarray) -> set[tuple[int, int, str]]:
    return spans_of([label.decode() for label in labels.tolist()])


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics from summed statistics.

    Args:
        options: the task's options.
        sums: float64 ``[..., statistics]``, sums over the same rows.

    Returns:
        by the names of ``options.metric_names``, ``[...]``; NaN where there is no step.  Precision
        is 0 where no span was found, recall and F1 where there is none, as conlleval has it.
    """
    by_name = {name: sums[..., place] for place, name in enumerate(statistics(options))}
    rows, tokens = (np.where(by_name[name] > 0, by_name[name], np.nan) for name in STEPS[:2])
    metrics = {
        "token_accuracy": by_name["correct"] / tokens,
        "log_loss": by_name["log_loss"] / tokens,
        "sentence_accuracy": by_name["sentences_right"] / rows,
    }
    if options.spans != "none":
        true, found, right = (by_name[name] for name in SPANS)
        for name, value in (
            ("span_f1", np.nan_to_num(f1(right, found, true))),
            ("span_precision", right / np.maximum(found, 1.0)),
            ("span_recall", right / np.maximum(true, 1.0)),
        ):
            metrics[name] = np.where(np.isnan(rows), np.nan, value)
    if options.sequence_label:
        metrics["sequence_label_accuracy"] = by_name["sequence_right"] / rows
        metrics["sequence_label_log_loss"] = by_name["sequence_log_loss"] / rows
    return {name: metrics[name] for name in options.metric_names}


def example_table(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Counts by type of span, to be summed over the rows: see ``table_row``.

    Returns:
        float64 ``[3]`` by type: true spans, found ones, right ones.  Without spans by label: steps
        that have it, that got it, both.
    """
    truth = names_as_bytes(targets[options.label])
    answers = names_as_bytes(outputs["labels"])[:, : truth.shape[1]]
    counts = [Counter(), Counter(), Counter()]
    for wanted, came in zip(truth, answers, strict=True):
        if options.spans == "none":
            true, found = (
                {(step, label.decode()) for step, label in enumerate(labels.tolist())}
                for labels in (wanted, came)
            )
        else:
            true, found = _spans(wanted), _spans(came)
        for counter, which in zip(counts, (true, found, true & found), strict=True):
            counter.update(entry[-1] for entry in which)
    names = sorted(set().union(*counts))
    return {name: np.array([float(counter[name]) for counter in counts]) for name in names}


def table_row(options: Options, counts: np.ndarray) -> dict[str, float]:
    """A type's row of the table, from summed counts: precision, recall, F1 and how many."""
    true, found, right = (float(count) for count in counts)
    return {
        "precision": right / max(found, 1.0),
        "recall": right / max(true, 1.0),
        "f1": float(np.nan_to_num(f1(right, found, true))),
        "count": true,
    }
