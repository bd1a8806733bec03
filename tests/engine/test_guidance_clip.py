# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP guidance: its gradient against finite differences, its effect on what CLIP says, and what it leaves alone."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from sd_blender.core.diffusion.estimate import Estimate
from sd_blender.core.diffusion.level import Level
from sd_blender.core.errors import BadResult, InvalidRequest, JobCancelled, ModelRefused
from sd_blender.core.request import SCHEDULERS, ImageToImage, Inpaint, Sampling, TextToImage, Tiling
from sd_blender.engine import clip_files
from sd_blender.engine.clip_score import ClipScorer
from sd_blender.engine.conditions import clip_guidance
from sd_blender.engine.conditions.clip_guidance import ClipGuide
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.libraries import quiet
from sd_blender.engine.memory_ladder import saving_memory
from sd_blender.engine.models import ModelStore
from sd_blender.engine.tiling import tiled
from tests.closeness import ITERATED, ROUNDING, assert_near, is_near

from .conftest import box_mask, painting
from .tiny_guides import save_tiny_clip

SAMPLING = Sampling(width=32, height=32, steps=4, guidance_scale=2.0, scheduler="DDIM", seed=3)
SCALE = 3.0


@pytest.fixture(scope="session")
def seeing(tiny, tmp_path_factory):
    """The tiny model with a CLIP beside it."""
    folder = shutil.copytree(tiny, tmp_path_factory.mktemp("models") / "seeing")
    with quiet():
        save_tiny_clip(folder)
    return folder


@pytest.fixture(scope="session")
def seeing_8(seeing, tiny_8, tmp_path_factory):
    """The tiny model of 8 latent channels with the same CLIP."""
    folder = shutil.copytree(tiny_8, tmp_path_factory.mktemp("models") / "seeing-8")
    shutil.copytree(seeing / "clip", folder / "clip")
    return folder


@pytest.fixture(scope="session")
def scorer(seeing):
    return ClipScorer.load(seeing / "clip")


@pytest.fixture(scope="session")
def model(seeing):
    with quiet():
        return ModelStore(torch.device("cpu"), torch.float32).get(seeing, print, lambda: False)


def asked(
    folder, kind=TextToImage, clip=SCALE, tiling=Tiling.OFF, prompt="red stone", others=None, **changes
):
    sampling = replace(SAMPLING, clip_guidance_scale=clip, **changes)
    return kind(prompt=prompt, model=str(folder), sampling=sampling, tiling=tiling, **others or {})


def guide(model, scorer, prompts=("red stone",), **options):
    texts = torch.cat([scorer.text_vectors([prompt]) for prompt in prompts])
    return ClipGuide(model.autoencoder, scorer, texts, 1.0, range(7, 7 + len(prompts)), **options)


def latents(count=1, side=4, seed=0, channels=4):
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(seed))


def found_at(original, abar=0.5):
    return Estimate(Level.of_abar(abar, 500.0), original, original, original)


def likelihood(model, scorer, original, prompt="red stone"):
    picture = model.autoencoder.decode(original) / 2 + 0.5
    cosine = (scorer.picture_vectors(picture) * scorer.text_vectors([prompt])).sum(1)
    return scorer.clip.logit_scale.exp() * cosine


@pytest.mark.parametrize("name", ["seeing", "seeing_8"])
def test_the_gradient_is_that_of_the_likelihood(request, engine, scorer, name):
    """Against finite differences in double precision, through the decoder and CLIP."""
    model = engine._models.get(request.getfixturevalue(name), lambda *_: None, lambda: False)
    vae, clip = model.vae.double(), scorer.clip.double()
    try:
        channels = model.files.latent_channels
        x, direction = (latents(seed=seed, channels=channels).double() for seed in (0, 9))
        found = guide(model, scorer).gradient(x, scorer.text_vectors(["red stone"]), torch.Generator())
        ahead, behind = (likelihood(model, scorer, x + h * direction) for h in (1e-6, -1e-6))
        assert float((found * direction).sum()) == pytest.approx(float((ahead - behind) / 2e-6), rel=1e-5)
        assert float(found.abs().max()) > 1e-3
    finally:
        vae.float(), clip.float()


@pytest.mark.parametrize("abar", [0.0, 0.3, 0.8])
def test_the_move_has_the_scale_of_the_formula(model, scorer, abar):
    """s (1 - abar) times the gradient; at abar = 0 too, where the noise prediction could not say it."""
    x, by_clip = latents(), guide(model, scorer)
    gradient = by_clip.gradient(x, by_clip.texts, torch.Generator())
    by_clip.scale = 3.0
    assert_near(by_clip.move(found_at(x, abar)), 3.0 * (1 - abar) * gradient, ITERATED)


