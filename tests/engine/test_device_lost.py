# SPDX-License-Identifier: GPL-3.0-or-later
"""A device that is lost for this process is told apart from memory that ran out and from a defect."""

from __future__ import annotations

import pytest
import torch

from sd_blender.core.errors import DeviceLost, ErrorKind
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.guards import is_device_lost, is_out_of_memory

LOST = [
    torch.AcceleratorError(
        "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be"
    ),
    RuntimeError("CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`"),
    RuntimeError("CUDA error: unspecified launch failure"),
    RuntimeError("CUDA error: the launch timed out and was terminated"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(...)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    RuntimeError("HIP error: an illegal memory access was encountered"),
    RuntimeError("hipErrorLaunchFailure: unspecified launch failure"),
    RuntimeError("CUDA driver error: device not ready"),
]
NOT_LOST = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    RuntimeError("Expected all tensors to be on the same device, but found at least two: cuda:0 and cpu"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
    ValueError("CUDA error: in another kind of exception"),
    MemoryError(),
]


def words(error):
    return str(error)[:40] or type(error).__name__


@pytest.mark.fault("F04")
@pytest.mark.parametrize("error", LOST, ids=words)
def test_recognised(error):
    assert is_device_lost(error) and not is_out_of_memory(error)


@pytest.mark.fault("F04")
@pytest.mark.parametrize("error", NOT_LOST, ids=words)
def test_not_mistaken(error):
    assert not is_device_lost(error)


@pytest.mark.fault("F04")
@pytest.mark.parametrize("part", ["unet", "decoder"])
@pytest.mark.parametrize("error", LOST[:2], ids=words)
def test_the_engine_says_so_and_tries_nothing_more(tiny, part, error):
    engine = DiffusersEngine(device="cpu", dtype="float32")
    model = engine._models.get(tiny, lambda *_: None, lambda: False)
    calls = []

    def fail(module, inputs):
        calls.append(1)
        raise error

    network = model.unet if part == "unet" else model.vae.decoder
    network.conv_in.register_forward_pre_hook(fail)
    sampling = Sampling(width=32, height=32, steps=2, scheduler="DDIM")
    with pytest.raises(DeviceLost) as caught:
        engine.generate(
            "job", TextToImage(prompt="a", model=str(tiny), sampling=sampling), lambda m: None, lambda: False
        )
    assert calls == [1], "a lower rung would run on a dead device"
    sentence = str(caught.value)
    assert caught.value.kind is ErrorKind.DEVICE_LOST and caught.value.details == str(error)
    assert sentence.startswith("The graphics device failed (CUDA error: ") and "\n" not in sentence
    assert sentence.endswith("; generate again, and if it fails again update its driver.")
