# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of training by themselves: views, examples, memory, checkpoints, names."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image

from sd_blender.core.canvas import Grid
from sd_blender.core.errors import CannotSave, ModelRefused
from sd_blender.core.geometry import Size
from sd_blender.core.request import Tiling
from sd_blender.core.training_request import TrainLora
from sd_blender.engine.families import STABLE_DIFFUSION
from sd_blender.engine.text_readers import Framing
from sd_blender.training.lora import checkpoint
from sd_blender.training.lora.aside import Aside
from sd_blender.training.lora.base_model import BaseModel
from sd_blender.training.lora.examples import Examples
from sd_blender.training.lora.formats import diffusers, kohya, metadata
from sd_blender.training.lora.images import read_pixels
from sd_blender.training.lora.memory_plan import Plan, activation_bytes, choose
from sd_blender.training.lora.views import make_views, working_size
from sd_blender.training.schedule import StepRandom

from .lora_images import stripes

GRID = Grid(latent=8, coarse=16)


def request(tiling=Tiling.OFF, **changes):
    return TrainLora(images="/a", output="/b/c.safetensors", size=64, tiling=tiling, **changes)


def pixels_of(views):
    return [view.pixels for view in views]


def rolls(first, second):
    """Whether one is the other, moved around the torus."""
    shape = first.shape[:2]
    return any(
        np.array_equal(np.roll(first, (y, x), (0, 1)), second)
        for y in range(shape[0])
        for x in range(shape[1])
    )


def test_a_tile_is_moved_around_its_torus_and_nothing_else():
    tile = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    wanted = request(Tiling.BOTH)
    small = Grid(latent=1, coarse=1)
    views = make_views(
        tile,
        TrainLora(images="/a", output="/b", size=16, tiling=Tiling.BOTH),
        small,
        4,
        np.random.default_rng(1),
    )
    assert all(rolls(tile, view.pixels) for view in views)
    assert len({view.pixels.tobytes() for view in views}) > 1
    along_x = pixels_of(make_views(stripes(0), request(Tiling.X), GRID, 4, np.random.default_rng(1)))
    assert all(np.array_equal(view, view[:1].repeat(len(view), axis=0)) for view in along_x)
    assert wanted.flip is False


def test_pictures_that_do_not_repeat_are_cropped_at_random():
    pixels = np.random.default_rng(0).integers(0, 255, (100, 300, 3), np.uint8)
    views = pixels_of(make_views(pixels, request(), GRID, 6, np.random.default_rng(1)))
    assert {view.shape for view in views} == {(64, 64, 3)} and len({view.tobytes() for view in views}) == 6
    tiny = pixels_of(make_views(pixels[:40, :33], request(), GRID, 2, np.random.default_rng(1)))
    assert {view.shape for view in tiny} == {(64, 64, 3)}


def test_flip_mirrors_half_of_the_views():
    pixels = stripes(0)
    plain = pixels_of(make_views(pixels, request(), GRID, 4, np.random.default_rng(1)))
    flipped = pixels_of(make_views(pixels, request(flip=True), GRID, 4, np.random.default_rng(1)))
    assert np.array_equal(plain[0], flipped[0]) and np.array_equal(plain[1][:, ::-1], flipped[1])


@pytest.mark.parametrize(
    "width, height, size", [(512, 512, (64, 64)), (1024, 512, (96, 48)), (300, 100, (112, 32))]
)
def test_a_repeating_picture_keeps_its_shape_and_closes_on_the_coarse_grid(width, height, size):
    assert working_size(width, height, request(Tiling.BOTH), GRID) == Size(*size)
    assert working_size(width, height, request(), GRID) == Size(64, 64)


def test_a_batch_is_of_one_shape_and_the_same_for_the_same_step():
    means = [torch.full((4, 4, 4), float(i)) for i in range(3)] + [torch.full((4, 2, 8), 9.0)]
    stds = [torch.zeros_like(mean) for mean in means]
    framings = [Framing(Size(8, 8), 0, 0, Size(8, 8))] * 4
    examples = Examples(means, stds, [0, 0, 1, 2], framings, [[0, 1, 2], [3]], Tiling.BOTH)
    for step in range(20):
        latents, views = examples.draw(3, StepRandom.of(7, step))
        again, _ = examples.draw(3, StepRandom.of(7, step))
        assert torch.equal(latents, again) and len(views) == 3
        assert (set(views) == {3}) == (latents.shape[-1] == 8)


