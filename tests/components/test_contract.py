"""The contract: completed by statistics, told from a person's edit, widened, and agreed with."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.spec import SchemaConfig
from components.validate.agreement import COMPLETED, differences, disagreements
from components.validate.contract import MAX_DOMAIN, complete, reviewed, sources, widened
from components.validate.schema import schema_of
from models.raw import Raw

RAW = {
    "text": Raw(dtype="string"),
    "shop": Raw(dtype="string"),
    "price": Raw(dtype="float"),
    "wave": Raw(dtype="float", shape=(None, 2)),
}
DERIVED = schema_of(SchemaConfig(raw=RAW, grouped=True, code=""))


def add_text(data: statistics_pb2.DatasetFeatureStatistics, name: str, counts: dict[str, int]):
    feature = data.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    feature.path.step.append(name)
    strings = feature.string_stats
    strings.unique = len(counts)
    rows = sum(counts.values())
    strings.common_stats.num_non_missing = strings.common_stats.tot_num_values = rows
    for value, times in counts.items():
        strings.rank_histogram.buckets.add(label=value, sample_count=times)


def add_numbers(
    data: statistics_pb2.DatasetFeatureStatistics, name: str, low: float, high: float, most: int = 1
):
    feature = data.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
    feature.path.step.append(name)
    feature.num_stats.min, feature.num_stats.max = low, high
    feature.num_stats.common_stats.max_num_values = most


def statistics(
    shops: str = "abc", low: float = 10.0, high: float = 20.0, most: int = 8
) -> statistics_pb2.DatasetFeatureStatistics:
    data = statistics_pb2.DatasetFeatureStatistics(num_examples=30)
    add_text(data, "text", {f"a text {number}": 1 for number in range(30)})
    add_text(data, "shop", dict.fromkeys(shops, 10))
    add_numbers(data, "price", low, high)
    add_numbers(data, "wave", -1.0, 1.0, most)
    return data


def contract(*given, **changed) -> schema_pb2.Schema:
    return complete(DERIVED, statistics(*given, **changed), ["shop"])


def feature(schema: schema_pb2.Schema, name: str) -> schema_pb2.Feature:
    (found,) = (each for each in schema.feature if each.name == name)
    return found


def test_the_contract_has_the_user_s_features_alone() -> None:
    assert [each.name for each in contract().feature] == ["text", "shop", "price", "wave"]
    assert not contract().tensor_representation_group


def test_statistics_add_domains_ranges_and_lengths() -> None:
    made = contract()
    assert list(feature(made, "shop").string_domain.value) == ["a", "b", "c"]
    assert feature(made, "shop").distribution_constraints.min_domain_mass == 1.0
    assert not feature(made, "text").HasField("string_domain")
    price = feature(made, "price").float_domain
    assert (price.min, price.max) == (5.0, 25.0)
    assert feature(made, "wave").value_count.max == 16
    assert dict(sources(feature(made, "wave"))) == {"range": "statistics", "lengths": "statistics"}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, (0.0, 15.0)),
        (1.0, 101.0, (0.0, 160.0)),
        (-10.0, -1.0, (-15.0, 0.0)),
        (-1.0, 1.0, (-2.0, 2.0)),
        (12345.0, 12445.0, (12000.0, 13000.0)),
    ],
)
def test_a_range_has_room_but_keeps_its_side_of_zero(
    low: float, high: float, expected: tuple[float, float]
) -> None:
    found = feature(contract(low=low, high=high), "price").float_domain
    assert (found.min, found.max) == expected


@pytest.mark.parametrize(("low", "high"), [(3.0, 3.0), (float("inf"), float("-inf"))])
def test_numbers_that_show_no_range_get_none(low: float, high: float) -> None:
    assert not feature(contract(low=low, high=high), "price").HasField("float_domain")


def test_too_many_values_are_no_domain() -> None:
    shops = "".join(chr(0x4E00 + number) for number in range(MAX_DOMAIN + 1))
    assert not feature(contract(shops), "shop").HasField("string_domain")


def test_an_edit_is_told_from_statistics() -> None:
    made = contract()
    feature(made, "shop").string_domain.value.append("d")
    feature(made, "price").ClearField("float_domain")
    read = text_format.Parse(text_format.MessageToString(made), schema_pb2.Schema())
    assert dict(sources(feature(read, "shop"))) == {"domain": "edit"}
    assert dict(sources(feature(read, "price"))) == {"range": "edit"}
    assert dict(sources(feature(read, "wave")))["lengths"] == "statistics"


def test_widening_keeps_edits_and_makes_room() -> None:
    old = contract()
    feature(old, "shop").string_domain.value.append("z")
    feature(old, "wave").ClearField("float_domain")
    feature(old, "price").skew_comparator.jensen_shannon_divergence.threshold = 0.5
    made = widened(old, contract("abd", high=40.0, most=20))
    assert list(feature(made, "shop").string_domain.value) == ["a", "b", "c", "d", "z"]
    assert feature(made, "price").float_domain.max == 55.0
    assert feature(made, "price").skew_comparator.jensen_shannon_divergence.threshold == 0.5
    assert not feature(made, "wave").HasField("float_domain")
    assert feature(made, "wave").value_count.max == 40
    assert dict(sources(feature(made, "shop"))) == {"domain": "edit"}
    assert dict(sources(feature(made, "price"))) == {"range": "statistics"}
    assert differences(old, made) == [
        "shop: values added: 'd'",
        "price: range 5 to 25 -> 0 to 55",
        "wave: lengths up to 16 -> up to 40",
    ]
    assert widened(made, contract("abd", high=40.0, most=20)) == made


def test_widening_follows_the_experiment() -> None:
    old = contract()
    raw = {"shop": Raw(dtype="float"), "price": RAW["price"], "more": Raw(dtype="string")}
    now = complete(schema_of(SchemaConfig(raw=raw, grouped=False, code="")), statistics(), [])
    made = widened(old, now)
    assert [each.name for each in made.feature] == ["shop", "price", "more"]
    assert not disagreements(now, made)
    said = differences(old, made)
    assert "more: added" in said and "text: removed" in said
    assert "shop: type text or bytes (BYTES) -> numbers (FLOAT)" in said


def test_a_contract_of_the_experiment_agrees_with_it() -> None:
    assert disagreements(reviewed(DERIVED), contract()) == []


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (
            lambda made: feature(made, "price").__setattr__("type", schema_pb2.BYTES),
            "feature 'price': the type is text or bytes (BYTES) in the schema, but numbers (FLOAT) "
            "in the experiment",
        ),
        (
            lambda made: feature(made, "text").presence.__setattr__("min_fraction", 0.5),
            "feature 'text': the presence is at least 50% of the rows in the schema, but every row "
            "in the experiment",
        ),
        (
            lambda made: feature(made, "wave").value_count.__setattr__("min", 3),
            "feature 'wave': the shape is sequence of 3 numbers a step in the schema, but sequence "
            "of 2 numbers a step in the experiment",
        ),
        (
            lambda made: made.feature.pop(0),
            "feature 'text': the experiment has it, the schema does not",
        ),
        (
            lambda made: made.feature.add(name="old"),
            "feature 'old': the schema has it, the experiment does not",
        ),
    ],
)
def test_a_disagreement_names_the_feature_and_both_sides(edit, says: str) -> None:
    made = contract()
    edit(made)
    assert disagreements(reviewed(DERIVED), made) == [says]


def test_long_domains_are_shortened_for_reading() -> None:
    made = feature(contract("abcdef"), "shop")
    made.distribution_constraints.min_domain_mass = 0.9
    assert COMPLETED["domain"](made) == "'a', 'b', 'c', 'd' and 2 more, in 90% of the rows"
