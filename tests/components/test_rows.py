"""From a row to an example: values, missing ones, wrong types, and the split it falls to."""

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.assign import hash_position, split_of
from components.ingest.options import DataOptions
from components.ingest.rows import BadRow, Row, digest_of, example_of
from components.ingest.splits import SplitByColumn, SplitByFiles, SplitByHash
from components.spec import IngestConfig
from models.features.categorical import Options as Categorical
from models.features.numeric import Options as Numeric
from models.features.series import Options as Series
from models.features.text import Options as Text
from models.features.tokens import Options as Tokens
from models.options import FeatureOptions, TaskOptions
from models.tasks.classify import Options as Classify
from models.tasks.tag import Options as Tag

KEYS = 20_000


def data(**fields: Any) -> DataOptions:
    return DataOptions(path="/data/rows.csv", format="csv", **fields)


STRICT = Categorical(kind="categorical", column="text")


def config(
    features: dict[str, FeatureOptions] | None = None,
    task: TaskOptions | None = None,
    **fields: Any,
) -> IngestConfig:
    features = features or {"review": STRICT}
    task = task or Classify(kind="classify", label="label")
    return IngestConfig(data=data(**fields), features=features, task=task, code="")


def number(missing: float | None = None) -> IngestConfig:
    return config({"price": Numeric(kind="numeric", missing=missing)})


def fallen(row: Row, role: str, options: DataOptions, group: str | None = None) -> str | None:
    keys = {"row": digest_of(row.fields).hex(), "id": None, "group": group}
    return split_of(row.fields, role, keys, options.split)


def example(fields: dict[str, Any], given_config: IngestConfig):
    return example_of(Row(2, {"label": "good"} | fields), "all", given_config)


def test_positions_are_even_and_stable() -> None:
    positions = [hash_position(f"key {number}") for number in range(KEYS)]
    assert all(0.0 <= position < 1.0 for position in positions)
    tenths = Counter(int(position * 10) for position in positions)
    assert len(tenths) == 10
    assert all(abs(count - KEYS / 10) < 5 * math.sqrt(KEYS * 0.09) for count in tenths.values())
    assert positions[:100] == [hash_position(f"key {number}") for number in range(100)]
    assert hash_position("key 0") == 0.2877863575940214


def test_splits_come_close_to_the_shares_asked() -> None:
    shares = {"train": 0.7, "validate": 0.2, "test": 0.1}
    options = data(split=SplitByHash(**shares))
    rows = (Row(2, {"text": f"row {number}"}) for number in range(KEYS))
    counts = Counter(fallen(row, "all", options) for row in rows)
    for split, share in shares.items():
        deviation = math.sqrt(KEYS * share * (1.0 - share))
        assert abs(counts[split] - KEYS * share) < 5 * deviation


def test_the_same_row_falls_to_the_same_split_wherever_it_stands() -> None:
    options = data()
    for index in range(200):
        fields = {"text": f"row {index}", "label": "good"}
        here = fallen(Row(2, fields), "all", options)
        there = fallen(Row(99, dict(reversed(fields.items()))), "all", options)
        assert here == there


def test_another_seed_gives_another_split() -> None:
    rows = [Row(2, {"text": f"row {number}"}) for number in range(500)]
    first, second, again = (
        [fallen(row, "all", data(split=SplitByHash(seed=seed))) for row in rows]
        for seed in (0, 1, 0)
    )
    assert first == again
    assert first != second


def test_rows_of_a_group_stay_together() -> None:
    given_config = config(group="patient", split=SplitByHash(by="group"))
    splits: dict[str, set[str]] = {}
    for index in range(3000):
        patient = f"p{index % 300}"
        came = example({"text": f"row {index}", "patient": patient}, given_config)
        assert came.group == patient
        splits.setdefault(patient, set()).add(came.split)
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {"train", "validate", "test"}


def test_a_group_that_does_not_rule_the_split_is_kept_all_the_same() -> None:
    came = example({"text": "x", "patient": 7}, config(group="patient"))
    assert came.group == "7"


@pytest.mark.parametrize("fields", [{"text": "x"}, {"text": "x", "patient": ""}])
def test_a_row_without_its_group_is_bad(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRow, match="patient"):
        example(fields, config(group="patient"))


def test_a_column_names_the_split() -> None:
    split = SplitByColumn(by="column", column="part", train="0", validate="1", test="2")
    given_config = config(split=split)
    came = [example({"text": "x", "part": part}, given_config).split for part in ("0", 1, "2")]
    assert came == ["train", "validate", "test"]
    with pytest.raises(
        BadRow, match=r"column 'part' is '3'; the splits are train '0', validate '1', test '2'"
    ):
        example({"text": "x", "part": "3"}, given_config)
    with pytest.raises(BadRow, match="has no field 'part'"):
        example({"text": "x"}, given_config)


