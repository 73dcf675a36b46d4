"""Which released model a candidate is compared with; imports no TFX."""

from collections.abc import Collection, Iterable
from typing import NamedTuple


class Blessing(NamedTuple):
    """A verdict of the Evaluator: ids of its artifact and of the model, and how it was."""

    id: int
    model_id: int
    blessed: bool


def last_blessed(
    blessings: Iterable[Blessing], models: Collection[int], candidates: Collection[int]
) -> Blessing | None:
    """The latest blessing of a model that is there and is not the candidate itself.

    Args:
        blessings: all of the pipeline.
        models: ids of all models of the pipeline.
        candidates: ids of the models that are to be compared.
    """
    for blessing in sorted(blessings, reverse=True):
        if blessing.blessed and blessing.model_id in models and blessing.model_id not in candidates:
            return blessing
    return None
