"""Strings recordings together to utterances, for the reader ``utterances``."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.features.audio import wav_content, wav_header

if TYPE_CHECKING:
    from components.ingest.readers.utterances import Options

SAMPLE = np.dtype("<i2")


class Recording(NamedTuple):
    """A recording.

    Attributes:
        file: its name.
        text: what is said.
        samples: int32 ``[samples]``.
        rate: samples a second.
        kept: columns that its utterances take over.
    """

    file: str
    text: str
    samples: np.ndarray
    rate: int
    kept: Mapping[str, str]


def samples_of(content: bytes) -> np.ndarray:
    """The samples of a wav file, the mean of its channels, int32 ``[samples]``."""
    header = wav_header(content)
    data = content[header.data_start : header.data_start + header.data_bytes]
    whole = header.samples * header.channels
    channels = np.frombuffer(data, SAMPLE, whole).reshape(-1, header.channels)
    return channels.mean(axis=1).round().astype(np.int32)


def utterances(
    group: Sequence[Recording], options: "Options", draw_by: str
) -> Iterator[dict[str, Any]]:
    """Yields the fields of the utterances of recordings that are alike.

    Args:
        group: the recordings, of one rate.
        options: of the data.
        draw_by: what all that is drawn depends on.
    """
    group = sorted(group, key=lambda recording: recording.file)
    for turn in range(options.passes):
        # Of random(), Python promises the same numbers on all its versions.
        draw = random.Random(f"{draw_by}:{turn}").random
        order = [place for _, place in sorted((draw(), place) for place in range(len(group)))]
        begin = 0
        for count in _counts(len(order), options.recordings, draw):
            chosen = [group[place] for place in order[begin : begin + count]]
            begin += count
            yield _strung(chosen, options, draw)


def _counts(available: int, recordings: tuple[int, int], draw: Callable[[], float]) -> list[int]:
    """How many recordings each utterance of a group has, so that as few as can be are left."""
    fewest, most = recordings
    counts: list[int] = []
    while available >= fewest:
        count = min(fewest + int(draw() * (most - fewest + 1)), available)
        rest = available - count
        if 0 < rest < fewest:
            # Too few would be left: they go along, or this one is shorter.
            count = available if available <= most else max(available - fewest, fewest)
        counts.append(count)
        available -= count
    return counts


def _strung(
    chosen: Sequence[Recording], options: "Options", draw: Callable[[], float]
) -> dict[str, Any]:
    """The fields of an utterance of some recordings."""
    rate = chosen[0].rate
    start, end, starts = round(draw() * options.silence * rate), 0, []
    for recording in chosen:
        starts.append(start)
        end = max(end, start + len(recording.samples))
        between = draw() * (options.silence + options.overlap) - options.overlap
        # However short it is, a recording begins behind the one before it.
        start = max(start + len(recording.samples) + round(between * rate), start + 1)
    mixed = np.zeros(end + round(draw() * options.silence * rate), np.int32)
    for begin, recording in zip(starts, chosen, strict=True):
        mixed[begin : begin + len(recording.samples)] += recording.samples
    bounds = np.iinfo(SAMPLE)
    samples = np.clip(mixed, bounds.min, bounds.max).astype(SAMPLE)
    return {
        **chosen[0].kept,
        "audio": wav_content(samples.tobytes(), rate),
        "text": " ".join(recording.text for recording in chosen),
        "count": len(chosen),
        "recordings": [recording.file for recording in chosen],
        "starts": [begin / rate for begin in starts],
        "seconds": len(samples) / rate,
        "rate": rate,
    }
