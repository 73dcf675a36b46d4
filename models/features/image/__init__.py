"""Image: an encoded file or an array of pixels a row, read by the network row by row."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from models.features.per_step import StepOptions
from models.raw import FLOAT32_MAX, Raw, RawError, RawValue, shown

SIGNATURES = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff"}

Pixels = Annotated[int, Field(ge=1, le=65_536)]


class Options(StepOptions):
    """Options of an image feature.

    Attributes:
        height: rows that the network reads, each a step.
        width: pixels of a row.
        channels: 1 (grey) or 3 (red, green, blue); encoded files are converted.
        pixels: ``[height, width, channels]`` of the rows' own arrays of numbers, where they hold
            such; else they hold encoded files, png or jpeg.
        brightest: the number of full brightness in such an array, which becomes 1.
        fit: how a picture of another size is made to fit: ``resize`` (bilinear, whatever its
            shape) or ``crop`` (its middle; what is too small gets black around it).
        missing: nothing can stand for a missing picture; such a row is an error.
    """

    read_by: ClassVar[tuple[str, ...]] = (*StepOptions.read_by, "pixels")

    height: int = Field(ge=1, le=4_096)
    width: int = Field(ge=1, le=4_096)
    channels: Literal[1, 3] = 1
    pixels: tuple[Pixels, Pixels, Literal[1, 3]] | None = None
    brightest: float = Field(255.0, gt=0.0, le=FLOAT32_MAX)
    fit: Literal["resize", "crop"] = "resize"
    missing: None = None

    @property
    def raw_value(self) -> Raw:
        if self.pixels is None:
            return Raw(dtype="bytes")
        return Raw(dtype="float", shape=self.pixels)

    def read_value(self, column: str, value: Any) -> RawValue:
        content = self.raw_value.read(column, value)
        if self.pixels is None and not content.startswith(tuple(SIGNATURES.values())):
            raise RawError(
                f"field {column!r}: neither png nor jpeg: the file begins with "
                f"{shown(content[:12])}"
            )
        return content
