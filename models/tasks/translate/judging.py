"""What a release judges: BLEU and chrF by sacrebleu, from counts that are summed over the rows.

BLEU: Papineni et al. 2002, https://aclanthology.org/P02-1040/; chrF: Popović 2015,
https://aclanthology.org/W15-3049/; sacrebleu: Post 2018, https://aclanthology.org/W18-6319/.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from models.tasks.names import names_as_bytes
from models.tasks.translate import Metrics, Options

ORDERS = 4
"""N-grams of words that BLEU counts, from 1."""
CHARACTER_ORDERS = 6
"""N-grams of characters that chrF counts, from 1."""
BLEU_COUNTS = (
    *("length", "reference_length"),
    *(f"right_{order}" for order in range(1, ORDERS + 1)),
    *(f"written_{order}" for order in range(1, ORDERS + 1)),
)
CHRF_COUNTS = tuple(
    f"characters_{what}_{order}"
    for order in range(1, CHARACTER_ORDERS + 1)
    for what in ("written", "reference", "right")
)
LENGTHS = ((1, 5), (6, 10), (11, 15), (16, 20), (21, 30), (31, 50))
"""Steps of the source, from and to, that rows stand together by in the table."""


@functools.lru_cache
def _measures(metrics: Metrics) -> tuple[BLEU, CHRF]:
    return (
        BLEU(lowercase=metrics.lower, tokenize=metrics.tokenizer, max_ngram_order=ORDERS),
        CHRF(lowercase=metrics.lower, char_order=CHARACTER_ORDERS, word_order=0),
    )


def signatures(metrics: Metrics) -> dict[str, str]:
    """sacrebleu's own words for what ``bleu`` and ``chrf`` are, version included."""
    found = {}
    for name, shown, measure in zip(
        ("bleu", "chrf"), ("BLEU", "chrF2"), _measures(metrics), strict=True
    ):
        measure.num_refs = 1
        found[name] = f"{shown}|{measure.get_signature()}"
    return found


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed over the rows."""
    return ("rows", *BLEU_COUNTS, *CHRF_COUNTS)


def example_statistics(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of each row that can be summed; see ``statistics``.

    Args:
        options: the task's options.
        targets: the references by column, ``[rows]``, bytes or str.
        outputs: judged outputs.

    Returns:
        float64 ``[rows, statistics]``.
    """
    references = _texts(targets[options.label])
    written = _texts(outputs["translation"])
    counts = [
        np.asarray(measure._extract_corpus_statistics(written, [references]), np.float64)
        for measure in _measures(options.metrics)
    ]
    return np.concatenate([np.ones((len(written), 1)), *counts], axis=1)


def _texts(values: Any) -> list[str]:
    return [value.decode("utf-8", "replace") for value in names_as_bytes(values).reshape(-1)]


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics, from 0 to 100, of sums ``[..., statistics]``; NaN where there is no row."""
    rows = np.asarray(sums, np.float64).reshape(-1, np.shape(sums)[-1])
    edges = (1, 1 + len(BLEU_COUNTS), 1 + len(BLEU_COUNTS) + len(CHRF_COUNTS))
    found = {}
    for place, (name, measure) in enumerate(
        zip(("bleu", "chrf"), _measures(options.metrics), strict=True)
    ):
        part = slice(edges[place], edges[place + 1])
        scores = [
            measure._compute_score_from_stats(row[part].tolist()).score if row[0] else np.nan
            for row in rows
        ]
        found[name] = np.array(scores).reshape(np.shape(sums)[:-1])
    return found


def example_table(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Counts by length of the source, to be summed over the rows: see ``table_row``."""
    counts = example_statistics(options, targets, outputs)
    found: dict[str, np.ndarray] = {}
    for row, steps in zip(counts, np.asarray(outputs["source_length"]).reshape(-1), strict=True):
        name = length_name(int(steps))
        found[name] = found[name] + row if name in found else row
    return found


def length_name(steps: int) -> str:
    """The group that a source of so many steps stands in."""
    for first, last in LENGTHS:
        if steps <= last:
            return f"{first:02}-{last:02}"
    return f"over {LENGTHS[-1][1]}"


def table_row(options: Options, counts: np.ndarray) -> dict[str, float]:
    """The figures of a length of the source."""
    figures = {name: float(value) for name, value in summarise(options, counts).items()}
    return {"count": int(counts[0]), **figures}
