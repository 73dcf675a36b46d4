"""Reader of images: png and jpeg files in folders or zip archives, or MNIST's IDX pairs.

    data: {path: "flowers/*/*.jpg", format: images, group: folder}
    data: {path: mnist, format: images, split: {by: files,
      train: train-images-idx3-ubyte.gz, test: t10k-images-idx3-ubyte.gz}}

The row of a file holds ``image`` (its bytes as they are, which the network's graph decodes),
``file``, ``name``, ``folder`` (its class, in many collections) and what the name or a table says
(``components.ingest.labelled_files``).  A row of an IDX file holds ``image`` as numbers
``[rows][columns]`` from 0 to 255, ``number`` (from 1) and, where the labels stand beside
(``train-labels-idx1-ubyte``), ``label``.  An image in memory at a time.

With ``strips`` the labelled images of an IDX file are set side by side, a strip a row
(``components.ingest.strips``): ``image`` (a png), ``text`` (its words), ``images`` (how many),
``numbers`` (which) and ``block`` (where in the file they are from).
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, ClassVar, Self

from pydantic import model_validator

from components.ingest.labelled_files import (
    LabelledFileOptions,
    labelled_rows,
    table_companions,
)
from components.ingest.options import DataOptions
from components.ingest.parts import UNREADABLE, local
from components.ingest.rows import MAX_FIELD_BYTES, BadFile, Row
from components.ingest.strips import LabelledImage, StripOptions, fields_of, strips
from models.raw import shown

ENDINGS = (".png", ".jpg", ".jpeg")
IDX_ENDINGS = ("-images-idx3-ubyte", "-images.idx3-ubyte")
PATTERNS = (
    *(f"*{ending}" for ending in ENDINGS),
    "*.zip",
    *(f"*/*{ending}" for ending in ENDINGS),
    *(f"*{ending}{packed}" for ending in IDX_ENDINGS for packed in ("", ".gz")),
)
PNG, JPEG, JPEG_END = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd9"
IMAGES_MAGIC, LABELS_MAGIC = 0x803, 0x801


class Options(LabelledFileOptions):
    """Options of images: those of files that are a row each, and strips.

    Attributes:
        strips: sets the labelled images of an IDX file side by side, ``{}`` for up to five.
    """

    own_fields: ClassVar[tuple[str, ...]] = (*LabelledFileOptions.own_fields, "image")

    strips: StripOptions | None = None

    @model_validator(mode="after")
    def _no_image_in_two_splits(self) -> Self:
        again = self.strips is not None and self.strips.passes > 1
        if again and self.group != "block" and not self.allow_leaks:
            raise ValueError(
                f"strips.passes: {self.strips.passes} sets an image to that many strips, which "
                "could fall to different splits (write group: block)"
            )
        return self


def companions(path: str, options: DataOptions) -> list[str]:
    """The labels of an IDX file, and the table."""
    labels = _labels_beside(path) if _is_idx(path) else None
    return [*([] if labels is None else [labels]), *table_companions(path, options)]


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the row of an image, or of each in an archive or IDX file.

    Raises:
        BadFile: the archive, the table or the IDX file cannot be read.
    """
    if _is_idx(path):
        yield from _idx_rows(stream, path, options)
    elif options.strips is not None:
        raise BadFile(path, None, "strips: are of IDX files, which hold labelled images")
    else:
        yield from labelled_rows(stream, path, options, ENDINGS, _fields)


def _fields(content: bytes, name: str) -> dict[str, Any]:
    if content.startswith(PNG):
        _check_png(content)
    elif content.startswith(JPEG):
        # Not anywhere: a thumbnail inside has an end of its own.
        if not content.rstrip(b"\0\r\n").endswith(JPEG_END):
            raise ValueError("cut off: the image's end is not at the end of the file")
    else:
        raise ValueError(f"neither png nor jpeg: the file begins with {shown(content[:12])}")
    return {"image": content}


def _check_png(content: bytes) -> None:
    """Walks the chunks of a png (https://www.w3.org/TR/png-3/#5Chunk-layout).

    Raises:
        ValueError: one is cut off or damaged, or the image has no pixels.
    """
    place = len(PNG)
    while place < len(content):
        if place + 12 > len(content):
            raise ValueError("cut off: a png's chunk ends before its checksum")
        size, kind = struct.unpack_from(">I4s", content, place)
        end = place + 12 + size
        if end > len(content):
            raise ValueError("cut off: a png's chunk ends before its checksum")
        (stated,) = struct.unpack_from(">I", content, end - 4)
        if zlib.crc32(content[place + 4 : end - 4]) != stated:
            raise ValueError("damaged: the checksum of a png's chunk is another one")
        if kind == b"IHDR" and 0 in struct.unpack_from(">II", content, place + 8):
            raise ValueError("a png without pixels: its width or height is 0")
        if kind == b"IEND":
            return
        place = end
    raise ValueError("cut off: the image's end is not in the file")


