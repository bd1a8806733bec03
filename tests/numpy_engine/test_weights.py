# SPDX-License-Identifier: GPL-3.0-or-later
"""Tensors from files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sd_blender.numpy_engine.weights import Weights, read_tensors

from ..closeness import ROUNDING, assert_near


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_kind_of_fraction_becomes_float32(tmp_path, kind):
    tensor = torch.linspace(-3, 3, 24).reshape(2, 3, 4).to(kind)
    save_file({"a": tensor, "number": torch.tensor(2.0, dtype=kind)}, tmp_path / "w.safetensors")
    found = read_tensors(tmp_path / "w.safetensors")
    assert {name: (value.dtype, value.shape) for name, value in found.items()} == {
        "a": (np.float32, (2, 3, 4)),
        "number": (np.float32, ()),
    }
    assert_near(found["a"], tensor.float(), ROUNDING)


def test_whole_numbers_are_left_out(tmp_path):
    save_file({"ids": torch.arange(4), "w": torch.ones(2)}, tmp_path / "w.safetensors")
    assert list(read_tensors(tmp_path / "w.safetensors")) == ["w"]


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"w": torch.ones(64)}, path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="cut off"):
        read_tensors(path)


@pytest.mark.parametrize(
    "content", [b"", b"\x02\0\0\0\0\0\0\0{}"[:9], b"\x0b\0\0\0\0\0\0\0" + b'{"w":{"a":}', b"x" * 40]
)
def test_what_is_no_such_file_is_refused(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ValueError):
        read_tensors(tmp_path / "w.safetensors")


def test_parts_are_found_by_their_names():
    weights = Weights({"down.0.w": np.zeros(1), "down.1.w": np.ones(1), "downer": np.zeros(1)})
    assert [part["w"][0] for part in weights.each("down")] == [0, 1]
    assert "down" in weights and "dow" not in weights and "w" in weights.under("down.0")
