# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files as others read them, and the text inside as we read it back."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from sd_blender.core import png

STORY = {"sd_blender": '{"prompt": "Überwachsener Stein 苔 🧱", "seed": 7}', "Comment": ""}


def noise(*shape):
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


def decode(data):
    """A reader made from the specification alone: the scan lines, with whatever filter each one has."""
    at, body, shape = 8, b"", ()
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        part = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + part)
        if kind == b"IHDR":
            width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", part)
            assert (depth, rest) == (8, [0, 0, 0])
            shape = height, width, {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            body += part
        at += 12 + length
    height, width, channels = shape
    lines = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, 1 + width * channels)
    rows, above = [], np.zeros(width * channels, np.uint8)
    for line in lines:
        assert line[0] in (0, 2)  # none, or the difference to the row above
        above = line[1:] + above if line[0] == 2 else line[1:]
        rows.append(above)
    return np.stack(rows).reshape(shape)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 4), (31, 17, 3), (64, 64, 4)])
def test_pixels_come_back(shape):
    pixels = noise(*shape)
    np.testing.assert_array_equal(decode(png.encode(pixels, STORY)), pixels)


def test_pixels_need_not_lie_in_order_in_memory():
    pixels = noise(8, 6, 4)[::-1, ::-1, :3]
    np.testing.assert_array_equal(decode(png.encode(pixels)), pixels)


def test_another_reader_agrees(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = noise(20, 30, 4)
    path = tmp_path / "x.png"
    path.write_bytes(png.encode(pixels, STORY))
    with image.open(path) as opened:
        np.testing.assert_array_equal(np.asarray(opened), pixels)
        assert opened.text == STORY


def test_text_comes_back():
    assert png.read_text(png.encode(noise(4, 4, 3), STORY)) == STORY
    assert png.read_text(png.encode(noise(4, 4, 3))) == {}


def test_text_of_other_programs(tmp_path):
    """Plain text chunks, as the web user interfaces write their parameters."""
    image = pytest.importorskip("PIL.Image")
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("parameters", "moss\nSteps: 20")
    info.add_itxt("other", "ü", zip=False)
    image.fromarray(noise(4, 4, 3)).save(tmp_path / "x.png", pnginfo=info)
    assert png.read_text((tmp_path / "x.png").read_bytes()) == {"parameters": "moss\nSteps: 20", "other": "ü"}


def test_same_pixels_give_the_same_file():
    assert png.encode(noise(9, 9, 3), STORY) == png.encode(noise(9, 9, 3), STORY)


WHOLE = png.encode(noise(16, 16, 3), STORY)


@pytest.mark.parametrize("length", [0, 7, 8, 20, 33, 60, len(WHOLE) // 2, len(WHOLE) - 1])
def test_a_file_cut_short_is_refused(length):
    with pytest.raises(ValueError, match="PNG"):
        png.read_text(WHOLE[:length])


def test_a_changed_byte_is_noticed():
    for at in range(len(png.SIGNATURE), len(WHOLE) - 12, 7):
        changed = bytearray(WHOLE)
        changed[at] ^= 0x10
        with pytest.raises(ValueError, match=r"PNG|utf-8"):
            png.read_text(bytes(changed))


def test_a_text_that_would_fill_the_memory_is_refused():
    bomb = png._chunk(b"iTXt", b"x\0\1\0\0\0" + zlib.compress(b"\0" * (png.MAX_TEXT + 1)))
    with pytest.raises(ValueError, match="too long"):
        png.read_text(WHOLE[:33] + bomb + WHOLE[33:])


def test_a_text_that_is_no_text_spoils_no_other():
    spoilt = [png._chunk(b"iTXt", body) for body in (b"", b"x", b"x\0\0\0", b"x\0\1\0y", b"y\0\0\0\0\0\xff")]
    whole = png.encode(noise(4, 4, 3), STORY)
    at = len(png.SIGNATURE) + 25  # after the header
    assert png.read_text(whole[:at] + b"".join(spoilt) + whole[at:]) == STORY | {"y": "\xff"}