def _is_idx(path: str) -> bool:
    return path.removesuffix(".gz").endswith(IDX_ENDINGS)


def _labels_beside(path: str) -> str | None:
    folder, name = os.path.split(path.removesuffix(".gz"))
    labels = name.replace("-images", "-labels").replace("idx3", "idx1")
    found = [os.path.join(folder, labels + packed) for packed in ("", ".gz")]
    return next((beside for beside in found if os.path.isfile(beside)), None)


def _idx_rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    if options.names is not None or options.table is not None:
        raise BadFile(path, None, "names: and table: are of files that hold an image each")
    if "://" in path:
        raise BadFile(path, None, "IDX files are read on this machine (copy the folder)")
    count, height, width = _header(stream, path, IMAGES_MAGIC, 3)
    size = height * width
    if not 0 < size <= MAX_FIELD_BYTES:
        raise BadFile(path, None, f"announces images of {height} x {width} pixels")
    found = _labelled_images(stream, path, count, size)
    if options.strips is not None:
        yield from _strip_rows(found, width, path, options.strips)
        return
    for number, (pixels, label) in enumerate(found, start=1):
        image = [list(pixels[start : start + width]) for start in range(0, size, width)]
        fields: dict[str, Any] = {"image": image, "number": number}
        yield Row(number, fields if label is None else fields | {"label": str(label)})


def _strip_rows(
    images: Iterator[tuple[bytes, int | None]], width: int, path: str, options: StripOptions
) -> Iterator[Row]:
    labelled = (
        LabelledImage(pixels, _needed(label, path), number)
        for number, (pixels, label) in enumerate(images, start=1)
    )
    name = os.path.basename(path).removesuffix(".gz")
    try:
        for number, strip in enumerate(strips(labelled, width, name, options), start=1):
            yield Row(number, fields_of(strip))
    except ValueError as error:
        raise BadFile(path, None, str(error)) from error


def _needed(label: int | None, path: str) -> int:
    if label is None:
        raise BadFile(
            path, None, "has no file of labels beside, and strips are described by labels"
        )
    return label


def _labelled_images(
    stream: BinaryIO, path: str, count: int, size: int
) -> Iterator[tuple[bytes, int | None]]:
    """The pixels of each image of an IDX file, and its label if there are labels beside."""
    with ExitStack() as opened:
        labels, beside = None, _labels_beside(path)
        if beside is not None:
            labels = opened.enter_context(local(beside))
            (labelled,) = _header(labels, beside, LABELS_MAGIC, 1)
            if labelled != count:
                raise BadFile(
                    path, None, f"announces {count} images, and {beside} {labelled} labels"
                )
        for number in range(1, count + 1):
            pixels = stream.read(size)
            if len(pixels) < size:
                raise BadFile(path, number, f"ends in image {number} of {count} (fetch it again)")
            yield pixels, None if labels is None else _label(labels, beside, number)
    if stream.read(1):
        raise BadFile(path, count, f"goes on behind the {count} images that it announces")


def _header(stream: BinaryIO, path: str, magic: int, dimensions: int) -> tuple[int, ...]:
    """The dimensions of an IDX file of bytes."""
    try:
        head = stream.read(4 + 4 * dimensions)
    except UNREADABLE as error:
        raise BadFile(path, None, f"cannot be read: {error}") from error
    if len(head) < 4 + 4 * dimensions or struct.unpack_from(">I", head)[0] != magic:
        raise BadFile(
            path,
            None,
            f"begins with {shown(head[:4])}, where IDX of bytes in {dimensions} dimension"
            f"{'s' * (dimensions > 1)} begins with {struct.pack('>I', magic)!r}",
        )
    return struct.unpack_from(f">{dimensions}I", head, 4)


def _label(labels: BinaryIO, path: str | None, number: int) -> int:
    assert path is not None
    try:
        label = labels.read(1)
    except UNREADABLE as error:
        raise BadFile(path, number, f"cannot be read beyond this label: {error}") from error
    if not label:
        raise BadFile(path, number, f"ends before label {number} (fetch it again)")
    return label[0]
