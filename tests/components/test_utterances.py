"""The reader that strings recordings together."""

import io
import wave
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.ingest.files import content_hashes, local_parts
from components.ingest.options import data_class
from components.ingest.parts import read_part
from components.ingest.readers.utterances import Options
from components.ingest.rows import BadFile, Row
from components.ingest.strung import _counts, samples_of

NAMES = "(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<take>[0-9]+)"
SPLIT = {"by": "column", "column": "take", "train": "4-9", "validate": "2-3", "test": "0-1"}


def wav(value: int, frames: int = 60, rate: int = 8000) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, rate, frames, "NONE", ""))
        file.writeframes(np.full(frames, value, "<i2").tobytes())
    return content.getvalue()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("said") / "recordings.zip"
    with zipfile.ZipFile(path, "w") as file:
        for speaker, value in (("anna", 100), ("ben", 20_000)):
            for digit in range(3):
                for take in range(10):
                    name = f"{digit}_{speaker}_{take}.wav"
                    file.writestr(name, wav(value + digit, 40 + 7 * take))
    return path


def options(path: Path | str, **stated: Any) -> Options:
    given = {
        **{"path": str(path), "format": "utterances", "names": NAMES, "said": "digit"},
        **{"within": "speaker", "split": SPLIT, "silence": 0.005, "overlap": 0.002},
    }
    found = data_class("utterances").model_validate(given | stated)
    assert isinstance(found, Options)
    assert Options.model_validate_json(found.to_json()) == found
    return found


def strung(given: Options) -> list[Row]:
    rows = [row for _, part in local_parts(given) for row in read_part(part, given)]
    assert [row.line for row in rows] == sorted({row.line for row in rows})
    return rows


def test_recordings_are_heard_in_one_split_with_one_voice_once_a_pass(archive: Path) -> None:
    given = options(archive, passes=3)
    split_of: dict[str, set[str]] = {}
    heard: Counter[str] = Counter()
    for row in strung(given):
        assert row.problem is None
        fields = row.fields
        assert 3 <= fields["count"] == len(fields["recordings"]) == len(fields["text"].split()) <= 7
        split = given.split.split_of(fields["take"])
        for file, word in zip(fields["recordings"], fields["text"].split(), strict=True):
            assert file.startswith(f"{word}_{fields['speaker']}_")
            split_of.setdefault(file, set()).add(split)
            heard[file] += 1
    assert {len(splits) for splits in split_of.values()} == {1}
    assert set(heard.values()) == {3} and len(heard) == 60


def test_the_same_is_strung_again_and_another_seed_strings_otherwise(archive: Path) -> None:
    rows = strung(options(archive))
    assert strung(options(archive)) == rows
    assert strung(options(archive, seed=1)) != rows
    prints = [content_hashes(options(archive, seed=seed)) for seed in (0, 1)]
    assert prints[0] == prints[1] and list(prints[0]) == [str(archive)]


def test_samples_stand_where_starts_says_and_add_up_where_they_overlap(archive: Path) -> None:
    overlaps = 0
    for row in strung(options(archive, overlap=0.004)):
        fields = row.fields
        expected = np.zeros(round(fields["seconds"] * 8000), int)
        end = 0
        for file, start in zip(fields["recordings"], fields["starts"], strict=True):
            digit, speaker, take = file.removesuffix(".wav").split("_")
            begin, frames = round(start * 8000), 40 + 7 * int(take)
            assert begin + 40 > end - 32 and begin - end <= 40
            overlaps += begin < end
            expected[begin : begin + frames] += {"anna": 100, "ben": 20_000}[speaker] + int(digit)
            end = begin + frames
        assert 0 <= len(expected) - end <= 40
        clipped = np.clip(expected, -(2**15), 2**15 - 1)
        np.testing.assert_array_equal(samples_of(fields["audio"]), clipped)
    assert overlaps


def test_words_are_written_as_called(archive: Path) -> None:
    listed = options(archive, called=["zero", "one", "two"])
    (named, *_) = strung(options(archive, called={"0": "zero", "1": "one", "2": "two"}))
    (row, *_) = strung(listed)
    assert row == named and set(row.fields["text"].split()) <= {"zero", "one", "two"}
    rows = strung(options(archive, called=["zero", "one"]))
    problems = [row.problem for row in rows if row.problem]
    assert len(problems) == 20
    assert "column 'digit' is '2', and data.called has no word for it" in problems[0]


def test_a_group_splits_too(archive: Path) -> None:
    rows = strung(options(archive, group="speaker", split={"by": "group"}))
    assert {row.fields["speaker"] for row in rows} == {"anna", "ben"}
    assert "take" not in rows[0].fields


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        ({"recordings": [7, 3]}, r"7 to 3 is empty; write \[3, 7\]"),
        ({"recordings": [0, 3]}, "greater than or equal to 1"),
        ({"within": ["text"]}, "'text' is a column of the reader's own"),
        ({"split": {"by": "row"}}, "a recording would be in utterances of several splits"),
        ({"split": {"by": "group"}, "group": "take"}, "a group that is one of within"),
        ({"split": SPLIT | {"validate": 0.1}}, "would hold recordings that are in train too"),
        ({"silence": -1.0}, "greater than or equal to 0"),
        ({"passes": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_cannot_be(stated: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        options("x.zip", **stated)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"1_anna_0.wav": wav(1, rate=4000)}, "has 4000 samples a second, and 0_anna_0.wav 8000"),
        ({"1_anna_77.wav": wav(1)}, "column 'take' is '77'; the splits are train '4-9'"),
        ({"1_anna_0.wav": b"RIFF"}, "no wav file"),
        ({"song.wav": wav(1)}, "is not of the form data.names"),
    ],
)
def test_a_recording_that_cannot_be_used_is_a_bad_row(
    tmp_path: Path, files: dict[str, bytes], problem: str
) -> None:
    good = {f"{digit}_anna_0.wav": wav(1) for digit in (0, 2, 3, 4)}
    for name, content in (good | files).items():
        (tmp_path / name).write_bytes(content)
    rows = strung(options(tmp_path))
    assert [problem in str(row.problem) for row in rows if row.problem] == [True]
    assert sum(row.problem is None for row in rows) == 1


def test_too_few_that_are_alike_and_data_elsewhere_say_so(tmp_path: Path) -> None:
    (tmp_path / "0_anna_0.wav").write_bytes(wav(1))
    with pytest.raises(BadFile, match="no 3 recordings are alike in speaker"):
        strung(options(tmp_path))
    with pytest.raises(BadFile, match="files of this machine"):
        list(read_part("gs://x/*.wav", options("gs://x/*.wav")))


@settings(max_examples=50, deadline=None)
@given(
    available=st.integers(0, 60),
    fewest=st.integers(1, 5),
    more=st.integers(0, 5),
    seed=st.integers(0, 9),
)
def test_counts_are_within_bounds_and_leave_few(
    available: int, fewest: int, more: int, seed: int
) -> None:
    draw = np.random.default_rng(seed).random
    counts = _counts(available, (fewest, fewest + more), draw)
    assert all(fewest <= count <= fewest + more for count in counts)
    left = available - sum(counts)
    assert 0 <= left < fewest
    if more >= fewest - 1 and available >= fewest:
        assert left == 0
