"""How experiments write names, and how messages list them; imports no TensorFlow."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator


def _name(written: Any) -> Any:
    if isinstance(written, bool):
        raise ValueError(
            f"{written} came, where a name is read; YAML reads yes, no, on and off so: put them in "
            'quotes ("yes")'
        )
    return str(written) if isinstance(written, int | float) else written


def _one_or_several(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


Name = Annotated[str, BeforeValidator(_name)]
"""A name; a number stands for its digits, as in the data."""
Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_several)]
"""Names; one may stand by itself."""


def listed(shown: Iterable[str], most: int) -> str:
    """Parts of a message side by side, and how many more there are than ``most``."""
    parts = list(shown)
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more
