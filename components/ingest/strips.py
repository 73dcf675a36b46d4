"""Strips: several labelled images side by side in one, described in words ("three seven one").

How many images a strip has, which, and how far they stand apart is drawn from the seed, the same
wherever and however often the data are read.  Images are drawn a block of the file at a time, so
that few are in memory, and each stands in one strip of a pass.
"""

import random
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from pydantic import Field, field_validator, model_validator

from models.options import Options

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PNG = b"\x89PNG\r\n\x1a\n"
GREY = (8, 0, 0, 0, 0)
"""Of a png's header: bits a pixel, then grey, and the only compression, filter and order."""


class StripOptions(Options):
    """How labelled images are set to strips.

    Attributes:
        least: images of a strip, at least.
        most: images of a strip, at most.
        gap: blank columns between two images, at most; what is left of the strip's width, which is
            the same for all, stands in front and behind.
        passes: how often each image is drawn, once in a pass.
        block: images of the file that strips are drawn from at a time, all of a pass and of every
            further pass; the row's column ``block`` says which.
        words: the word of each label, from label 0 on.
        seed: another seed, other strips.
    """

    least: int = Field(1, ge=1, le=64)
    most: int = Field(5, ge=1, le=64)
    gap: int = Field(10, ge=0, le=1024)
    passes: int = Field(1, ge=1, le=1000)
    block: int = Field(600, ge=1, le=100_000)
    words: tuple[str, ...] = DIGITS
    seed: int = 0

    @field_validator("words")
    @classmethod
    def _are_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [word for word in words if not word or word.split() != [word]]
        if wrong or len(set(words)) < len(words) or not words:
            raise ValueError(
                f"{list(words)} came; a word for each label, each another one and without blanks"
            )
        return words

    @model_validator(mode="after")
    def _least_fits(self) -> "StripOptions":
        if self.least > self.most:
            raise ValueError(f"least: {self.least} is above most: {self.most} (exchange them)")
        if self.block < self.most:
            raise ValueError(
                f"block: {self.block} images are too few for a strip of most: {self.most}"
            )
        return self

    def width(self, image_width: int) -> int:
        """Columns of every strip of images of such a width."""
        return self.most * (image_width + self.gap) + self.gap


class LabelledImage(NamedTuple):
    """Pixels row by row, a byte each; the label, and the image's number in its file."""

    pixels: bytes
    label: int
    number: int


class Strip(NamedTuple):
    """A strip.

    Attributes:
        content: a grey png.
        text: the words of its images from left to right.
        numbers: of its images in their file.
        block: the block of the file that they are of, from 1.
    """

    content: bytes
    text: str
    numbers: list[int]
    block: int


def strips(
    images: Iterable[LabelledImage], width: int, name: str, options: StripOptions
) -> Iterator[Strip]:
    """Sets images to strips.

    Args:
        images: in the order of their file, of one size.
        width: of an image in pixels.
        name: of the file; another name draws other strips.
        options: how.

    Raises:
        ValueError: a label has no word.
    """
    remaining = iter(images)
    number = 0
    while block := list(islice(remaining, options.block)):
        number += 1
        for image in block:
            if image.label >= len(options.words):
                raise ValueError(
                    f"image {image.number} has the label {image.label}, and data.strips.words has "
                    f"{len(options.words)} words, the first of them for label 0 (add the others)"
                )
        for turn in range(options.passes):
            draw = random.Random(f"{options.seed}/{name}/{number}/{turn}")
            order = draw.sample(block, len(block))
            while order:
                count = draw.randint(options.least, options.most)
                # What is left at the end of a block may be fewer, and fewer than wanted is none.
                taken, order = order[:count], order[count:]
                if len(taken) >= options.least:
                    yield _strip(taken, width, number, options, draw)


def _strip(
    images: list[LabelledImage],
    width: int,
    block: int,
    options: StripOptions,
    draw: random.Random,
) -> Strip:
    gaps = [draw.randint(0, options.gap) for _ in images[1:]]
    free = options.width(width) - width * len(images) - sum(gaps)
    front = draw.randint(0, free)
    before = [front, *gaps]
    behind = bytes(free - front)
    height = len(images[0].pixels) // width
    lines = []
    for row in range(height):
        part = slice(row * width, (row + 1) * width)
        lines.append(
            b"".join(
                bytes(gap) + image.pixels[part] for gap, image in zip(before, images, strict=True)
            )
            + behind
        )
    text = " ".join(options.words[image.label] for image in images)
    return Strip(grey_png(lines), text, [image.number for image in images], block)


def grey_png(lines: list[bytes]) -> bytes:
    """A grey picture, a byte a pixel, as a file (https://www.w3.org/TR/png-3/)."""
    header = struct.pack(">II5B", len(lines[0]), len(lines), *GREY)
    # A line begins with its filter: none.
    content = zlib.compress(b"".join(b"\0" + line for line in lines))
    return PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def fields_of(strip: Strip) -> dict[str, Any]:
    """The columns of a strip's row."""
    return {
        "image": strip.content,
        "text": strip.text,
        "images": len(strip.numbers),
        "numbers": strip.numbers,
        "block": strip.block,
    }