def test_views_of_alpha_and_rotation(tmp_path):
    clear = np.zeros((40, 40, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert (read_pixels(tmp_path / "clear.png") == 128).all()
    turned = Image.fromarray(stripes(0, 64, 32))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert read_pixels(tmp_path / "turned.jpg").shape == (64, 32, 3)


# Memory ------------------------------------------------------------------------------


def test_what_is_aside_is_back_inside_alone():
    moves = []

    class Moved(torch.nn.Linear):
        def to(self, place):
            moves.append(place.type)

    aside = Aside([Moved(1, 1), Moved(1, 1)], torch.device("cuda", 0))
    assert moves == ["cpu"] * 2
    with pytest.raises(KeyError), aside.back():
        assert moves[2:] == ["cuda"] * 2
        raise KeyError
    assert moves[4:] == ["cpu"] * 2


@pytest.mark.parametrize(
    "free, plan",
    [
        (None, Plan(4, False)),
        (1000, Plan(4, False)),
        (300, Plan(2, False)),
        (130, Plan(1, False)),
        (80, Plan(2, True)),
        (50, Plan(1, True)),
        (1, Plan(1, True)),
    ],
)
def test_the_fastest_plan_that_fits(free, plan):
    assert choose(100, 4, free) == plan


def test_what_a_plan_says():
    assert Plan(4, False).sentence(4) == ""
    assert "2 of 4 pictures" in Plan(2, False).sentence(4)
    assert "twice" in Plan(4, True).sentence(4)


def test_activations_are_counted_as_autograd_keeps_them():
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=8,
    )
    kept = {}

    def pack(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.data_ptr()] = max(kept.get(tensor.data_ptr(), 0), tensor.numel() * 4)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = unet(torch.zeros(1, 4, 16, 16), 1, encoder_hidden_states=torch.zeros(1, 8, 32)).sample
    really = sum(kept.values())
    del output
    text = {"encoder_hidden_states": torch.zeros(1, 8, 32, device="meta")}
    counted = activation_bytes(unet, (16, 16), text, 4)
    assert 0.6 * really < counted < 1.7 * really
    assert activation_bytes(unet, (32, 32), text, 2) == pytest.approx(2 * counted, rel=0.1)


# Files ------------------------------------------------------------------------------


def optimizer_after_a_step():
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([parameter], lr=0.1)
    (parameter**2).sum().backward()
    optimizer.step()
    return parameter, optimizer


def test_a_checkpoint_is_what_it_was(tmp_path):
    parameter, optimizer = optimizer_after_a_step()
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, 7, {"a": parameter}, optimizer, {"story": "x"})
    saved = checkpoint.load(path)
    assert (saved.step, saved.metadata["story"]) == (7, "x")
    assert torch.equal(saved.learned["a"], parameter)
    other = torch.optim.AdamW([torch.nn.Parameter(torch.ones(3))], lr=0.1)
    checkpoint.restore(other, saved.optimizer)
    mine, theirs = optimizer.state_dict()["state"][0], other.state_dict()["state"][0]
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert checkpoint.load(tmp_path / "none") is None


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_disk_that_is_full_leaves_the_file_of_before(tmp_path, monkeypatch, call):
    path = tmp_path / "c.bin"
    checkpoint.write_whole(path, b"good")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if call == "open":
            patch.setattr(type(path), "open", full)
        else:
            patch.setattr(os, call, full)
        with pytest.raises(CannotSave, match="No space left on device"):
            checkpoint.write_whole(path, b"worse")
    assert path.read_bytes() == b"good" and [p.name for p in tmp_path.iterdir()] == ["c.bin"]


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    path.write_bytes(b"\x80\x02 a pickle")
    with pytest.raises(ModelRefused, match=r"c\.safetensors"):
        checkpoint.load(path)


def test_names_of_layers_for_both():
    learned = {
        "unet.up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0.lora_A.weight": torch.ones(2, 5),
        "unet.mid_block.resnets.0.time_emb_proj.lora_B.weight": torch.ones(5, 2),
        "text_encoder.encoder.layers.1.self_attn.out_proj.lora_A.weight": torch.ones(2, 5),
    }
    assert set(kohya(learned, 2, STABLE_DIFFUSION)) == {
        "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_out_0.lora_down.weight",
        "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_out_0.alpha",
        "lora_unet_mid_block_resnets_0_time_emb_proj.lora_up.weight",
        "lora_unet_mid_block_resnets_0_time_emb_proj.alpha",
        "lora_te_text_model_encoder_layers_1_self_attn_out_proj.lora_down.weight",
        "lora_te_text_model_encoder_layers_1_self_attn_out_proj.alpha",
    }
    assert set(diffusers(learned)) == {
        "unet.up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0.lora_A.weight",
        "unet.mid_block.resnets.0.time_emb_proj.lora_B.weight",
        "text_encoder.text_model.encoder.layers.1.self_attn.out_proj.lora_A.weight",
    }


@pytest.mark.parametrize(
    "width, predicts, version, architecture",
    [
        (768, "epsilon", "sd_v1", "stable-diffusion-v1"),
        (768, "v_prediction", "sd_v1_v", "stable-diffusion-v1"),
        (1024, "epsilon", "sd_v2", "stable-diffusion-v2-512"),
        (1024, "v_prediction", "sd_v2_v", "stable-diffusion-v2-768-v"),
        (2048, "epsilon", "sdxl_base_v1-0", "stable-diffusion-xl-v1-base"),
        (2048, "v_prediction", "sdxl_base_v1-0", "stable-diffusion-xl-v1-base"),
    ],
)
def test_the_family_that_other_tools_know(width, predicts, version, architecture):
    """As kohya's model_util and sai_model_spec name them."""
    told = metadata(Path("a"), request(), base_of(width, predicts), [], 1, 0.5)
    assert told["ss_base_model_version"] == version
    assert told["ss_v2"] == str(width == 1024)
    assert told["modelspec.prediction_type"] == predicts.removesuffix("_prediction")
    assert told["modelspec.architecture"] == f"{architecture}/lora"
    must = ("sai_model_spec", "implementation", "title", "resolution")
    assert [told[f"modelspec.{name}"] for name in must] == ["1.0.0", "diffusers", "a", "64x64"]


def test_a_family_that_no_tool_knows_claims_no_specification():
    told = metadata(Path("a"), request(), base_of(128, "v_prediction"), [], 1, 0.5)
    assert told["ss_base_model_version"] == "other" and "modelspec.sai_model_spec" not in told


def base_of(width, predicts):
    unet = SimpleNamespace(config=SimpleNamespace(cross_attention_dim=width))
    return BaseModel(SimpleNamespace(unet=unet), None, predicts, "model", "0123")
