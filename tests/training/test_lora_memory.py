# SPDX-License-Identifier: GPL-3.0-or-later
"""Training with little memory: read in tiles, less at a time, and what idles is put aside."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager

import pytest
import torch
from diffusers.models.autoencoders.vae import Encoder

from sd_blender.core.errors import OutOfMemory
from sd_blender.core.request import Tiling
from sd_blender.engine.tiles import Tiles
from sd_blender.training.lora import loop
from sd_blender.training.lora import run as training
from sd_blender.training.lora.aside import Aside
from sd_blender.training.lora.base_model import load_base
from sd_blender.training.lora.examples import encode
from sd_blender.training.lora.images import find_sources

from .lora_runs import STEPS, elsewhere, run


def test_memory_that_runs_out_is_met_with_less_at_a_time(lora, monkeypatch):
    roomy = run(elsewhere(lora, "roomy"))
    loss_of, sizes = loop.TrainingLoop._loss, []

    def hungry(self, latents, *arguments):
        sizes.append((len(latents), self.plan.checkpointing))
        if len(latents) > 1 or not self.plan.checkpointing:
            raise torch.OutOfMemoryError("out of memory")
        return loss_of(self, latents, *arguments)

    monkeypatch.setattr(loop.TrainingLoop, "_loss", hungry)
    result = run(lora)
    assert sizes[:4] == [(2, False), (1, False), (1, True), (1, True)]
    assert "1 of 2 pictures were computed at a time, computing each block twice" in result.notes[-1]
    # Of the losses: where a gradient is about 0, Adam makes a whole step of what is rounding.
    assert result.loss == pytest.approx(roomy.loss, rel=0.02), "the same training, only slower"

    def hopeless(self, latents, *arguments):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(loop.TrainingLoop, "_loss", hopeless)
    with pytest.raises(OutOfMemory, match="choose a smaller size"):
        run(elsewhere(lora, "small"))


def encoded(lora):
    cpu = torch.device("cpu")
    base = load_base(lora.model, cpu, torch.float32, lambda *_: None, lambda: False)
    return encode(base.loaded, find_sources(lora), lora, lambda *_: None, lambda: None)


def out_of_memory(*_, **__):
    raise torch.OutOfMemoryError("out of memory")


@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
def test_an_image_that_does_not_fit_is_read_in_tiles(lora, tiling, monkeypatch):
    lora = dataclasses.replace(lora, tiling=tiling)
    roomy = encoded(lora)
    monkeypatch.setattr(Encoder, "forward", out_of_memory)
    tiles = encoded(lora)
    assert not roomy.notes and [note for note in tiles.notes if "read in tiles" in note] == [*tiles.notes]
    for one, other in zip(roomy.means + roomy.stds, tiles.means + tiles.stds, strict=True):
        torch.testing.assert_close(one, other, rtol=0.01, atol=0.01)


def test_an_image_that_does_not_fit_in_tiles_asks_for_a_smaller_size(lora, monkeypatch):
    monkeypatch.setattr(Encoder, "forward", out_of_memory)
    monkeypatch.setattr(Tiles, "encode", out_of_memory)
    with pytest.raises(OutOfMemory, match="training at 64 pixels; choose a smaller size"):
        run(lora)


@pytest.mark.parametrize(
    "kind, changes, names",
    [
        ("lora", {"text_encoder": False}, {"AutoencoderKL", "CLIPTextModel"}),
        ("lora", {"text_encoder": True}, {"AutoencoderKL"}),
        ("word", {}, {"AutoencoderKL"}),
    ],
)
def test_what_the_steps_do_without_is_aside_and_back_for_pictures(request, monkeypatch, kind, changes, names):
    aside = set()

    class Watched(Aside):
        def __init__(self, networks, device):
            super().__init__(networks, device)
            self.here = False
            aside.update(type(network).__name__ for network in networks)
            for module in (module for network in networks for module in network.modules()):
                module.register_forward_pre_hook(self.check)

        def check(self, module, inputs):
            assert self.here

        @contextmanager
        def back(self):
            with super().back():
                self.here = True
                yield
            self.here = False

    monkeypatch.setattr(training, "Aside", Watched)
    wanted = dataclasses.replace(request.getfixturevalue(kind), **changes)
    assert run(wanted).steps == STEPS and aside == names


def test_aside_is_main_memory_and_back_is_the_device_whatever_ends_the_picture():
    class Network(torch.nn.Module):
        """Tells where it was put; there is no card here to move it to."""

        def __init__(self):
            super().__init__()
            self.places = []

        def to(self, place):
            self.places.append(place.type)
            return self

    network = Network()
    aside = Aside([network], torch.device("cuda"))
    assert network.places == ["cpu"]
    with pytest.raises(OutOfMemory), aside.back():
        assert network.places == ["cpu", "cuda"]
        raise OutOfMemory("no picture")
    assert network.places == ["cpu", "cuda", "cpu"]
