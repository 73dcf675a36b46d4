"""Which features a task's steps are those of; imports no TensorFlow."""

from collections.abc import Mapping

from models.options import FeatureOptions


def aligned_features(
    kind: str, names: tuple[str, ...], features: Mapping[str, FeatureOptions]
) -> tuple[str, ...]:
    """The sequence features whose steps a task answers.

    Args:
        kind: the task, for messages.
        names: as the experiment has them in ``aligned_with``; the only sequence feature if none.
        features: options by feature name.

    Raises:
        ValueError: there is none or one cannot be it; the message says what to do.
    """
    sequences = [name for name, options in features.items() if options.raw.is_sequence]
    if not names:
        if len(sequences) != 1:
            came = ", ".join(sequences) or "none"
            raise ValueError(
                f"{kind} labels the steps of a sequence, and the sequence features are: {came} "
                + (
                    "(say which with aligned_with:, one or several)"
                    if sequences
                    else "(add one, for example kind: tokens)"
                )
            )
        names = tuple(sequences)
    if len(set(names)) != len(names):
        raise ValueError(f"aligned_with: {', '.join(names)}: one is named twice")
    for name in names:
        if name not in sequences:
            raise ValueError(
                f"aligned_with: {name!r} is no sequence feature; those are: "
                f"{', '.join(sequences) or 'none'}"
            )
        if not features[name].keeps_steps:
            raise ValueError(
                f"feature {name!r} does not keep each step, and {kind} answers every one (leave "
                "out its max_length:, or align with another feature)"
            )
    return names
