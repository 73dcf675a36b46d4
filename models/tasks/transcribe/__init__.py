"""Transcribe: a text from frames of sound or strokes of a pen (many to fewer, unsegmented).

Which frames a piece of the text comes from is not said and is learnt beside the rest, by
connectionist temporal classification (``models.layers.ctc``).
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from models.features.audio import Options as Audio
from models.options import AnyFeature, FeatureOptions, LabelCount, TaskOptions, did_you_mean
from models.options import Options as Plain
from models.raw import RawError, RawValue
from models.tasks.transcribe.problems import piece_problems
from models.writing import WrittenText

AUDIO_STRIDE = 4


class LanguageOptions(Plain):
    """A language model of the texts of the train split, which the search takes into account.

    Attributes:
        order: pieces of an n-gram, the one that is foretold included.
        weight: of its logarithm, beside 1 for what was heard.
        bonus: added for each piece, since a language model favours short texts.
    """

    order: int = Field(3, ge=1, le=6)
    weight: float = Field(0.5, gt=0.0, le=10.0)
    bonus: float = Field(0.0, ge=-10.0, le=10.0)


class Options(TaskOptions):
    """Options of a transcription.

    Attributes:
        label: column of the text.
        source: the feature that it is read from, of audio or a series; may be left out where there
            is one such only.
        target: how the text is cut to pieces.
        stride: frames that become one step of the network, by a convolution in front of it; 4 of
            audio and 1 of a series if left out.  The pieces of a text have to fit into the steps.
        beam_width: texts that are kept while one is looked for, and answered; 1 takes the likeliest
            piece at each step.
        language: a language model; none if null.
        reads: the options of the source; taken from the feature.
    """

    read_by: ClassVar[tuple[str, ...]] = (
        *TaskOptions.read_by,
        *("source", "target", "stride", "reads"),
    )
    metric_names: ClassVar[tuple[str, ...]] = (
        "word_error_rate",
        "character_error_rate",
        "exact_match",
    )
    higher_is_better: ClassVar[dict[str, bool]] = {
        "word_error_rate": False,
        "character_error_rate": False,
        "exact_match": True,
        "piece_error_rate": False,
    }
    training_metrics: ClassVar[tuple[str, ...]] = ("piece_error_rate",)

    source: str | None = None
    target: WrittenText = WrittenText()
    stride: int | None = Field(None, ge=1, le=64)
    beam_width: int = Field(8, ge=1, le=256)
    language: LanguageOptions | None = None
    reads: AnyFeature | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.language is not None and self.beam_width == 1:
            raise ValueError(
                "language: with beam_width: 1, which looks for nothing (write beam_width: 8, or "
                "leave language out)"
            )
        return self

    @property
    def release_metric(self) -> str:
        """Errors in words or, where single characters are written, in characters."""
        of_characters = self.target.tokens == "characters"
        return "character_error_rate" if of_characters else "word_error_rate"

    @property
    def terms(self) -> dict[str, Any]:
        how = ("tokens", "pattern", "lower", "normalise")
        return {"source": self.source, "target": self.target.model_dump(include=set(how))}

    def bound(self, features: Mapping[str, FeatureOptions]) -> Self:
        """Finds the feature that the text is read from."""
        able = [name for name, options in features.items() if _has_frames(options)]
        if self.source is not None and self.source not in able:
            raise ValueError(
                f"source: {self.source!r} is no feature of the kind audio or series; those are: "
                f"{', '.join(able) or 'none'}{did_you_mean(self.source, able)}"
            )
        if self.source is None and len(able) != 1:
            what = (
                f"which of {', '.join(able)} is transcribed?" if able else "nothing to transcribe"
            )
            raise ValueError(f"{what} (source: names a feature of the kind audio or series)")
        source = self.source or able[0]
        reads = features[source]
        if self.reads not in (None, reads):
            raise ValueError(
                "reads: is taken from the source and is not written here (leave it out)"
            )
        if getattr(reads, "max_length", None) is not None:
            raise ValueError(
                f"source: {source!r} has max_length: {reads.max_length}, and what it cuts off "
                "would still be in the text (leave max_length out, or cut the rows themselves)"
            )
        stride = self.stride or (AUDIO_STRIDE if isinstance(reads, Audio) else 1)
        return self.model_copy(update={"source": source, "stride": stride, "reads": reads})

    def read_label(self, fields: Mapping[str, Any]) -> RawValue:
        value = super().read_label(fields)
        count = len(self.pieces(value))
        if not count:
            raise RawError(
                f"column {self.label!r} has nothing that is written, and a row without text "
                "teaches nothing (give it a text, or remove the row)"
            )
        if count > self.target.max_length:
            raise RawError(
                f"column {self.label!r} has {count} pieces, where target.max_length: "
                f"{self.target.max_length} are read (raise it, or cut the row)"
            )
        return value

    def pieces(self, text: RawValue) -> list[str]:
        """What a text is cut to; with ``subwords``, what these are cut from."""
        return self.target.feature.value_tokens(text)

    def check_row(self, targets: Mapping[str, RawValue], values: Mapping[str, RawValue]) -> None:
        """Whether the text fits into the steps."""
        super().check_row(targets, values)
        assert self.source is not None and self.reads is not None and self.stride is not None
        frames = self.reads.steps_of(values[self.source])
        if frames is None:
            return
        steps = (frames + self.stride - 1) // self.stride
        pieces = self.pieces(targets[self.label])
        again = sum(one == other for one, other in itertools.pairwise(pieces))
        if len(pieces) + again > steps:
            blanks = f", and {again} blanks between equal ones" if again else ""
            raise RawError(
                f"feature {self.source!r} has {frames} frames, which become {steps} steps by "
                f"stride: {self.stride}, but column {self.label!r} has {len(pieces)} pieces{blanks}"
                " (correct the row, or make the stride, or what is between two frames, smaller)"
            )

    def counted(self, targets: Mapping[str, RawValue]) -> Iterable[str]:
        """The pieces; of subwords, which Transform learns, nothing is counted."""
        return () if self.target.subwords else self.pieces(targets[self.label])

    def label_problems(
        self, labels: Mapping[str, Mapping[str, LabelCount]]
    ) -> tuple[list[str], list[str]]:
        """Warns of pieces that are never learnt."""
        return piece_problems(self.label, self.target, labels)


def _has_frames(options: FeatureOptions) -> bool:
    """Whether a row of a feature is numbers in the order of time."""
    if isinstance(options, Audio):
        return not options.per_step
    return options.raw.dtype == "float" and options.raw.ragged_rank == 1
