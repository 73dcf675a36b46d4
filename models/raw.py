"""What a row holds for a feature or a label before anything is learnt, and how it is read.

A reader gives text (csv), any JSON value (jsonl) or bytes (a wav); a client sends JSON.  All are
read here, so a value is the same in training and in serving.
"""

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

FLOAT32_MAX = 3.4028234663852886e38
"""The largest number that an example, a request or the network can hold."""
SHOWN_CHARACTERS = 60
RAGGED_AXES = 3
"""Axes of varying length, at most: sequences of sequences of sequences."""

RawValue = str | bytes | float | list[Any]
"""A scalar, or lists of scalars as deep as its form has axes."""

Shape = tuple[int | None, ...]


class RawError(ValueError):
    """A value that cannot be read; the message names the field, what came and what to do."""


class Raw(BaseModel):
    """The form of a raw value.

    Attributes:
        dtype: ``string``, ``float`` (float32) or ``bytes`` (a file's content: wav, png).
        shape: of one row's value: ``()`` for a scalar, ``(None,)`` for a sequence ``[time]``,
            ``(None, depth)`` for a sequence of vectors ``[time, depth]``, ``(None, None)`` and
            ``(None, None, None)`` for sequences of sequences, ``(height, width, channels)`` for
            one size of all rows.  Axes of varying length come first.
        nullable: whether a number may be missing (null, NaN or empty text): it is NaN then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: Literal["string", "float", "bytes"]
    shape: Shape = ()
    nullable: bool = False

    @field_validator("shape")
    @classmethod
    def _varying_axes_come_first(cls, shape: Shape) -> Shape:
        varying = _varying(shape)
        if varying > RAGGED_AXES or None in shape[varying:]:
            raise ValueError(
                f"shape {list(shape)}: at most {RAGGED_AXES} axes vary in length (null), and they "
                "stand before those of a fixed size"
            )
        return shape

    @property
    def ragged_rank(self) -> int:
        """How many axes of a row vary in length."""
        return _varying(self.shape)

    @property
    def is_sequence(self) -> bool:
        """Whether a row holds a sequence, of any length from 1."""
        return self.ragged_rank > 0

    @property
    def inner(self) -> tuple[int, ...]:
        """The sizes of the axes that have the same size in every row."""
        return tuple(size for size in self.shape if size is not None)

    def of_steps(self) -> "Raw":
        """The form of a sequence of values of this form."""
        return self.model_copy(update={"shape": (None, *self.shape)})

    def read(self, column: str, value: Any, delimiter: str | None = None) -> RawValue:
        """A present value in this form.

        Args:
            column: where it stands, for messages.
            value: text, bytes, a JSON value other than null (unless ``nullable``), or an array.
            delimiter: what separates the steps of a sequence that came as text; blanks if None.

        Returns:
            str, bytes, float, or lists of them as deep as the shape; those of varying length may
            be empty.

        Raises:
            RawError: it has another form.
        """
        if not self.shape:
            return self._read_scalar(column, value)
        if isinstance(value, str) and self.shape in ((None,), (None, 1)):
            value = value.split(delimiter)
        return self._read_axis(column, value, 0)

    def unlisted(self, column: str, value: Any) -> RawError:
        """The error of a value that is no list of steps."""
        steps = {"string": "strings", "float": "numbers", "bytes": "files"}[self.dtype]
        sizes = self.shape[1:]
        for size in reversed(sizes if self.is_sequence and sizes != (1,) else ()):
            steps = f"lists of {steps if size is None else f'{size} {steps}'}"
        if not self.is_sequence:
            steps = f"{steps} of the shape {list(self.shape)}"
        came = "text" if isinstance(value, str) else f"a {type(value).__name__}"
        return RawError(f"field {column!r}: {came} came, where a list of {steps} is read")

    def flattened(self, value: Any) -> tuple[list[Any], list[list[int]]]:
        """A read value as the scalars of all its lists, and how long its inner lists are.

        Returns:
            the scalars in their order; and for each axis of varying length but the first, from
            the outermost, the lengths of the lists along it, in their order.
        """
        if not self.shape:
            return [value], []
        lengths = []
        for _ in range(1, self.ragged_rank):
            lengths.append([len(part) for part in value])
            value = list(chain.from_iterable(value))
        for _ in self.inner if self.is_sequence else self.inner[1:]:
            value = list(chain.from_iterable(value))
        return value, lengths

    def nested(self, scalars: Sequence[Any], lengths: Sequence[Sequence[int]]) -> RawValue:
        """The value that ``flattened`` took apart."""
        value = list(scalars)
        if not self.shape:
            return value[0]
        for size in reversed(self.inner if self.is_sequence else self.inner[1:]):
            value = [value[start : start + size] for start in range(0, len(value), size)]
        for sizes in reversed(lengths):
            rest = iter(value)
            value = [list(islice(rest, size)) for size in sizes]
        return value

    def _read_axis(self, where: str, value: Any, axis: int) -> list[Any]:
        value = value.tolist() if hasattr(value, "tolist") else value
        size, last = self.shape[axis], axis == len(self.shape) - 1
        if size == 1 and axis and not isinstance(value, list):
            value = [value]
        if not isinstance(value, list) or size not in (None, len(value)):
            raise self._misfit(where, value, axis)
        # Long series and images are read in one go, and one by one only to say what is wrong.
        if self.dtype == "float" and self.shape[axis + 1 :] in ((), (1,)):
            numbers = _plain_numbers(value)
            if numbers is not None:
                return numbers if last else [[number] for number in numbers]
        if not last:
            steps = enumerate(value)
            return [self._read_axis(f"{where}[{index}]", step, axis + 1) for index, step in steps]
        if self.dtype == "string" and {*map(type, value)} == {str} and "".join(value).isascii():
            return list(value)
        if self.dtype == "float" and size is not None and axis:
            return [self._read_scalar(where, step) for step in value]
        return [self._read_step(f"{where}[{index}]", step) for index, step in enumerate(value)]

    def _misfit(self, where: str, value: Any, axis: int) -> RawError:
        if axis == 0 and not isinstance(value, list):
            return self.unlisted(where, value)
        nouns = {"string": "strings", "float": "numbers", "bytes": "files"}
        noun = nouns[self.dtype] if axis == len(self.shape) - 1 else "lists"
        came = f"{len(value)} {noun}" if isinstance(value, list) else shown(value)
        if self.shape[axis] is None:
            return RawError(f"field {where!r}: {came} came, where a list of {noun} is read")
        if len(self.shape) == 2 and self.is_sequence:
            return RawError(
                f"field {where!r}: {came} came, where every step has {self.shape[axis]} (correct "
                "the row, or set the feature's `depth:`)"
            )
        return RawError(
            f"field {where!r}: {came} came, where {self.shape[axis]} {noun} are read: every row "
            f"has the shape {['any' if size is None else size for size in self.shape]}"
        )

    def _read_step(self, where: str, step: Any) -> RawValue:
        if step is None and self.dtype == "string":
            raise RawError(f"field {where!r}: null came, where text is read")
        return self._read_scalar(where, step)

    def _read_scalar(self, where: str, value: Any) -> str | bytes | float:
        if self.dtype == "string":
            return read_text(where, value)
        if self.dtype == "bytes":
            return read_bytes(where, value)
        if self.nullable and is_missing_number(value):
            return math.nan
        return read_number(where, value)


TEXT = Raw(dtype="string")
"""Text, a value a row; said once, since forms are asked for at each row."""


def _plain_numbers(value: list[Any]) -> list[float] | None:
    """A list of numbers as floats, if it holds nothing else and none that is out of range."""
    plain = {*map(type, value)} in ({float}, {int}) and sum(map(abs, value)) <= FLOAT32_MAX
    return list(map(float, value)) if plain else None


def _varying(shape: Shape) -> int:
    return next((axis for axis, size in enumerate(shape) if size is not None), len(shape))


def partition_names(name: str, form: Raw) -> list[str]:
    """The features of an example that hold how long a feature's inner lists are.

    One for each axis of varying length but the first, whose length shows in the others.  They are
    named as TensorFlow Transform names those of what it writes.
    """
    return [f"{name}$row_lengths_{axis}" for axis in range(1, form.ragged_rank)]


def length_names(name: str, form: Raw) -> list[str]:
    """The inputs that hold the lengths of a feature, one for each axis of varying length.

    ``NAME_length`` is int32 ``[batch]``, ``NAME_length_2`` ``[batch, time]``, and so on.
    """
    return [length_name(name, axis) for axis in range(1, form.ragged_rank + 1)]


def length_name(name: str, axis: int) -> str:
    """The input that holds the lengths along an axis of varying length, counted from 1."""
    return f"{name}_length" if axis == 1 else f"{name}_length_{axis}"


def is_missing_number(value: Any) -> bool:
    """Whether a value stands for a number that was not measured: null, NaN or blank text."""
    if isinstance(value, str):
        return value.strip().lower() in ("", "nan")
    return value is None or (isinstance(value, float) and math.isnan(value))


def read_bytes(column: str, value: Any) -> bytes:
    """A file's content, as it is or as JSON has it: ``{"b64": "..."}``.

    Raises:
        RawError: something else came.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except binascii.Error as error:
            raise RawError(f"field {column!r}: b64 is not base64: {error}") from error
    came = "null" if value is None else f"a {type(value).__name__}"
    raise RawError(
        f'field {column!r}: {came} came, where bytes are read (in JSON: {{"b64": "..."}})'
    )


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


def finite_number(value: Any) -> float | None:
    """A number, or text that says one; None if it is none, not finite, or beyond float32."""
    try:
        number = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and abs(number) <= FLOAT32_MAX else None


def read_number(column: str, value: Any) -> float:
    """A number, or text that says one.

    Raises:
        RawError: it is none, not finite, or beyond float32.
    """
    number = finite_number(value)
    if number is None:
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
