# SPDX-License-Identifier: GPL-3.0-or-later
"""The loops at tiny size: they learn, they resume exactly, and what they export opens in plain diffusers."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from transformers import CLIPTokenizer

from sd_blender.engine.model_files import check_model
from sd_blender.engine.noisy_classifier import NoisyClassifier
from sd_blender.engine.preview import LatentPreview
from sd_blender.training.checkpoints import MovingAverage, load, save_atomic
from sd_blender.training.latents import LatentSet, caption_tokens, chances, fit_preview
from sd_blender.training.models import TINY
from sd_blender.training.recipe import Recipe
from sd_blender.training.schedule import Budget, learning_rate, to_tensor
from sd_blender.training.textures import TextureSet
from sd_blender.training.textures.dataset import describe_sample
from sd_blender.training.train_guidance import BuiltInGuidance
from sd_blender.training.train_noisy_classifier import ClassifierOptions
from sd_blender.training.train_text import TextOptions, train_text
from sd_blender.training.train_unet import (
    PROCESS,
    Batch,
    UnetOptions,
    diffusion_loss,
    stratified_steps,
    train_unet,
)
from sd_blender.training.train_vae import VaeOptions, train_vae
from sd_blender.training.vocabulary import tokenize, train_tokenizer
from tests.closeness import NETWORK, is_near

STEPS = Budget(steps=3)
VAE = VaeOptions(widths=TINY, budget=STEPS, batch=2, crop=32, device="cpu")
TEXT = TextOptions(widths=TINY, budget=STEPS, batch=4)
UNET = UnetOptions(widths=TINY, budget=STEPS, batch=2, large=0.5, device="cpu")


@pytest.fixture(scope="module")
def tiles():
    return [
        np.stack([TextureSet(1, 128)[i].pixels for i in range(4)]),
        np.stack([TextureSet(1, 256)[0].pixels]),
    ]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    work = tmp_path_factory.mktemp("starter")
    recipe = Recipe(
        work, work / "model", tiles=4, large_tiles=2, vae_options=VAE, text_options=TEXT, unet_options=UNET
    )
    recipe.train_vae()
    recipe.train_unet()
    recipe.export()
    return recipe


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_interrupted_vae_training_ends_with_the_same_weights(tiles, tmp_path):
    unbroken = train_vae(tiles, tmp_path / "a", VAE)
    train_vae(tiles, tmp_path / "b", VAE, stop_at=1)
    assert load(tmp_path / "b" / "vae.pt")["step"] == 1
    assert same_weights(unbroken, train_vae(tiles, tmp_path / "b", VAE))


def test_interrupted_unet_training_ends_with_the_same_weights(recipe, tmp_path):
    arguments = recipe.latents, recipe.tokenizer, recipe.scale
    unbroken = train_unet(*arguments, tmp_path / "a", UNET)
    train_unet(*arguments, tmp_path / "b", UNET, stop_at=2)
    assert same_weights(unbroken, train_unet(*arguments, tmp_path / "b", UNET))


def test_the_text_encoder_learns_what_captions_name_and_is_kept(recipe, tmp_path):
    descriptions = [describe_sample(1, i) for i in range(244)]
    options = replace(TEXT, budget=Budget(steps=60), batch=32, rate=3e-3)
    encoder = train_text(descriptions, recipe.tokenizer, tmp_path, options)
    rows = [json.loads(line) for line in (tmp_path / "text.jsonl").read_text().splitlines()]
    assert rows[-1]["materials_right"] > 2 * rows[0]["materials_right"] + 0.1
    assert same_weights(encoder, train_text(descriptions, recipe.tokenizer, tmp_path, options))


def test_the_denoiser_starts_from_the_text_encoder_it_is_given(recipe, tmp_path):
    encoder = recipe.train_text()
    options = replace(UNET, rate=0.0)
    arguments = recipe.latents, recipe.tokenizer, recipe.scale, tmp_path
    networks = train_unet(*arguments, options, encoder)
    trained, given = networks.text_encoder.state_dict(), encoder.state_dict()
    assert all(is_near(trained[name], given[name], NETWORK) for name in given)


def test_training_learns(tiles, tmp_path):
    options = replace(VAE, budget=Budget(steps=100), rate=3e-3, whole=0.0)
    train_vae(tiles[:1], tmp_path, options)
    rows = [json.loads(line) for line in (tmp_path / "vae.jsonl").read_text().splitlines()]
    assert rows[-1]["psnr"] > rows[0]["psnr"] + 1


def test_export_opens_in_plain_diffusers(recipe):
    pipeline = StableDiffusionPipeline.from_pretrained(recipe.output, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline("red brick wall", num_inference_steps=2, height=64, width=64).images[0]
    assert image.size == (64, 64)
    config = pipeline.scheduler.config
    assert isinstance(pipeline.scheduler, DPMSolverMultistepScheduler)
    pipeline.scheduler.set_timesteps(8)
    assert float(pipeline.scheduler.sigmas[-1]) == pytest.approx(
        0.029, abs=0.002
    )  # it leaves the least noise
    assert (config.prediction_type, config.timestep_spacing, config.rescale_betas_zero_snr) == (
        "v_prediction",
        "trailing",
        True,
    )
    assert pipeline.vae.config.scaling_factor == pytest.approx(recipe.scale)
    assert pipeline.unet.config.sample_size * pipeline.vae_scale_factor == 256
    assert all(p.suffix != ".bin" for p in recipe.output.rglob("*"))
    preview = json.loads((recipe.output / "latent_preview.json").read_text())
    assert np.shape(preview["matrix"]) == (TINY.latents, 3) and np.shape(preview["bias"]) == (3,)


def test_a_model_without_its_checkpoint_is_trained_on_from_its_folder(recipe, tmp_path):
    shutil.copytree(recipe.output, tmp_path / "old")
    (tmp_path / "old" / "clip").mkdir()
    (tmp_path / "old" / "clip" / "config.json").write_text("{}")
    shutil.copytree(recipe.work / "cache", tmp_path / "work" / "cache")
    still = replace(UNET, rate=0.0)
    on = Recipe(
        tmp_path / "work",
        tmp_path / "new",
        tiles=4,
        large_tiles=2,
        start_from=tmp_path / "old",
        vae_options=VAE,
        unet_options=still,
    )
    config = tmp_path / "old" / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"scaling_factor": 0.5}))
    old = StableDiffusionPipeline.from_pretrained(tmp_path / "old", use_safetensors=True)
    networks = on.train_unet()
    assert same_weights(networks.unet, old.unet)  # at rate 0 nothing is learned and nothing forgotten
    assert same_weights(networks.text_encoder, old.text_encoder)
    assert on.scale == 0.5 and same_weights(on.vae, old.vae)
    on.export()
    new = StableDiffusionPipeline.from_pretrained(on.output, use_safetensors=True)
    assert same_weights(new.unet, old.unet) and same_weights(new.vae, old.vae)
    assert new.vae.config.scaling_factor == 0.5
    assert (on.output / "clip" / "config.json").exists()
    (tmp_path / "work" / "unet.pt").unlink()
    learned = replace(on, unet_options=replace(UNET, rate=1e-3)).train_unet()
    assert not same_weights(learned.unet, old.unet)
    assert same_weights(learned.text_encoder, old.text_encoder)


def test_weak_materials_are_drawn_more_often(recipe, tmp_path):
    descriptions = [describe_sample(1, i) for i in range(61)]
    weak, strong = descriptions[3].material, descriptions[4].material
    odds = chances(descriptions, {weak: 1.0, strong: 0.0})
    assert odds.sum() == pytest.approx(1) and odds[3] == pytest.approx(3 * odds[4])
    drawn = LatentSet(torch.zeros(61, 4, 8, 8), descriptions, odds).draw(
        4000, torch.Generator().manual_seed(0)
    )
    assert 2.3 < (drawn == 3).sum() / (drawn == 4).sum() < 3.9
    report = tmp_path / "evaluation.json"
    report.write_text(json.dumps({"adherence": {"by_material": {d.material: 1.0 for d in descriptions[1:]}}}))
    odds = replace(recipe, wanting=report).latents[0].chances
    assert odds is not None and odds == pytest.approx([0.25] * 4)  # the first one is not in the report
    report.write_text(json.dumps({"adherence": {"by_material": {descriptions[0].material: 0.0}}}))
    assert replace(recipe, wanting=report).latents[0].chances == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6])


def test_a_sample_is_drawn_as_another_view_of_itself():
    latents = torch.randn(3, 4, 6, 8, generator=torch.Generator().manual_seed(0)).half()
    places = torch.tensor([2, 0, 2, 2])
    moved = LatentSet(latents, []).rolled(places, torch.Generator().manual_seed(1))
    views = [
        {
            (dy, dx)
            for dy in range(6)
            for dx in range(8)
            if torch.equal(latents[i].float().roll((dy, dx), (1, 2)), m)
        }
        for i, m in zip(places, moved, strict=True)
    ]
    assert [len(v) for v in views] == [1] * 4 and len(set.union(*views)) > 1


def test_a_model_of_other_latents_opens_in_diffusers_and_in_the_engine(tmp_path):
    widths = replace(TINY, vae=(16, 16, 16, 16), latents=8, unet_layers=2)
    recipe = Recipe(
        tmp_path,
        tmp_path / "model",
        tiles=4,
        large_tiles=2,
        vae_options=replace(VAE, widths=widths),
        text_options=TEXT,
        unet_options=replace(UNET, widths=widths),
        classifier_options=ClassifierOptions(widths=(8, 16), budget=STEPS, batch=8, device="cpu"),
    )
    recipe.train_vae()
    recipe.train_unet()
    recipe.export()
    recipe.train_noisy_classifier()
    pipeline = StableDiffusionPipeline.from_pretrained(recipe.output, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline.unet.config.in_channels == 8 and pipeline.vae_scale_factor == 8
    assert len(pipeline.unet.down_blocks[0].resnets) == 2
    assert pipeline("moss", num_inference_steps=2, height=64, width=64).images[0].size == (64, 64)
    files = check_model(recipe.output)
    assert (files.unet_channels, files.latent_channels) == (8, 8)
    assert NoisyClassifier.load(recipe.output / "classifier").latent_channels == 8
    assert np.shape(LatentPreview.of_model(recipe.output, pipeline.vae).matrix) == (8, 3)


def test_samples_come_in_no_order():
    """In order, each would only ever meet its own stretch of the step numbers, which are drawn in order."""
    drawn = LatentSet(torch.zeros(100, 4, 8, 8), []).draw(1000, torch.Generator().manual_seed(0)).float()
    order = torch.corrcoef(torch.stack([drawn, torch.arange(1000.0)]))[0, 1]
    assert abs(float(order)) < 0.1


def test_captions_are_drawn_from_those_of_the_sample_and_some_are_empty(recipe):
    descriptions = [describe_sample(1, i) for i in range(3)]
    tokens = caption_tokens(descriptions, recipe.tokenizer, 2, np.random.default_rng(0))
    latents = LatentSet(torch.zeros(3, 4, 8, 8), descriptions, tokens=tokens)
    drawn = latents.captions(torch.full((4000,), 1), 0.1, torch.Generator().manual_seed(0))
    empty = recipe.tokenizer("", padding="max_length", return_tensors="pt").input_ids[0]
    assert float((drawn == empty).all(1).float().mean()) == pytest.approx(0.1, abs=0.02)
    own = [tokens[1, version] for version in range(3)]
    assert all(any(torch.equal(row, version) for version in own) for row in drawn.unique(dim=0))
    assert len(drawn.unique(dim=0)) == len(torch.stack(own).unique(dim=0))


def test_a_new_denoiser_for_the_words_of_another_model(recipe, tmp_path):
    shutil.copytree(recipe.output, tmp_path / "old")
    for guide in ("clip", "classifier"):
        (tmp_path / "old" / guide).mkdir()
        (tmp_path / "old" / guide / "config.json").write_text("{}")
    new = replace(recipe, words_from=tmp_path / "old", output=tmp_path / "new", work=tmp_path / "work")
    shutil.copytree(recipe.work / "cache", tmp_path / "work" / "cache")
    shutil.copy(recipe.work / "vae.pt", tmp_path / "work")
    new.train_unet()
    new.export()
    old = StableDiffusionPipeline.from_pretrained(tmp_path / "old", use_safetensors=True)
    made = StableDiffusionPipeline.from_pretrained(tmp_path / "new", use_safetensors=True)
    assert same_weights(made.text_encoder, old.text_encoder)
    assert made.tokenizer.get_vocab() == old.tokenizer.get_vocab()
    assert not same_weights(made.unet, old.unet)
    assert (new.output / "clip").is_dir()
    assert not (new.output / "classifier").exists()  # it knows the latents of another autoencoder


def test_guidance_is_built_into_a_model_that_was_exported(recipe, tmp_path):
    shutil.copytree(recipe.output, tmp_path / "old")
    shutil.copytree(recipe.work / "cache", tmp_path / "work" / "cache")
    places = {"start_from": tmp_path / "old", "output": tmp_path / "new", "work": tmp_path / "work"}
    kind = BuiltInGuidance(unet=UNET, budget=STEPS, of_material={"brick wall": 2.5}, rate=0.0)
    same = replace(recipe, **places, guidance=kind)
    assert {2.5, 1.5} >= set(same.latents[0].guidance.tolist())
    same.train_guidance()
    same.export("guidance")
    old, made = (
        StableDiffusionPipeline.from_pretrained(tmp_path / name, use_safetensors=True)
        for name in ("old", "new")
    )
    assert same_weights(made.unet, old.unet)  # where nothing is learned, the student is its teacher
    (tmp_path / "work" / "guidance.pt").unlink()
    other = replace(recipe, **places, guidance=replace(kind, rate=1e-3))
    other.train_guidance()
    other.export("guidance")
    made = StableDiffusionPipeline.from_pretrained(tmp_path / "new", use_safetensors=True)
    assert not same_weights(made.unet, old.unet) and same_weights(made.text_encoder, old.text_encoder)


def test_the_second_part_of_the_budget_draws_all_step_numbers_evenly():
    seen = []

    class Watching(torch.nn.Module):
        def forward(self, noisy, t, tokens):
            seen.append(float(t.float().mean()))
            return noisy

    batch = Batch(torch.randn(64, 4, 8, 8), torch.zeros(64, 77, dtype=torch.long), periodic=True)
    for progress in (0.1, 0.9):
        generator = torch.Generator().manual_seed(0)
        diffusion_loss(Watching(), PROCESS, batch, UnetOptions(), generator, progress)
    assert seen[0] > 600 and seen[1] == pytest.approx(500, abs=10)


def test_preview_map_is_the_least_squares_one():
    latents = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0)).half()
    matrix, bias = torch.randn(4, 3) * 0.05, torch.tensor([0.1, -0.1, 0.0])
    colours = ((latents.float() * 2).permute(0, 2, 3, 1) @ matrix + bias).clamp(-1, 1)
    small = ((colours + 1) * 127.5).round().byte()
    pixels = small.repeat_interleave(TINY.factor, 1).repeat_interleave(TINY.factor, 2).numpy()
    found = fit_preview(latents, pixels, 2.0)
    assert np.allclose(found["matrix"], matrix, atol=0.01) and np.allclose(found["bias"], bias, atol=0.01)


def test_our_padding_is_that_of_the_tokenizer():
    tokenizer = train_tokenizer(["red brick wall", "mossy grey cobblestone"])
    texts = ["", "red brick wall", "so many words " * 40]
    before = tokenizer.backend_tokenizer.to_str()
    ours = tokenize(tokenizer, texts)
    assert tokenizer.backend_tokenizer.to_str() == before
    padded = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    assert torch.equal(ours, padded)


def test_tokenizer_round_trip_and_any_script(tmp_path):
    tokenizer = train_tokenizer(["red brick wall", "mossy grey cobblestone"])
    tokenizer.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path)
    for text in ("Red BRICK wall", "été 石 🙂 x", "", "cobblestone, wet"):
        ids = again(text, padding="max_length", truncation=True).input_ids
        assert ids == tokenizer(text, padding="max_length", truncation=True).input_ids and len(ids) == 77
        assert again.decode(again(text).input_ids, skip_special_tokens=True).replace(
            " ", ""
        ) == text.lower().replace(" ", "")
    assert again("Brick").input_ids == again("brick").input_ids
    assert len(again("brick").input_ids) == 3


def test_checkpoints_are_whole_or_absent(tmp_path):
    assert load(tmp_path / "none.pt") is None
    save_atomic(tmp_path / "x.pt", {"step": 3})
    assert load(tmp_path / "x.pt") == {"step": 3} and not list(tmp_path.glob("*.part"))


def test_moving_average_follows_quickly_at_first():
    layer = torch.nn.Linear(1, 1)
    average = MovingAverage(layer, 0.999)
    torch.nn.init.constant_(layer.weight, 5.0)
    for _ in range(30):
        average.update(layer)
    assert float(average.shadow["weight"]) == pytest.approx(5.0, abs=0.2)


def test_schedules():
    assert learning_rate(1.0, 0, 0.0) < 0.01 < learning_rate(1.0, 500, 0.0) == 1.0
    assert learning_rate(1.0, 500, 1.0) == pytest.approx(0.03)
    steps = stratified_steps(10, torch.Generator().manual_seed(0))
    assert (steps // 100).tolist() == list(range(10))
    assert to_tensor(np.array([[[[0, 255, 0]]]], np.uint8)).flatten().tolist() == [-1, 1, -1]


def test_a_new_denoiser_for_the_autoencoder_of_an_exported_model(recipe):
    """The autoencoder is the one that was exported, and its folder's name is nowhere in the new model."""
    again = replace(recipe, vae_from=recipe.output)
    exported = {name: value.half() for name, value in recipe.vae.state_dict().items()}
    taken = again.vae.state_dict()
    assert exported.keys() == taken.keys()
    assert all(torch.equal(exported[name], taken[name].half()) for name in exported)
    assert not again.vae.config.get("_name_or_path")