def test_the_short_name_of_the_validate_split_is_read_from_files_too() -> None:
    split = SplitByColumn.model_validate({"by": "column", "column": "part", "validate": "dev"})
    assert fallen(Row(2, {"part": "dev"}), "all", data(split=split)) == "validate"


def test_given_files_rule_the_split() -> None:
    files = SplitByFiles(by="files", train="a.csv", validate="b.csv", test="c.csv")
    for role in ("train", "validate", "test"):
        assert fallen(Row(2, {}), role, data(split=files)) == role


def test_a_share_of_the_train_files_is_held_out() -> None:
    files = SplitByFiles(by="files", train="a.csv", validate=0.25, test="c.csv")
    options = data(split=files)
    rows = [Row(2, {"text": f"row {number}"}) for number in range(KEYS)]
    counts = Counter(fallen(row, "train", options) for row in rows)
    assert set(counts) == {"train", "validate"}
    assert abs(counts["validate"] / KEYS - 0.25) < 0.02
    assert {fallen(row, "test", options) for row in rows[:500]} == {"test"}
    other = data(split=files.model_copy(update={"seed": 1}))
    assert any(fallen(row, "train", options) != fallen(row, "train", other) for row in rows[:100])


def test_held_out_rows_keep_their_group_together() -> None:
    files = SplitByFiles(by="files", train="a.csv", validate=0.5, test="c.csv")
    options = data(split=files, group="patient")
    for index in range(50):
        rows = [Row(2, {"text": f"row {number}"}) for number in range(5)]
        assert len({fallen(row, "train", options, f"p{index}") for row in rows}) == 1


def test_a_row_with_a_problem_is_bad_with_that_problem() -> None:
    with pytest.raises(BadRow, match=r"^has 1 field$"):
        example_of(Row(2, {"text": "x", "label": "good"}, "has 1 field"), "all", config())


@pytest.mark.parametrize("label", ["", None])
def test_a_row_without_label_is_bad(label: object) -> None:
    with pytest.raises(BadRow, match="'label' is empty"):
        example({"text": "x", "label": label}, config())
    with pytest.raises(BadRow, match="has no field 'label'; its fields are 'text'"):
        example_of(Row(2, {"text": "x"}), "all", config())


@pytest.mark.parametrize(
    ("came", "text"),
    [("x", "x"), (1, "1"), (1.5, "1.5"), (True, "true"), (False, "false"), (0, "0")],
)
def test_scalars_are_read_as_text(came: object, text: str) -> None:
    row = example({"text": came, "label": came}, config())
    assert (row.values, row.targets) == ({"review": text}, {"label": text})


@pytest.mark.parametrize("label", ["two\nlines", "two\r\nlines", "end\r"])
def test_a_label_of_two_lines_is_bad(label: str) -> None:
    with pytest.raises(BadRow, match=r"column 'label' is .*, and a label is one line"):
        example({"text": "x", "label": label}, config())


@pytest.mark.parametrize("came", [["a"], {"a": 1}, []])
def test_containers_are_not_text(came: object) -> None:
    with pytest.raises(BadRow, match=f"field 'text': a {type(came).__name__} came"):
        example({"text": came}, config())
    with pytest.raises(BadRow, match=f"field 'label': a {type(came).__name__} came"):
        example({"text": "x", "label": came}, config())


def test_missing_text_is_bad_or_replaced() -> None:
    for fields, came in (({}, "is absent"), ({"text": None}, "is empty")):
        with pytest.raises(BadRow, match=rf"field 'text' {came} .*`missing:`"):
            example(fields, config())
    replaced = config({"review": Categorical(kind="categorical", column="text", missing="n/a")})
    for fields in ({}, {"text": None}, {"text": ""}):
        with pytest.raises(BadRow, match=r"field 'text' is .*`missing:`"):
            example(fields, config())
        assert example(fields, replaced).values == {"review": "n/a"}
    assert example({"text": "x"}, replaced).values == {"review": "x"}


def test_an_empty_text_may_be_a_value() -> None:
    column = Text(kind="text", column="text")
    assert example({"text": ""}, config({"review": column})).values == {"review": ""}
    for fields in ({}, {"text": None}):
        with pytest.raises(BadRow, match=r"`missing:`"):
            example(fields, config({"review": column}))


