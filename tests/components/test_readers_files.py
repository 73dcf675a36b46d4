"""The readers of files that are a row each: numbers, text, audio, images; and IDX."""

import gzip
import io
import struct
import wave
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media import png
from pydantic import ValidationError

from components.errors import DataError
from components.ingest import members
from components.ingest.options import DataOptions, data_class
from components.ingest.parts import companions, read_part
from components.ingest.readers import audio, files, images
from components.ingest.rows import Row

NAMES = "(?P<digit>[0-9])_(?P<speaker>[a-z]+)"
PNG = png([[0, 1], [2, 3]])
JPEG = images.JPEG + b"\0" * 8 + images.JPEG_END


def options(data_format: str, path: Path | str, **stated: Any) -> DataOptions:
    given = data_class(data_format)(path=str(path), format=data_format, **stated)
    assert type(given).model_validate_json(given.to_json()) == given
    return given


def read(data_format: str, path: Path, base: Path | str | None = None, **stated: Any) -> list[Row]:
    return list(read_part(str(path), options(data_format, base or path, **stated)))


def wav(frames: int = 80, rate: int = 8000, width: int = 2, channels: int = 1) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((channels, width, rate, frames, "NONE", ""))
        file.writeframes(b"\1" * frames * width * channels)
    return content.getvalue()


