"""The first rows that show a finding, looked up in the examples once something was found."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from components.read import text_of, value_of
from components.spec import ID_FEATURE
from components.validate.anomalies import Search
from components.validate.findings import SHOWN_ROWS, short
from models.raw import Raw

MOST_EXAMPLES = 500_000
"""Examples of a split that are looked through at most."""


def first_rows(
    examples_uri: str,
    split: str,
    searches: Sequence[Search],
    forms: Mapping[str, Raw],
    length_of: Callable[[str, Any], int],
) -> list[list[list[str]]]:
    """Up to three rows for each search, ``[location, value]``.

    Args:
        examples_uri: folder of ingest's ``examples``.
        split: ``train``, ``validate`` or ``test``.
        searches: what is looked for.
        forms: of the raw values, by name.
        length_of: how long a feature's value is, by name.
    """
    found: list[list[list[str]]] = [[] for _ in searches]
    open_searches = {place for place, search in enumerate(searches) if search.feature in forms}
    files = sorted(tf.io.gfile.glob(os.path.join(examples_uri, f"Split-{split}", "*")))
    records = tf.data.TFRecordDataset(files, "GZIP").take(MOST_EXAMPLES)
    for record in records.as_numpy_iterator() if open_searches else ():
        example = tf.train.Example.FromString(record)
        for place in sorted(open_searches):
            search = searches[place]
            value = value_of(example, search.feature, forms[search.feature])
            shown = _shown(search, value, length_of)
            if shown is not None:
                found[place].append([text_of(example, ID_FEATURE), shown])
                if len(found[place]) == SHOWN_ROWS:
                    open_searches.remove(place)
        if not open_searches:
            break
    return found


def _shown(search: Search, value: Any, length_of: Callable[[str, Any], int]) -> str | None:
    """What of a value shows the finding; None if it does not."""
    if search.what in ("length", "size"):
        whole = search.what == "size"
        length = int(np.size(value)) if whole else length_of(search.feature, value)
        low, high = search.arguments
        unit = "values" if whole else "steps"
        return f"{length} {unit}: {_short(value)}" if low <= length <= high else None
    if search.what in ("inside", "outside"):
        low, high = search.arguments
        numbers = np.asarray(value, np.float64).reshape(-1)
        inside = (numbers >= low) & (numbers <= high)
        shows = numbers[inside if search.what == "inside" else ~inside & ~np.isnan(numbers)]
        return f"{shows[0]:g}" if shows.size else None
    values = value if isinstance(value, list) else [value]
    for each in values:
        if (each in search.arguments) == (search.what == "equal"):
            return short(each)
    return None


def _short(value: Any) -> str:
    return short(value.tolist() if isinstance(value, np.ndarray) else value)
