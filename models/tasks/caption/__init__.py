"""Caption: a text about a picture, a short clip, or a vector (one to many)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from models.features.image import Options as Image
from models.features.per_step import is_per_step
from models.options import FeatureOptions, LabelCount, TaskOptions, did_you_mean
from models.options import Options as Plain
from models.raw import RawError, RawValue
from models.writing import WrittenText

Attention = Literal["bahdanau", "luong", "none"]
Width = Annotated[int, Field(ge=1, le=4096)]
IMAGE_FIELDS = ("filters", "kernel_size", "attention")
"""What is said of a picture only."""


class Options(TaskOptions):
    """Options of a captioning task.

    Attributes:
        label: column of the text that is to be written.
        target: how it is cut to pieces, and how many are written at most (``target.max_length``).
        image: the image feature that is described, with ``per_step`` a clip of several; may be
            left out where there is one only.  Other features stand in a vector that the decoder
            reads first.
        filters: widths of the convolutions over the picture, each of which halves it; the places
            that are left are what attention looks at.
        kernel_size: pixels that each sees, to either side.
        attention: how the decoder looks at the places: ``bahdanau``, as it does if it is left out,
            ``luong``, or ``none``, which makes the picture a vector too.
        feeding: whether the decoder reads, beside the last piece, what it saw when it wrote it.
        beam_width: texts that are looked for and answered, the best first; 1 is greedy.
        length_penalty: 0 ranks them by probability, which favours short ones; 1 nearly by the mean
            over the pieces.
    """

    higher_is_better: ClassVar[dict[str, bool]] = {
        "exact_match": True,
        "word_error_rate": False,
        "piece_accuracy": True,
    }
    metric_names: ClassVar[tuple[str, ...]] = ("exact_match", "word_error_rate")
    release_metric: ClassVar[str] = "exact_match"
    training_metrics: ClassVar[tuple[str, ...]] = ("exact_match", "piece_accuracy")

    target: WrittenText = WrittenText()
    image: str | None = None
    filters: tuple[Width, ...] | None = Field(None, min_length=1, max_length=8)
    kernel_size: int | None = Field(None, ge=1, le=31)
    attention: Attention | None = None
    feeding: bool = True
    beam_width: int = Field(5, ge=1, le=100)
    length_penalty: float = Field(0.6, ge=0.0, le=10.0)

    @property
    def looks(self) -> bool:
        """Whether the decoder looks at places of a picture."""
        return self.image is not None and self.attention != "none"

    @property
    def feeds(self) -> bool:
        """Whether the decoder reads what it saw before."""
        return self.feeding and self.looks

    @property
    def terms(self) -> dict[str, Any]:
        return {"text": self.target.model_dump(exclude={"vocabulary", "subwords", "max_length"})}

    def bound(self, features: Mapping[str, FeatureOptions]) -> Self:
        """Finds the picture."""
        pictures = [name for name, options in features.items() if isinstance(options, Image)]
        if self.image is not None and self.image not in pictures:
            raise ValueError(
                f"image: {self.image!r} is no feature of the kind image; those are: "
                f"{', '.join(pictures) or 'none'}{did_you_mean(self.image, pictures)}"
            )
        if self.image is None and len(pictures) > 1:
            raise ValueError(
                f"which of {', '.join(pictures)} is described? (write image: {pictures[0]})"
            )
        found = self.image or next(iter(pictures), None)
        for field in IMAGE_FIELDS:
            if found is None and getattr(self, field) is not None:
                raise ValueError(
                    f"{field} is of a picture, and there is no feature of the kind image (leave "
                    "it out)"
                )
        if found is None and self.feeding and "feeding" in self.model_fields_set:
            raise ValueError(
                "feeding is of what the decoder saw of a picture, and there is no feature of the "
                "kind image (leave it out)"
            )
        for name in pictures:
            if name != found:
                raise ValueError(
                    f"features: {name!r} is a second picture, and one is described (make them one "
                    "clip, an image feature with per_step, or leave it out)"
                )
        return self.model_copy(update={"image": found})

    def network_problems(self, network: Plain) -> dict[str, str]:
        if network.build_model is not None:
            return {"build_model": "a caption's network writes as well as reads (leave it out)"}
        problems = {}
        if network.cell == "none" or network.layers == 0:
            field = "cell" if network.cell == "none" else "layers"
            problems[field] = (
                f"{getattr(network, field)} keeps nothing from piece to piece, and a text is "
                "written piece by piece (take a recurrent cell, and one layer at least)"
            )
        if network.recurrent_dropout and self.feeds:
            problems["recurrent_dropout"] = (
                "with the task's feeding the decoder's steps are computed one by one, without it "
                "(leave it out, or write feeding: false)"
            )
        return problems

    def read_label(self, fields: Mapping[str, Any]) -> RawValue:
        value = super().read_label(fields)
        if not str(value).strip():
            raise RawError(
                f"column {self.label!r} is blank, and a row without text teaches nothing"
            )
        return value

    def label_problems(
        self, labels: Mapping[str, Mapping[str, LabelCount]]
    ) -> tuple[list[str], list[str]]:
        """Texts are not counted."""
        return [], []


def is_clip(features: Mapping[str, FeatureOptions], task: Options) -> bool:
    """Whether a row has several pictures."""
    return task.image is not None and is_per_step(features[task.image])
