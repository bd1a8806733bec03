# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers that a network has learned, from its .safetensors file.

Such a file is a header that tells of each tensor its kind of numbers, its shape and its place, and then the tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.tensor_header import read_header

Array = NDArray[np.float32]

_KINDS: dict[str, np.dtype[Any]] = {
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
}


def read_tensors(path: Path) -> dict[str, Array]:
    """All tensors of a file by their names, as float32; those that are no fractions are left out.

    Raises OSError, or ValueError for what is no whole .safetensors file.
    """
    header = read_header(path)
    header.pop("__metadata__", None)
    with path.open("rb") as file:
        begin = 8 + int.from_bytes(file.read(8), "little")
        file.seek(begin)
        data = memoryview(file.read())
    try:
        return {name: _tensor(entry, data) for name, entry in header.items() if entry["dtype"] in _KINDS}
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} has a header that tells no tensors") from error


def _tensor(entry: Mapping[str, Any], data: memoryview) -> Array:
    start, stop = entry["data_offsets"]
    if not 0 <= start <= stop <= len(data):
        raise ValueError("the file is cut off")
    numbers: NDArray[Any] = np.frombuffer(data[start:stop], _KINDS[entry["dtype"]])
    if entry["dtype"] == "BF16":  # the upper half of a float32
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    found: Array = numbers.astype(np.float32).reshape(entry["shape"])
    return found


class Weights:
    """Tensors by the names that they have within one part of a network."""

    def __init__(self, tensors: Mapping[str, Array], prefix: str = "") -> None:
        self._tensors = tensors
        self._prefix = prefix

    def __getitem__(self, name: str) -> Array:
        """Raises KeyError where the file has no such tensor."""
        return self._tensors[self._prefix + name]

    def __contains__(self, name: str) -> bool:
        """Whether there is a tensor of this name, or a part."""
        whole = self._prefix + name
        return whole in self._tensors or any(key.startswith(f"{whole}.") for key in self._tensors)

    def under(self, part: str) -> Weights:
        """Those of a part, such as ``down_blocks.0``."""
        return Weights(self._tensors, f"{self._prefix}{part}.")

    def each(self, parts: str) -> Iterator[Weights]:
        """Those of the parts 0, 1, ... of a list, such as ``resnets``."""
        index = 0
        while f"{parts}.{index}" in self:
            yield self.under(f"{parts}.{index}")
            index += 1