@pytest.mark.parametrize(
    ("came", "value"),
    [("1.5", 1.5), (" -2 ", -2.0), ("1e3", 1000.0), (3, 3.0), (0, 0.0), ("0", 0.0), (-0.5, -0.5)],
)
def test_numbers_are_read(came: object, value: float) -> None:
    assert example({"price": came}, number()).values == {"price": value}


@pytest.mark.parametrize(
    "came", ["abc", "1,5", "nan", "inf", "-Infinity", math.nan, math.inf, True, [1], {}, "1e999"]
)
def test_what_is_no_finite_number_is_bad(came: object) -> None:
    with pytest.raises(BadRow, match=r"field 'price': .* came, where a finite number is read"):
        example({"price": came}, number(missing=0.0))


def test_an_integer_beyond_any_float_is_bad() -> None:
    with pytest.raises(BadRow, match="finite"):
        example({"price": 10**400}, number())


def test_a_number_beyond_float32_is_bad() -> None:
    with pytest.raises(BadRow, match="finite"):
        example({"price": "1e300"}, number())


@pytest.mark.parametrize("field", ["text", "label", "patient"])
def test_text_that_is_not_unicode_is_bad(field: str) -> None:
    fields = {"text": "x", "label": "good", "patient": "p"} | {field: "\ud800"}
    with pytest.raises(BadRow, match=field):
        example(fields, config(group="patient", split=SplitByHash(by="group")))


def test_missing_numbers_are_bad_or_replaced() -> None:
    for fields, came in (({}, "is absent"), ({"price": None}, "is empty"), ({"price": ""}, "is")):
        with pytest.raises(BadRow, match=rf"field 'price' {came} "):
            example(fields, number())
        assert example(fields, number(missing=-1.0)).values == {"price": -1.0}
        assert example(fields, number(missing=0.0)).values == {"price": 0.0}


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["text", "label", "price"]),
        st.none()
        | st.booleans()
        | st.integers(-(10**9), 10**9)
        | st.floats()
        | st.text(st.characters(codec="utf-8"), max_size=5)
        | st.lists(st.none(), max_size=1),
    )
)
def test_any_row_becomes_an_example_or_is_bad(fields: dict[str, Any]) -> None:
    columns = {
        "review": STRICT,
        "price": Numeric(kind="numeric", missing=0.0),
    }
    try:
        came = example_of(Row(2, fields), "all", config(columns))
    except BadRow as error:
        assert str(error)
        return
    assert came.split in ("train", "validate", "test")
    assert came.targets["label"]
    assert isinstance(came.values["review"], str)
    assert math.isfinite(came.values["price"])


WORDS = {"words": Tokens(kind="tokens", delimiter=" ")}
TAG = Tag(kind="tag", label="tags", aligned_with="words")


@pytest.mark.parametrize(
    "fields",
    [{"words": ["to", "Rome"], "tags": ["O", "B-city"]}, {"words": "to Rome", "tags": "O B-city"}],
    ids=["jsonl", "csv"],
)
def test_every_step_has_its_label(fields: dict[str, Any]) -> None:
    row = example_of(Row(2, fields), "all", config(WORDS, TAG))
    assert row.values == {"words": ["to", "Rome"]} and row.targets == {"tags": ["O", "B-city"]}
    assert list(TAG.counted(row.targets)) == ["O", "B-city"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["O"], "'words' has 2 steps, but column 'tags' has 1 labels; every step has one"),
        (["O", "O", "O"], "'words' has 2 steps, but column 'tags' has 3 labels"),
        ([], "'tags' is empty"),
        ("  ", "'tags' is empty"),
        (None, "'tags' is empty"),
        (["O", ""], "'tags' has an empty label"),
        (["O", "a\nb"], "'tags' is 'a.*nb', and a label is one line"),
        (7, "'tags': a int came, where a list of strings is read"),
    ],
    ids=str,
)
def test_labels_that_do_not_fit_the_steps_are_bad(labels: object, message: str) -> None:
    row = Row(2, {"words": ["to", "Rome"], "tags": labels})
    with pytest.raises(BadRow, match=message):
        example_of(row, "all", config(WORDS, TAG))


def test_a_series_is_classified_by_its_row() -> None:
    wave = {"wave": Series(kind="series", depth=2)}
    assert example({"wave": [[1, 2], [3, 4.5]]}, config(wave)).values == {
        "wave": [[1.0, 2.0], [3.0, 4.5]]
    }
    with pytest.raises(BadRow, match=r"field 'wave\[1\]': 1 numbers came"):
        example({"wave": [[1, 2], [3]]}, config(wave))