def archive(path: Path, contents: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return path


def said(rows: list[Row]) -> list[str | None]:
    return [row.problem or row.skipped for row in rows]


def test_a_wav_file_is_a_row_with_what_its_header_and_name_say(tmp_path: Path) -> None:
    path = tmp_path / "speech" / "7_anna.wav"
    path.parent.mkdir()
    path.write_bytes(wav(800, channels=2))
    (row,) = read("audio", path, tmp_path / "*" / "*.wav", rate=8000, names=NAMES)
    assert row.problem is None
    assert row.fields == {
        "file": "speech/7_anna.wav",
        "name": "7_anna",
        "folder": "speech",
        "digit": "7",
        "speaker": "anna",
        "audio": wav(800, channels=2),
        "seconds": 0.1,
        "rate": 8000,
        "channels": 2,
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no wav file: it begins with b''"),
        (b"ID3 and more of it", "no wav file: it begins with b'ID3 and more"),
        (wav()[:30], "a broken wav file: its fmt chunk is too short"),
        (wav()[:100], "a broken wav file: 160 bytes of samples are announced, and 56"),
        (wav(rate=16000), "has 16000 samples a second, where data.rate states 8000"),
        (wav(width=1), "a wav file of 8-bit PCM came; 16-bit PCM is read"),
        (wav(0), "a wav file without any sample"),
    ],
)
def test_what_is_no_wav_or_of_another_rate_is_a_problem(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    (row,) = read("audio", path, rate=8000)
    assert row.problem and row.problem.startswith(problem)
    assert row.came == f"a.wav, {len(content)} bytes"


def test_members_of_an_archive_are_rows_and_tricks_are_refused(tmp_path: Path) -> None:
    contents = {
        "set/1_a.wav": wav(),
        "../2_b.wav": wav(),
        "/3_c.wav": wav(),
        "C:/4_d.wav": wav(),
        "README.md": b"text",
        "__MACOSX/._1_a.wav": b"x",
        "set/bad.wav": b"x",
        "set/5_e.wav": b"RIFF",
    }
    rows = read("audio", archive(tmp_path / "r.zip", contents), names=NAMES, unmatched="skip")
    assert [row.line for row in rows] == list(range(1, 9))
    assert said(rows)[1:4] == [
        f"member {name!r} leads out of the archive"
        for name in ("../2_b.wav", "/3_c.wav", "C:/4_d.wav")
    ]
    assert rows[4].skipped == "a file in the archive that is no .wav"
    assert rows[5].skipped == "a hidden file in the archive"
    assert rows[6].skipped == "a file whose name is not of the form that data.names states"
    assert rows[7].problem.startswith("member 'set/5_e.wav': no wav file")
    assert rows[0].fields["file"] == "set/1_a.wav" and rows[0].fields["folder"] == "set"
    assert not list(tmp_path.glob("*_*"))


def test_damaged_archives_and_members_are_told(tmp_path: Path, monkeypatch: Any) -> None:
    path = archive(tmp_path / "r.zip", {"a.wav": wav(), "b.wav": wav()})
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes(content)
    first, second = read("audio", path)
    assert first.problem.startswith("member 'a.wav' cannot be read") and second.problem is None
    path.write_bytes(content[:-30])
    with pytest.raises(DataError, match=r"r\.zip: no zip archive that can be read"):
        read("audio", path)
    monkeypatch.setattr(members, "MAX_FIELD_BYTES", 50)
    path = archive(tmp_path / "r.zip", {"a.wav": wav()})
    assert "has more than" in str(read("audio", path)[0].problem)
    (tmp_path / "a.wav").write_bytes(wav())
    assert "has more than" in str(read("audio", tmp_path / "a.wav")[0].problem)


TABLE = "file,label\nb.csv,walk\nsub/a,run\n"


def sequences(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (folder / "b.csv").write_text("x,y\n5,6\n")
    (folder / "labels.tsv").write_text(TABLE.replace(",", "\t"))


def test_targets_stand_in_a_table(tmp_path: Path) -> None:
    sequences(tmp_path)
    stated = {"table": "labels.tsv", "key": "file"}
    row, _ = read("files", tmp_path / "sub" / "a.csv", tmp_path / "*" / "*.csv", **stated)
    assert row.fields == {
        "file": "sub/a.csv",
        "name": "a",
        "folder": "sub",
        "label": "run",
        "values": [[1.0, 2.0], [3.0, 4.0]],
    }
    base = tmp_path / "*.csv"
    given = options("files", base, **stated)
    assert companions(str(tmp_path / "b.csv"), given) == [str(tmp_path / "labels.tsv")]
    row, without = read_part(str(tmp_path / "b.csv"), given)
    assert row.fields["label"] == "walk"
    assert without.problem == (
        f"{tmp_path}/labels.tsv:3: 'sub/a' names no file of the data (take the line out, or write "
        "unmatched: skip)"
    )
    (tmp_path / "c.csv").write_text("1\n2\n")
    (row,) = read("files", tmp_path / "c.csv", base, **stated, header=False)
    assert row.problem.startswith(f"c.csv: no line of {tmp_path}/labels.tsv names this file")
    skipping = read("files", tmp_path / "c.csv", base, **stated, unmatched="skip")
    assert said(skipping) == ["a file that data.table does not list"]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("file,label\na,1\na,2\n", "labels.csv names it in line 2 and in line 3"),
        ("id,label\na,1\n", "labels.csv:2: no column 'file' (data.key); the columns are id, label"),
        ("file,values\na,1\n", "labels.csv:2: column 'values' is one of the reader's own"),
        ("file,label\na\n", "labels.csv:2: has 1 field, but the header names 2"),
        (None, "labels.csv: cannot be read (data.table; it stands in the folder that data.path"),
    ],
)
def test_bad_tables_are_told(tmp_path: Path, table: str | None, problem: str) -> None:
    (tmp_path / "a.txt").write_text("x\n1\n")
    if table is not None:
        (tmp_path / "labels.csv").write_text(table)
    try:
        base = tmp_path / "*.txt"
        found = said(read("files", tmp_path / "a.txt", base, table="labels.csv", key="file"))
    except DataError as error:
        found = [str(error)]
    assert problem in str(found[0])


def test_the_table_is_no_sequence_itself(tmp_path: Path) -> None:
    sequences(tmp_path)
    rows = read("files", tmp_path / "labels.tsv", tmp_path, table="labels.tsv", key="file")
    assert said(rows) == ["the table of data.table itself"]


