"""What TFDV found, in the words of the gate's table: checks, expected, came, and what to look for.

Imports no TensorFlow.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.validate.agreement import domain_of, range_of
from components.validate.compare import LENGTH, StatisticsList, shares, standard
from components.validate.contract import Statistics, by_name, common_of

Reason = anomalies_pb2.AnomalyInfo
VALUES = (Reason.ENUM_TYPE_UNEXPECTED_STRING_VALUES,)
RANGES = (Reason.FLOAT_TYPE_SMALL_FLOAT, Reason.FLOAT_TYPE_BIG_FLOAT)
LENGTHS = (Reason.FEATURE_TYPE_HIGH_NUMBER_VALUES,)
SHOWN_VALUES = 3


class Search(NamedTuple):
    """Which rows show a finding, see ``components.validate.rows``.

    Attributes:
        feature: whose value is looked at; empty if no row shows it.
        what: ``other``, none of the arguments; ``equal``, one of them; ``outside``, a number
            beyond these two; ``inside``, one between them; ``length``, as many steps or tokens;
            ``size``, as many values in all steps.
        arguments: values, or a lower and an upper bound.
    """

    feature: str = ""
    what: str = ""
    arguments: list[Any] = []


class Difference(NamedTuple):
    """What TFDV found, before the experiment says how bad it is.

    Attributes:
        split: where.
        feature: of which.
        check: by which option it is judged.
        expected: what the schema or the other data say.
        came: what is there.
        search: the rows that show it.
    """

    split: str
    feature: str
    check: str
    expected: str
    came: str
    search: Search


def schema_differences(
    split: str,
    anomalies: anomalies_pb2.Anomalies,
    statistics: Statistics,
    contract: schema_pb2.Schema,
) -> Iterator[Difference]:
    """What in a split does not fit the contract.

    Args:
        split: its name.
        anomalies: TFDV's, of the split against the contract.
        statistics: of the split.
        contract: what they were held against.
    """
    features = {feature.name: feature for feature in contract.feature}
    found = by_name(statistics)
    if anomalies.HasField("dataset_anomaly_info"):
        came = anomalies.dataset_anomaly_info.description
        yield Difference(split, "", "mismatch", "what the schema states", came, Search())
    for key, anomaly in sorted(anomalies.anomaly_info.items()):
        # The key is the path as text, with quotes around some names.
        name = anomaly.path.step[0] if anomaly.path.step else key
        told: set[str] = set()
        feature = features.get(name, schema_pb2.Feature())
        for reason in anomaly.reason:
            expected, came, check = "what the schema states", reason.description, "mismatch"
            search = Search()
            if reason.type in VALUES:
                check, expected = "new_values", f"one of {domain_of(feature)}"
                values = list(feature.string_domain.value)
                came, search = _other_values(found[name], values), Search(name, "other", values)
            elif reason.type in RANGES:
                check, expected = "out_of_range", range_of(feature)
                numbers = found[name].num_stats
                came = f"{numbers.min:g} to {numbers.max:g}"
                bounds = [feature.float_domain.min, feature.float_domain.max]
                search = Search(name, "outside", bounds)
            elif reason.type in LENGTHS:
                check, expected = "out_of_range", f"up to {feature.value_count.max} values a row"
                longest = common_of(found[name]).max_num_values
                came = f"up to {longest}"
                search = Search(name, "size", [feature.value_count.max + 1, longest])
            if came not in told:
                told.add(came)
                yield Difference(split, name, check, expected, came, search)


def _other_values(statistics: statistics_pb2.FeatureNameStatistics, known: list[str]) -> str:
    other = sorted(
        ((share, value) for value, share in shares(statistics).items() if value not in known),
        reverse=True,
    )
    shown = ", ".join(f"{value!r} ({share:.2%})" for share, value in other[:SHOWN_VALUES])
    rest = len(other) - SHOWN_VALUES
    return shown + (f" and {rest} more" if rest > 0 else "")


def distances(
    split: str,
    check: str,
    anomalies: anomalies_pb2.Anomalies,
    now: StatisticsList,
    before: StatisticsList,
    other: str,
) -> Iterator[Difference]:
    """Distributions that are further from each other than their bounds.

    Args:
        split: what was compared.
        check: ``skew`` or ``drift``.
        anomalies: TFDV's, with the distances that it measured.
        now: the statistics that were compared.
        before: with these.
        other: what the latter are of, in words.
    """
    found, old = by_name(now.datasets[0]), by_name(before.datasets[0])
    for info in anomalies.drift_skew_info:
        (name,) = info.path.step
        for measured in (*info.skew_measurements, *info.drift_measurements):
            if measured.value <= measured.threshold:
                continue
            bound = f"(distance up to {measured.threshold:.2g})"
            came_at = f"(distance {measured.value:.2g})"
            if found[name].WhichOneof("stats") == "string_stats":
                shown, came, search = _largest_share(name, found[name], old[name])
            else:
                shown, came, search = _moved_numbers(name, found[name], old[name])
            yield Difference(
                split,
                search.feature,
                check,
                f"{shown} as in {other} {bound}",
                f"{came} {came_at}",
                search,
            )


def _largest_share(name: str, now: Any, before: Any) -> tuple[str, str, Search]:
    here, there = shares(now), shares(before)
    more = {value: here.get(value, 0.0) - there.get(value, 0.0) for value in {*here, *there}}
    value = max(sorted(more), key=lambda each: abs(more[each]))
    # Rows can show what there is more of, not what is gone.
    shown = max(sorted(more), key=more.__getitem__)
    return (
        f"{value!r} {there.get(value, 0.0):.1%}",
        f"{here.get(value, 0.0):.1%}",
        Search(name, "equal", [shown]),
    )


def _moved_numbers(name: str, now: Any, before: Any) -> tuple[str, str, Search]:
    feature = name.removesuffix(LENGTH)
    word = "length" if name != feature else "number"
    fullest = max(standard(now), key=lambda bucket: _excess(bucket, now, before))
    bounds = [fullest.low_value, fullest.high_value]
    search = Search(feature, "inside", bounds)
    if name != feature:
        search = Search(feature, "length", [int(bounds[0]), int(bounds[1]) - 1])
    said = [
        f"{word} {stats.num_stats.mean:.3g} on average, median {stats.num_stats.median:.3g}"
        for stats in (before, now)
    ]
    return said[0], said[1], search


def _excess(bucket: statistics_pb2.Histogram.Bucket, now: Any, before: Any) -> float:
    """How many more of the numbers lie in a bucket than before, as a share."""
    total = [sum(each.sample_count for each in standard(stats)) or 1.0 for stats in (now, before)]
    low, high = bucket.low_value, bucket.high_value
    were = 0.0
    for each in standard(before):
        width = each.high_value - each.low_value
        shared = min(high, each.high_value) - max(low, each.low_value)
        if width > 0 and shared > 0:
            were += each.sample_count * shared / width
    return bucket.sample_count / total[0] - were / total[1]
