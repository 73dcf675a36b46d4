"""Statistics put so that TFDV can compare them: a value a row, lengths as numbers, fair bounds.

TFDV measures the distance of two distributions by L-infinity (the largest difference in the share
of one value) or by the Jensen-Shannon divergence of two histograms, in bits.  It divides by rows
where a sequence has many values, knows nothing of lengths, and calls any two small samples
different.  So sequences are put as if each value were a row, the lengths that ``profile`` counted
become features of numbers, and a bound is never below what chance alone gives for so few rows.
Imports no TensorFlow.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.validate.contract import Statistics, by_name, common_of

LENGTH = " (length)"
"""What the name of a feature's lengths ends in."""
DEVIATIONS = 3.0
"""Standard deviations of chance that a distance may have."""

FeatureStatistics = statistics_pb2.FeatureNameStatistics
StatisticsList = statistics_pb2.DatasetFeatureStatisticsList


def comparable(
    statistics: Statistics, profile: Mapping[str, Any], features: Collection[str]
) -> StatisticsList:
    """What is compared of a split.

    Args:
        statistics: TFDV's, of the split.
        profile: of the split, by feature.
        features: names of those whose values are compared: numbers, categories, tokens, labels.
    """
    result = StatisticsList()
    data = result.datasets.add(num_examples=statistics.num_examples)
    for name, feature in by_name(statistics).items():
        if name in features:
            copied = data.features.add()
            copied.CopyFrom(feature)
            common = common_of(copied)
            if copied.WhichOneof("stats") == "string_stats":
                common.num_non_missing = common.tot_num_values
    for name, counted in profile.items():
        if counted["rows"]:
            _add_lengths(data, name, counted["lengths"], counted["rows"])
    return result


def _add_lengths(data: Statistics, name: str, lengths: Mapping[str, Any], rows: int) -> None:
    feature = data.features.add(type=FeatureStatistics.FLOAT)
    feature.path.step.append(name + LENGTH)
    numbers = feature.num_stats
    common = numbers.common_stats
    common.num_non_missing = common.tot_num_values = rows
    common.min_num_values = common.max_num_values = 1
    common.avg_num_values = 1.0
    bins = lengths["bins"]
    numbers.min, numbers.max = bins[0][0], lengths["max"]
    numbers.median = lengths["median"]
    numbers.mean = sum((first + last) / 2 * count for first, last, count in bins) / rows
    histogram = numbers.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    end = bins[0][0]
    for first, last, count in bins:
        # TFDV ends the process where buckets do not touch each other.
        if first > end:
            histogram.buckets.add(low_value=end, high_value=first, sample_count=0)
        end = last + 1
        histogram.buckets.add(low_value=first, high_value=end, sample_count=count)


def comparators(
    now: StatisticsList,
    before: StatisticsList,
    threshold: float,
    contract: schema_pb2.Schema,
    field: str,
) -> schema_pb2.Schema:
    """A schema with nothing but bounds of distances.

    Args:
        now: what is judged, as ``comparable`` gives it.
        before: what it is compared with.
        threshold: of every feature for which the contract states none.
        contract: the contract.
        field: ``skew_comparator`` or ``drift_comparator``.
    """
    stated = {feature.name: getattr(feature, field) for feature in contract.feature}
    schema = schema_pb2.Schema()
    old = by_name(before.datasets[0])
    for name, feature in by_name(now.datasets[0]).items():
        # Of another kind than before, nothing can be compared; the contract says that it is.
        if name not in old or feature.WhichOneof("stats") != old[name].WhichOneof("stats"):
            continue
        is_text = feature.WhichOneof("stats") == "string_stats"
        # Numbers of which all are missing have no histogram.
        if not is_text and not (standard(feature) and standard(old[name])):
            continue
        kind = "infinity_norm" if is_text else "jensen_shannon_divergence"
        type_name = schema_pb2.BYTES if is_text else schema_pb2.FLOAT
        own = getattr(stated[name], kind).threshold if name in stated else 0.0
        rows = [data.datasets[0].num_examples for data in (now, before)]
        chance = (
            _chance_of_shares(feature, old[name], rows)
            if is_text
            else _chance_of_histograms(feature, old[name], rows)
        )
        bound = min(1.0, max(own or threshold, chance))
        comparator = getattr(schema.feature.add(name=name, type=type_name), field)
        getattr(comparator, kind).threshold = bound
    return schema


def shares(feature: FeatureStatistics) -> dict[str, float]:
    """The share of each value among all values."""
    total = common_of(feature).tot_num_values or 1
    return {
        bucket.label: bucket.sample_count / total
        for bucket in feature.string_stats.rank_histogram.buckets
    }


def _chance_of_shares(now: FeatureStatistics, before: FeatureStatistics, rows: list[int]) -> float:
    # Rows, not values: those of one row are no independent draws.
    if not all(rows):
        return 1.0
    found = [shares(now), shares(before)]
    spread = 0.0
    for value in {*found[0], *found[1]}:
        pooled = sum(some.get(value, 0.0) * count for some, count in zip(found, rows, strict=True))
        share = min(1.0, pooled / sum(rows))
        spread = max(spread, share * (1 - share))
    return DEVIATIONS * math.sqrt(spread * (1 / rows[0] + 1 / rows[1]))


def _chance_of_histograms(
    now: FeatureStatistics, before: FeatureStatistics, rows: list[int]
) -> float:
    # Of two samples of one distribution, 8 ln 2 times the divergence is distributed, for many
    # rows, as (1 / n + 1 / m) times chi-squared with a degree of freedom less than buckets.
    if not all(rows):
        return 1.0
    filled = {
        bucket.low_value
        for feature in (now, before)
        for bucket in standard(feature)
        if bucket.sample_count
    }
    freedom = max(1, len(filled) - 1)
    spread = freedom + DEVIATIONS * math.sqrt(2 * freedom)
    return spread * (1 / rows[0] + 1 / rows[1]) / (8 * math.log(2))


def standard(feature: FeatureStatistics) -> list[statistics_pb2.Histogram.Bucket]:
    """The buckets of the histogram that divergences are measured on."""
    for histogram in feature.num_stats.histograms:
        if histogram.type == statistics_pb2.Histogram.STANDARD:
            return list(histogram.buckets)
    return []