@pytest.mark.parametrize(
    ("content", "stated", "values"),
    [
        ("x,y\n1,2\n3,4\n", {}, [[1.0, 2.0], [3.0, 4.0]]),
        ("x,y\n1,2\n3,4\n", {"values": ["y"]}, [2.0, 4.0]),
        ("1\n2\n", {"header": False}, [1.0, 2.0]),
        ("1  2\n3 4\r\n", {"header": False, "delimiter": "blanks"}, [[1.0, 2.0], [3.0, 4.0]]),
        ("1;2,5\n", {"columns": ["a", "b"], "delimiter": ";", "decimal": ","}, [[1.0, 2.5]]),
        ("x,y\n1,\n", {"missing": "keep"}, [[1.0, None]]),
    ],
)
def test_numbers_are_read_from_each_file(tmp_path: Path, content, stated, values) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(content.encode()))
    (row,) = read("files", path, **stated)
    assert row.problem is None and row.fields["values"] == values


@pytest.mark.parametrize(
    ("content", "stated", "problem"),
    [
        (b"", {}, "the file is empty"),
        (b"x\n", {}, "holds no step below its header"),
        (b"x,y\n1,2\n3\n", {}, "line 3: has 1 cells, where 2 columns are read"),
        (b"x\n1\nNaN\n", {}, "line 3: column 'x' is 'NaN', where a number is read"),
        (b"x;y\n1;2\n", {}, "the first line is one cell with ';' in it"),
        (b"x\n1\n", {"values": ["y"]}, "no column 'y' (data.values); the columns are x"),
        (b"x\n\xff\n", {}, "line 2: cell 1 holds bytes that are not UTF-8"),
        (b" \n", {"content": "text"}, "holds no text"),
        (b"\xff", {"content": "text"}, "holds bytes that are not UTF-8"),
    ],
)
def test_files_that_cannot_be_read_are_problems(tmp_path: Path, content, stated, problem) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    (row,) = read("files", path, **stated)
    assert row.problem and row.problem.startswith(problem)


def test_text_is_read_whole(tmp_path: Path) -> None:
    path = archive(tmp_path / "t.zip", {"pos/1.txt": "\ufeffgut\nso".encode()})
    (row,) = read("files", path, content="text")
    assert row.fields["text"] == "gut\nso" and row.fields["folder"] == "pos"


