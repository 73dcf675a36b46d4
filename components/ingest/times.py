"""Times as rows and experiment files say them; imports no TensorFlow."""

import contextlib
from datetime import UTC, date, datetime
from typing import Any

from models.raw import RawError, finite_number, shown


def time_number(value: Any, field: str) -> float:
    """A time as a number: one as it stands, also as text; an ISO 8601 date or time (UTC if it names
    no zone) as seconds since 1970.

    A date has hyphens: ``20260331`` is a number, and ``2026-03-31`` is a date.

    Raises:
        RawError: the value is none.
    """
    number = finite_number(value)
    if number is not None:
        return number
    if isinstance(value, str) and "-" in value:
        with contextlib.suppress(ValueError):
            value = datetime.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    raise RawError(
        f"field {field!r}: {shown(value)} came, where a time is read: a number, or a date or time "
        "such as 2026-03-31 or 2026-03-31T12:00:00Z"
    )
