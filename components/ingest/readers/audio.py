"""Reader of audio: wav files (16-bit PCM), in folders or in zip archives, a row each.

    data: {path: recordings.zip, format: audio, rate: 8000,
      names: "(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<take>[0-9]+)"}

A row holds ``audio`` (the bytes of the file as they are, which the network's graph decodes),
``seconds``, ``rate`` (samples a second), ``channels``, ``file``, ``name``, ``folder`` and what the
name or a table says (``components.ingest.labelled_files``).  A file in memory at a time.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar

from pydantic import Field

from components.ingest.labelled_files import (
    LabelledFileOptions,
    labelled_rows,
    table_companions,
)
from components.ingest.rows import Row
from models.features.audio import wav_header

PATTERNS = ("*.wav", "*.zip", "*/*.wav")
companions = table_companions


class Options(LabelledFileOptions):
    """Options of audio.

    Attributes:
        rate: samples a second that every file has; any if null.
    """

    own_fields: ClassVar[tuple[str, ...]] = (
        *LabelledFileOptions.own_fields,
        "audio",
        "seconds",
        "rate",
        "channels",
    )

    rate: int | None = Field(None, ge=1)


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the row of a wav file, or of each in an archive.

    Raises:
        BadFile: the archive, or the table, cannot be read.
    """

    def read(content: bytes, name: str) -> dict[str, Any]:
        return _fields(content, options.rate)

    yield from labelled_rows(stream, path, options, (".wav",), read)


def _fields(content: bytes, stated_rate: int | None) -> dict[str, Any]:
    header = wav_header(content)
    rate = header.sample_rate
    if stated_rate is not None and rate != stated_rate:
        raise ValueError(
            f"has {rate} samples a second, where data.rate states {stated_rate} (resample it, or "
            "state no rate if the features take any)"
        )
    return {
        "audio": content,
        "seconds": header.samples / rate,
        "rate": rate,
        "channels": header.channels,
    }