@pytest.mark.parametrize(
    ("data_format", "stated", "problem"),
    [
        ("audio", {"names": "("}, "'(' is no regular expression"),
        ("audio", {"names": "a"}, "'a' has no named group"),
        ("audio", {"names": "(?P<rate>.)"}, "'rate' is a column of the reader's own"),
        ("files", {"table": "t.csv"}, "state table: and key:"),
        ("files", {"table": "t.xls", "key": "a"}, "table: 't.xls' came; its name ends in .csv"),
        ("files", {"content": "text", "header": False}, "header is of content: numbers"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(data_format, stated, problem) -> None:
    with pytest.raises(ValidationError) as caught:
        options(data_format, "/d", **stated)
    assert problem in str(caught.value)


def test_images_are_rows_with_their_bytes(tmp_path: Path) -> None:
    path = archive(tmp_path / "i.zip", {"cat/1.png": PNG, "dog/2.jpg": JPEG, "dog/3.jpeg": b"GIF8"})
    cat, dog, bad = read("images", path)
    assert (cat.fields["folder"], cat.fields["image"]) == ("cat", PNG)
    assert (dog.fields["folder"], dog.fields["image"]) == ("dog", JPEG)
    assert bad.problem.startswith("member 'dog/3.jpeg': neither png nor jpeg")
    damaged = PNG[:20] + b"\xff" + PNG[21:]
    for content, problem in (
        (PNG[:-4], "cut off: a png's chunk ends before its checksum"),
        (PNG[:-12], "cut off: the image's end is not in the file"),
        (damaged, "damaged: the checksum of a png's chunk is another one"),
    ):
        (tmp_path / "a.png").write_bytes(content)
        (row,) = read("images", tmp_path / "a.png")
        assert row.problem == problem


def idx(magic: int, sizes: tuple[int, ...], content: bytes) -> bytes:
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes) + content


IMAGES = idx(0x803, (2, 2, 3), bytes(range(12)))
LABELS = idx(0x801, (2,), bytes([7, 1]))


def mnist(folder: Path, pictures: bytes = IMAGES, labels: bytes | None = LABELS) -> Path:
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(pictures))
    if labels is not None:
        (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    return path


def test_idx_files_are_rows_with_their_labels(tmp_path: Path) -> None:
    path = mnist(tmp_path)
    assert [(row.line, row.fields) for row in read("images", path)] == [
        (1, {"image": [[0, 1, 2], [3, 4, 5]], "number": 1, "label": "7"}),
        (2, {"image": [[6, 7, 8], [9, 10, 11]], "number": 2, "label": "1"}),
    ]
    beside = [str(tmp_path / "train-labels-idx1-ubyte")]
    assert companions(str(path), options("images", tmp_path)) == beside
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert all("label" not in row.fields for row in read("images", path))


@pytest.mark.parametrize(
    ("pictures", "labels", "problem"),
    [
        (b"", LABELS, "images-idx3-ubyte.gz: begins with b'', where IDX of bytes in 3 dimensions"),
        (LABELS + IMAGES, LABELS, r"begins with b'\x00\x00\x08\x01', where IDX"),
        (IMAGES, IMAGES, "labels-idx1-ubyte: begins with"),
        (IMAGES, idx(0x801, (3,), b"abc"), "announces 2 images, and "),
        (IMAGES[:-1], LABELS, "images-idx3-ubyte.gz:2: ends in image 2 of 2"),
        (IMAGES + b"x", LABELS, "images-idx3-ubyte.gz:2: goes on behind the 2 images"),
        (IMAGES, LABELS[:-1], "labels-idx1-ubyte:2: ends before label 2"),
        (idx(0x803, (1, 0, 9), b""), None, "announces images of 0 x 9 pixels"),
    ],
)
def test_broken_idx_files_are_told(tmp_path: Path, pictures, labels, problem) -> None:
    with pytest.raises(DataError) as caught:
        read("images", mnist(tmp_path, pictures, labels))
    assert problem in str(caught.value)


def test_a_truncated_packed_file_is_told(tmp_path: Path) -> None:
    path = mnist(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        read("images", path)
    other = tmp_path / "a.csv.gz"
    other.write_bytes(gzip.compress(b"x\n" + b"1\n" * 900)[:-9])
    with pytest.raises(DataError, match="cannot be read beyond this line"):
        read("files", other)


ZIPPED = io.BytesIO()
with zipfile.ZipFile(ZIPPED, "w") as _file:
    _file.writestr("a.wav", wav(8))
    _file.writestr("b.csv", b"x,y\n1,2\n")
    _file.writestr("c.png", PNG)
SEEDS = [wav(8), ZIPPED.getvalue(), b"x,y\n1,2\n", PNG, IMAGES, b""]
READERS = [
    (audio, "audio", "a.wav"),
    (audio, "audio", "a.zip"),
    (files, "files", "a.csv"),
    (files, "files", "a.zip"),
    (images, "images", "a.png"),
    (images, "images", "a.zip"),
    (images, "images", "x-images-idx3-ubyte"),
]


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(READERS),
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), max_size=4),
    st.integers(0, 400),
)
def test_arbitrary_bytes_are_rows_or_a_data_error(reader, seed, edits, cut) -> None:
    module, data_format, path = reader
    content = bytearray(seed)
    for place, piece in edits:
        content[place : place + len(piece)] = piece
    stream = io.BytesIO(bytes(content[: len(content) - cut] if cut < 40 else content))
    try:
        rows = list(module.rows(stream, path, options(data_format, path)))
    except DataError as error:
        assert str(error).startswith(path)
        return
    for row in rows:
        assert row.line >= 1
        assert row.problem or row.skipped or row.fields
    assert not stream.closed
