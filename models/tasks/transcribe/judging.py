"""What is summed over rows, and the error rates from the sums."""

from collections.abc import Mapping

import numpy as np

from models.tasks.names import names_as_bytes
from models.tasks.transcribe import Options
from models.writing.edits import edit_distance

STATISTICS = ("rows", "exact", "words", "word_edits", "characters", "character_edits")
"""What is summed; words and characters are those of the true texts."""


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed."""
    return STATISTICS


def words_of(options: Options, text: str) -> list[str]:
    """The words of a text that is judged, cleaned as those that are learnt.

    Of single characters, and of what an expression finds, words are what stands between blanks.
    """
    if options.target.tokens in ("words", "whitespace"):
        return options.pieces(text)
    return options.target.feature.cleaned(text).split()


def example_statistics(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of each row that can be summed; see ``STATISTICS``.

    Args:
        options: the task's options.
        targets: raw texts by column, bytes or str ``[rows]``.
        outputs: judged outputs.

    Returns:
        float64 ``[rows, statistics]``.  Characters are those of the words with a blank between.
    """
    true = names_as_bytes(targets[options.label]).reshape(-1)
    came = names_as_bytes(outputs["text"]).reshape(-1)
    rows = []
    for one, other in zip(true, came, strict=True):
        said, heard = (words_of(options, text.decode("utf-8", "replace")) for text in (one, other))
        letters, written = " ".join(said), " ".join(heard)
        rows.append(
            [
                *(1, said == heard, len(said), edit_distance(said, heard)),
                *(len(letters), edit_distance(letters, written)),
            ]
        )
    return np.array(rows, np.float64).reshape(-1, len(STATISTICS))


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics from summed statistics.

    Args:
        options: the task's options.
        sums: float64 ``[..., statistics]``, sums over the same rows.

    Returns:
        ``[...]`` by name, NaN where there is no row: insertions, deletions and replacements for
        each true word (``word_error_rate``) and character, which may be above 1, and the share of
        rows all of whose words are right.
    """
    by_name = dict(zip(STATISTICS, np.moveaxis(sums, -1, 0), strict=True))
    above = {"word_error_rate": "word_edits", "character_error_rate": "character_edits"}
    below = {"word_error_rate": "words", "character_error_rate": "characters"}
    above["exact_match"], below["exact_match"] = "exact", "rows"
    return {
        name: by_name[above[name]]
        / np.where(by_name[below[name]] > 0, by_name[below[name]], np.nan)
        for name in options.metric_names
    }
