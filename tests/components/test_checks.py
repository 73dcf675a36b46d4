"""What the experiment makes of what was counted; distributions told apart from chance."""

import io
from typing import Any

import pytest
from rich.console import Console
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.ingest.splits import SPLITS
from components.validate.anomalies import Difference, Search, distances, schema_differences
from components.validate.checks import judged, profile_findings, summary_findings
from components.validate.compare import LENGTH, comparable, comparators, shares
from components.validate.findings import Finding, UnfitData, short
from components.validate.options import ValidateOptions
from components.validate.previous import Judged, Made, last_blessed_data
from pipeline.cli.findings import show_findings

DEFAULTS = ValidateOptions()


def of_feature(**changed: Any) -> dict[str, Any]:
    lengths = {"median": 4, "percentile_95": 8, "max": 9, "bins": [[1, 1, 50], [9, 9, 50]]}
    counted = {"rows": 100, "tokens": 500, "lengths": lengths}
    return counted | {"empty": {"rows": 0, "examples": []}} | changed


def found(**changed: Any) -> list[Finding]:
    return list(profile_findings({"validate": {"text": of_feature(**changed)}}, DEFAULTS))


def test_a_good_profile_gives_nothing() -> None:
    assert found(unknown={"share": 0.2, "examples": []}) == []


@pytest.mark.parametrize(
    ("changed", "check", "expected", "came", "rows"),
    [
        (
            {"empty": {"rows": 6, "examples": [["a:2", ""]]}},
            "empty",
            "at most 5.0% of the rows empty",
            "6.0% (6)",
            [["a:2", "empty"]],
        ),
        (
            {"too_long": {"limit": 8, "rows": 51, "examples": [["a:3", "9 steps: ..."]]}},
            "too_long",
            "at most 50.0% of the rows longer than max_length: 8",
            "51.0%; median 4, 95 % up to 8, longest 9",
            [["a:3", "9 steps: ..."]],
        ),
        (
            {"unknown": {"share": 0.21, "examples": [["a:4", "bird"]]}},
            "unknown_tokens",
            "at most 20.0% of the tokens new to train",
            "about 21.0% of 500",
            [["a:4", "bird"]],
        ),
    ],
)
def test_a_share_above_its_bound_is_found(
    changed: dict[str, Any], check: str, expected: str, came: str, rows: list[list[str]]
) -> None:
    assert found(**changed) == [Finding("warn", "validate", "text", check, expected, came, rows)]


def summary(**changed: Any) -> dict[str, Any]:
    labels: dict[str, Any] = {split: {"a": [10, "r:2"], "b": [10, "r:3"]} for split in SPLITS}
    counted = {"rows": dict.fromkeys(SPLITS, 20), "labels": labels, "read": 60, "leaks": {}}
    counted |= {"problem_count": 0, "problems": [], "duplicates": dict.fromkeys(SPLITS, 0)}
    return counted | changed


def test_a_good_summary_gives_nothing() -> None:
    assert list(summary_findings(summary(), "label", DEFAULTS)) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"labels": {"train": {"a": [97, "r:2"], "b": [3, "r:3"]}}},
            "train split, feature 'label': label_balance: expected no label above 95.0%; came 'a' "
            "97.0%\n    r:2: a",
        ),
        (
            {"duplicates": {"test": 5}},
            "test split: duplicates: expected at most 20.0% of the rows again; came 25.0% (5)",
        ),
        (
            {"leaks": {"inputs": {"count": 2, "rows": 3, "examples": [["train r:2", "test r:9"]]}}},
            "data: leaks: expected none (allow_leaks); came 3 rows with the inputs of a row of an "
            "earlier split\n    test r:9: as train r:2",
        ),
        (
            {"problem_count": 6, "problems": [["rows.csv", 7, "no label"]]},
            "data: bad_rows: expected at most 0.0% of the records left out; came 10.0% (6 of 60)\n"
            "    rows.csv:7: no label",
        ),
    ],
)
def test_what_ingest_counted_is_held_against_the_bounds(changed: dict[str, Any], says: str) -> None:
    (finding,) = summary_findings(summary(**changed), "label", DEFAULTS)
    assert str(finding) == says and finding.level == "warn"


def test_what_is_off_is_not_looked_at() -> None:
    off = ValidateOptions.model_validate(
        {"empty": False, "too_long": "off", "bad_rows": {"on": False}, "new_values": False}
    )
    counted = of_feature(
        empty={"rows": 100, "examples": []}, too_long={"limit": 8, "rows": 99, "examples": []}
    )
    assert not list(profile_findings({"train": {"text": counted}}, off))
    assert not list(summary_findings(summary(problem_count=9), "label", off))
    difference = Difference("train", "shop", "new_values", "one of 'a'", "'b'", Search())
    assert [finding.level for finding in judged([difference], off)] == ["off"]


def test_a_level_alone_leaves_the_bound() -> None:
    options = ValidateOptions.model_validate({"drift": "stop", "skew": {"threshold": 0.3}})
    assert (options.drift.on, options.drift.threshold) == ("stop", DEFAULTS.drift.threshold)
    assert (options.skew.on, options.skew.threshold) == (DEFAULTS.skew.on, 0.3)
    assert ValidateOptions.model_validate_json(options.to_json()) == options


