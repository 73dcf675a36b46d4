"""What a column of a database holds, as the features read it."""

import datetime
import decimal
import uuid
from typing import Any


class Unreadable(ValueError):
    """A value that no feature reads; the message says of what type it is and what to do."""


def value_of(value: Any) -> Any:
    """A value as JSON has it, or bytes.

    Dates and times become ISO 8601 text, decimals floats, durations seconds, arrays lists.

    Raises:
        Unreadable: it is of another type, or text that is not UTF-8.
    """
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise Unreadable("holds bytes that are not UTF-8 (store the text as UTF-8)")
        return value
    if value is None or isinstance(value, bool | int | float | bytes):
        return value
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, list | tuple):
        return [value_of(item) for item in value]
    if isinstance(value, dict):
        return {str(name): value_of(item) for name, item in value.items()}
    raise Unreadable(
        f"holds a {type(value).__name__}, which no feature reads (cast it in query:, for example "
        "to text)"
    )