def test_a_small_move_raises_the_similarity(model, scorer):
    x = latents()
    move = guide(model, scorer).move(found_at(x))
    better = likelihood(model, scorer, x + 0.01 * move) - likelihood(model, scorer, x)
    assert float(better) == pytest.approx(0.01 * float((move**2).sum()) / 0.5, rel=0.1)


def test_the_last_steps_are_not_guided(model, scorer, monkeypatch):
    monkeypatch.setattr(ClipGuide, "gradient", lambda *_: pytest.fail("the decoder was run for nothing"))
    assert not guide(model, scorer).move(found_at(latents(), abar=0.96)).any()


def test_no_picture_depends_on_its_neighbours(model, scorer):
    prompts, x = ("red stone", "blue moss"), latents(2)
    together = guide(model, scorer, prompts).move(found_at(x))
    alone = ClipGuide(model.autoencoder, scorer, scorer.text_vectors(prompts[1:]), 1.0, [8]).move(
        found_at(x[1:])
    )
    assert torch.equal(together[1:], alone)
    assert not is_near(together[:1], together[1:], ROUNDING)


@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.X, Tiling.BOTH])
def test_a_part_of_a_large_picture_at_a_time(model, scorer, tiling):
    """All of it in turn, and across the edge where it repeats."""
    by_clip, places = guide(model, scorer, tiling=tiling, side=64), torch.arange(144.0).reshape(1, 1, 12, 12)
    parts = [by_clip._part(places, by_clip._random[0]) for _ in range(300)]
    assert {part.shape for part in parts} == {(1, 1, 8, 8)}
    assert {int(x) for part in parts for x in part.flatten()} == set(range(144))
    firsts = [int(part[0, 0, 0, 0]) for part in parts]
    assert max(first % 12 for first in firsts) == (11 if tiling.wraps_x else 4)
    assert max(first // 12 for first in firsts) == (11 if tiling.wraps_y else 4)


def test_only_the_part_looked_at_moves(model, scorer):
    move = guide(model, scorer, side=64).move(found_at(latents(side=12)))
    assert ((move != 0)[0].any(0)).sum() == 8 * 8


def test_it_raises_what_clip_says_with_8_latent_channels(seeing_8, run, scorer):
    plain, pulled = (run(asked(seeing_8, clip=clip)).pixels for clip in (0.0, SCALE))
    before, after = scorer.scores([plain, pulled], "red stone")
    assert after > before + 0.1


@pytest.mark.parametrize("name", SCHEDULERS)
def test_it_raises_what_clip_says_with_every_scheduler(seeing, run, scorer, name):
    plain = run(asked(seeing, clip=0.0, scheduler=name)).pixels
    pulled = run(asked(seeing, scheduler=name)).pixels
    before, after = scorer.scores([plain, pulled], "red stone")
    assert after > before + 0.1
    assert np.ptp(pulled) > 20


@pytest.mark.parametrize("scale", [0.0, 1.0, 4.0])
def test_beside_classifier_free_guidance_at_any_scale(seeing, run, scorer, scale):
    plain, pulled = (run(asked(seeing, clip=clip, guidance_scale=scale)).pixels for clip in (0.0, SCALE))
    before, after = scorer.scores([plain, pulled], "red stone")
    assert after > before + 0.1


def test_both_guidances_by_the_formula(seeing, engine, run, estimates):
    """uncond + w (cond - uncond), and then CLIP's term, recomputed by hand for the first step."""
    run(asked(seeing, guidance_scale=2.5))
    loaded = engine._models.get(seeing, print, lambda: False)
    first = estimates[0]
    with torch.no_grad():
        texts = (loaded.text.read(words, 1).hidden for words in ("red stone", ""))
        conditional, unconditional = (
            loaded.unet(first.x, first.level.timestep, encoder_hidden_states=t).sample for t in texts
        )
        abar = torch.tensor(first.level.abar)
        noise = unconditional + 2.5 * (conditional - unconditional)
        x_0 = (first.x - (1 - abar).sqrt() * noise) / abar.sqrt()
        scorer = loaded.scorer(seeing / "clip")
        by_clip = ClipGuide(loaded.autoencoder, scorer, scorer.text_vectors(["red stone"]), SCALE, [3])
        gradient = by_clip.gradient(x_0, by_clip.texts, torch.Generator())
    term = -(1 - abar).sqrt() * abar.sqrt() * SCALE * gradient
    assert term.abs().max() > 0.05
    assert_near(first.eps, noise + term, ITERATED)


@pytest.mark.parametrize("channels", [4, 8, 9])
def test_inpainting(seeing, seeing_8, tiny_inpaint, run, scorer, tmp_path, channels):
    folder = seeing_8 if channels == 8 else seeing
    scale = 10 * SCALE if channels == 8 else SCALE  # its random decoder answers a pull more weakly
    if channels == 9:
        folder = shutil.copytree(tiny_inpaint, tmp_path / "model")
        shutil.copytree(seeing / "clip", folder / "clip")
    image, mask = painting(64, 64), box_mask(64, 64, 8, 8, 56, 56)
    others = {"image": image, "mask": mask, "feather": 0, "crop_to_mask": False}
    plain, pulled = (run(asked(folder, Inpaint, clip, others=others)).pixels for clip in (0.0, scale))
    assert np.array_equal(pulled[mask == 0], image[mask == 0])
    before, after = scorer.scores([plain, pulled], "red stone")
    assert after > before + 0.05


def test_image_to_image(seeing, run, scorer):
    others = {"image": painting(32, 32), "strength": 0.8}
    results = [run(asked(seeing, ImageToImage, clip, others=others)).pixels for clip in (0.0, SCALE)]
    before, after = scorer.scores(results, "red stone")
    assert after > before + 0.1


def test_a_picture_that_repeats_is_raised_wherever_it_begins(seeing, run, scorer):
    results = [run(asked(seeing, clip=clip, tiling=Tiling.BOTH, steps=10)).pixels for clip in (0.0, SCALE)]
    before, after = (
        scorer.scores(
            [np.roll(made, (8 * i, 8 * j), (0, 1)) for i in range(4) for j in range(4)], "red stone"
        )
        for made in results
    )
    assert after.mean() > before.mean() + 0.1


def test_image_k_of_a_batch_is_the_single_image(seeing, run):
    both = run(asked(seeing, count=2)).result.images
    single = run(asked(seeing, seed=SAMPLING.seed + 1)).pixels
    assert np.array_equal(both[1].pixels, single)
    assert np.array_equal(both[0].pixels, run(asked(seeing)).pixels), "the same request, the same picture"


def test_a_scale_of_0_is_the_picture_without(seeing, tiny, run):
    """To the last bit, though a CLIP is there; and no CLIP is loaded for it."""
    engine = DiffusersEngine(device="cpu", dtype="float32")
    ours = run(asked(seeing, clip=0.0), engine).pixels
    theirs = run(TextToImage(prompt="red stone", model=str(tiny), sampling=SAMPLING)).pixels
    assert np.array_equal(ours, theirs)
    assert "_scorers" not in vars(engine._models.get(seeing, print, lambda: False))


def test_a_model_without_clip_is_refused_before_it_is_loaded(tiny, run, tmp_path, monkeypatch):
    monkeypatch.setattr(ModelStore, "get", lambda *_: pytest.fail("loaded"))
    monkeypatch.setattr(clip_files, "STARTER_FOLDER", tmp_path)
    with pytest.raises(InvalidRequest, match=r"no CLIP .* set CLIP Guidance to 0") as refusal:
        run(asked(tiny))
    assert refusal.value.field == "clip_guidance_scale"


def test_a_broken_clip_is_refused_before_the_model_is_loaded(seeing, run, tmp_path, monkeypatch):
    folder = shutil.copytree(seeing, tmp_path / "model")
    (folder / "clip" / "model.safetensors").write_bytes(b"\x80 a pickle")
    monkeypatch.setattr(ModelStore, "get", lambda *_: pytest.fail("loaded"))
    with pytest.raises(ModelRefused, match="pickle"):
        run(asked(folder))


def out_of_memory_above(monkeypatch, side):
    """The decoder's gradient does not fit for more than ``side`` latents a side."""
    original = ClipGuide._part

    def part(self, *inputs):
        cut = original(self, *inputs)
        if cut.shape[-1] > side:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return cut

    monkeypatch.setattr(ClipGuide, "_part", part)


def test_memory_that_runs_out_leaves_a_smaller_part(seeing, run, scorer, monkeypatch):
    plain = run(asked(seeing, clip=0.0, width=128, height=128)).pixels
    out_of_memory_above(monkeypatch, 8)
    finished = run(asked(seeing, width=128, height=128))
    warnings = finished.result.images[0].warnings
    assert warnings[-1] == (
        "The memory ran out, so CLIP guidance looked at 64 x 64 pixels of the picture at a time."
    )
    assert len(warnings) == 1 + sum("flat" in warning for warning in warnings)
    assert np.abs(finished.pixels.astype(int) - plain).max() > 20, "it was guided all the same"


def test_the_ladder_of_memory_is_not_climbed_with_a_gradient(model, scorer):
    """Decoding in tiles lets no gradient pass; it must neither be tried nor stay afterwards."""
    by_clip, calls = guide(model, scorer), []

    def fail(module, inputs):
        if inputs[0].requires_grad and not calls:
            calls.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = model.vae.decoder.conv_in.register_forward_pre_hook(fail)
    try:
        with saving_memory(model.denoiser, model.autoencoder, Tiling.OFF, lambda: None) as changes:
            move = by_clip.move(found_at(latents(side=16)))
    finally:
        handle.remove()
    assert calls and changes == []
    assert by_clip.changes == [
        "The memory ran out, so CLIP guidance looked at 64 x 64 pixels of the picture at a time."
    ]
    assert (move != 0)[0].any(0).sum() == 8 * 8


def test_to_keep_little_for_the_gradient_changes_nothing_in_it(model, scorer, monkeypatch):
    by_clip = guide(model, scorer)
    whole = by_clip.gradient(latents(), by_clip.texts, torch.Generator())
    monkeypatch.setattr(clip_guidance, "_KEPT_VALUES", 0)
    try:
        found = by_clip.gradient(latents(), by_clip.texts, torch.Generator())
        assert model.vae.decoder.gradient_checkpointing
    finally:
        model.vae.disable_gradient_checkpointing()
    assert_near(found, whole, ITERATED)


def test_a_decoder_that_overflows_in_half_precision(seeing, monkeypatch):
    with quiet():
        model = ModelStore(torch.device("cpu"), torch.bfloat16).get(seeing, print, lambda: False)
    by_clip, original = guide(model, model.scorer(seeing / "clip")), ClipGuide.gradient

    def overflow(self, *inputs):
        found = original(self, *inputs)
        return (
            found
            if next(self.autoencoder.network.parameters()).dtype == torch.float32
            else found * float("inf")
        )

    monkeypatch.setattr(ClipGuide, "gradient", overflow)
    assert by_clip.move(found_at(latents())).isfinite().all()
    assert by_clip.changes == ["The autoencoder overflowed in half precision and was run in float32 instead."]
    monkeypatch.setattr(ClipGuide, "gradient", lambda self, x, *rest: x * float("nan"))
    with pytest.raises(BadResult, match="CLIP guidance gave values that are not numbers"):
        by_clip.move(found_at(latents()))


def test_half_precision_gives_nearly_the_same_gradient(seeing, model, scorer):
    """Eight bits of a number, through a decoder of random weights: cosines of 0.91 to 0.99, by the processor's units
    for bfloat16. Of these 64 numbers, two directions that have nothing to do with each other differ from 0 by 0.13.
    """
    with quiet():
        half = ModelStore(torch.device("cpu"), torch.bfloat16).get(seeing, print, lambda: False)
    exact, rough = (guide(m, scorer).move(found_at(latents())).flatten() for m in (model, half))
    assert float(torch.cosine_similarity(exact, rough, dim=0)) > 0.8


def test_cancel_within_the_gradient(seeing, engine):
    """The decoder's blocks ask too: on a CPU the gradient of a large picture takes long."""
    model = engine._models.get(seeing, print, lambda: False)
    state = {"decoding": False}
    handle = model.vae.decoder.register_forward_pre_hook(lambda *_: state.update(decoding=True))
    try:
        with pytest.raises(JobCancelled):
            engine.generate("job", asked(seeing), lambda message: None, lambda: state["decoding"])
    finally:
        handle.remove()


def test_what_repeats_is_decoded_as_it_repeats(model, scorer):
    """Rolled latents have the rolled gradient, whose edge is no edge."""
    x, texts = latents(side=8), scorer.text_vectors(["red stone"])
    by_clip = guide(model, scorer, tiling=Tiling.BOTH)

    with tiled(Tiling.BOTH, model.unet, model.vae):
        first = by_clip.gradient(x, texts, torch.Generator().manual_seed(1))
        start = [int(torch.randint(8, (), generator=g)) for g in [torch.Generator().manual_seed(1)] * 2]
        by_clip.tiling = Tiling.OFF  # looks from the first latent on, as the seed above did from `start` on
        second = by_clip.gradient(x.roll([-s for s in start], (-2, -1)), texts, torch.Generator())
    assert any(start)
    assert_near(first.roll([-s for s in start], (-2, -1)), second, ITERATED)
