# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs in the engine: the same pictures as plain diffusers, exact to leave, and refused by name before slow work."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from sd_blender.core.errors import ModelNotFound, ModelRefused
from sd_blender.core.recall import from_provenance
from sd_blender.core.request import Lora, Sampling, TextToImage, Tiling
from sd_blender.core.serialization import from_json, provenance, to_json
from sd_blender.engine.fingerprint import UNET_KEY, unet_fingerprint
from sd_blender.engine.libraries import quiet
from sd_blender.engine.lora.files import read_lora
from sd_blender.engine.lora.store import LoraStore
from sd_blender.engine.model_files import check_model

from .lora_files import ALPHA, CONVOLUTIONS, LINEAR, RANK, random_changes, save_diffusers, save_kohya

pytestmark = pytest.mark.parity

SMALL = Sampling(width=64, height=64, steps=3, guidance_scale=4.0, scheduler="DDIM", seed=3)


@pytest.fixture(scope="module")
def networks(tiny):
    with quiet():
        return (
            UNet2DConditionModel.from_pretrained(tiny / "unet"),
            CLIPTextModel.from_pretrained(tiny / "text_encoder"),
        )


@pytest.fixture(scope="module")
def lora(tiny, networks, tmp_path_factory):
    """In kohya's form: attention, residual blocks and text encoder."""
    path = tmp_path_factory.mktemp("loras") / "moss.safetensors"
    unet, text = networks
    return save_kohya(
        path,
        random_changes(unet, LINEAR + CONVOLUTIONS),
        random_changes(text, ("q_proj", "v_proj", "out_proj"), seed=1),
    )


def request(tiny, *loras, **changes):
    return TextToImage(prompt="wet moss", model=str(tiny), sampling=SMALL, loras=loras, **changes)


def plain_diffusers(tiny, path, weight):
    """What diffusers itself makes with the file, from the same noise."""
    with quiet():
        pipeline = StableDiffusionPipeline.from_pretrained(tiny, safety_checker=None)
        pipeline.set_progress_bar_config(disable=True)
        if path is not None:
            pipeline.load_lora_weights(path.parent, weight_name=path.name, adapter_name="it")
            pipeline.set_adapters(["it"], [weight])
        images = pipeline(
            "wet moss",
            width=64,
            height=64,
            num_inference_steps=3,
            guidance_scale=4.0,
            generator=torch.Generator().manual_seed(3),
            output_type="np",
        ).images
    return np.rint(images[0] * 255).astype(int)


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


def test_pictures_equal_those_of_plain_diffusers(run, tiny, lora):
    plain = run(request(tiny)).pixels
    ours = run(request(tiny, Lora(path=str(lora), weight=0.8))).pixels
    assert difference(plain, plain_diffusers(tiny, None, 0)) < 0.1
    theirs = plain_diffusers(tiny, lora, 0.8)
    assert difference(ours, theirs) < 0.1
    assert difference(ours, plain) > 5


def test_the_layers_of_8_latent_channels(run, tiny, tiny_8, tmp_path):
    """The first and the last of the U-Net; on a model of 4 the same file is refused."""
    with quiet():
        unet = UNet2DConditionModel.from_pretrained(tiny_8 / "unet")
    changes = random_changes(unet, ("conv_in", "conv_out", *LINEAR))
    path = save_diffusers(tmp_path / "wide.safetensors", changes)
    plain, ours = (run(request(tiny_8, *loras)).pixels for loras in ((), (Lora(path=str(path), weight=0.8),)))
    assert difference(ours, plain_diffusers(tiny_8, path, 0.8)) < 0.1
    assert difference(ours, plain) > 5
    with pytest.raises(ModelRefused, match=r"wide\.safetensors"):
        run(request(tiny, Lora(path=str(path))))


def test_leaving_is_exact_and_weights_count(run, tiny, lora):
    plain = run(request(tiny)).pixels
    half, whole = (run(request(tiny, Lora(path=str(lora), weight=w))).pixels for w in (0.5, 1.0))
    assert difference(half, whole) > 1
    assert np.array_equal(run(request(tiny)).pixels, plain)
    assert np.array_equal(run(request(tiny, Lora(path=str(lora), weight=0.0))).pixels, plain)
    twice = request(tiny, Lora(path=str(lora), weight=0.5), Lora(path=str(lora), weight=0.5))
    assert difference(run(twice).pixels, whole) < 0.1


