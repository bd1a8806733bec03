# SPDX-License-Identifier: GPL-3.0-or-later
"""Training the classifier that guides, at tiny size: it learns, it resumes exactly, and the engine opens its folder."""

import json
from dataclasses import replace

import pytest
import torch

from sd_blender.core.diffusion.estimate import Estimate
from sd_blender.core.diffusion.level import Level
from sd_blender.engine.conditions.classifier_guidance import ClassifierGuide
from sd_blender.engine.noisy_classifier import NoisyClassifier, class_in
from sd_blender.training.forward_process import ForwardProcess
from sd_blender.training.latents import LatentSet
from sd_blender.training.schedule import Budget
from sd_blender.training.textures.dataset import describe_sample
from sd_blender.training.train_noisy_classifier import (
    NAMES,
    ClassifierOptions,
    classifier_loss,
    train_noisy_classifier,
)
from tests.closeness import HALF, is_near

OPTIONS = ClassifierOptions(widths=(8, 16), budget=Budget(steps=4), batch=8, device="cpu")


@pytest.fixture(scope="module")
def sets():
    """Latents whose waves tell the material, in two sizes."""
    described = [describe_sample(1, i) for i in range(2 * len(NAMES))]
    number = {name: i for i, name in enumerate(NAMES)}

    def wave(material: str, side: int) -> torch.Tensor:
        steps = torch.arange(side) * (2 * torch.pi / 8)
        k = number[material]
        return 2 * torch.cos(k // 4 % 4 * steps[:, None] + k % 4 * steps[None])

    def made(side):
        random = torch.Generator().manual_seed(side)
        rows = [
            wave(d.material, side) + 0.1 * torch.randn(4, side, side, generator=random) for d in described
        ]
        return LatentSet(torch.stack(rows).half(), described)

    return made(8), made(16)


def test_it_learns_and_knows_less_where_there_is_more_noise(sets, tmp_path):
    few = [LatentSet(s.latents[::20], s.descriptions[::20]) for s in sets]  # seven materials, far apart
    options = replace(OPTIONS, budget=Budget(steps=240), batch=16, rate=5e-3)
    train_noisy_classifier(few, 1.0, tmp_path, options)
    rows = [json.loads(line) for line in (tmp_path / "noisy-classifier.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.5
    assert rows[-1]["right_0"] > 0.9 and rows[-1]["right_0"] > rows[-1]["right_3"] + 0.05


def test_interrupted_training_ends_with_the_same_weights(sets, tmp_path):
    unbroken = train_noisy_classifier(sets, 1.0, tmp_path / "a", OPTIONS)
    train_noisy_classifier(sets, 1.0, tmp_path / "b", OPTIONS, stop_at=2)
    resumed = train_noisy_classifier(sets, 1.0, tmp_path / "b", OPTIONS)
    assert all(torch.equal(a, b) for a, b in zip(unbroken.parameters(), resumed.parameters(), strict=True))


def test_what_it_saves_is_what_the_engine_opens(sets, tmp_path):
    made = train_noisy_classifier(sets, 1.0, tmp_path, OPTIONS)
    made.save(tmp_path / "classifier")
    opened = NoisyClassifier.load(tmp_path / "classifier")
    x, t = sets[0].latents[:3].float(), torch.tensor([10.0, 400.0, 990.0])
    assert is_near(opened(x, t), made(x, t), HALF), "stored in half precision"
    assert opened.names == {name: tuple(names) for name, names in NAMES.items()}
    guide = ClassifierGuide(opened, [class_in("red brick wall", opened.names)] * 3, 1.0)
    move = guide.move(Estimate(Level.of_abar(0.4, 400.0), x, x, x))
    assert move.shape == x.shape and move.any()


def test_every_material_is_found_by_each_of_its_names():
    for index, (material, names) in enumerate(NAMES.items()):
        for name in names:
            assert class_in(f"seamless dark texture of {name}, 4k", NAMES) == index, (material, name)


def test_the_loss_is_the_cross_entropy_of_noisy_latents(sets):
    """Of a classifier that always says the same it is known."""
    scores = torch.arange(len(NAMES), dtype=torch.float32)
    loss, shares = classifier_loss(
        lambda x, t: scores.expand(len(x), -1),
        ForwardProcess.zero_terminal_snr(),
        sets[0].latents[:8].float(),
        torch.tensor([len(NAMES) - 1] * 4 + [0] * 4),
        torch.Generator().manual_seed(0),
    )
    expected = -scores.log_softmax(0)[[-1, 0]].mean()
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert shares == pytest.approx({"right_0": 1.0, "right_1": 1.0, "right_2": 0.0, "right_3": 0.0})
