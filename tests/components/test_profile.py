"""What a profile counts of rows, and that parts of the data count as the whole does."""

import json
import pickle
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.splits import SPLITS
from components.validate import profile
from components.validate.profile import Profile, merged
from models.features.categorical import Options as Categorical
from models.features.numeric import Options as Numeric
from models.features.series import Options as Series
from models.features.text import Options as Text
from models.features.tokens import Options as Tokens

FEATURES = {
    "text": Text(kind="text", max_length=4),
    "words": Tokens(kind="tokens"),
    "wave": Series(kind="series", max_length=2),
    "shop": Categorical(kind="categorical"),
    "price": Numeric(kind="numeric"),
}
Row = tuple[str, dict[str, Any], str]


def row(split: str, text: str, line: int, steps: int = 1) -> Row:
    words = text.split() or ["none"]
    return split, {"text": text, "words": words, "wave": [[0.0]] * steps}, f"rows.csv:{line}"


def counted(rows: list[Row]) -> dict[str, Any]:
    found = Profile(FEATURES)
    for each in rows:
        found.add(*each)
    return found.to_json()


ROWS = [
    row("train", "a cat sat down", 2),
    row("train", "a dog sat up there now", 3, steps=3),
    row("train", " ", 4),
    row("validate", "a bird sat", 5),
    row("test", "", 6),
]


def test_features_without_steps_are_not_counted() -> None:
    assert set(counted(ROWS)["train"]) == {"text", "words", "wave"}
    assert Profile(FEATURES).names == ["text", "words", "wave"]


def test_empty_and_long_rows_are_counted_with_their_places() -> None:
    found = counted(ROWS)
    assert found["train"]["text"]["empty"] == {"rows": 1, "examples": [["rows.csv:4", ""]]}
    assert found["test"]["text"]["empty"]["rows"] == 1
    assert found["train"]["text"]["too_long"] == {
        "limit": 4,
        "rows": 1,
        "examples": [["rows.csv:3", "6 steps: a dog sat up there now"]],
    }
    assert found["train"]["wave"]["too_long"]["rows"] == 1
    assert "too_long" not in found["train"]["words"]


def test_lengths_are_those_of_the_tokens() -> None:
    lengths = counted(ROWS)["train"]["text"]["lengths"]
    assert lengths["bins"] == [[0, 0, 1], [4, 4, 1], [6, 6, 1]]
    assert (lengths["median"], lengths["percentile_95"], lengths["max"]) == (4, 6, 6)


def test_unseen_tokens_are_told_with_their_places() -> None:
    found = counted(ROWS)
    assert found["validate"]["text"]["unknown"] == {
        "share": pytest.approx(1 / 3),
        "examples": [["rows.csv:5", "bird"]],
    }
    assert "unknown" not in found["train"]["text"]
    # No tokens at all: nothing to take a share of.
    assert "unknown" not in found["test"]["text"]


def test_what_a_feature_s_options_say_of_tokens_counts() -> None:
    by_character = {"text": Text(kind="text", tokens="characters")}
    found = Profile(by_character)
    found.add("train", {"text": "abc"}, "rows.csv:2")
    assert found.to_json()["train"]["text"]["lengths"]["max"] == 3


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_bins_hold_every_length_once(lengths: list[int]) -> None:
    for length in lengths:
        first = profile._bin(length)
        assert first <= length <= profile._last(first)
        assert profile._bin(profile._last(first)) == first
        assert profile._last(first) - first <= length / 8
        assert profile._bin(profile._last(first) + 1) == profile._last(first) + 1


ANY_ROW = st.builds(
    row,
    st.sampled_from(SPLITS),
    st.text(st.sampled_from("ab cd"), max_size=12),
    st.integers(2, 99),
    st.integers(1, 40),
)


@given(st.lists(ANY_ROW, max_size=20), st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_parts_merge_to_the_whole(rows: list[Row], cut: int) -> None:
    parts = []
    for some in (rows[:cut], rows[cut:]):
        part = Profile(FEATURES)
        for each in some:
            part.add(*each)
        parts.append(pickle.loads(pickle.dumps(part)))
    together, alone = merged(parts, FEATURES).to_json(), counted(rows)
    json.dumps(together)
    for split in SPLITS:
        for name, of_feature in alone[split].items():
            other = together[split][name]
            for key in ("rows", "lengths", "tokens", "distinct"):
                assert other[key] == of_feature[key]
            assert other["empty"]["rows"] == of_feature["empty"]["rows"]
            if "unknown" in of_feature:
                assert other["unknown"]["share"] == of_feature["unknown"]["share"]


def test_a_sample_of_the_distinct_tokens_estimates_what_is_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(profile, "MAX_TYPES", 256)
    source = random.Random(3)
    features = {"words": FEATURES["words"]}
    words = [f"word{number}" for number in range(4000)]
    found, seen, held = Profile(features), set(), []
    for line in range(400):
        tokens = source.choices(words[:3000], k=20)
        seen.update(tokens)
        found.add("train", {"words": tokens}, f"a:{line}")
        tokens = source.choices(words, k=20)
        held += tokens
        found.add("validate", {"words": tokens}, f"b:{line}")
    counts = found.to_json()
    exact = sum(token not in seen for token in held) / len(held)
    assert counts["validate"]["words"]["unknown"]["share"] == pytest.approx(exact, rel=0.25)
    assert counts["train"]["words"]["distinct"] == pytest.approx(len(seen), rel=0.2)
    assert all(len(steps["words"].types.kept) <= 256 for steps in found._steps.values())
