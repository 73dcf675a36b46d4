"""Pieces of texts that are never learnt."""

from collections.abc import Mapping

from models.options import LabelCount
from models.writing import WrittenText
from models.written import listed

SHOWN = 5


def piece_problems(
    column: str, target: WrittenText, labels: Mapping[str, Mapping[str, LabelCount]]
) -> tuple[list[str], list[str]]:
    """Errors and warnings about the pieces of the texts.

    Args:
        column: of the texts.
        target: how they are cut.
        labels: by split, the count of each piece.
    """
    train = labels.get("train", {})
    if target.subwords or not train:
        return [], []
    warnings = []
    if len(train) > target.vocabulary:
        warnings.append(
            f"column {column!r}: the train split has {len(train)} pieces, of which "
            f"target.vocabulary: {target.vocabulary} are written, and the others as unknown"
        )
    for split in ("validate", "test"):
        lacking = {
            piece: count for piece, count in labels.get(split, {}).items() if piece not in train
        }
        if lacking:
            named = listed(
                (f"{piece!r} ({count.first})" for piece, count in lacking.items()), SHOWN
            )
            warnings.append(
                f"column {column!r}: the {split} split has pieces that train lacks, which are "
                f"never written: {named}"
            )
    return [], warnings
