"""Batches for truncated backpropagation: windows of streams, in order.

The chunks of a split are put together to streams again, by ``stream`` and ``position``, so that
it does not matter in which order they come.  A batch has so many lanes; each lane goes through
streams, one after the other, a window a batch.  A stream longer than its share of the windows is
cut, so that all lanes have about as many; whatever is cut begins anew.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from models.raw import length_name
from models.spec import TrainingOptions
from models.tasks.generate import Options
from models.tasks.generate.network import BEFORE, GOES_ON


class Windows(NamedTuple):
    """The windows of an epoch.

    Attributes:
        came: steps ``[windows, lanes, steps, ...]``, zeros in the padding.
        lengths: steps that count, int32 ``[windows, lanes]``; 0 where a lane has ended.
        before: the step before each window ``[windows, lanes, ...]``.
        goes_on: whether a window goes on where the one before it in its lane ended, int32
            ``[windows, lanes]``.
    """

    came: np.ndarray
    lengths: np.ndarray
    before: np.ndarray
    goes_on: np.ndarray


def streams_of(name: str, rows: tf.data.Dataset, last: int | None = None) -> list[np.ndarray]:
    """What belongs together, ``[time, ...]`` each, in the order of streams and positions.

    Args:
        name: of the feature.
        rows: single chunks, and label int64 ``[2]``: a stream's number and the position there.
        last: how many of its last steps each chunk adds to those before it; all of them if None.
    """
    streams: list[list[np.ndarray]] = []
    before = None
    for stream, position, steps in chunks_of(name, rows):
        if before != (stream, position - 1):
            streams.append([steps])
        else:
            streams[-1].append(steps if last is None else steps[-last:])
        before = (stream, position)
    return [np.concatenate(parts) for parts in streams]


def chunks_of(name: str, rows: tf.data.Dataset) -> list[tuple[int, int, np.ndarray]]:
    """Streams, positions and steps ``[time, ...]`` of chunks, in the order of the first two."""
    found = [
        (int(label[0]), int(label[1]), inputs[name][: inputs[length_name(name, 1)]])
        for inputs, label in rows.as_numpy_iterator()
    ]
    return sorted(found, key=lambda chunk: chunk[:2])


def lanes_of(
    streams: list[np.ndarray], lanes: int, steps: int, random: np.random.Generator | None
) -> list[list[np.ndarray]]:
    """What each lane goes through, parts of streams ``[time, ...]`` in turn.

    Args:
        streams: ``[time, ...]`` each.
        lanes: how many.
        steps: of a window.
        random: shuffles the streams and moves the cuts of long ones; they stay as they are if None.
    """
    share = -(-sum(_windows(stream, steps) for stream in streams) // lanes)
    parts = []
    for stream in streams:
        moved = 0
        if random is not None and len(stream) > share * steps:
            moved = int(random.integers(steps))
        parts += np.split(stream, range(moved or share * steps, len(stream), share * steps))
    if random is not None:
        parts = [parts[place] for place in random.permutation(len(parts))]
    queues: list[list[np.ndarray]] = [[] for _ in range(lanes)]
    filled = np.zeros(lanes, int)
    for part in parts:
        lane = int(np.argmin(filled))
        queues[lane].append(part)
        filled[lane] += _windows(part, steps)
    return queues


def _windows(part: np.ndarray, steps: int) -> int:
    return -(-len(part) // steps)


def longest(queues: list[list[np.ndarray]], steps: int) -> int:
    """Windows of the lane that has most."""
    return max(sum(_windows(part, steps) for part in queue) for queue in queues)


def windows_of(queues: list[list[np.ndarray]], steps: int, count: int) -> Windows:
    """Cuts what lanes go through to windows.

    Args:
        queues: see ``lanes_of``.
        steps: of a window.
        count: of windows, as many as the longest lane has at least; those beyond are empty.
    """
    shape = (count, len(queues))
    first = next(part for queue in queues for part in queue)
    inner, dtype = first.shape[1:], first.dtype
    found = Windows(
        np.zeros((*shape, steps, *inner), dtype),
        np.zeros(shape, np.int32),
        np.zeros((*shape, *inner), dtype),
        np.zeros(shape, np.int32),
    )
    for lane, queue in enumerate(queues):
        window = 0
        for part in queue:
            for begin in range(0, len(part), steps):
                own = part[begin : begin + steps]
                found.came[window, lane, : len(own)] = own
                found.lengths[window, lane] = len(own)
                if begin:
                    found.before[window, lane] = part[begin - 1]
                    found.goes_on[window, lane] = 1
                window += 1
    return found


def batches(
    options: Options, rows: tf.data.Dataset, training: TrainingOptions, seed: int | None
) -> tf.data.Dataset:
    """Batches of windows, anew in each epoch.

    Args:
        options: the task's options.
        rows: single chunks.
        training: the number of lanes (``batch_size``).
        seed: of the order of the streams; always the same order if None.

    Returns:
        batches of inputs, and labels float32 ``[lanes, steps]``: 1 for steps that are predicted.
    """
    name = str(options.text)
    if options.last is not None:
        return _single(options, rows, training, seed)
    streams, lanes = streams_of(name, rows), training.batch_size
    epochs = iter(range(2**31))

    def queues(epoch: int) -> list[list[np.ndarray]]:
        random = None if seed is None else np.random.default_rng([seed, epoch])
        return lanes_of(streams, lanes, options.steps, random)

    # Keras takes it that every epoch has as many batches.
    planned = range(1 if seed is None else training.epochs)
    count = max(longest(queues(epoch), options.steps) for epoch in planned)

    def windows() -> Iterator[tuple[dict[str, Any], np.ndarray]]:
        found = windows_of(queues(next(epochs) % len(planned)), options.steps, count)
        place = np.arange(options.steps)
        for came, lengths, before, goes_on in zip(*found, strict=True):
            inputs = {name: came, length_name(name, 1): np.maximum(lengths, 1)}
            counted = (place < lengths[:, None]).astype(np.float32)
            yield inputs | {BEFORE: before, GOES_ON: goes_on}, counted

    inner, dtype = streams[0].shape[1:], streams[0].dtype
    signature = {
        name: tf.TensorSpec([lanes, options.steps, *inner], dtype),
        length_name(name, 1): tf.TensorSpec([lanes], tf.int32),
        BEFORE: tf.TensorSpec([lanes, *inner], dtype),
        GOES_ON: tf.TensorSpec([lanes], tf.int32),
    }
    counted = tf.TensorSpec([lanes, options.steps], tf.float32)
    dataset = tf.data.Dataset.from_generator(windows, output_signature=(signature, counted))
    counted_batches = tf.data.experimental.assert_cardinality(count)
    return dataset.apply(counted_batches).prefetch(tf.data.AUTOTUNE)


def _single(
    options: Options, rows: tf.data.Dataset, training: TrainingOptions, seed: int | None
) -> tf.data.Dataset:
    """Batches of chunks of which each begins anew, in the order of streams and positions."""
    name = str(options.text)
    chunks = chunks_of(name, rows)
    lengths = np.array([len(steps) for *_, steps in chunks], np.int32)
    inner, dtype = chunks[0][2].shape[1:], chunks[0][2].dtype
    came = np.zeros((len(chunks), int(lengths.max()), *inner), dtype)
    for row, (*_, steps) in enumerate(chunks):
        came[row, : len(steps)] = steps
    found = tf.data.Dataset.range(len(chunks))
    if seed is not None:
        found = found.shuffle(len(chunks), seed=seed)
    held, counts = tf.constant(came), tf.constant(lengths)

    def gathered(places: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        inputs = {name: tf.gather(held, places), length_name(name, 1): tf.gather(counts, places)}
        return taught(options, inputs, None)

    return found.batch(training.batch_size).map(gathered).prefetch(tf.data.AUTOTUNE)


def taught(
    options: Options, inputs: dict[str, tf.Tensor], labels: Any
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """A batch of chunks of which each begins anew, as ``batches`` gives windows."""
    name = str(options.text)
    came, lengths = inputs[name], inputs[length_name(name, 1)]
    further = {
        BEFORE: tf.zeros_like(came[:, 0]),
        GOES_ON: tf.zeros_like(lengths),
    }
    if options.last is None:
        counted = tf.sequence_mask(lengths, tf.shape(came)[1], tf.float32)
    else:
        place = lengths[:, None] - options.last + tf.range(options.last)
        counted = tf.cast(place >= 0, tf.float32)
    return inputs | further, counted
