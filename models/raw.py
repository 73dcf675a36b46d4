"""What a row holds for a feature or a label before anything is learnt, and how it is read.

A reader gives text (csv) or any JSON value (jsonl); a client sends JSON.  Both are read here, so a
value is the same in training and in serving.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

FLOAT32_MAX = 3.4028234663852886e38
"""The largest number that an example, a request or the network can hold."""
SHOWN_CHARACTERS = 60

RawValue = str | float | list[Any]
"""A scalar, or a sequence of scalars or of equally long lists of numbers."""


class RawError(ValueError):
    """A value that cannot be read; the message names the field, what came and what to do."""


class Raw(BaseModel):
    """The form of a raw value.

    Attributes:
        dtype: ``string`` or ``float`` (float32).
        shape: of one row's value: ``()`` for a scalar, ``(None,)`` for a sequence ``[time]``,
            ``(None, depth)`` for a sequence of vectors ``[time, depth]``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: Literal["string", "float"]
    shape: tuple[int | None, ...] = ()

    @property
    def is_sequence(self) -> bool:
        """Whether a row holds a sequence, of any length from 1."""
        return bool(self.shape)

    @property
    def inner(self) -> tuple[int, ...]:
        """The shape of one step of a sequence."""
        return tuple(size for size in self.shape[1:] if size is not None)

    def read(self, column: str, value: Any, delimiter: str | None = None) -> RawValue:
        """A present value in this form.

        Args:
            column: where it stands, for messages.
            value: text, or a JSON value other than null.
            delimiter: what separates the steps of a sequence that came as text; blanks if None.

        Returns:
            str, float, or a list of them (of lists of floats); a list may be empty.

        Raises:
            RawError: it has another form.
        """
        if not self.is_sequence:
            return (
                read_text(column, value) if self.dtype == "string" else read_number(column, value)
            )
        steps = value.split(delimiter) if isinstance(value, str) else value
        if not isinstance(steps, list):
            raise self.unlisted(column, value)
        return [self._read_step(f"{column}[{index}]", step) for index, step in enumerate(steps)]

    def unlisted(self, column: str, value: Any) -> RawError:
        """The error of a value that is no list of steps."""
        steps = "strings"
        if self.dtype == "float":
            (depth,) = self.inner or (1,)
            steps = "numbers" if depth == 1 else f"lists of {depth} numbers"
        came = "text" if isinstance(value, str) else f"a {type(value).__name__}"
        return RawError(f"field {column!r}: {came} came, where a list of {steps} is read")

    def _read_step(self, where: str, step: Any) -> RawValue:
        if self.dtype == "string":
            if step is None:
                raise RawError(f"field {where!r}: null came, where text is read")
            return read_text(where, step)
        if not self.inner:
            return read_number(where, step)
        (depth,) = self.inner
        if depth == 1 and not isinstance(step, list):
            step = [step]
        if not isinstance(step, list) or len(step) != depth:
            came = f"{len(step)} numbers" if isinstance(step, list) else shown(step)
            raise RawError(
                f"field {where!r}: {came} came, where every step has {depth} (correct the row, or "
                "set the feature's `depth:`)"
            )
        return [read_number(where, number) for number in step]


def read_text(column: str, value: Any) -> str:
    """A scalar as text; null is empty.

    Raises:
        RawError: a container came, or text that is not Unicode.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        text = str(value)
        if not _is_unicode(text):
            raise RawError(
                f"field {column!r}: {shown(text)} holds half of a surrogate pair, which is no "
                "character (write the text as UTF-8)"
            )
        return text
    raise RawError(f"field {column!r}: a {type(value).__name__} came, where text is read")


def read_number(column: str, value: Any) -> float:
    """A number, or text that says one.

    Raises:
        RawError: it is none, not finite, or beyond float32.
    """
    try:
        number = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not abs(number) <= FLOAT32_MAX:
        raise RawError(
            f"field {column!r}: {shown(value)} came, where a finite number is read (up to "
            f"{FLOAT32_MAX:.1e} in size)"
        )
    return number


def column_text(fields: Mapping[str, Any], column: str) -> str:
    """A column that every row has, as text.

    Raises:
        RawError: the row has no such column, or it holds no text.
    """
    return read_text(column, column_value(fields, column))


def column_value(fields: Mapping[str, Any], column: str) -> Any:
    """A column that every row has.

    Raises:
        RawError: the row has no such column.
    """
    if column not in fields:
        raise RawError(f"has no field {column!r}; its fields are {', '.join(map(repr, fields))}")
    return fields[column]


def shown(value: object) -> str:
    """A value for a message, shortened."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
