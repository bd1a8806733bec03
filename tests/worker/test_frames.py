# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire: what is written is read again, and nothing else is accepted or allocated."""

import io
import json
import struct
import tracemalloc

import numpy as np
import pytest

from sd_blender.worker import frames
from sd_blender.worker.frames import MAGIC, Frame, WireError, read_frame, write_frame

FUZZED = 100_000


def written(frame: Frame) -> bytes:
    stream = io.BytesIO()
    write_frame(stream, frame)
    return stream.getvalue()


def raw(header: object, rest: bytes = b"") -> bytes:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return MAGIC + struct.pack("<I", len(data)) + data + rest


def read(data: bytes) -> Frame | None:
    return read_frame(io.BytesIO(data))


def listing(**entry: object) -> dict:
    return {"type": "result", "arrays": [{"name": "0", "dtype": "uint8", "shape": [2, 2, 3]} | entry]}


def test_a_frame_comes_back_as_it_was():
    arrays = {
        "pixels": np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8),
        "mask": np.random.default_rng(2).random((5, 7)).astype(np.float32)[::-1],
        "nothing": np.empty((0, 3), np.uint8),
    }
    header = {"type": "generate", "prompt": "moss, 苔, \ud800", "seed": 2**62}
    frame = read(written(Frame(header, arrays)))
    assert frame.type == "generate" and frame.header == header
    assert frame.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert frame.arrays[name].dtype == array.dtype and np.array_equal(frame.arrays[name], array)
        assert frame.arrays[name].flags.writeable


def test_frames_follow_each_other_and_the_end_is_none():
    stream = io.BytesIO(
        written(Frame({"type": "a"})) + written(Frame({"type": "b"}, {"x": np.zeros(3, np.uint8)}))
    )
    assert [read_frame(stream).type, read_frame(stream).type, read_frame(stream)] == ["a", "b", None]


@pytest.mark.fault("F24")
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hello, world", "not a frame"),
        (b"SDB", "ended inside"),
        (MAGIC + struct.pack("<I", 0xFFFFFFFF), "too long"),
        (MAGIC + struct.pack("<I", 100) + b"{}", "ended inside"),
        (raw(b"\xff\xfe"), "not JSON"),
        (raw(b"[" * 100_000), "not JSON"),
        (raw([1]), "no type"),
        (raw({"type": 3, "arrays": []}), "no type"),
        (raw({"type": "a"}), "list of arrays"),
        (raw({"type": "a", "arrays": [[]] * 200}), "list of arrays"),
        (raw({"type": "a", "arrays": ["x"]}), "without its name"),
        (raw(listing(name=1)), "no known name"),
        (raw(listing(name="x" * 41)), "no known name"),
        (raw(listing(dtype="object")), "no known name"),
        (raw(listing(dtype=None)), "no known name"),
        (raw(listing(shape=[-1, 4])), "is not one"),
        (raw(listing(shape=[2.5])), "is not one"),
        (raw(listing(shape=[True])), "is not one"),
        (raw(listing(shape=[1] * 5)), "is not one"),
        (raw(listing(shape="2")), "is not one"),
        (raw(listing(shape=[1 << 32, 1 << 32])), "too long"),
        (raw(listing(shape=[2, 2, 3]), b"12345"), "ended inside"),
        (raw({"type": "a", "arrays": listing()["arrays"] * 2}, b"x" * 24), "comes twice"),
    ],
)
def test_what_is_no_frame_is_refused(data, why):
    with pytest.raises(WireError, match=why):
        read(data)


@pytest.mark.fault("F24")
def test_a_promised_length_is_checked_before_anything_is_allocated():
    data = raw(listing(shape=[1 << 31, 3]))
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="too long"):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "frame",
    [
        Frame({"type": "a"}, {"x": np.zeros(3, np.float64)}),
        Frame({"type": "a"}, {str(i): np.zeros(1, np.uint8) for i in range(200)}),
        Frame({"type": "a", "text": "x" * (frames.MAX_HEADER + 1)}),
    ],
)
def test_what_would_be_refused_is_not_written(frame):
    stream = io.BytesIO()
    with pytest.raises(WireError):
        write_frame(stream, frame)
    assert stream.getvalue() == b""


@pytest.mark.fault("F24")
def test_fuzzed_frames_end_in_a_frame_or_in_an_error_of_the_wire():
    """Flipped, cut, doubled and random bytes: nothing else is ever raised, and little memory is touched."""
    random = np.random.default_rng(3)
    whole = written(
        Frame({"type": "result", "job": "a", "images": [{"seed": 1}]}, {"0": np.ones((2, 2, 3), np.uint8)})
    )
    refused = 0
    for i in range(FUZZED):
        data = bytearray(whole if i % 4 else random.bytes(int(random.integers(40))))
        for _ in range(int(random.integers(1, 4))):
            if data:
                data[int(random.integers(len(data)))] = int(random.integers(256))
        if i % 3 == 0:
            data = data[: int(random.integers(len(data) + 1))]
        try:
            frame = read(bytes(data))
            assert frame is None or isinstance(frame.header, dict)
        except WireError:
            refused += 1
    assert refused > FUZZED // 2
