# SPDX-License-Identifier: GPL-3.0-or-later
"""A pytest plugin under which torch rounds as it might on another processor: ``pytest -p tests.other_rounding``.

Which kernel adds up a sum, and in which order, is chosen by the processor, the sizes, the strides and where in memory
a row begins. Here what comes out of such an operation is moved by one or two units in the last place, or not at all, in
a pattern that depends on the operation and on the sizes, strides and places of what went in. So the same operation on
the same tensors still gives the same bits, and two ways to one result do not, on whatever machine the tests run: a test
that asks for more fails here before it fails on a processor that nobody has tried.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

SUMS = {
    "mm", "addmm", "bmm", "baddbmm", "linear", "mv", "addmv", "dot", "sum", "mean", "linalg_vector_norm",
    "convolution", "_convolution", "mkldnn_convolution", "convolution_backward",
    "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention_for_cpu_backward",
    "native_layer_norm", "native_layer_norm_backward", "native_group_norm", "native_group_norm_backward",
    "_softmax", "_log_softmax", "upsample_bilinear2d", "upsample_bicubic2d",
}  # fmt: skip
"""By the names of torch's ATen operations; without those that also come as a view or write into what they are given."""

SERIES = {"exp", "erf", "gelu", "silu", "sigmoid", "tanh", "rsqrt"}
"""Approximated, by one polynomial in a vector register and by another one in the values left over."""


class OtherRounding(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ not in SUMS | SERIES or "out" in (kwargs or {}):
            return made
        given = [_layout(value) for value in args if isinstance(value, Tensor)]
        key = zlib.crc32(repr((func.overloadpacket.__name__, given)).encode())
        for value in made if isinstance(made, (tuple, list)) else (made,):
            # In half precision a unit in the last place is more than sums in another order differ by.
            if (
                isinstance(value, Tensor)
                and value.dtype in (torch.float32, torch.float64)
                and not value.is_meta
            ):
                value.addcmul_(
                    value, _pattern(key, value.shape, value.dtype), value=torch.finfo(value.dtype).eps
                )
        return made


def _layout(tensor: Tensor) -> tuple[object, ...]:
    """With its place in a vector register's 64 bytes: weights that are mapped from a file begin anywhere."""
    return tuple(tensor.shape), tensor.stride(), 0 if tensor.is_meta else tensor.data_ptr() % 64


@lru_cache(maxsize=1000)
def _pattern(key: int, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """Of -1, 0 and 1, whatever the state of torch's random numbers."""
    return torch.from_numpy(np.random.default_rng(key).integers(-1, 2, shape, dtype=np.int8)).to(dtype)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    with OtherRounding():
        return (yield)
