# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot fit is refused before anything slow begins, with a size that may; what may fit is tried."""

from __future__ import annotations

import re
import subprocess
import sys
import weakref

import pytest
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sd_blender.core.errors import OutOfMemory
from sd_blender.core.geometry import Size
from sd_blender.core.messages import Started
from sd_blender.core.request import Inpaint, Sampling, TextToImage, Tiling
from sd_blender.engine import memory
from sd_blender.engine.diffusers_engine import STARTER_FOLDER, DiffusersEngine
from sd_blender.engine.memory import (
    available_bytes,
    available_main_memory,
    decoding_bytes,
    encoding_bytes,
    images_per_call,
    least_bytes,
    unet_bytes,
)
from sd_blender.engine.tiling import tiled

from .conftest import box_mask, painting


def request(folder, **sampling):
    chosen = {"width": 32, "height": 32, "steps": 1, "scheduler": "DDIM", "guidance_scale": 2.0}
    return TextToImage(prompt="stone", model=str(folder), sampling=Sampling(**chosen | sampling))


def with_memory(bytes_):
    return DiffusersEngine(device="cpu", dtype="float32", available=lambda device: bytes_)


@pytest.mark.fault("F50")
def test_refused_before_it_begins(tiny):
    messages = []
    with pytest.raises(OutOfMemory) as caught:
        with_memory(10**6).generate(
            "job", request(tiny, width=8192, height=4096), messages.append, lambda: False
        )
    assert not any(isinstance(message, Started) for message in messages)
    sentence = str(caught.value)
    found = re.fullmatch(
        r"A picture of 8192 x 4096 needs at least [\d.]+ GB of memory and 0\.0 GB are free; "
        r"try (\d+) x (\d+), or close other programs\.",
        sentence,
    )
    width, height = int(found[1]), int(found[2])
    assert with_memory(10**6).generate("job", request(tiny, width=width, height=height), print, lambda: False)


@pytest.mark.fault("F50")
def test_refused_for_their_number(tiny):
    with pytest.raises(OutOfMemory, match=r"^64 pictures of 512 x 512 need 0\.1 GB .* make 12 at a time\.$"):
        with_memory(10**7).generate(
            "job", request(tiny, width=512, height=512, count=64), print, lambda: False
        )


@pytest.mark.fault("F50")
def test_an_inpainted_canvas_counts_with_its_own_size(tiny):
    image, mask = painting(1024, 1024), box_mask(1024, 1024, 8, 8, 24, 24)
    sampling = Sampling(width=32, height=32, steps=1, count=8, scheduler="DDIM")
    task = Inpaint(prompt="stone", model=str(tiny), image=image, mask=mask, sampling=sampling)
    with pytest.raises(OutOfMemory, match="8 pictures of 1024 x 1024"):
        with_memory(10**7).generate("job", task, print, lambda: False)


@pytest.mark.parametrize("bytes_", [None, 10**12])
def test_no_refusal_without_a_reason(tiny, bytes_):
    assert with_memory(bytes_).generate("job", request(tiny), lambda message: None, lambda: False).images


def test_this_machine_says_what_it_has():
    total = available_bytes(torch.device("cpu"))
    assert total is not None and 10**8 < total < 10**14


def test_where_files_are_not_counted_as_free(monkeypatch, tmp_path):
    """What Linux calls free leaves out what files occupy and would refuse nearly everything."""
    (tmp_path / "meminfo").write_text("MemTotal: 8000 kB\nMemFree: 10 kB\nMemAvailable:    5000 kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    assert available_main_memory() == 5000 * 1024
    (tmp_path / "meminfo").write_text("nothing of the kind\n")
    assert available_main_memory() > 10**8  # what the machine has in all, since nothing better is known


MEASURE = """
import resource, sys, torch
from pathlib import Path
from sd_blender.core.geometry import Size
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.memory import least_bytes
engine = DiffusersEngine(device="cpu", dtype="float32", preview_interval=1e9)
def run(side):
    sampling = Sampling(width=side, height=side, steps=1, scheduler="DDIM", guidance_scale=2.0)
    engine.generate("job", TextToImage(prompt="a", model=sys.argv[1], sampling=sampling), lambda m: None, lambda: False)
run(64)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run(768)
used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
model = engine._models.get(Path(sys.argv[1]), print, lambda: False)
print(least_bytes(model.unet, model.vae, Size(768, 768)), used)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
def test_the_estimate_is_below_what_is_used():
    """Otherwise it would refuse what works."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(STARTER_FOLDER)], capture_output=True, text=True, check=True
    )
    least, used = map(int, done.stdout.split())
    assert used / 50 < least < used


