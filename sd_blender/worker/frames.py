# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire: frames of a JSON header and raw array bytes on a pipe. Every size is checked before it is allocated.

A frame is the magic, the length of the header (32 bits, little-endian), the header as UTF-8 JSON, and the bytes of the
arrays that the header lists, in that order, C-contiguous and little-endian.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MAGIC = b"SDB1"
MAX_HEADER = 1 << 20
MAX_ARRAYS = 128
MAX_ARRAY_BYTES = 4 << 30
"""Of all arrays of a frame together: 64 pictures of 4096 x 4096 are 3 GB."""
DTYPES: dict[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "float32": np.dtype("<f4")}

_PREFIX = struct.Struct("<4sI")
_CHUNK = 16 << 20

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


class WireError(Exception):
    """What came is not a frame: after this the stream cannot be read any further."""


@dataclass(frozen=True, eq=False)
class Frame:
    """header: JSON values, "type" among them. arrays: uint8 or float32 arrays by name."""

    header: Header
    arrays: Arrays = field(default_factory=dict)

    @property
    def type(self) -> str:
        return str(self.header.get("type", ""))


def write_frame(stream: BinaryIO, frame: Frame) -> None:
    """Write and flush. Raises WireError for what :func:`read_frame` would refuse, OSError when nobody reads."""
    arrays = [np.ascontiguousarray(array) for array in frame.arrays.values()]
    listed = [
        {"name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
        for name, array in zip(frame.arrays, arrays, strict=True)
    ]
    header = {**frame.header, "arrays": listed}
    _sizes(header)
    data = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(data) > MAX_HEADER:
        raise WireError(f"a header of {len(data)} bytes is too long")
    stream.write(_PREFIX.pack(MAGIC, len(data)) + data)
    for array in arrays:
        view = _bytes_of(array)
        for start in range(0, len(view), _CHUNK):
            stream.write(view[start : start + _CHUNK])
    stream.flush()


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame, or None at the end of the stream between two frames. Raises WireError for anything else."""
    prefix = stream.read(_PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < _PREFIX.size:
        raise WireError("the stream ended inside a frame")
    magic, length = _PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise WireError(f"not a frame: {prefix!r}")
    if length > MAX_HEADER:
        raise WireError(f"a header of {length} bytes is too long")
    header = _parse(_read_exactly(stream, length))
    arrays: Arrays = {}
    for (name, dtype, shape), _ in _sizes(header):
        array = np.empty(shape, dtype)
        _read_into(stream, _bytes_of(array))
        arrays[name] = array
    del header["arrays"]
    return Frame(header, arrays)


def _parse(data: bytes) -> Header:
    try:
        header = json.loads(data.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is not JSON: {error}") from None
    if not isinstance(header, dict) or not isinstance(header.get("type"), str):
        raise WireError("the header has no type")
    return header


def _sizes(header: Header) -> list[tuple[tuple[str, np.dtype[Any], tuple[int, ...]], int]]:
    """Name, type, shape and bytes of the arrays that a header lists. Raises WireError before anything is allocated."""
    listed = header.get("arrays")
    if not isinstance(listed, list) or len(listed) > MAX_ARRAYS:
        raise WireError("the list of arrays is missing or too long")
    sizes, names = [], set()
    for entry in listed:
        name, dtype, shape = _entry(entry)
        if name in names:
            raise WireError(f"the array {name!r} comes twice")
        names.add(name)
        sizes.append(((name, dtype, shape), math.prod(shape) * dtype.itemsize))
    if (total := sum(size for _, size in sizes)) > MAX_ARRAY_BYTES:
        raise WireError(f"arrays of {total} bytes are too long")
    return sizes


def _entry(entry: object) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    if not isinstance(entry, dict):
        raise WireError("an array is listed without its name")
    name, dtype, shape = entry.get("name"), DTYPES.get(str(entry.get("dtype"))), entry.get("shape")
    if not isinstance(name, str) or len(name) > 40 or dtype is None:
        raise WireError(f"the array {str(name)[:40]!r} has no known name and type")
    sides = shape if isinstance(shape, list) and len(shape) <= 4 else [-1]
    if not all(type(side) is int and 0 <= side <= MAX_ARRAY_BYTES for side in sides):
        raise WireError(f"the shape of the array {name!r} is not one")
    return name, dtype, tuple(sides)


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _read_exactly(stream: BinaryIO, length: int) -> bytes:
    data = bytearray(length)
    _read_into(stream, memoryview(data))
    return bytes(data)


def _read_into(stream: BinaryIO, view: memoryview) -> None:
    done = 0
    while done < len(view):
        count = stream.readinto(view[done : done + _CHUNK])  # type: ignore[attr-defined]
        if not count:
            raise WireError("the stream ended inside a frame")
        done += count
