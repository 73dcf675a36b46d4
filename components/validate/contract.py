"""The contract: the experiment's schema, completed by what the train split's statistics show.

It is what people review and what the data are held against from then on.  What statistics added is
tagged with its digest in the feature's ``annotation``, so that a person's edit can be told from it.
Imports no TensorFlow.
"""

import hashlib
import math
from collections.abc import Collection, Iterator

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.spec import GROUP_FEATURE, ID_FEATURE

MAX_DOMAIN = 200
"""Values that a domain lists at most; a feature with more of them gets none."""
ASPECTS = {
    "domain": ("string_domain", "distribution_constraints"),
    "range": ("float_domain",),
    "lengths": ("value_count",),
}
"""What statistics may add to a feature: the fields of its message, by what they are called here."""
TAG = "from statistics"
PARTITION = "$row_lengths_"
"""In the names of features that hold how long the inner lists of another one are."""
PLACEHOLDERS = ("__BYTES_VALUE__", "__LARGE_BYTES__")
"""What TFDV writes for values that are no text, or too long to be kept."""

Statistics = statistics_pb2.DatasetFeatureStatistics


def reviewed(schema: schema_pb2.Schema) -> schema_pb2.Schema:
    """The features that are the user's: without ids, groups and how features become tensors."""
    kept = schema_pb2.Schema()
    for feature in schema.feature:
        if feature.name not in (ID_FEATURE, GROUP_FEATURE) and PARTITION not in feature.name:
            kept.feature.add().CopyFrom(feature)
    return kept


def complete(
    schema: schema_pb2.Schema, train: Statistics, categories: Collection[str]
) -> schema_pb2.Schema:
    """Adds what the statistics of the train split show.

    Categories and labels get the values that occur, where these are at most ``MAX_DOMAIN``;
    numbers a range half as wide again at each end (but not beyond zero, where all are on one side
    of it); sequences twice the greatest length.  A range has room, since another split of the same
    data is expected to hold a number that is a little larger.

    Args:
        schema: the experiment's.
        train: statistics of the train split.
        categories: the features whose values are a closed set, labels among them.

    Returns:
        the contract.
    """
    contract = reviewed(schema)
    found = by_name(train)
    for feature in contract.feature:
        if feature.name not in found:
            continue
        statistics = found[feature.name]
        if feature.name in categories:
            _add_domain(feature, statistics.string_stats)
        if feature.type == schema_pb2.FLOAT:
            _add_range(feature, statistics.num_stats)
        if feature.HasField("value_count"):
            longest = common_of(statistics).max_num_values
            feature.value_count.max = max(2 * longest, feature.value_count.min)
        for aspect in ASPECTS:
            if _stated(feature, aspect):
                feature.annotation.tag.append(_tag(feature, aspect))
    return contract


def by_name(statistics: Statistics) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    """Statistics of each feature."""
    return {feature.name or feature.path.step[0]: feature for feature in statistics.features}


def common_of(
    statistics: statistics_pb2.FeatureNameStatistics,
) -> statistics_pb2.CommonStatistics:
    """What statistics of strings, numbers and bytes have in common."""
    return getattr(statistics, statistics.WhichOneof("stats") or "num_stats").common_stats


def _add_domain(feature: schema_pb2.Feature, strings: statistics_pb2.StringStatistics) -> None:
    values = sorted(bucket.label for bucket in strings.rank_histogram.buckets)
    if not values or strings.unique > min(len(values), MAX_DOMAIN):
        return
    if not set(values).isdisjoint(PLACEHOLDERS):
        return
    feature.string_domain.name = feature.name
    feature.string_domain.value.extend(values)
    feature.distribution_constraints.min_domain_mass = 1.0


def _add_range(feature: schema_pb2.Feature, numbers: statistics_pb2.NumericStatistics) -> None:
    low, high = numbers.min, numbers.max
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return
    room = (high - low) / 2
    feature.float_domain.min = _rounded(low - room if low < 0 else max(0.0, low - room), down=True)
    feature.float_domain.max = _rounded(
        high + room if high > 0 else min(0.0, high + room), down=False
    )


def _rounded(number: float, down: bool) -> float:
    """To two digits, outwards."""
    if number == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(number))) - 1)
    return float(f"{(math.floor if down else math.ceil)(number / unit) * unit:.12g}")


def _stated(feature: schema_pb2.Feature, aspect: str) -> bool:
    if aspect == "lengths":
        return feature.value_count.max > 0
    return feature.HasField(ASPECTS[aspect][0])


def _tag(feature: schema_pb2.Feature, aspect: str) -> str:
    parts: list[Message] = [getattr(feature, field) for field in ASPECTS[aspect]]
    text = "".join(text_format.MessageToString(part) for part in parts)
    return f"{aspect} {TAG} {hashlib.sha256(text.encode('utf-8')).hexdigest()[:12]}"


def sources(feature: schema_pb2.Feature) -> Iterator[tuple[str, str]]:
    """Where each aspect that is stated came from: ``statistics``, or a person's ``edit``.

    One that statistics had added and that is gone was edited too.
    """
    tags = {tag.partition(" ")[0]: tag for tag in feature.annotation.tag if f" {TAG} " in tag}
    for aspect in ASPECTS:
        if _stated(feature, aspect):
            kept = tags.get(aspect) == _tag(feature, aspect)
            yield aspect, "statistics" if kept else "edit"
        elif aspect in tags:
            yield aspect, "edit"


def widened(old: schema_pb2.Schema, new: schema_pb2.Schema) -> schema_pb2.Schema:
    """The old contract with room for what the new one allows, and the new one's features.

    What a person took out or added stays so; types, presences and shapes are the new ones.

    Args:
        old: the contract as it stands.
        new: completed by later statistics, of the experiment as it is now.
    """
    before = {feature.name: feature for feature in old.feature}
    merged = schema_pb2.Schema()
    for feature in new.feature:
        result = merged.feature.add()
        was = before.get(feature.name)
        if was is None or was.type != feature.type:
            result.CopyFrom(feature)
            continue
        result.CopyFrom(was)
        origin = dict(sources(was))
        result.presence.CopyFrom(feature.presence)
        _widen(result, feature)
        del result.annotation.tag[:]
        result.annotation.tag.extend(tag for tag in was.annotation.tag if f" {TAG} " not in tag)
        for aspect in ASPECTS:
            if origin.get(aspect) == "statistics":
                result.annotation.tag.append(_tag(result, aspect))
    return merged


def _widen(result: schema_pb2.Feature, new: schema_pb2.Feature) -> None:
    if _stated(result, "domain"):
        values = {*result.string_domain.value, *new.string_domain.value}
        del result.string_domain.value[:]
        result.string_domain.value.extend(sorted(values))
    if _stated(result, "range") and new.HasField("float_domain"):
        result.float_domain.min = min(result.float_domain.min, new.float_domain.min)
        result.float_domain.max = max(result.float_domain.max, new.float_domain.max)
    longest = result.value_count.max if _stated(result, "lengths") else 0
    result.ClearField("shape")
    result.ClearField("value_count")
    if new.HasField("shape"):
        result.shape.CopyFrom(new.shape)
    if new.HasField("value_count"):
        result.value_count.min = new.value_count.min
        if longest:
            result.value_count.max = max(longest, new.value_count.max)
