# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop of distillations, and guidance built in: the student says by itself what its teacher says with help."""

from dataclasses import replace

import pytest
import torch

from sd_blender.training.checkpoints import load
from sd_blender.training.distillation import Lesson, distil, guided
from sd_blender.training.models import TINY
from sd_blender.training.schedule import Budget, StepRandom
from sd_blender.training.train_few_steps import FewSteps
from sd_blender.training.train_guidance import BuiltInGuidance, by_material
from sd_blender.training.train_unet import PROCESS, Batch, Networks, UnetOptions, draw_batch
from tests.closeness import NETWORK, ROUNDING, assert_near

from .distilling import Knowing, noise, small_set, small_teacher, small_tokenizer

STEPS = Budget(steps=3)
UNET = UnetOptions(widths=TINY, budget=STEPS, device="cpu", batch=2, unconditional=0.0)
KINDS = [FewSteps(unet=UNET, budget=STEPS), BuiltInGuidance(unet=UNET, budget=STEPS)]


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


@pytest.fixture
def teacher(tokenizer):
    return small_teacher(tokenizer)


@pytest.fixture
def latents(tokenizer):
    return small_set(tokenizer, guidance=torch.tensor([1.0, 1.5, 3.0, 1.5]))


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_interrupted_distillation_ends_with_the_same_weights(latents, tokenizer, teacher, tmp_path, kind):
    arguments = [latents], tokenizer, 1.0
    unbroken = distil(*arguments, tmp_path / "a", kind, teacher)
    distil(*arguments, tmp_path / "b", kind, teacher, stop_at=1)
    assert load(tmp_path / "b" / f"{kind.name}.pt")["step"] == 1
    again = distil(*arguments, tmp_path / "b", kind, teacher)
    assert same_weights(unbroken, again)
    assert not same_weights(unbroken.unet, teacher.unet)
    assert same_weights(unbroken.text_encoder, teacher.text_encoder)


def test_guided_follows_its_formula():
    knowing, x, t = Knowing(noise(1, 4, 8, 8, seed=5)), noise(3, 4, 8, 8), torch.tensor([999, 500, 3])
    text, empty = torch.ones(3, 77, 1), torch.zeros(1, 77, 1)
    v = knowing.unet(x, t, text).sample  # without a text it says 7 more
    found = guided(knowing.unet, x, t, text, empty, torch.tensor([0.0, 1.0, 2.5]).view(-1, 1, 1, 1))
    for one, w in enumerate((0.0, 1.0, 2.5)):
        assert_near(found[one], v[one] + 7 - 7 * w, NETWORK)
    assert_near(guided(knowing.unet, x, t, text, empty, 2.5)[2], found[2], ROUNDING)


def loss_of(student: Knowing, teacher: Knowing, w: list[float], text: int = 1) -> float:
    """On one picture each, noised; the teacher says 7 more with an empty text."""
    batch = Batch(
        teacher.picture.expand(len(w), -1, -1, -1),
        torch.full((len(w), 77), text),
        periodic=True,
        guidance=torch.tensor(w),
    )
    empty = torch.zeros(1, 77, dtype=torch.long)
    lesson = Lesson(batch, empty, torch.Generator().manual_seed(3), PROCESS)
    return float(BuiltInGuidance().loss(student, teacher, lesson))


def test_the_student_is_asked_for_the_guided_answer_of_each_sample():
    exact = Knowing(noise(1, 4, 8, 8, seed=5))
    assert loss_of(exact, exact, [1.0, 1.0]) == pytest.approx(0, abs=1e-6)
    assert loss_of(exact, exact, [2.0, 2.0]) == pytest.approx(49, rel=1e-3)  # v - 7 is asked for, v is said
    assert loss_of(Knowing(exact.picture, wrong=-7), exact, [2.0, 2.0]) == pytest.approx(0, abs=1e-4)
    assert loss_of(exact, exact, [1.0, 2.0]) == pytest.approx(49 / 2, rel=1e-3)


def test_without_a_text_the_student_stays_as_its_teacher():
    exact = Knowing(noise(1, 4, 8, 8, seed=5))
    assert loss_of(exact, exact, [3.0, 3.0], text=0) == pytest.approx(0, abs=1e-6)


def test_guidance_learns(latents, tokenizer, teacher, tmp_path):
    """The student ends nearer to the guided answer than the teacher without guidance is."""
    kind = replace(KINDS[1], budget=Budget(steps=40), rate=3e-3, ema=0.0)
    latents = replace(latents, guidance=torch.full((4,), 4.0))
    student = distil([latents], tokenizer, 1.0, tmp_path, kind, teacher)
    tokens = latents.tokens[:, 1].long()
    batch = Batch(latents.latents.float(), tokens, periodic=False, guidance=latents.guidance)
    empty = latents.tokens[:1, 0].long()

    def loss(networks: Networks) -> float:
        lesson = Lesson(batch, empty, torch.Generator().manual_seed(3), PROCESS)
        return float(kind.loss(networks, teacher, lesson))

    assert loss(student) < 0.9 * loss(teacher)


def test_weights_are_those_of_the_materials(latents):
    first, *others = latents.descriptions
    kind = BuiltInGuidance(guidance=1.5, of_material={first.material: 1.0})
    assert kind.weights(latents.descriptions).tolist() == [1.0] + [1.5] * len(others)


def test_each_sample_of_a_batch_brings_its_own_guidance(latents):
    """Wherever it was moved, a texture is known by the sum of its numbers."""
    batch = draw_batch([latents], 1.0, replace(UNET, batch=16, crops=(0.0, 0.0)), StepRandom.of(0, 0))
    sums = latents.latents.float().sum((1, 2, 3))
    drawn = (batch.latents.sum((1, 2, 3))[:, None] - sums).abs().argmin(1)
    assert batch.guidance.tolist() == latents.guidance[drawn].tolist()
    assert len(set(batch.guidance.tolist())) == 3


def test_a_material_gets_another_guidance_only_where_that_is_clearly_better():
    shares = {
        1.0: {"granite": 0.6, "moss": 1.0, "brick wall": 0.8},
        1.5: {"granite": 0.2, "moss": 0.95, "brick wall": 0.8},
        2.5: {"granite": 0.0, "moss": 1.0, "brick wall": 1.0},
    }
    assert by_material(shares, usual=1.5, margin=0.1) == {"granite": 1.0, "brick wall": 2.5}


def test_of_equally_good_ones_the_one_nearest_to_the_usual_is_taken():
    shares = {w: {"ice": share} for w, share in ((1.0, 0.5), (1.5, 0.2), (2.5, 0.5))}
    assert by_material(shares, usual=1.5, margin=0.1) == {"ice": 1.0}
