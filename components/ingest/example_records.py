"""TFRecord files and the tf.Examples in them, read without TensorFlow.

The framing (length, its checksum, data, their checksum) and the messages are as TensorFlow
documents them: https://www.tensorflow.org/tutorials/load_data/tfrecord and
tensorflow/core/example/{feature,example}.proto.  A checksum is the CRC-32C, rotated by 15 bits,
plus a constant.
"""

import struct
from collections.abc import Iterator
from functools import cache
from typing import Any, BinaryIO, NamedTuple

FRAME = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")
MASK = 0xA282EAD8
LARGEST = 2**31
"""Bytes that a message can have at most."""


class Framed(NamedTuple):
    """A record, by its number from 1: its bytes, or what is wrong with it alone."""

    number: int
    content: bytes
    problem: str | None = None


class FrameProblem(ValueError):
    """No record can be told from the next from a place on."""


def masked_checksum(content: bytes) -> int:
    """The checksum that stands behind bytes in a TFRecord file."""
    import google_crc32c

    crc = google_crc32c.value(content)
    return (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF


def framed(stream: BinaryIO) -> Iterator[Framed]:
    """The records of a TFRecord stream.

    Raises:
        FrameProblem: the file is cut off, damaged where lengths stand, or none of records.
    """
    number = 0
    while head := stream.read(FRAME.size):
        number += 1
        if len(head) < FRAME.size:
            raise FrameProblem(f"record {number} is cut off in its length (is the file whole?)")
        length, checksum = FRAME.unpack(head)
        if masked_checksum(head[:8]) != checksum or length > LARGEST:
            cause = (
                "is the file a TFRecord file?" if number == 1 else "the file is damaged from here"
            )
            raise FrameProblem(f"the length of record {number} has another checksum ({cause})")
        content = stream.read(length)
        tail = stream.read(CHECKSUM.size)
        if len(content) < length or len(tail) < CHECKSUM.size:
            raise FrameProblem(f"record {number} is cut off (is the file whole?)")
        if masked_checksum(content) != CHECKSUM.unpack(tail)[0]:
            yield Framed(number, content, "is damaged: its bytes have another checksum")
        else:
            yield Framed(number, content)


@cache
def sequence_example_class() -> Any:
    """The message of a SequenceExample, in a pool of its own.

    A tf.Example is read as one without feature lists: its features stand where the context does.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="rondo/example_records.proto", package="rondo", syntax="proto3"
    )
    field = descriptor_pb2.FieldDescriptorProto
    types = {"bytes": field.TYPE_BYTES, "float": field.TYPE_FLOAT, "int64": field.TYPE_INT64}

    def message(name: str) -> Any:
        return file.message_type.add(name=name)

    def add(owner: Any, name: str, number: int, kind: Any, repeated: bool) -> Any:
        label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
        is_message = isinstance(kind, str)
        given = {"type_name": f".rondo.{kind}"} if is_message else {}
        return owner.field.add(
            name=name,
            number=number,
            label=label,
            type=field.TYPE_MESSAGE if is_message else kind,
            **given,
        )

    def add_map(owner: Any, name: str, kind: str) -> None:
        entry = owner.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        add(entry, "key", 1, field.TYPE_STRING, False)
        add(entry, "value", 2, kind, False)
        add(owner, name, 1, f"{owner.name}.{entry.name}", True)

    feature = message("Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(types.items(), start=1):
        add(message(f"{name.capitalize()}List"), "value", 1, kind, True)
        listed = add(feature, f"{name}_list", number, f"{name.capitalize()}List", False)
        listed.oneof_index = 0
    add_map(message("Features"), "feature", "Feature")
    add(message("FeatureList"), "feature", 1, "Feature", True)
    add_map(message("FeatureLists"), "lists", "FeatureList")
    example = message("SequenceExample")
    add(example, "context", 1, "Features", False)
    add(example, "feature_lists", 2, "FeatureLists", False)

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("rondo.SequenceExample"))
