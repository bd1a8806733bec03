# SPDX-License-Identifier: GPL-3.0-or-later
"""Training a LoRA at tiny size: it learns, goes on exactly after any end, refuses first, and others can read it."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from sd_blender.core.errors import (
    CannotSave,
    InvalidRequest,
    JobCancelled,
    ModelRefused,
)
from sd_blender.core.messages import Loading, Losses, Preview, Progress, Sample, Started
from sd_blender.core.request import Lora, Sampling, TextToImage, Tiling
from sd_blender.core.training_folder import TrainingFolder
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.fingerprint import UNET_KEY, unet_fingerprint
from sd_blender.engine.model_files import check_model
from sd_blender.training.engine import with_training
from sd_blender.training.lora import loop, samples
from sd_blender.training.lora.base_model import load_base
from sd_blender.training.lora.run import train

from .lora_images import save_images
from .lora_runs import STEPS, Messages, after, elsewhere, learned, run, same


@pytest.fixture(scope="module", params=["epsilon", "velocity", "2.x"])
def of_each_kind(request, tmp_path_factory):
    from sd_blender.engine.libraries import quiet
    from tests.engine.tiny_model import STABLE_DIFFUSION_2, ZERO_SNR, save_tiny_model

    velocity = {"schedule": ZERO_SNR}
    changes = {"epsilon": {}, "velocity": velocity, "2.x": velocity | STABLE_DIFFUSION_2}[request.param]
    with quiet():
        return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny", **changes)


def test_the_messages_and_files_of_a_training(lora, monkeypatch):
    monkeypatch.setattr(samples, "PREVIEW_INTERVAL", 0.0)
    messages = Messages()
    result = run(lora, messages)
    assert isinstance(messages[0], Loading)
    assert [m.steps for m in messages.of(Started)] == [STEPS]
    assert [(m.step, m.steps) for m in messages.of(Progress)] == [(s, STEPS) for s in range(1, STEPS + 1)]
    assert [m.step for m in messages.of(Sample)] == [0, 3, 6]
    assert messages.of(Preview)
    points = [point for message in messages.of(Losses) for point in message.points]
    assert [step for step, _ in points] == list(range(1, STEPS + 1))
    folder = TrainingFolder.of(lora)
    assert folder.read_losses() == [(s, pytest.approx(loss, abs=1e-6)) for s, loss in points]
    assert (result.path, result.steps, folder.steps_done()) == (lora.output, STEPS, STEPS)
    assert np.array_equal(result.sample, np.asarray(Image.open(folder.sample(STEPS))))
    assert not list(Path(lora.output).parent.rglob("*.part"))


def test_it_learns_the_images(lora, of_each_kind):
    """Against the same noise without learning: how much there is to predict changes from step to step."""
    wanted = dataclasses.replace(
        lora, model=str(of_each_kind), steps=30, sample_every=100, learning_rate=2e-2, caption_dropout=0.0
    )
    without = dataclasses.replace(elsewhere(wanted, "without"), learning_rate=1e-9)
    losses = []
    for request in (wanted, without):
        messages = Messages()
        run(request, messages)
        losses.append([loss for message in messages.of(Losses) for _, loss in message.points])
    assert np.mean(losses[0][-15:]) < 0.9 * np.mean(losses[1][-15:])


def test_what_is_to_be_learned_is_what_the_scheduler_of_the_model_expects(of_each_kind):
    """A U-Net that says it, by plain diffusers, has no loss; one that learned another thing well would have one."""
    scheduler = DDIMScheduler.from_pretrained(of_each_kind, subfolder="scheduler")
    latents, eps = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([100, 500, 900])

    def perfect(noisy, steps, return_dict):
        torch.testing.assert_close(noisy, scheduler.add_noise(latents, eps, steps))
        epsilon = scheduler.config.prediction_type == "epsilon"
        return (eps if epsilon else scheduler.get_velocity(latents, eps, steps),)

    cpu = torch.device("cpu")
    base = load_base(str(of_each_kind), cpu, torch.float32, lambda *_: None, lambda: False)
    knowing = dataclasses.replace(base, loaded=SimpleNamespace(unet=perfect, device=cpu))
    loss = loop.TrainingLoop._loss(SimpleNamespace(base=knowing), latents, t, eps, {})
    assert loss.item() == pytest.approx(0, abs=1e-8)


def test_with_the_model_in_half_precision(lora):
    """As on a graphics card."""
    messages = Messages()
    short = dataclasses.replace(lora, steps=2, sample_every=10)
    assert train("job", short, messages, lambda: False, "cpu", "bfloat16").steps == 2
    losses = [loss for message in messages.of(Losses) for _, loss in message.points]
    assert len(losses) == 2 and all(np.isfinite(losses))
    assert all(bool(v.any()) for name, v in learned(short).items() if "lora_unet" in name and "up" in name)


@pytest.mark.parametrize("kind", ["lora", "word"])
@pytest.mark.parametrize("step", [1, 4])
def test_a_pause_and_going_on_end_as_without(request, kind, step):
    wanted = request.getfixturevalue(kind)
    run(elsewhere(wanted, "unbroken"))
    with pytest.raises(JobCancelled):
        run(wanted, Messages(after(step)))
    assert TrainingFolder.of(wanted).steps_done() == step and not Path(wanted.output).exists()
    messages = Messages()
    run(wanted, messages)
    assert messages.of(Progress)[0].step == step
    assert messages.of(Losses)[0].points[0][0] == 1, "the curve of before is told first"
    assert same(learned(wanted), learned(elsewhere(wanted, "unbroken")))


def test_a_kill_loses_what_came_after_the_last_checkpoint_alone(lora, monkeypatch):
    run(elsewhere(lora, "unbroken"))

    class Killed(BaseException):
        pass

    def kill(message):
        if after(5)(message):
            raise Killed
        return False

    with pytest.raises(Killed):
        run(lora, Messages(kill))
    folder = TrainingFolder.of(lora)
    assert folder.steps_done() == 4
    run(lora)
    assert [step for step, _ in folder.read_losses()] == list(range(1, STEPS + 1))
    assert same(learned(lora), learned(elsewhere(lora, "unbroken")))


def test_more_steps_go_on_from_a_finished_one(lora):
    run(lora)
    messages = Messages()
    result = run(dataclasses.replace(lora, steps=STEPS + 2), messages)
    assert (result.steps, [m.step for m in messages.of(Progress)]) == (STEPS + 2, [6, 7, 8])


def test_what_is_saved_loads_in_plain_diffusers_and_does_there_what_it_does_here(lora, tiny):
    from diffusers import StableDiffusionPipeline

    from sd_blender.engine.libraries import quiet

    strong = dataclasses.replace(lora, steps=30, learning_rate=5e-2, sample_every=100)
    result = run(strong)
    sampling = Sampling(width=64, height=64, steps=3, guidance_scale=4.0, scheduler="DDIM", seed=3)
    wanted = TextToImage(prompt="zx, red", model=str(tiny), sampling=sampling)
    engine = DiffusersEngine("cpu", "float32")

    def ours(*loras):
        made = engine.generate("j", dataclasses.replace(wanted, loras=loras), print, lambda: False)
        return made.images[0].pixels.astype(int)

    def theirs(path):
        with quiet():
            pipeline = StableDiffusionPipeline.from_pretrained(tiny, safety_checker=None)
            pipeline.set_progress_bar_config(disable=True)
            pipeline.load_lora_weights(path.parent, weight_name=path.name)
            noise = torch.Generator().manual_seed(3)
            made = pipeline(
                "zx, red", width=64, height=64, num_inference_steps=3, guidance_scale=4.0, generator=noise,
                output_type="np",
            ).images  # fmt: skip
        return np.rint(made[0] * 255)

    engine_picture = ours(Lora(path=result.path))
    assert np.abs(engine_picture - ours()).mean() > 3
    for path in (Path(result.path), TrainingFolder.of(strong).diffusers_output):
        assert np.abs(engine_picture - theirs(path)).mean() < 0.2, path


def test_the_names_and_metadata_are_those_of_kohya(lora, tiny):
    run(lora)
    with safe_open(lora.output, framework="pt") as file:
        keys, told = set(file.keys()), file.metadata()
        alpha = float(file.get_tensor("lora_unet_mid_block_resnets_0_conv1.alpha"))
    base = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    text = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
    for name in (
        base,
        text,
        base.replace("attn2_to_k", "attn1_to_out_0"),
        base.replace("attn2_to_k", "ff_net_0_proj"),
    ):
        assert {f"{name}.{part}" for part in ("lora_down.weight", "lora_up.weight", "alpha")} <= keys
    assert alpha == lora.rank
    assert (told["ss_network_dim"], told["ss_network_module"]) == ("2", "networks.lora")
    assert told["modelspec.trigger_phrase"] == "zx"
    story = json.loads(told["sd_blender"])
    assert (story["task"], story["images"], story["result"]["steps"]) == ("train_lora", "images", STEPS)
    assert str(Path(lora.output).parent) not in json.dumps(told), "a file that is given away tells no folder"
    assert told[UNET_KEY] == unet_fingerprint(check_model(tiny))
    captions = json.loads(told["sd_blender_captions"])
    assert captions["hot_stripes_0.png"] == "zx, hot stripes"


def test_a_word_is_learned_alone_and_speaks_in_the_engine(word, tiny):
    result = run(dataclasses.replace(word, steps=20, learning_rate=0.5))
    assert {name: tuple(v.shape) for name, v in learned(word).items()} == {"zyx": (3, 32)}
    sampling = Sampling(width=64, height=64, steps=3, guidance_scale=4.0, seed=3)
    wanted = TextToImage(prompt="zyx", model=str(tiny), sampling=sampling)
    engine = DiffusersEngine("cpu", "float32")
    plain, speaking = (
        engine.generate("j", dataclasses.replace(wanted, embeddings=e), print, lambda: False).images[0].pixels
        for e in ((), (result.path,))
    )
    assert np.abs(plain.astype(int) - speaking).mean() > 1


# Bad input: all of it is refused before a model is loaded -----------------------------------------------------


def refused(request, match, kind=InvalidRequest):
    messages = Messages()
    with pytest.raises(kind, match=match):
        run(request, messages)
    assert not messages, "refused before slow work"
    assert not Path(request.output).exists()


def test_too_few_images(lora):
    for name in ("hot_stripes_0.png", "hot_stripes_1.png"):
        (Path(lora.images) / name).unlink()
    refused(lora, "holds 2 images and training needs at least 3")


def test_no_folder_of_images(lora):
    refused(dataclasses.replace(lora, images=lora.images + "x"), "cannot be read")


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_unreadable_images_are_named(lora, content):
    (Path(lora.images) / "broken.png").write_bytes(content)
    refused(lora, "broken.png cannot be read as a picture")


def test_a_picture_that_is_cut_off_is_named_when_it_is_read(lora):
    path = Path(lora.images) / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InvalidRequest, match=r"cut.png cannot be read"):
        run(lora)


def test_tiny_images_and_missing_captions_are_named(lora, tmp_path):
    numbered = str(save_images(tmp_path / "numbered", name="IMG_{}.png"))
    refused(dataclasses.replace(lora, images=numbered, trigger=""), "IMG_0.png, IMG_1.png.* have no caption")
    run(dataclasses.replace(lora, images=numbered))
    icons = str(save_images(tmp_path / "icons", width=16, height=16))
    refused(elsewhere(dataclasses.replace(lora, images=icons), "b"), "too small to learn from")


def test_another_training_in_the_folder_and_a_file_of_somebody_else(lora):
    with pytest.raises(JobCancelled):
        run(lora, Messages(after(2)))
    refused(dataclasses.replace(lora, rank=4), "holds a training with another rank")
    other = elsewhere(lora, "other")
    Path(other.output).parent.mkdir()
    Path(other.output).write_bytes(b"somebody's")
    with pytest.raises(InvalidRequest, match="exists already"):
        run(other)
    assert Path(other.output).read_bytes() == b"somebody's"


def test_a_checkpoint_that_is_damaged_is_named(lora):
    with pytest.raises(JobCancelled):
        run(lora, Messages(after(2)))
    path = TrainingFolder.of(lora).checkpoint
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelRefused, match=r"checkpoint .* cannot be read"):
        run(lora)


def test_a_checkpoint_for_a_model_that_was_exchanged_is_named(lora):
    with pytest.raises(JobCancelled):
        run(lora, Messages(after(2)))
    path = TrainingFolder.of(lora).checkpoint
    with safe_open(path, framework="pt") as file:
        tensors, told = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    save_file({name.replace("mid_block", "middle"): value for name, value in tensors.items()}, path, told)
    with pytest.raises(ModelRefused, match="does not fit this model"):
        run(lora)


def test_an_inpaint_model_is_refused(lora, tmp_path):
    from sd_blender.engine.libraries import quiet
    from tests.engine.tiny_model import save_tiny_model

    with quiet():
        inpaint = save_tiny_model(tmp_path / "inpaint", channels=9)
    with pytest.raises(ModelRefused, match="is an inpaint model"):
        run(dataclasses.replace(lora, model=str(inpaint)))


# What goes wrong on the way ------------------------------------------------------------------------------


def test_a_disk_that_fills_keeps_the_last_good_checkpoint(lora, monkeypatch):
    run(elsewhere(lora, "unbroken"))
    folder, fsync, calls = TrainingFolder.of(lora), os.fsync, []

    def full(number):
        calls.append(number)
        if len(calls) > 3:  # samples of step 0 and 3, checkpoint of step 2
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    with monkeypatch.context() as patch, pytest.raises(CannotSave, match="No space left on device"):
        patch.setattr(os, "fsync", full)
        run(lora)
    assert folder.steps_done() == 2 and not list(folder.path.rglob("*.part"))
    run(lora)
    assert same(learned(lora), learned(elsewhere(lora, "unbroken")))


def test_the_engine_makes_room_trains_and_makes_pictures_again(lora, tiny):
    engine = with_training(DiffusersEngine("cpu", "float32"), "cpu", "float32")
    sampling = Sampling(width=64, height=64, steps=2, seed=3)
    wanted = TextToImage(prompt="zx", model=str(tiny), sampling=sampling)
    before = engine.generate("a", wanted, print, lambda: False).images[0].pixels
    result = engine.train("b", lora, lambda message: None, lambda: False)
    assert np.array_equal(engine.generate("c", wanted, print, lambda: False).images[0].pixels, before)
    changed = dataclasses.replace(wanted, loras=(Lora(path=result.path),))
    assert not np.array_equal(engine.generate("d", changed, print, lambda: False).images[0].pixels, before)
    engine.unload()


@pytest.mark.parametrize("tiling", list(Tiling))
def test_every_way_of_tiling_trains(lora, tiling):
    wide = str(save_images(Path(lora.images).parent / "wide", width=128, height=64))
    quick = dataclasses.replace(lora, images=wide, tiling=tiling, flip=True, steps=2, sample_every=10)
    assert run(quick).steps == 2
