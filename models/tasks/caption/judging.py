"""What a release is judged by: whole texts that are right, and the edits of their words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.tasks.caption import Options
from models.writing.edits import edit_distance

STATISTICS = ("rows", "exact", "words", "edits")


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed over rows."""
    return STATISTICS


def words_of(options: Options, text: str) -> list[str]:
    """A text's words, as the options cut them; where they cut to less, what blanks separate."""
    cut = options.target.feature
    if cut.tokens in ("words", "regex"):
        return cut.value_tokens(text)
    return cut.cleaned(text, " ").split()


def example_statistics(
    options: Options, targets: Mapping[str, Any], outputs: Mapping[str, Any]
) -> np.ndarray:
    """The statistics of each row.

    Args:
        options: the task's options.
        targets: the true texts ``[rows]``, by name.
        outputs: of ``judged_outputs``.

    Returns:
        float64 ``[rows, statistics]``.
    """
    truth = np.asarray(targets[options.label]).reshape(-1)
    written = np.asarray(outputs["text"]).reshape(-1)
    found = np.zeros((len(truth), len(STATISTICS)))
    for row, (true, said) in enumerate(zip(truth, written, strict=True)):
        wanted, came = words_of(options, _text(true)), words_of(options, _text(said))
        edits = edit_distance(wanted, came)
        found[row] = 1, edits == 0, len(wanted), edits
    return found


def summarise(options: Options, sums: np.ndarray) -> dict[str, Any]:
    """Metrics of summed statistics ``[..., statistics]``; NaN where there are no rows."""
    rows, exact, words, edits = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    some = np.where(rows > 0, rows, np.nan)
    return {
        "exact_match": exact / some,
        "word_error_rate": edits / np.where(words > 0, words, np.nan),
    }


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
