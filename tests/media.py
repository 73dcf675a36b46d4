"""Small sound and picture files, made here."""

import io
import math
import struct
import wave
import zlib
from collections.abc import Sequence


def wav(
    samples: int, rate: int = 8000, channels: int = 1, width: int = 2, hertz: float = 440.0
) -> bytes:
    """A wav file of a tone, of so many samples a channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(width)
        written.setframerate(rate)
        for index in range(samples):
            value = round(0.3 * 32767 * math.sin(2 * math.pi * hertz * index / rate))
            written.writeframes(struct.pack("<h", value)[:width].rjust(width, b"\0") * channels)
    return file.getvalue()


def png(pixels: Sequence[Sequence[int]]) -> bytes:
    """A grey picture of rows of values from 0 to 255."""
    height, width = len(pixels), len(pixels[0])
    rows = b"".join(b"\0" + bytes(row) for row in pixels)

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content