def test_the_estimate_grows_with_the_area(tiny):
    model = DiffusersEngine(device="cpu")._models.get(tiny, lambda *_: None, lambda: False)
    one, four = (least_bytes(model.unet, model.vae, Size(side, side)) for side in (512, 1024))
    assert four == pytest.approx(4 * one, rel=1e-6)


class Peak(TorchDispatchMode):
    """The most bytes that were there at once of what was made inside."""

    def __init__(self, weights):
        super().__init__()
        self.known = {weight.untyped_storage()._cdata for weight in weights}
        self.now = self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in (value for value in tree_leaves(out) if isinstance(value, torch.Tensor)):
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key not in self.known:
                self.known.add(key)
                self.now += size
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self.gone, key, size)
        return out

    def gone(self, key, size):
        self.known.discard(key)
        self.now -= size


@torch.no_grad()
@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_need_of_an_autoencoder_is_counted_and_not_much_more(tiling, layers):
    widths = (32, 64, 128)
    vae = AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=layers,
        latent_channels=4,
    )
    latents, pixels = torch.ones(1, 4, 16, 24), torch.ones(1, 3, 64, 96)
    for network, given, needed in (
        (vae.decoder, latents, decoding_bytes(vae, latents)),
        (vae.encoder, pixels, encoding_bytes(vae, pixels)),
    ):
        with tiled(tiling, vae), Peak(vae.parameters()) as peak:
            network(given)
        assert peak.most / 1.1 <= needed <= 2 * peak.most


ATTENDING = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
KINDS = {
    "Stable Diffusion 1": {"block_out_channels": (32, 64, 128, 128), "down_block_types": ATTENDING},
    "Stable Diffusion XL": {
        "block_out_channels": (32, 64, 128),
        "down_block_types": ("DownBlock2D", *ATTENDING[:2]),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": [1, 2, 4],
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 2])
def test_the_need_of_a_unet_is_counted_and_not_much_more(monkeypatch, kind, rows):
    """On tensors without memory, and with attention that keeps no square, as on a graphics card."""
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda query, *_, **__: torch.empty_like(query))
    with torch.device("meta"), torch.no_grad():
        unet = UNet2DConditionModel(cross_attention_dim=16, **KINDS[kind]).eval()
        inputs = torch.empty(rows, 4, 64, 64), torch.empty((), dtype=torch.long), torch.empty(rows, 77, 16)
        with Peak([*unet.parameters(), *unet.buffers()]) as peak:
            unet(*inputs)
    assert peak.most < unet_bytes(unet, 64 * 64, rows) < 2.5 * peak.most


def test_images_together_count_what_torch_keeps_as_free(monkeypatch):
    """On a card of 8 GB of which another program has 2 and torch keeps 5, but uses only 2."""
    gigabyte, asked = 2**30, []

    class OnCard:
        device = torch.device("cuda")

    monkeypatch.setattr(memory.torch.cuda, "mem_get_info", lambda device: (gigabyte, 8 * gigabyte))
    monkeypatch.setattr(memory.torch.cuda, "memory_reserved", lambda device: 5 * gigabyte)
    monkeypatch.setattr(memory.torch.cuda, "memory_allocated", lambda device: 2 * gigabyte)
    monkeypatch.setattr(memory, "unet_bytes", lambda *told: asked.append(told[1:]) or gigabyte // 2)
    assert images_per_call(OnCard(), 4096, 2, 8) == 4
    assert asked == [(4096, 2)]