def statistics(
    labels: dict[str, int] | None = None, numbers: list[int] | None = None, values: int = 1
) -> statistics_pb2.DatasetFeatureStatistics:
    rows = sum((labels or {}).values()) // values or sum(numbers or [])
    data = statistics_pb2.DatasetFeatureStatistics(num_examples=rows)
    if labels:
        feature = data.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
        feature.path.step.append("label")
        common = feature.string_stats.common_stats
        common.num_non_missing, common.tot_num_values = rows, rows * values
        for label, times in labels.items():
            feature.string_stats.rank_histogram.buckets.add(label=label, sample_count=times)
    if numbers:
        feature = data.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
        feature.path.step.append("price")
        feature.num_stats.common_stats.num_non_missing = rows
        feature.num_stats.mean = feature.num_stats.median = float(len(numbers))
        histogram = feature.num_stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
        for low, count in enumerate(numbers):
            histogram.buckets.add(low_value=low, high_value=low + 1, sample_count=count)
    return data


NAMES = ["label", "price"]
NO_CONTRACT = schema_pb2.Schema()


def bounds(now, before, threshold: float = 0.1, contract=NO_CONTRACT) -> dict[str, float]:
    pair = [comparable(each, {}, NAMES) for each in (now, before)]
    made = comparators(pair[0], pair[1], threshold, contract, "skew_comparator")
    return {
        feature.name: feature.skew_comparator.infinity_norm.threshold
        or feature.skew_comparator.jensen_shannon_divergence.threshold
        for feature in made.feature
    }


def test_a_bound_has_room_for_the_chance_of_few_rows() -> None:
    many = statistics({"a": 50_000, "b": 50_000}, [10_000] * 10)
    few = statistics({"a": 10, "b": 10}, [2] * 10)
    assert bounds(many, many) == {"label": 0.1, "price": 0.1}
    room = bounds(few, many)
    assert room["label"] == pytest.approx(3 * (0.25 * (1 / 20 + 1 / 100_000)) ** 0.5)
    assert 0.1 < room["price"] < 0.4


def test_numbers_that_were_values_are_not_compared() -> None:
    now = comparable(statistics(numbers=[5] * 4), {}, NAMES)
    before = comparable(statistics({"a": 20}), {}, NAMES)
    before.datasets[0].features[0].path.step[0] = "price"
    assert not comparators(now, before, 0.1, NO_CONTRACT, "drift_comparator").feature


def test_a_person_s_bound_in_the_contract_counts() -> None:
    contract = schema_pb2.Schema()
    feature = contract.feature.add(name="label")
    feature.skew_comparator.infinity_norm.threshold = 0.4
    many = statistics({"a": 50_000, "b": 50_000})
    assert bounds(many, many, contract=contract) == {"label": 0.4}


def test_sequences_are_compared_by_values_and_lengths_as_numbers() -> None:
    tags = statistics({"O": 60, "B": 40}, values=5)
    made = comparable(tags, {"words": of_feature()}, NAMES).datasets[0]
    by_name = {feature.path.step[0]: feature for feature in made.features}
    assert by_name["label"].string_stats.common_stats.num_non_missing == 100
    assert shares(by_name["label"]) == {"O": 0.6, "B": 0.4}
    buckets = by_name["words" + LENGTH].num_stats.histograms[0].buckets
    # Without gaps, which TFDV does not survive.
    edges = [(bucket.low_value, bucket.high_value) for bucket in buckets]
    assert [low for low, _ in edges[1:]] == [high for _, high in edges[:-1]]
    assert [bucket.sample_count for bucket in buckets] == [50, 0, 50]


def measured(name: str, value: float) -> anomalies_pb2.Anomalies:
    anomalies = anomalies_pb2.Anomalies()
    info = anomalies.drift_skew_info.add()
    info.path.step.append(name)
    info.skew_measurements.add(value=value, threshold=0.1)
    return anomalies


def test_a_distance_is_told_by_what_moved_most() -> None:
    now = comparable(statistics({"a": 10, "c": 90}, [0, 0, 10, 90]), {}, NAMES)
    before = comparable(statistics({"a": 90, "b": 10}, [90, 10, 0, 0]), {}, NAMES)
    assert not list(distances("test", "skew", measured("label", 0.1), now, before, "train"))
    (label,) = distances("test", "skew", measured("label", 0.9), now, before, "train")
    assert (label.split, label.feature, label.check) == ("test", "label", "skew")
    assert label.expected == "'c' 0.0% as in train (distance up to 0.1)"
    assert label.came == "90.0% (distance 0.9)"
    assert label.search == Search("label", "equal", ["c"])
    (price,) = distances("test", "skew", measured("price", 0.9), now, before, "train")
    assert price.search == Search("price", "inside", [3.0, 4.0])


