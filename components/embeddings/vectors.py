"""Reads text files of word vectors, a word and its numbers a line; imports no TensorFlow.

Two forms: word2vec's, whose first line is ``COUNT SIZE``, and GloVe's, which has no such line and
whose size is told from its first lines.  Fields are separated by blanks or tabs; the last SIZE are
the numbers, so a word may hold blanks, but not end in a number after one, since a line with a
number too many looks the same.  Files are larger than memory: what is not asked for is counted and
dropped, without a look at more than its first number.
"""

import gzip
import itertools
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

import numpy as np

from components.errors import DataError

HEAD_LINES = 100
LONGEST_LINE = 2**20
TOLD_LINES = 100_000
SHOWN_CHARACTERS = 40
MEND = "mend or remove the line, or fetch the file anew"


class Head(NamedTuple):
    """What the first lines of a file say.

    Attributes:
        size: numbers a word.
        count: words in the file, by its header; None if it has none.
    """

    size: int
    count: int | None


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """The bytes of a local file, unpacked if its name ends in ``.gz``.

    Raises:
        DataError: it cannot be read, now or later in the block.
    """
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as stream:
            yield stream
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such file of vectors (a relative path starts at the experiment file's "
            "folder)"
        ) from error
    except (EOFError, OSError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read: {reason}") from error


def read_head(stream: BinaryIO, path: str) -> Head:
    """Reads and checks the first lines.

    Args:
        stream: the file's bytes, unpacked.
        path: the file, which errors name.

    Raises:
        DataError: they hold no vectors, or are ragged; names the line.
    """
    return _head(list(itertools.islice(_lines(stream, path), HEAD_LINES)), path)


def read_vectors(
    stream: BinaryIO,
    path: str,
    wanted: Collection[str],
    tell: Callable[[int], None] = lambda words: None,
) -> Iterator[tuple[str, np.ndarray]]:
    """The vectors of the words asked for, in the file's order.

    Args:
        stream: the file's bytes, unpacked.
        path: the file, which errors name.
        wanted: words.
        tell: hears from time to time how many words were read.

    Yields:
        a word and its vector, float32 ``[size]``; a word that the file repeats comes repeatedly.

    Raises:
        DataError: a line has too few or too many numbers, or what stands there is none; the file
            ends early.
    """
    lines = _lines(stream, path)
    first = list(itertools.islice(lines, HEAD_LINES))
    head = _head(first, path)
    numbered = enumerate(itertools.chain(first, lines), start=1)
    if head.count is not None:
        next(numbered)
    words = 0
    for number, line in numbered:
        line = line.rstrip()
        if not line:
            continue
        words += 1
        word, numbers = _parted(line, number, head, path)
        text = word.decode("utf-8", "replace")
        if text in wanted:
            yield text, _values(numbers, number, text, head, path)
        if words % TOLD_LINES == 0:
            tell(words)
    if head.count is not None and words != head.count:
        raise DataError(
            f"{path}:1: the header says {head.count:,} words, but {words:,} came (if the file was "
            f"cut short, fetch it anew; else write {words} {head.size} there)"
        )


def _lines(stream: BinaryIO, path: str) -> Iterator[bytes]:
    # Not by iterating: a file without line ends would come as one line.
    for number in itertools.count(1):
        line = stream.readline(LONGEST_LINE)
        if len(line) == LONGEST_LINE:
            raise DataError(
                f"{path}:{number}: a line of a mebibyte and more; vectors are read from text, a "
                "word and its numbers a line (convert word2vec's or fastText's binary files)"
            )
        if not line:
            return
        yield line


def _head(lines: list[bytes], path: str) -> Head:
    fields = lines[0].split() if lines else []
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        head, begin = Head(int(fields[1]), int(fields[0])), 1
    else:
        counts = Counter(_numbers_at_the_end(line.split()) for line in lines if line.strip())
        # The size that most lines have; of several, the smallest.
        head = Head(min(counts, key=lambda size: (-counts[size], size), default=0), None)
        begin = 0
    if head.size == 0 or not any(line.strip() for line in lines[begin:]):
        raise DataError(
            f"{path}: holds no vectors; a word and its numbers stand in each line, after a first "
            "line COUNT SIZE or without one"
        )
    for number, line in enumerate(lines[begin:], start=begin + 1):
        if line.strip():
            word, numbers = _parted(line.rstrip(), number, head, path)
            _values(numbers, number, word.decode("utf-8", "replace"), head, path)
    return head


def _numbers_at_the_end(fields: list[bytes]) -> int:
    """How many of the last fields are numbers; the first one is a word at any rate."""
    return sum(1 for _ in itertools.takewhile(_is_number, reversed(fields[1:])))


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _parted(line: bytes, number: int, head: Head, path: str) -> tuple[bytes, list[bytes] | bytes]:
    """The word and the fields (or the bytes) of its numbers, of a line without its end."""
    if line.count(b" ") == head.size:
        word, _, numbers = line.partition(b" ")
        # A word of two parts with a number too few has as many blanks.
        if _is_number(numbers.partition(b" ")[0]):
            return word, numbers
    fields = line.split()
    word, numbers = b" ".join(fields[: -head.size]), fields[-head.size :]
    too_few = len(fields) <= head.size or not _is_number(numbers[0])
    too_many = len(fields) > head.size + 1 and _is_number(fields[-head.size - 1])
    if too_few or too_many:
        came = _numbers_at_the_end(fields)
        word = b" ".join(fields[: len(fields) - came])
        raise _ragged(f"{came} number{'s' * (came != 1)} came after", word, number, head, path)
    return word, numbers


def _values(
    numbers: list[bytes] | bytes, number: int, word: str, head: Head, path: str
) -> np.ndarray:
    fields = numbers.split() if isinstance(numbers, bytes) else numbers
    if len(fields) != head.size:
        raise _ragged(f"{len(fields)} numbers came after", word.encode(), number, head, path)
    for field in fields:
        if not _is_number(field):
            shown = _shown(field.decode("utf-8", "replace"))
            raise _ragged(
                f"{shown}, which is no number, came after", word.encode(), number, head, path
            )
    with np.errstate(over="ignore"):
        values = np.array([float(field) for field in fields], np.float32)
    if not np.isfinite(values).all():
        raise DataError(
            f"{path}:{number}: the vector of {_shown(word)} holds a number that is not finite in "
            f"float32 ({MEND})"
        )
    return values


def _ragged(came: str, word: bytes, number: int, head: Head, path: str) -> DataError:
    source = "most of the first lines have" if head.count is None else "the header says"
    return DataError(
        f"{path}:{number}: {came} {_shown(word.decode('utf-8', 'replace'))}, where {head.size} "
        f"numbers belong, as {source} ({MEND})"
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")
