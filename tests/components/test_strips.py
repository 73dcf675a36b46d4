"""Strips: labelled images side by side, described in words."""

import gzip
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media import png
from pydantic import ValidationError

from components.errors import DataError
from components.ingest.options import data_class
from components.ingest.read import read_part
from components.ingest.strips import LabelledImage, StripOptions, grey_png, strips

HEIGHT, WIDTH = 2, 3


def images(count: int) -> list[LabelledImage]:
    """Images without a blank pixel, each another one."""
    return [
        LabelledImage(
            bytes(1 + (7 * number + place) % 255 for place in range(6)), number % 10, number
        )
        for number in range(1, count + 1)
    ]


def pixels_of(content: bytes) -> list[bytes]:
    """The lines of a png of ours."""
    start = content.index(b"IDAT")
    (size,) = struct.unpack(">I", content[start - 4 : start])
    width, height = struct.unpack(">II", content[16:24])
    raw = zlib.decompress(content[start + 4 : start + 4 + size])
    lines = [raw[row * (width + 1) + 1 : (row + 1) * (width + 1)] for row in range(height)]
    assert len(raw) == height * (width + 1)
    return lines


@settings(max_examples=40)
@given(
    count=st.integers(0, 40),
    most=st.integers(1, 4),
    gap=st.integers(0, 3),
    passes=st.integers(1, 3),
    block=st.integers(4, 15),
)
def test_a_strip_shows_its_images_from_left_to_right(count, most, gap, passes, block) -> None:
    options = StripOptions(most=most, gap=gap, passes=passes, block=block)
    given_images = images(count)
    found = list(strips(given_images, WIDTH, "a", options))
    used: Counter[int] = Counter()
    for strip in found:
        used.update(strip.numbers)
        assert 1 <= len(strip.numbers) <= most
        assert {(number - 1) // block + 1 for number in strip.numbers} == {strip.block}
        shown = [given_images[number - 1] for number in strip.numbers]
        assert strip.text.split() == [options.words[image.label] for image in shown]
        lines = pixels_of(strip.content)
        assert {len(line) for line in lines} == {options.width(WIDTH)} and len(lines) == HEIGHT
        # No image has a blank pixel: what is not blank are the images, one after the other.
        for row, line in enumerate(lines):
            there = line.replace(b"\0", b"")
            assert there == b"".join(
                image.pixels[row * WIDTH : (row + 1) * WIDTH] for image in shown
            )
            between = line.strip(b"\0")
            assert len(between) - len(there) <= gap * (len(shown) - 1)
    assert used == dict.fromkeys(range(1, count + 1), passes)


def test_the_same_seed_draws_the_same_strips() -> None:
    def drawn(name: str = "a", **options: Any) -> list[Any]:
        return list(strips(images(30), WIDTH, name, StripOptions(**options)))

    assert drawn() == drawn()
    assert drawn() != drawn(seed=1) and drawn() != drawn("b")
    assert all(len(strip.numbers) >= 2 for strip in drawn(least=2, most=3, block=4))


def test_a_picture_is_a_png() -> None:
    rows = [[0, 1, 2], [250, 251, 252]]
    assert grey_png([bytes(row) for row in rows]) == png(rows)


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        ({"strips": {"least": 3, "most": 2}}, "least: 3 is above most: 2"),
        ({"strips": {"most": 9, "block": 8}}, "block: 8 images are too few"),
        ({"strips": {"words": ["a", "a"]}}, "a word for each label, each another one"),
        ({"strips": {"words": ["a b"]}}, "without blanks"),
        ({"strips": {"words": []}}, "a word for each label"),
        ({"strips": {"passes": 2}}, "write group: block"),
        ({"strips": {"digits": 5}}, "Extra inputs are not permitted"),
    ],
)
def test_strips_that_cannot_be_meant_are_refused(stated: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        data_class("images")(path="/d", format="images", **stated)
    assert problem in str(caught.value)


def idx(folder: Path, labels: bytes | None, name: str = "train-images-idx3-ubyte.gz") -> Path:
    pictures = b"".join(image.pixels for image in images(12))
    path = folder / name
    path.write_bytes(gzip.compress(struct.pack(">4I", 0x803, 12, HEIGHT, WIDTH) + pictures))
    if labels is not None:
        content = struct.pack(">2I", 0x801, 12) + labels
        (folder / "train-labels-idx1-ubyte").write_bytes(content)
    return path


def read(path: Path, **stated: Any) -> list[Any]:
    strip_options = {"most": 3, "gap": 1} | stated
    options = data_class("images")(path=str(path), format="images", strips=strip_options)
    return list(read_part(str(path), options))


def test_idx_files_are_read_as_strips(tmp_path: Path) -> None:
    rows = read(idx(tmp_path, bytes(image.label for image in images(12))))
    assert [row.line for row in rows] == list(range(1, len(rows) + 1))
    expected = strips(images(12), WIDTH, "train-images-idx3-ubyte", StripOptions(most=3, gap=1))
    for row, strip in zip(rows, expected, strict=True):
        assert row.fields == {
            "image": strip.content,
            "text": strip.text,
            "images": len(strip.numbers),
            "numbers": strip.numbers,
            "block": 1,
        }


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (None, "has no file of labels beside, and strips are described by labels"),
        (bytes([9] * 11 + [12]), "image 12 has the label 12, and data.strips.words has 10 words"),
    ],
)
def test_labels_without_a_word_are_told(tmp_path: Path, labels, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read(idx(tmp_path, labels))
    assert problem in str(caught.value)


def test_strips_are_of_idx_files(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png([[1]]))
    with pytest.raises(DataError, match="strips: are of IDX files"):
        read(path)
