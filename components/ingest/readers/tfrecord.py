"""Reader of TFRecord files of tf.Example or SequenceExample, packed ones too.

Features of a tf.Example, or of a SequenceExample's context, are columns: one value is a scalar,
several are a list, none is a missing value; those that ``lists`` names are lists whatever they
hold, as a sequence of any length must be.  A feature list is a list of a list for each step, or,
if ``scalars`` names it, of the step's one value.  Bytes are read as UTF-8 text, those that
``bytes`` names stay bytes.  A row's line is the record's number.

    data: {path: shards, format: tfrecord, lists: [words], scalars: [tags], bytes: [image]}
"""

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from pydantic import model_validator

from components.ingest.chunks import ColumnChunkOptions, in_chunks
from components.ingest.example_records import FrameProblem, framed, sequence_example_class
from components.ingest.lines import named
from components.ingest.options import DataOptions
from components.ingest.rows import BadFile, Row

PATTERNS = (
    *("*.tfrecord", "*.tfrecord.gz", "*.tfrecords", "*.tfrecords.gz"),
    *("*tfrecord-*-of-?????", "*tfrecord-*-of-?????.gz"),
)
KEPT_BYTES = 1_000
"""Of a bad record, in its row's ``came``."""


class Options(DataOptions):
    """Options of TFRecord files.

    Attributes:
        lists: features that are lists also where they hold one value, or none.
        scalars: features that hold one value, in every step if they are feature lists.
        bytes: features whose bytes are no text.
        chunk: cuts the text (or list of tokens) of a column into rows; see
            ``components.ingest.chunks``.
    """

    lists: list[str] = []
    scalars: list[str] = []
    bytes: list[str] = []
    chunk: ColumnChunkOptions | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "Options":
        both = sorted({*self.lists} & {*self.scalars})
        if both:
            raise ValueError(f"{named(both)} cannot be in lists and in scalars")
        return self


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields a row for each record, or its chunks.

    Raises:
        BadFile: records cannot be told apart from a place on.
    """
    return in_chunks(_rows(stream, path, options), path, options, options.chunk)


class _Misshapen(ValueError):
    """A feature that holds what it should not."""


def _rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    from google.protobuf.message import DecodeError

    parse = sequence_example_class().FromString
    fields_of = _fields_of(options)
    try:
        for number, content, problem in framed(stream):
            if problem is None:
                try:
                    yield Row(number, fields_of(parse(content)))
                    continue
                except DecodeError:
                    problem = "is neither a tf.Example nor a SequenceExample"
                except _Misshapen as error:
                    problem = str(error)
            yield Row(number, {}, problem, came=repr(content[:KEPT_BYTES]))
    except FrameProblem as error:
        raise BadFile(path, None, str(error)) from error


def _sorted(features: Any) -> list[tuple[str, Any]]:
    # A message keeps no order, and rows must not differ from one reading to the next.
    return sorted(features.items(), key=lambda feature: feature[0])


def _fields_of(options: Options) -> Callable[[Any], dict[str, Any]]:
    lists, scalars, binary = map(frozenset, (options.lists, options.scalars, options.bytes))

    def values_of(feature: Any, name: str) -> list[Any]:
        kind = feature.WhichOneof("kind")
        values = [] if kind is None else list(getattr(feature, kind).value)
        if kind != "bytes_list" or name in binary:
            return values
        try:
            return [value.decode("utf-8") for value in values]
        except UnicodeDecodeError:
            raise _Misshapen(
                f"feature {name!r} holds bytes that are not UTF-8 (if they are no text, name it in "
                "data.bytes)"
            ) from None

    def single(values: list[Any], name: str, where: str) -> Any:
        if len(values) > 1:
            raise _Misshapen(
                f"feature {name!r} holds {len(values)} values{where}, where one is read "
                "(data.scalars)"
            )
        return values[0] if values else None

    def fields_of(example: Any) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, feature in _sorted(example.context.feature):
            values = values_of(feature, name)
            if name in lists or (len(values) > 1 and name not in scalars):
                fields[name] = values
            else:
                fields[name] = single(values, name, "")
        for name, steps in _sorted(example.feature_lists.lists):
            if name in fields:
                raise _Misshapen(f"feature {name!r} is in the context and in the feature lists")
            stepwise = [values_of(step, name) for step in steps.feature]
            if name in scalars:
                fields[name] = [
                    single(values, name, f" in step {step}") for step, values in enumerate(stepwise)
                ]
            else:
                fields[name] = stepwise
        return fields

    return fields_of
