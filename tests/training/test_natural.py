# SPDX-License-Identifier: GPL-3.0-or-later
"""The measure of prompts as people type them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sd_blender.training.evaluation import natural
from sd_blender.training.evaluation.classifier import NAMES, Classifier, classify
from sd_blender.training.evaluation.report import natural_rows
from sd_blender.training.language.phrases import all_entries, is_held_out


@pytest.mark.parametrize("kind", natural.KINDS)
def test_the_prompts_are_held_out_and_always_the_same(kind):
    prompts = natural.natural_prompts(kind, 60)
    assert prompts == natural.natural_prompts(kind, 60) and len({p.text for p in prompts}) == 60
    assert prompts[:20] == natural.natural_prompts(kind, 20)
    held_out = [e for e in all_entries() if is_held_out(e) and e.kind in natural.KINDS[kind]]
    for prompt in prompts:
        found = [e for e in held_out if e.text.lower() in prompt.text.lower()]
        assert any(e.means.material == NAMES[prompt.material] for e in found), prompt.text
    assert len({p.material for p in prompts[:40]}) == 40, "of as many materials as there are"


@torch.no_grad()
def test_the_share_is_that_of_the_judge():
    torch.manual_seed(0)
    classifier = Classifier().eval()
    pictures = np.random.default_rng(0).integers(0, 256, (6, 128, 128, 3), dtype=np.uint8)
    seen = classify(classifier, pictures)
    prompts = [natural.Prompt(str(k), int(s) if k < 4 else (int(s) + 1) % 61, "") for k, s in enumerate(seen)]
    found = natural.judge(pictures, prompts, classifier)
    assert found.share == pytest.approx(4 / 6)
    assert found.wrong == {"4": NAMES[seen[4]], "5": NAMES[seen[5]]}


def test_the_card_says_both_kinds():
    figures = {
        "named": {"prompts": 122, "material": 0.75, "wrong": {}},
        "not_named": {"prompts": 120, "material": 0.5, "wrong": {}},
    }
    rows = natural_rows(figures)
    assert "122 held-out phrases that name it" in rows and "| 75.0% |" in rows and "| 50.0% |" in rows
    assert natural_rows(None) == ""