def test_both_spellings_mean_the_same(run, tiny, networks, tmp_path):
    changes = random_changes(networks[0], LINEAR)
    kohya = save_kohya(tmp_path / "kohya.safetensors", changes)
    diffusers = save_diffusers(tmp_path / "diffusers.safetensors", changes, ALPHA / RANK)
    assert read_lora(kohya).layers.keys() == read_lora(diffusers).layers.keys()
    first, second = (run(request(tiny, Lora(path=str(path)))).pixels for path in (kohya, diffusers))
    assert difference(first, second) < 0.1


def test_a_seamless_picture_stays_seamless(run, tiny, lora):
    """Convolutions of the LoRA must wrap around as those of the model do: a shift of the noise shifts the picture."""
    wrapped = run(request(tiny, Lora(path=str(lora)), tiling=Tiling.BOTH)).result.images[0]
    assert max(wrapped.seam.x, wrapped.seam.y) < 1.6


def test_one_that_is_used_again_is_not_read_again(engine, run, tiny, networks, tmp_path, monkeypatch):
    path = save_kohya(tmp_path / "a.safetensors", random_changes(networks[0], LINEAR))
    reads = []
    store = engine._adapters._store
    original = store._load
    monkeypatch.setattr(store, "_load", lambda file: reads.append(file.path) or original(file))
    wanted = request(tiny, Lora(path=str(path)))
    first = run(wanted).pixels
    assert np.array_equal(run(wanted).pixels, first) and len(reads) == 1
    save_kohya(path, random_changes(networks[0], LINEAR, seed=9))
    assert not np.array_equal(run(wanted).pixels, first) and len(reads) == 2


def other_width(tensors, width):
    return {
        name: torch.zeros(RANK, width) if "attn2_to_k.lora_down" in name else value
        for name, value in tensors.items()
    }


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda t: other_width(t, 768), "Stable Diffusion 1.x"),
        (lambda t: other_width(t, 1024), "Stable Diffusion 2.x"),
        (lambda t: other_width(t, 2048), "Stable Diffusion XL"),
        (lambda t: {k.replace("lora_te_", "lora_te2_"): v for k, v in t.items()}, "Stable Diffusion XL"),
        (lambda t: {"transformer.blocks.0.lora_A.weight": torch.zeros(1)}, "diffusion transformer"),
        (lambda t: {"lora_unet_x.oft_blocks": torch.zeros(1)}, "an OFT"),
        (lambda t: {"lora_unet_x.a1.weight": torch.zeros(1)}, "a GLoRA"),
        (lambda t: {"lora_unet_x.on_input": torch.zeros(1)}, "an IA3"),
        (lambda t: {"base_model.model.x.lora_E": torch.zeros(1)}, "an AdaLoRA"),
        (lambda t: {"lora_unet_double_blocks_0_img_mod.lora_down.weight": torch.zeros(1)}, "transformer"),
        (lambda t: {"diffusion_model.joint_blocks.0.x.lora_A.weight": torch.zeros(1)}, "transformer"),
        (lambda t: {"diffusion_model.layers.0.x.lora_A.weight": torch.zeros(1)}, "transformer"),
        (lambda t: {"emb_params": torch.zeros(1, 32)}, "textual inversion"),
        (lambda t: {"model.diffusion_model.x": torch.zeros(1)}, "whole model"),
        (lambda t: {"something": torch.zeros(1)}, "no LoRA"),
        (
            lambda t: {
                k.replace("down_blocks", "other_blocks"): v for k, v in t.items() if "_down_blocks" in k
            },
            "other layers",
        ),
        (lambda t: {k: v for k, v in t.items() if "lora_up" not in k}, "damaged"),
    ],
)
def test_others_are_refused_by_name_before_anything_is_loaded(engine, tiny, lora, tmp_path, spoil, words):
    path = tmp_path / "wrong.safetensors"
    save_file(spoil(load_file(lora)), path)
    engine.unload()
    messages = []
    with pytest.raises(ModelRefused, match=words) as refusal:
        engine.generate("job", request(tiny, Lora(path=str(path))), messages.append, lambda: False)
    assert "wrong.safetensors" in str(refusal.value) and not messages


