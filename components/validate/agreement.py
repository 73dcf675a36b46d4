"""The contract against the experiment, and against another contract, in words.

Imports no TensorFlow.
"""

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import schema_pb2

SHOWN_VALUES = 4
TYPE_NAMES = {
    schema_pb2.BYTES: "text or bytes (BYTES)",
    schema_pb2.FLOAT: "numbers (FLOAT)",
    schema_pb2.INT: "whole numbers (INT)",
}


def type_of(feature: schema_pb2.Feature) -> str:
    """The type, as the experiment's words and the schema's name."""
    return TYPE_NAMES.get(feature.type, schema_pb2.FeatureType.Name(feature.type))


def shape_of(feature: schema_pb2.Feature) -> str:
    """The shape: one value, a fixed one, or a sequence with the numbers of one step."""
    if feature.HasField("shape"):
        sizes = [str(dim.size) for dim in feature.shape.dim]
        return f"[{', '.join(sizes)}]" if sizes else "one value"
    if not feature.HasField("value_count"):
        return "not stated"
    step = feature.value_count.min
    # One that may hold nothing in all is one of sequences.
    if not step:
        return "sequence of sequences"
    return f"sequence of {step} numbers a step" if step > 1 else "sequence"


def presence_of(feature: schema_pb2.Feature) -> str:
    """In how many rows it is."""
    share = feature.presence.min_fraction
    return "every row" if share == 1.0 else f"at least {share:.0%} of the rows"


def domain_of(feature: schema_pb2.Feature) -> str:
    """The values that it may have; empty if any."""
    values = list(feature.string_domain.value)
    if not feature.HasField("string_domain"):
        return ""
    shown = ", ".join(map(repr, values[:SHOWN_VALUES]))
    rest = len(values) - SHOWN_VALUES
    mass = feature.distribution_constraints.min_domain_mass
    tolerated = f", in {mass:.0%} of the rows" if mass < 1.0 else ""
    return shown + (f" and {rest} more" if rest > 0 else "") + tolerated


def range_of(feature: schema_pb2.Feature) -> str:
    """The numbers that it may have; empty if any."""
    if not feature.HasField("float_domain"):
        return ""
    return f"{feature.float_domain.min:g} to {feature.float_domain.max:g}"


def lengths_of(feature: schema_pb2.Feature) -> str:
    """How many values a row may have; empty if any number."""
    longest = feature.value_count.max
    return f"up to {longest}" if longest else ""


STATED = {"type": type_of, "presence": presence_of, "shape": shape_of}
"""What the experiment states, and the contract has to repeat."""
COMPLETED = {"domain": domain_of, "range": range_of, "lengths": lengths_of}


def disagreements(experiment: schema_pb2.Schema, contract: schema_pb2.Schema) -> list[str]:
    """Where the contract states something else than the experiment, a line each.

    Args:
        experiment: its own schema, the reviewed features.
        contract: the schema file's.
    """
    ours, theirs = _by_name(experiment), _by_name(contract)
    lines = [
        f"feature {name!r}: the experiment has it, the schema does not"
        for name in ours
        if name not in theirs
    ]
    lines += [
        f"feature {name!r}: the schema has it, the experiment does not"
        for name in theirs
        if name not in ours
    ]
    for name in ours:
        if name not in theirs:
            continue
        lines += [
            f"feature {name!r}: the {what} is {said(theirs[name])} in the schema, but "
            f"{said(ours[name])} in the experiment"
            for what, said in STATED.items()
            if said(theirs[name]) != said(ours[name])
        ]
    return lines


def differences(before: schema_pb2.Schema, after: schema_pb2.Schema) -> list[str]:
    """What another contract says differently, a line each."""
    old, new = _by_name(before), _by_name(after)
    lines = [f"{name}: added" for name in new if name not in old]
    lines += [f"{name}: removed" for name in old if name not in new]
    for name in new:
        if name not in old:
            continue
        for what, said in (STATED | COMPLETED).items():
            if what == "domain":
                lines += _other_values(name, old[name], new[name])
            elif said(old[name]) != said(new[name]):
                shown = [said(feature) or "none" for feature in (old[name], new[name])]
                lines.append(f"{name}: {what} {shown[0]} -> {shown[1]}")
    return lines


def _other_values(name: str, old: schema_pb2.Feature, new: schema_pb2.Feature) -> list[str]:
    values = [set(feature.string_domain.value) for feature in (old, new)]
    lines = []
    for what, some in (("added", values[1] - values[0]), ("removed", values[0] - values[1])):
        if some:
            shown = ", ".join(map(repr, sorted(some)[:SHOWN_VALUES]))
            more = f" and {len(some) - SHOWN_VALUES} more" if len(some) > SHOWN_VALUES else ""
            lines.append(f"{name}: values {what}: {shown}{more}")
    return lines


def _by_name(schema: schema_pb2.Schema) -> Mapping[str, schema_pb2.Feature]:
    return {feature.name: feature for feature in schema.feature}
