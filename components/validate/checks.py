"""What the experiment makes of what ingest, ``profile`` and TFDV found.

Imports no TensorFlow.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.ingest.splits import SPLITS
from components.validate.anomalies import Difference
from components.validate.findings import SHOWN_ROWS, Finding, short
from components.validate.options import ValidateOptions
from models.options import LabelCount, TaskOptions

LEAKS = {
    "inputs": "rows with the inputs of a row of an earlier split",
    "groups": "groups with rows in several splits",
    "windows": "windows judged by steps that an earlier split holds",
}


def label_messages(
    task: TaskOptions | None,
    rows: Mapping[str, int],
    labels: Mapping[str, Mapping[str, LabelCount]],
) -> tuple[list[str], list[str]]:
    """What is wrong with the splits and the labels.

    Args:
        task: the task, if there is one.
        rows: by split.
        labels: by split, the count of each label.

    Returns:
        errors, which stop the run whatever the experiment says, and warnings.
    """
    errors = [
        f"the {split} split has no rows; the splits have "
        + ", ".join(f"{name} {rows[name]}" for name in SPLITS)
        + " (add rows, or change data.split)"
        for split in SPLITS
        if rows[split] == 0
    ]
    if errors or task is None:
        return errors, []
    return task.label_problems(labels)


def judged(differences: Sequence[Difference], options: ValidateOptions) -> list[Finding]:
    """What TFDV found, with what the experiment makes of it; without what it does not check."""
    found = []
    for difference in differences:
        check = getattr(options, difference.check)
        level = check if isinstance(check, str) else check.on
        found.append(
            Finding(
                level,
                difference.split,
                difference.feature,
                difference.check,
                difference.expected,
                difference.came,
            )
        )
    return found


def profile_findings(
    profile: Mapping[str, Mapping[str, Any]], options: ValidateOptions
) -> Iterator[Finding]:
    """What the profile shows of lengths, empty rows and unseen tokens.

    Args:
        profile: by split and feature, see ``components.validate.profile``.
        options: of the checks.
    """
    for split, by_feature in profile.items():
        for name, counted in by_feature.items():
            rows = counted["rows"] or 1
            empty = counted["empty"]
            if _exceeds(empty["rows"] / rows, options.empty):
                expected = f"at most {options.empty.share:.1%} of the rows empty"
                came = f"{empty['rows'] / rows:.1%} ({empty['rows']:,})"
                shown = [[where, "empty"] for where, _ in empty["examples"]]
                yield Finding(options.empty.on, split, name, "empty", expected, came, shown)
            yield from _too_long(split, name, counted, options)
            unknown = counted.get("unknown")
            if unknown and _exceeds(unknown["share"], options.unknown_tokens):
                expected = f"at most {options.unknown_tokens.share:.1%} of the tokens new to train"
                came = f"about {unknown['share']:.1%} of {counted['tokens']:,}"
                level = options.unknown_tokens.on
                examples = unknown["examples"]
                yield Finding(level, split, name, "unknown_tokens", expected, came, examples)


def _too_long(
    split: str, name: str, counted: Mapping[str, Any], options: ValidateOptions
) -> Iterator[Finding]:
    found = counted.get("too_long")
    if not found or not _exceeds(found["rows"] / (counted["rows"] or 1), options.too_long):
        return
    lengths = counted["lengths"]
    expected = (
        f"at most {options.too_long.share:.1%} of the rows longer than max_length: {found['limit']}"
    )
    came = (
        f"{found['rows'] / counted['rows']:.1%}; median {lengths['median']}, 95 % up to "
        f"{lengths['percentile_95']}, longest {lengths['max']}"
    )
    yield Finding(options.too_long.on, split, name, "too_long", expected, came, found["examples"])


def summary_findings(
    summary: Mapping[str, Any], label: str | None, options: ValidateOptions
) -> Iterator[Finding]:
    """What ingest counted: labels, duplicates, leaks that are allowed, rows left out.

    Args:
        summary: see ``components.ingest.summary``.
        label: column of the label, if there is a task.
        options: of the checks.
    """
    counts = {value: times for value, (times, _) in summary["labels"]["train"].items()}
    if counts and label is not None:
        most = max(sorted(counts), key=counts.__getitem__)
        share = counts[most] / sum(counts.values())
        if _exceeds(share, options.label_balance):
            expected = f"no label above {options.label_balance.share:.1%}"
            rows = [[summary["labels"]["train"][most][1], short(most)]]
            level = options.label_balance.on
            came = f"{most!r} {share:.1%}"
            yield Finding(level, "train", label, "label_balance", expected, came, rows)
    for split, doubled in summary["duplicates"].items():
        rows_of = summary["rows"][split] or 1
        if _exceeds(doubled / rows_of, options.duplicates):
            expected = f"at most {options.duplicates.share:.1%} of the rows again"
            came = f"{doubled / rows_of:.1%} ({doubled:,})"
            yield Finding(options.duplicates.on, split, "", "duplicates", expected, came)
    for way, said in LEAKS.items():
        found = summary["leaks"].get(way)
        if found and found["count"]:
            number = found["rows"] if way == "inputs" else found["count"]
            rows = [[pair[-1], f"as {pair[0]}"] for pair in found["examples"][:SHOWN_ROWS]]
            yield Finding("warn", "", "", "leaks", "none (allow_leaks)", f"{number:,} {said}", rows)
    bad, read = summary["problem_count"], summary["read"] or 1
    if _exceeds(bad / read, options.bad_rows):
        expected = f"at most {options.bad_rows.share:.1%} of the records left out"
        rows = [
            [f"{part}:{line}", short(problem)]
            for part, line, problem in summary["problems"][:SHOWN_ROWS]
        ]
        came = f"{bad / read:.1%} ({bad:,} of {read:,})"
        yield Finding(options.bad_rows.on, "", "", "bad_rows", expected, came, rows)


def _exceeds(share: float, check: Any) -> bool:
    return check.on != "off" and share > check.share
