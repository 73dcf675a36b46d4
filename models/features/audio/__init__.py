"""Audio: the content of a wav file a row, turned to a log-mel spectrogram in the graph."""

import struct
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from models.features.per_step import StepOptions
from models.raw import Raw, RawError, RawValue, shown

PCM = 1
SAMPLE_BITS = 16


class Options(StepOptions):
    """Options of an audio feature.

    Attributes:
        sample_rate: samples a second that the files have.
        resample: takes files of another rate too, and brings them to ``sample_rate`` by linear
            interpolation (which filters nothing: from a much higher rate, resample the files with
            a tool made for it); else such a file is an error.
        frame: length of a frame, in milliseconds.
        hop: from a frame's start to the next one's, in milliseconds.
        mels: bands of the mel scale, each a channel of the spectrogram.
        lowest: frequency at which they begin, in hertz.
        highest: frequency at which they end, in hertz; half the sample rate if null.
        centred: takes from each band its mean over the file, which microphone and voice colour all
            through (cepstral mean normalisation, Furui 1981,
            https://doi.org/10.1109/TASSP.1981.1163530), before it is scaled.
        scale: of each band by itself over all frames of the train split: ``standard`` (mean 0,
            deviation 1), ``minmax`` (0 to 1) or ``none``.
        max_length: frames kept of a longer file; all of them if null.
        keep: which part of a longer file is kept: its ``start``, its ``end``, or half of the frames
            from ``both``.
        missing: nothing can stand for a missing file; such a row is an error.
    """

    read_by: ClassVar[tuple[str, ...]] = (*StepOptions.read_by, "sample_rate", "resample")

    sample_rate: int = Field(16_000, ge=1_000, le=384_000)
    resample: bool = False
    frame: float = Field(25.0, gt=0.0, le=10_000.0)
    hop: float = Field(10.0, gt=0.0, le=10_000.0)
    mels: int = Field(40, ge=1, le=1_024)
    lowest: float = Field(20.0, ge=0.0)
    highest: float | None = Field(None, gt=0.0)
    centred: bool = False
    scale: Literal["standard", "minmax", "none"] = "standard"
    max_length: int | None = Field(None, ge=1, le=1_000_000)
    keep: Literal["start", "end", "both"] = "start"
    missing: None = None

    @property
    def raw_value(self) -> Raw:
        return Raw(dtype="bytes")

    @property
    def frame_samples(self) -> int:
        """Samples of a frame."""
        return max(round(self.sample_rate * self.frame / 1000), 1)

    @property
    def hop_samples(self) -> int:
        """Samples from a frame's start to the next one's."""
        return max(round(self.sample_rate * self.hop / 1000), 1)

    @property
    def band(self) -> tuple[float, float]:
        """The lowest and the highest frequency, in hertz."""
        return self.lowest, self.highest or self.sample_rate / 2

    def steps_of(self, value: Any) -> int | None:
        if self.per_step:
            return None
        header = wav_header(value)
        samples = round(header.samples * self.sample_rate / header.sample_rate)
        frames = 1 + max(samples - self.frame_samples, 0) // self.hop_samples
        return frames if self.max_length is None else min(frames, self.max_length)

    def read_value(self, column: str, value: Any) -> RawValue:
        content = self.raw_value.read(column, value)
        try:
            header = wav_header(content)
        except ValueError as error:
            raise RawError(f"field {column!r}: {error}") from error
        if header.sample_rate != self.sample_rate and not self.resample:
            raise RawError(
                f"field {column!r}: a wav of {header.sample_rate} samples a second came, where "
                f"{self.sample_rate} are read (set the feature's `sample_rate:`, or "
                "`resample: true`)"
            )
        return content

    @model_validator(mode="after")
    def _frequencies_fit(self) -> Self:
        lowest, highest = self.band
        if not lowest < highest <= self.sample_rate / 2:
            raise ValueError(
                f"lowest: {lowest:g} and highest: {highest:g} hertz; they rise, up to half the "
                f"sample rate, {self.sample_rate / 2:g}"
            )
        return self


class WavHeader(NamedTuple):
    """What a wav file says of itself.

    Attributes:
        sample_rate: samples a second.
        channels: one or more.
        data_bytes: of the samples of all channels.
        data_start: where in the file they begin, in bytes.
    """

    sample_rate: int
    channels: int
    data_bytes: int
    data_start: int

    @property
    def samples(self) -> int:
        """Samples of each channel."""
        return self.data_bytes // (self.channels * SAMPLE_BITS // 8)


def wav_header(content: bytes) -> WavHeader:
    """Reads the header of a wav file (RIFF, 16-bit PCM, which TensorFlow decodes).

    Raises:
        ValueError: it is no such file; the message says what came.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError(
            f"no wav file: it begins with {shown(content[:12])}, not with RIFF....WAVE"
        )
    place, found = 12, None
    while place + 8 <= len(content):
        chunk, size = struct.unpack_from("<4sI", content, place)
        place += 8
        if chunk == b"fmt ":
            if size < 16 or place + 16 > len(content):
                raise ValueError("a broken wav file: its fmt chunk is too short")
            found = struct.unpack_from("<HHIIHH", content, place)
        elif chunk == b"data":
            if found is None:
                raise ValueError("a broken wav file: its data come before its fmt chunk")
            kind, channels, rate, _, _, bits = found
            if kind != PCM or bits != SAMPLE_BITS:
                name = "PCM" if kind == PCM else f"format {kind}"
                raise ValueError(f"a wav file of {bits}-bit {name} came; 16-bit PCM is read")
            if not channels or not rate:
                raise ValueError(f"a broken wav file: {channels} channels, {rate} samples a second")
            if place + size > len(content):
                raise ValueError(
                    f"a broken wav file: {size} bytes of samples are announced, and "
                    f"{len(content) - place} are there"
                )
            if size < channels * SAMPLE_BITS // 8:
                raise ValueError("a wav file without any sample")
            return WavHeader(rate, channels, size, place)
        place += size + size % 2
    raise ValueError("a broken wav file: it has no data chunk")


def silent_wav(sample_rate: int) -> bytes:
    """The shortest wav file: one sample of silence."""
    return wav_content(bytes(SAMPLE_BITS // 8), sample_rate)


def wav_content(samples: bytes, sample_rate: int) -> bytes:
    """A wav file of one channel.

    Args:
        samples: of 16 bits, signed, the low byte first.
        sample_rate: samples a second.
    """
    width = SAMPLE_BITS // 8
    form = struct.pack("<HHIIHH", PCM, 1, sample_rate, sample_rate * width, width, SAMPLE_BITS)
    content = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    content += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(content)) + content