def test_a_model_of_no_known_family_has_the_name_that_the_file_tells(tiny, lora, tmp_path):
    """As one for the starter model, used on another."""
    path = tmp_path / "moss.safetensors"
    save_file(other_width(load_file(lora), 128), path, {"ss_sd_model_name": "SD Blender starter model"})
    with pytest.raises(
        ModelRefused, match=r"made for SD Blender starter model \(text of width 128\), and tiny"
    ):
        loaded(path, tiny)


@pytest.mark.parametrize("trained_on", [None, "this model", "0123456789abcdef"])
def test_weights_that_it_was_not_trained_on_are_told(tiny, lora, tmp_path, trained_on):
    path = tmp_path / "moss.safetensors"
    own = unet_fingerprint(check_model(tiny))
    told = {UNET_KEY: own if trained_on == "this model" else trained_on} if trained_on else {}
    save_file(load_file(lora), path, told)
    warned = any("trained on other weights" in warning for warning in loaded(path, tiny).warnings)
    assert warned == (trained_on not in (None, "this model"))


def test_a_fingerprint_is_of_the_weights_and_not_of_their_place(tiny, tmp_path):
    own = unet_fingerprint(check_model(tiny))
    copy = shutil.copytree(tiny, tmp_path / "copy")
    assert unet_fingerprint(check_model(copy)) == own
    (weights,) = (copy / "unet").glob("*.safetensors")
    save_file({n: v * 1.001 for n, v in load_file(weights).items()}, weights, {"format": "pt"})
    assert unet_fingerprint(check_model(copy)) != own


def loaded(path, model):
    (one,) = LoraStore(torch.device("cpu")).get([Lora(path=str(path))], check_model(model))
    return one


def test_files_that_are_not_there_or_no_safetensors(engine, tiny, tmp_path):
    with pytest.raises(ModelNotFound, match="gone"):
        engine.generate("j", request(tiny, Lora(path=str(tmp_path / "gone"))), print, lambda: False)
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x02" + bytes(100))
    with pytest.raises(ModelRefused, match="pickle"):
        engine.generate(
            "j", request(tiny, Lora(path=str(tmp_path / "pickle.safetensors"))), print, lambda: False
        )


def test_layers_that_the_model_lacks_are_told(run, tiny, lora, tmp_path):
    tensors = load_file(lora)
    extra = {
        f"lora_unet_down_blocks_7_attentions_0_proj_in.{k}": torch.ones(RANK, RANK)
        for k in ("lora_down.weight", "lora_up.weight")
    }
    save_file(tensors | extra, tmp_path / "more.safetensors")
    image = run(request(tiny, Lora(path=str(tmp_path / "more.safetensors")))).result.images[0]
    assert any("1 layers that this model lacks" in warning for warning in image.warnings)


def test_they_travel_with_the_request_and_its_provenance():
    wanted = TextToImage(
        prompt="moss", loras=(Lora(path="/a/moss.safetensors", weight=0.7),), embeddings=("/a/x.safetensors",)
    )
    header, arrays = to_json(wanted)
    assert from_json(json.loads(json.dumps(header)), arrays) == wanted
    values = from_provenance(provenance(wanted)).values
    assert values["loras"] == [{"path": "/a/moss.safetensors", "weight": 0.7}]
    plain = dataclasses.replace(wanted, loras=(), embeddings=())
    assert not {"loras", "embeddings"} & to_json(plain)[0].keys(), "an older version reads it"


@pytest.mark.parametrize(
    "loras", ["x", [1], [{"weight": 1}], [{"path": "a", "weight": 99}], [{"path": "a", "x": 1}]]
)
def test_a_strangers_list_is_dropped_and_named(loras):
    header, _ = to_json(TextToImage(prompt="moss"))
    recalled = from_provenance(json.dumps({**header, "loras": loras}))
    assert recalled.lost == ("loras",) and "loras" not in recalled.values
