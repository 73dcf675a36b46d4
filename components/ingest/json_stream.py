"""The records of a JSON document, decoded as they come, so that only one is held at a time.

The records are the items of the array that the document is, or of one inside its objects; what
stands beside that is decoded, and dropped, a member at a time.
"""

import codecs
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from components.ingest.rows import MAX_FIELD_BYTES

CHUNK = 2**16
LITERAL = 16
"""No literal, number's tail or escape that the text may end in is longer."""
BLANKS = " \t\n\r"


class JsonProblem(ValueError):
    """The document cannot be read from a place on; the message says which and what came."""


def records(stream: BinaryIO, path: Sequence[str] = ()) -> Iterator[Any]:
    """The items of the array at a path.

    Args:
        stream: UTF-8.
        path: members to enter; none if the document is the array.

    Raises:
        JsonProblem: the document is no valid JSON, or has no array there.
    """
    text = _Text(stream)
    yield from _items(text, list(path), [])
    came = text.peek()
    if came:
        remedy = "an object a line is format: jsonl"
        raise text.problem(f"{_kind(came)} came after the end of the document ({remedy})")


def _items(text: "_Text", path: list[str], entered: list[str]) -> Iterator[Any]:
    """The items at the rest of a path, from a value on."""
    where = f" at {'.'.join(entered)!r}" if entered else ""
    came = text.peek()
    if not path:
        if came != "[":
            raise text.problem(
                f"{_kind(came)} came{where}, where an array of records is read (name the array's "
                "place with data.records; an object a line is format: jsonl)"
            )
        yield from text.array()
        return
    if came != "{":
        raise text.problem(f"{_kind(came)} came{where}, where an object with {path[0]!r} is read")
    found = False
    for name in text.members():
        if name == path[0] and not found:
            found = True
            yield from _items(text, path[1:], [*entered, name])
        else:
            text.value()
    if not found:
        raise text.problem(f"the object{where} has no {path[0]!r} (data.records)")


def _kind(character: str) -> str:
    kinds = {"": "nothing", "{": "an object", "[": "an array", '"': "a text"}
    return kinds.get(character, repr(character))


class _Text:
    """Decoded text of which only what is being read is held."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._scan = json.JSONDecoder().raw_decode
        self._held = ""
        self._place = 0
        self._lines = 1
        self._ended = False

    def problem(self, problem: str) -> JsonProblem:
        """An error at the place that was come to."""
        line = self._lines + self._held.count("\n", 0, self._place)
        return JsonProblem(f"line {line}: {problem}")

    def peek(self) -> str:
        """The next character that is no blank, or nothing at the end."""
        while True:
            while self._place < len(self._held):
                character = self._held[self._place]
                if character not in BLANKS:
                    return character
                self._place += 1
            if not self._more():
                return ""

    def value(self) -> Any:
        """The value from here on."""
        self.peek()
        while True:
            try:
                found, end = self._scan(self._held, self._place)
            except json.JSONDecodeError as error:
                # Text that breaks off may be one that goes on.
                open_text = error.msg.startswith("Unterminated string")
                broken_off = open_text or error.pos >= len(self._held) - LITERAL
                if broken_off and self._more():
                    continue
                raise self._invalid(error) from error
            except RecursionError as error:
                raise self.problem("lists in lists, too many to be read") from error
            except ValueError as error:
                digits = sys.get_int_max_str_digits()
                raise self.problem(f"a number has more than {digits} digits") from error
            # A number may go on where the text breaks off, as 1e+5 after 1e+.
            if end > len(self._held) - LITERAL and self._more():
                continue
            self._place = end
            return found

    def array(self) -> Iterator[Any]:
        """The items of the array from here on."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        while True:
            yield self.value()
            if self._separator("]"):
                return

    def members(self) -> Iterator[str]:
        """The names of the object from here on; after each, its value must be read."""
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            if self.peek() != '"':
                raise self.problem(f"{_kind(self.peek())} came, where a name in quotes is read")
            name = self.value()
            self._take(":")
            yield name
            if self._separator("}"):
                return

    def _separator(self, end: str) -> bool:
        """Takes what follows an item: whether it is the end, and no comma."""
        character = self.peek()
        if character not in (",", end) or not character:
            came = _kind(character) if character else "the end of the file"
            raise self.problem(f"{came} came, where ',' or {end!r} is read (is the file cut off?)")
        self._place += 1
        return character == end

    def _take(self, wanted: str) -> None:
        came = self.peek()
        if came != wanted:
            raise self.problem(f"{_kind(came)} came, where {wanted!r} is read")
        self._place += 1

    def _invalid(self, error: json.JSONDecodeError) -> JsonProblem:
        line = self._lines + self._held.count("\n", 0, error.pos)
        cut_off = " (is the file cut off?)" if self._ended and error.pos >= len(self._held) else ""
        return JsonProblem(f"line {line}: not valid JSON: {error.msg}{cut_off}")

    def _more(self) -> bool:
        """Reads on, as much as is held; False at the end of the document."""
        if self._ended:
            return False
        self._lines += self._held.count("\n", 0, self._place)
        self._held = self._held[self._place :]
        self._place = 0
        if len(self._held) > MAX_FIELD_BYTES:
            limit = MAX_FIELD_BYTES // 2**20
            raise self.problem(
                f"a record of more than {limit} MiB (is a quote or bracket missing?)"
            )
        content = self._stream.read(max(CHUNK, len(self._held)))
        self._ended = not content
        try:
            self._held += self._decode(content, self._ended)
        except UnicodeDecodeError as error:
            raise self.problem(
                "bytes that are not UTF-8 came soon after (convert the file to UTF-8)"
            ) from error
        return True
