"""What is summed over dialogs, and the metrics from the sums."""

from collections.abc import Mapping

import numpy as np

from models.tasks.f1 import f1
from models.tasks.names import SMALLEST_PROBABILITY, names_as_bytes
from models.tasks.track import CONFIDENCE_BANDS, TURN_BANDS, Options, flag_target, goal_target

OF_FLAG = ("correct", "found", "missed", "wrong", "log_loss")
"""Statistics of a flag: turns that are right; yes where it is, no where it is yes, yes where it is
no; nats."""


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed; all but ``l2`` and ``log_loss`` count turns."""
    names = ["turns", "joint", "l2"]
    names += [f"{slot}.correct" for slot in options.slots]
    for band in options.bands:
        names += [f"{band}.turns", f"{band}.joint"]
    return (*names, *(f"{flag}.{name}" for flag in options.flags for name in OF_FLAG))


def example_statistics(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of each dialog that can be summed; see ``statistics``.

    Args:
        options: the task's options.
        targets: raw goals by name, bytes or str ``[rows, turns]``, and flags, numbers.
        outputs: judged outputs.

    Returns:
        float64 ``[rows, statistics]``.  A value that is not among the served ones counts as wrong,
        with the distance of a distribution that gives it nothing.

    Raises:
        ValueError: a row has another number of answers than of turns.
    """
    turns = targets[goal_target(next(iter(options.slots)))].shape[1]
    lengths = np.asarray(outputs["length"]).reshape(-1)
    if (lengths != turns).any():
        raise ValueError(f"{lengths.tolist()} turns were answered, where rows have {turns}")
    right, distance = {}, np.zeros((len(lengths), turns))
    for slot in options.slots:
        truth = names_as_bytes(targets[goal_target(slot)])
        right[slot] = names_as_bytes(outputs[f"goal_{slot}"])[:, :turns] == truth
        values = names_as_bytes(outputs[f"goal_{slot}_values"])[:, None, :]
        scores = np.asarray(outputs[f"goal_{slot}_scores"], np.float64)[:, :turns]
        true = values == truth[:, :, None]
        distance += np.square(scores - true).sum(axis=-1) + ~true.any(axis=-1)
    joint = np.logical_and.reduce(list(right.values()))
    sums = [np.full(len(lengths), turns), joint.sum(axis=1)]
    sums.append(distance.sum(axis=1) / len(options.slots))
    sums += [correct.sum(axis=1) for correct in right.values()]
    for within in _bands(options, outputs, turns):
        within = np.broadcast_to(within, joint.shape)
        sums += [within.sum(axis=1), (within & joint).sum(axis=1)]
    for flag in options.flags:
        truth = np.asarray(targets[flag_target(flag)], np.float64) > 0.5
        score = np.asarray(outputs[flag], np.float64)[:, :turns]
        yes = score > 0.5
        likely = np.clip(np.where(truth, score, 1.0 - score), SMALLEST_PROBABILITY, 1.0)
        sums += [(yes == truth).sum(axis=1), (yes & truth).sum(axis=1)]
        sums += [(~yes & truth).sum(axis=1), (yes & ~truth).sum(axis=1)]
        sums.append(-np.log(likely).sum(axis=1))
    return np.stack(sums, axis=1).astype(np.float64)


def _bands(options: Options, outputs: Mapping[str, np.ndarray], turns: int) -> list[np.ndarray]:
    """Which turns fall in each of the task's bands, ``[rows or 1, turns]``."""
    number = np.arange(1, turns + 1)[None, :]
    found = [(number >= first) & (number <= (last or turns)) for first, last in TURN_BANDS.values()]
    if options.scores is None:
        return found
    confidence, begin = np.asarray(outputs["confidence"])[:, :turns], -np.inf
    for end in CONFIDENCE_BANDS.values():
        found.append((confidence >= begin) & (confidence < (np.inf if end is None else end)))
        begin = end
    return found


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics from summed statistics.

    Args:
        options: the task's options.
        sums: float64 ``[..., statistics]``, sums over the same dialogs.

    Returns:
        ``[...]`` by name, NaN where there is no turn: shares of turns of which the whole goal
        (``joint_goal``, also by bands of turns) or a slot is right; ``goal_l2``, the mean over
        turns and slots of the squared distance between the distribution over values and the truth
        (0 to 2); and of each flag the accuracy, the F1 of its yes, and nats a turn.
    """
    by_name = dict(zip(statistics(options), np.moveaxis(sums, -1, 0), strict=True))
    turns = _or_nan(by_name["turns"])
    found = {"joint_goal": by_name["joint"] / turns, "goal_l2": by_name["l2"] / turns}
    found |= {f"{slot}_accuracy": by_name[f"{slot}.correct"] / turns for slot in options.slots}
    for band in options.bands:
        found[f"joint_{band}"] = by_name[f"{band}.joint"] / _or_nan(by_name[f"{band}.turns"])
    for flag in options.flags:
        of = {name: by_name[f"{flag}.{name}"] for name in OF_FLAG}
        found[f"{flag}_accuracy"] = of["correct"] / turns
        hits = of["found"]
        found[f"{flag}_f1"] = f1(hits, hits + of["wrong"], hits + of["missed"])
        found[f"{flag}_log_loss"] = of["log_loss"] / turns
    return found


def _or_nan(count: np.ndarray) -> np.ndarray:
    return np.where(count > 0, count, np.nan)