def test_lengths_that_moved_are_looked_for_in_the_feature() -> None:
    longer = {"lengths": {"median": 9, "max": 9, "bins": [[9, 9, 100]]}}
    now, before = (
        comparable(statistics({"a": 100}), {"words": of_feature(**changed)}, [])
        for changed in (longer, {})
    )
    (words,) = distances("test", "skew", measured("words" + LENGTH, 0.9), now, before, "train")
    assert (words.feature, words.search) == ("words", Search("words", "length", [9, 9]))
    assert words.expected.startswith("length 5 on average, median 4 as in train")


REASON = anomalies_pb2.AnomalyInfo


@pytest.mark.parametrize(
    ("name", "reason", "check", "expected", "came", "search"),
    [
        (
            "label",
            REASON.ENUM_TYPE_UNEXPECTED_STRING_VALUES,
            "new_values",
            "one of 'a'",
            "'b' (40.00%)",
            Search("label", "other", ["a"]),
        ),
        (
            "price",
            REASON.FLOAT_TYPE_BIG_FLOAT,
            "out_of_range",
            "0 to 5",
            "-1 to 9",
            Search("price", "outside", [0.0, 5.0]),
        ),
        (
            "price",
            REASON.FEATURE_TYPE_HIGH_NUMBER_VALUES,
            "out_of_range",
            "up to 7 values a row",
            "up to 12",
            Search("price", "size", [8, 12]),
        ),
        (
            "price",
            REASON.FEATURE_TYPE_LOW_FRACTION_PRESENT,
            "mismatch",
            "what the schema states",
            "as TFDV says",
            Search(),
        ),
    ],
)
def test_an_anomaly_is_told_in_our_words(
    name: str, reason: int, check: str, expected: str, came: str, search: Search
) -> None:
    contract = schema_pb2.Schema()
    label, price = contract.feature.add(name="label"), contract.feature.add(name="price")
    label.string_domain.value.append("a")
    label.distribution_constraints.min_domain_mass = 1.0
    price.float_domain.min, price.float_domain.max, price.value_count.max = 0.0, 5.0, 7
    data = statistics({"a": 60, "b": 40}, [10])
    data.features[1].num_stats.min, data.features[1].num_stats.max = -1.0, 9.0
    data.features[1].num_stats.common_stats.max_num_values = 12
    anomalies = anomalies_pb2.Anomalies()
    anomalies.anomaly_info[name].reason.add(type=reason, description="as TFDV says")
    assert list(schema_differences("train", anomalies, data, contract)) == [
        Difference("train", name, check, expected, came, search)
    ]


def test_drift_is_measured_from_the_last_blessed_run_with_other_data() -> None:
    judged_ones = [Judged(11, 1, True), Judged(12, 2, True), Judged(13, 3, False)]
    statistics_made = [Made(21, 1), Made(22, 2), Made(23, 3), Made(24, 2)]
    profiles = [Made(31, 1), Made(32, 2), Made(33, 3)]

    def found_for(examples: int, judgements=tuple(judged_ones)) -> tuple[int, int] | None:
        return last_blessed_data(judgements, statistics_made, profiles, {examples})

    assert found_for(3) == (24, 32)
    assert found_for(2) == (21, 31)
    assert found_for(1, judged_ones[:1]) is None
    assert found_for(9, [Judged(14, 4, True)]) is None


def test_the_table_has_a_line_for_each_finding_and_the_rows_below(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = io.StringIO()
    rows = [[f"{tmp_path}/rows.csv:7", "[b] " + "long " * 40], ["/else/where.csv:1", ""]]
    findings = [Finding("stop", "train", "shop", "new_values", "one of 'a'", "'[/b]'", rows)]
    findings += [Finding("warn", "", "", "leaks", "none " * 30, "3 rows", [])]
    show_findings(Console(file=shown, width=90), [each._asdict() for each in findings])
    lines = shown.getvalue().splitlines()
    assert lines[0].split() == ["split", "feature", "check", "expected", "came"]
    assert lines[1].split()[:4] == ["✗", "train", "shop", "new_values"] and "'[/b]'" in lines[1]
    assert lines[2].strip().startswith("rows.csv:7  [b] long") and lines[2].endswith("long")
    assert lines[3] == "    /else/where.csv:1"
    assert lines[4].startswith("!  all") and len(lines) > 5
    shown.truncate(0)
    show_findings(Console(file=shown), [])
    assert not shown.getvalue().strip("\x00")


def test_what_stops_is_said_in_one_error() -> None:
    findings = [
        Finding("stop", "train", "shop", "new_values", "one of 'a'", "'b'", [["r:2", "b"]]),
        Finding("warn", "train", "shop", "drift", "x", "y"),
    ]
    error = UnfitData(["the test split has no rows"], findings)
    assert str(error) == (
        "the test split has no rows\n"
        "train split, feature 'shop': new_values: expected one of 'a'; came 'b'\n    r:2: b"
    )
    assert [Finding.from_dict(each._asdict()) for each in error.findings] == findings


def test_values_are_shortened_to_a_line() -> None:
    assert short("a\nb\t c") == "a b c"
    assert len(short("word " * 100)) == 48 and short(["a", "b"]) == "['a', 'b']"
