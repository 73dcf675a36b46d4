"""Transform's analyzer that learns subword units from the words of the train split."""

import os
from collections import Counter
from collections.abc import Iterable

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform.beam as tft_beam

from models.features.subword_units import WORDS, subword_units

NO_UNIT = b" "
"""What stands in the file if there is no word at all, since a table cannot be empty."""


class LearnSubwords(tft_beam.experimental.PTransformAnalyzer):
    """Batches of ``(words, how often each occurs)`` to the path of a file, a unit a line.

    The words of all rows are counted where the rows are; the most frequent ones come together in
    one place, where the units are learnt.

    Args:
        name: of the file.
        size: how many units.
    """

    def __init__(self, name: str, size: int):
        super().__init__()
        self._name = name
        self._size = size

    def expand(self, batches):
        folder = self.base_temp_dir
        return (
            batches
            | "Words" >> beam.FlatMap(_counted)
            | "Count" >> beam.CombinePerKey(sum)
            | "MostFrequent" >> beam.combiners.Top.Of(WORDS, key=_frequency)
            | "Learn" >> beam.Map(_written, folder, self._name, self._size)
        )


def _counted(batch: tuple[np.ndarray, np.ndarray]) -> Iterable[tuple[bytes, int]]:
    words, counts = batch
    return zip(words.tolist(), counts.tolist(), strict=True)


def _frequency(counted: tuple[bytes, int]) -> tuple[int, bytes]:
    """By count; of equally frequent words, always the same ones are taken."""
    word, count = counted
    return count, word


def _written(counted: list[tuple[bytes, int]], folder: str, name: str, size: int) -> np.ndarray:
    words: Counter[str] = Counter()
    for word, count in counted:
        text = word.decode("utf-8", "replace")
        # A vocabulary is a file with a unit a line.
        if not {"\n", "\r"} & {*text}:
            words[text] += count
    units = subword_units(words, size) or [NO_UNIT.decode("ascii")]
    tf.io.gfile.makedirs(folder)
    path = os.path.join(folder, name)
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("".join(f"{unit}\n" for unit in units))
    return np.array(path.encode("utf-8"))
