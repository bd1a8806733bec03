# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files without an imaging library: 8-bit RGB or RGBA in, with text beside the pixels; the text out again.

Written for speed on big textures: one filter for all rows and the fastest deflate level, which is three times as fast
as the usual setting for files some ten per cent larger. The format: https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from .request import ImageArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {3: 2, 4: 6}
FILTER_UP = 2
MAX_TEXT = 16 * 2**20
"""Bytes of all texts, unpacked; a stranger's file must not fill the memory."""


def encode(pixels: ImageArray, text: Mapping[str, str] | None = None) -> bytes:
    """A PNG file of ``pixels`` (uint8, height x width x 3 or 4, row 0 at the top, sRGB-encoded).

    text: stored as international text by keyword (1 to 79 Latin-1 characters), any Unicode, compressed.
    """
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    filtered = np.empty((height, 1 + width * channels), np.uint8)
    filtered[:, 0] = FILTER_UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), _chunk(b"sRGB", b"\0")]
    chunks += [_chunk(b"iTXt", _international(keyword, value)) for keyword, value in (text or {}).items()]
    chunks += [_chunk(b"IDAT", zlib.compress(filtered.data, 1)), _chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(chunks)


def read_text(data: bytes) -> dict[str, str]:
    """The texts of a PNG file by keyword. Raises ValueError when ``data`` is no PNG file or is cut short."""
    texts: dict[str, str] = {}
    room = MAX_TEXT
    for kind, body in _chunks(data):
        if kind == b"tEXt":
            keyword, _, value = body.partition(b"\0")
            texts[keyword.decode("latin-1")] = value.decode("latin-1")
        elif kind == b"zTXt":
            keyword, _, value = body.partition(b"\0")
            value = _inflate(value[1:], room)
            room -= len(value)
            texts[keyword.decode("latin-1")] = value.decode("latin-1")
        elif kind == b"iTXt":
            keyword, _, rest = body.partition(b"\0")
            compressed, (_, _, value) = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
            if compressed:
                value = _inflate(value, room)
                room -= len(value)
            texts[keyword.decode("latin-1")] = value.decode("utf-8")
    return texts


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _international(keyword: str, value: str) -> bytes:
    # Keyword, compressed with method 0, no language, no translated keyword.
    return keyword.encode("latin-1") + b"\0\1\0\0\0" + zlib.compress(value.encode("utf-8"))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(SIGNATURE):
        raise ValueError("not a PNG file")
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        checksum = struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
        if len(body) < length or data[at + 8 + length : at + 12 + length] != checksum:
            raise ValueError("the PNG file is damaged")
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + length
    raise ValueError("the PNG file is cut short")


def _inflate(data: bytes, room: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, room + 1)
    except zlib.error as error:
        raise ValueError("the PNG file is damaged") from error
    if len(text) > room:
        raise ValueError("the PNG file holds a text that is too long")
    return text
