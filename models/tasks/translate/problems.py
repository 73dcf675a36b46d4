"""What stands in the way of a translation: features and networks that it has no place for."""

from collections.abc import Mapping
from typing import Any

from models.options import FeatureOptions
from models.writing import WrittenText

READ_AS_WORDS = ("text", "tokens")
"""Kinds whose steps are words that can be copied."""


def read_feature(name: str | None, copied: bool, features: Mapping[str, FeatureOptions]) -> str:
    """The sequence feature that is read.

    Args:
        name: as the experiment has it in ``source``; the only one if None.
        copied: whether its words are copied.
        features: options by feature name.

    Raises:
        ValueError: there is none, or one cannot be it; the message says what to do.
    """
    able = [name for name, options in features.items() if _is_read(options)]
    if name is None:
        if len(able) != 1:
            raise ValueError(
                "translate reads a sequence, and the features that are one: "
                f"{', '.join(able) or 'none'} "
                + ("(say which with source:)" if able else "(add one, for example kind: text)")
            )
        (name,) = able
    if name not in able:
        raise ValueError(
            f"source: {name!r} is no feature of a sequence; those are: {', '.join(able) or 'none'}"
        )
    options: Any = features[name]
    if copied:
        way = "copy_unknown: true copies a word of the source for a step of it, and"
        if options.kind not in READ_AS_WORDS or getattr(options, "per_step", False):
            raise ValueError(f"{way} feature {name!r} (kind {options.kind}) has no words")
        if getattr(options, "keep", "start") != "start":
            raise ValueError(
                f"{way} feature {name!r} keeps another part than the start of a longer one (leave "
                "its keep: out)"
            )
        cut_further = getattr(options, "subwords", False)
        if cut_further or getattr(options, "tokens", "words") in ("characters", "bytes"):
            raise ValueError(
                f"{way} feature {name!r} is cut to less than words (write tokens: words without "
                "subwords, or leave copy_unknown out)"
            )
    return name


def check_cut_alike(name: str, options: FeatureOptions, target: WrittenText) -> None:
    """Looks whether source and target can learn one set of units.

    Raises:
        ValueError: they are cut in different ways, or not to subwords.
    """
    way = "shared_subwords: true cuts source and target in one way, and"
    if options.kind != "text" or getattr(options, "per_step", False):
        raise ValueError(f"{way} feature {name!r} (kind {options.kind}) is no text")
    for field in ("subwords", "vocabulary", "tokens", "pattern", "lower", "normalise"):
        ours, theirs = getattr(options, field), getattr(target, field)
        if ours != theirs:
            raise ValueError(
                f"{way} features.{name}.{field} is {ours}, task.target.{field} is {theirs} (make "
                "them equal, or leave shared_subwords out)"
            )
    if not target.subwords:
        raise ValueError(f"{way} neither is cut to subwords (write subwords: true for both)")


def _is_read(options: FeatureOptions) -> bool:
    """Whether a feature becomes a sequence: one of steps, or a text, which is cut to them."""
    return options.kind == "text" or options.raw.is_sequence


def network_problems(network: Any, input_feeding: bool) -> dict[str, str]:
    """What of a network's options an encoder with a decoder has no place for, by field."""
    problems = {}
    if network.build_model is not None:
        problems["build_model"] = (
            "what is written is searched for with the decoder of Rondo's own network, which this "
            "one lacks (leave it out)"
        )
        return problems
    if network.cell == "none":
        problems["cell"] = "none cannot write, since it remembers nothing (write a recurrent cell)"
    if network.layers == 0:
        problems["layers"] = "0 leaves no cell to write with (write 1 or more)"
    if network.shortcut:
        problems["shortcut"] = "the decoder looks at what the recurrent layers give; leave it out"
    if input_feeding and network.recurrent_dropout:
        problems["recurrent_dropout"] = (
            "with input_feeding: true the decoder's cell is run a step at a time, without it "
            "(leave one of them out)"
        )
    return problems
