"""The data gate's judgement of splits and labels, and the schema that an experiment states."""

from collections.abc import Mapping

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.ingest.splits import SPLITS
from components.spec import GROUP_FEATURE, ID_FEATURE, SchemaConfig
from components.validate.checks import label_messages
from components.validate.schema import schema_of
from models.options import LabelCount
from models.raw import Raw
from models.tasks.classify import Options as Classify

Counts = Mapping[str, Mapping[str, LabelCount]]
TASK = Classify(kind="classify", label="mood")


def counts(**splits: dict[str, int]) -> Counts:
    """By split; good ones where nothing is said."""
    good = {split: {"glad": 10, "sad": 10, "bored": 10} for split in SPLITS}
    return {
        split: {
            label: LabelCount(rows, f"{split}.csv:{position + 2}")
            for position, (label, rows) in enumerate(labels.items())
        }
        for split, labels in (good | splits).items()
    }


def judged(labels: Counts) -> tuple[list[str], list[str]]:
    """The gate's errors and warnings on rows with one label each."""
    rows = {split: sum(count.times for count in by.values()) for split, by in labels.items()}
    return label_messages(TASK, rows, labels)


def checked(labels: Counts) -> list[str]:
    errors, warnings = judged(labels)
    assert not errors
    return warnings


def refusal(labels: Counts) -> str:
    errors, _ = judged(labels)
    assert errors
    return "\n".join(errors)


def test_good_data_passes_without_a_word() -> None:
    assert checked(counts()) == []


def test_without_a_task_no_labels_are_judged() -> None:
    assert label_messages(None, dict.fromkeys(SPLITS, 1), {}) == ([], [])


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_without_rows_stops_the_run(split: str) -> None:
    said = refusal(counts(**{split: {}}))
    assert said.startswith(f"the {split} split has no rows; the splits have ")
    others = [name for name in SPLITS if name != split]
    assert all(f"{name} {0 if name == split else 30}" in said for name in SPLITS)
    assert not any(f"the {name} split has no rows" in said for name in others)
    assert "data.split" in said


def test_every_empty_split_is_named_and_labels_are_not_judged_then() -> None:
    said = refusal(counts(train={}, test={}))
    assert [line.split(" split")[0] for line in said.splitlines()] == ["the train", "the test"]
    assert "needs at least two labels" not in said


def test_labels_counted_as_no_rows_make_an_empty_split() -> None:
    assert "the test split has no rows" in refusal(counts(test={"glad": 0}))


def test_one_label_cannot_be_learnt() -> None:
    said = refusal(counts(**{split: {"glad": 10} for split in SPLITS}))
    assert "column 'mood': the train split needs at least two labels; found 'glad'" in said


def test_a_test_split_of_one_label_cannot_judge() -> None:
    said = refusal(counts(test={"sad": 10}))
    assert said.startswith("column 'mood': every row of the test split has the label 'sad'")
    assert len(said.splitlines()) == 1


def test_a_label_of_one_row_is_refused_where_it_stands() -> None:
    said = refusal(counts(train={"glad": 10, "sad": 10, "bored": 10, "gald": 1}))
    assert said.startswith("train.csv:5: label 'gald' occurs in this row only")


def test_a_label_that_training_never_sees_is_refused_where_it_stands() -> None:
    said = refusal(counts(test={"calm": 3, "glad": 10, "sad": 10}))
    assert said.startswith("test.csv:2: label 'calm' (3 rows) never occurs in the train split")


@pytest.mark.parametrize(
    ("split", "says"), [("validate", "it is not validated"), ("test", "its quality is not judged")]
)
def test_a_label_that_is_not_judged_is_a_warning(split: str, says: str) -> None:
    assert checked(counts(**{split: {"glad": 10, "bored": 1}})) == [
        f"label 'sad' has no row in the {split} split: {says}"
    ]


def test_everything_that_stops_the_run_is_named_at_once() -> None:
    said = refusal(
        counts(train={"glad": 10, "sad": 10, "bored": 10, "gald": 1}, test={"calm": 3, "sad": 10})
    )
    assert len(said.splitlines()) == 2
    assert "'gald'" in said and "'calm'" in said


def schema(grouped: bool = False) -> dict[str, schema_pb2.Feature]:
    config = SchemaConfig(
        raw={
            "text": Raw(dtype="string"),
            "price": Raw(dtype="float"),
            "mood": Raw(dtype="string"),
        },
        grouped=grouped,
        code="",
    )
    made = schema_of(config)
    assert len({feature.name for feature in made.feature}) == len(made.feature)
    return {feature.name: feature for feature in made.feature}


def test_the_schema_has_every_raw_feature_with_its_type() -> None:
    assert {name: feature.type for name, feature in schema().items()} == {
        "text": schema_pb2.BYTES,
        "price": schema_pb2.FLOAT,
        "mood": schema_pb2.BYTES,
        ID_FEATURE: schema_pb2.BYTES,
    }


def test_the_schema_has_the_group_where_there_is_one() -> None:
    assert set(schema(grouped=True)) - set(schema()) == {GROUP_FEATURE}
    assert schema(grouped=True)[GROUP_FEATURE].type == schema_pb2.BYTES


def test_every_feature_has_one_value_in_every_row() -> None:
    for feature in schema(grouped=True).values():
        assert feature.HasField("shape")
        assert not feature.shape.dim
        assert feature.presence.min_fraction == 1.0
        assert feature.presence.min_count == 1


def test_sequences_are_stated_as_ragged_with_at_least_a_step() -> None:
    raw = {
        "words": Raw(dtype="string", shape=(None,)),
        "wave": Raw(dtype="float", shape=(None, 3)),
        "price": Raw(dtype="float"),
    }
    made = schema_of(SchemaConfig(raw=raw, grouped=False, code=""))
    features = {feature.name: feature for feature in made.feature}
    assert features["words"].value_count.min == 1 and features["wave"].value_count.min == 3
    assert not features["words"].HasField("shape") and features["price"].HasField("shape")
    stated = made.tensor_representation_group[""].tensor_representation
    assert set(stated) == set(features)
    assert stated["price"].dense_tensor.column_name == "price"
    assert stated["price"].dense_tensor.HasField("shape")
    assert list(stated["words"].ragged_tensor.feature_path.step) == ["words"]
    assert not stated["words"].ragged_tensor.partition
    assert [part.uniform_row_length for part in stated["wave"].ragged_tensor.partition] == [3]
