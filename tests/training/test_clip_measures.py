# SPDX-License-Identifier: GPL-3.0-or-later
"""What evaluation says of CLIP: scores, the gain of ranking, and how the card tells it."""

import numpy as np
import pytest
import torch

from sd_blender.engine.noisy_classifier import NoisyClassifier
from sd_blender.training.evaluation import clip_measures, report
from sd_blender.training.evaluation.classifier import NAMES
from sd_blender.training.evaluation.measures import make_prompts


class Oracle:
    """Takes the first pixel of a picture for the number of its material, and knows its words."""

    def _vectors(self, kinds) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.tensor(kinds), len(NAMES)).float()

    def pixel_vectors(self, pictures) -> torch.Tensor:
        return self._vectors([int(p[0, 0, 0]) for p in pictures])

    def text_vectors(self, texts) -> torch.Tensor:
        return self._vectors([next(i for i, n in enumerate(NAMES) if t.endswith(n)) for t in texts])

    def scores(self, pictures, prompt) -> np.ndarray:
        return (self.pixel_vectors(pictures) @ self.text_vectors([prompt])[0]).numpy()


def painted(kinds) -> np.ndarray:
    return np.stack([np.full((4, 4, 3), kind, np.uint8) for kind in kinds])


def test_scores_of_own_and_of_other_prompts():
    prompts = make_prompts(6)
    own, others = clip_measures.scores_of_own(Oracle(), painted([p.material for p in prompts]), prompts)
    assert (own, others) == (100, 0)
    half = painted([p.material if i % 2 else 60 for i, p in enumerate(prompts)])
    assert clip_measures.scores_of_own(Oracle(), half, prompts)[0] == 50


def test_ranking_finds_the_right_one_among_four(monkeypatch):
    """Only the third picture of each prompt is right, and of the first material none is."""

    def made(pipeline, prompts, **sampling):
        assert sampling == {"steps": 7, "guidance": 1.5, "seed": 10_000}
        right = [i % 4 == 2 and p.material > 0 for i, p in enumerate(prompts)]
        return painted(
            [p.material if r else (p.material + 1) % 61 for r, p in zip(right, prompts, strict=True)]
        )

    monkeypatch.setattr(clip_measures, "generate_all", made)
    monkeypatch.setattr(clip_measures, "classify", lambda judge, pixels: pixels[:, 0, 0, 0].astype(np.int64))
    gain = clip_measures.gain_of_ranking(Oracle(), None, None, 4, steps=7, guidance=1.5)
    assert gain == {
        "best_of": 4,
        "first_material": 0,
        "best_material": pytest.approx(60 / 61),
        "any_material": pytest.approx(60 / 61),
    }


def test_a_model_without_clip_has_no_figures(tmp_path):
    assert clip_measures.measure(tmp_path, None, None, None, None, []) is None
    assert report.clip_rows(None) == ""


FIGURES = {
    "pairs": 305.0,
    "text_at_1": 0.5,
    "text_at_5": 0.75,
    "image_at_1": 0.25,
    "image_at_5": 0.625,
    "named": 0.8,
    "score": 61.23,
    "score_originals": 70.0,
    "score_others": 3.21,
}


def test_the_card_tells_both_directions_and_the_ranking():
    rows = report.clip_rows(FIGURES)
    assert "50.0% / 75.0%" in rows and "25.0% / 62.5%" in rows and "305 held-out pairs" in rows
    assert "61.2; 70.0; 3.2" in rows and "best of" not in rows
    ranked = report.clip_rows(FIGURES | {"best_of": 4, "best_material": 0.9, "first_material": 0.7})
    assert "best of 4" in ranked and "90.0% (70.0%)" in ranked
    assert all(line.startswith("| ") and line.count("|") == 5 for line in ranked.splitlines())


@pytest.mark.parametrize("clip", [None, FIGURES])
def test_the_card_is_written_with_and_without_a_clip(tmp_path, clip):
    scores = {
        "material": 0.7,
        "colour": 0.9,
        "both": 0.6,
        "by_material": {"moss": 1.0},
        "by_colour": {"red": 1.0},
    }
    figures = {
        "adherence": scores,
        "clip": clip,
        "data": "tiles",
        "frechet": {"generated": 3.25, "floor": 0.5},
        "guidance": 1.5,
        "judges": {"classifier": 0.9, "classifier_after_vae": 0.8, "colour_rules": 0.99},
        "machine": "a machine",
        "latents": {"factor": 4, "channels": 4},
        "millions_of_parameters": {"vae": 1.4, "unet": 11.3, "text_encoder": 0.8},
        "prompts": 305,
        "psnr": {"mean": 27.0, "worst": 17.0},
        "seam_error": 1.0,
        "seconds_per_image": {"128": 1.0, "256": 2.0},
        "steps": 20,
        "training": "It was trained.",
    }
    report.write_card(tmp_path / "README.md", figures)
    card = (tmp_path / "README.md").read_text()
    assert "20 steps, guidance 1.5" in card and "3.2 (originals among themselves 0.5)" in card
    assert ("held-out pairs" in card) == (clip is not None) == ("folder `clip`" in card)
    table = [line for line in card.splitlines() if line.startswith("|")]
    assert len(table) > 8 and "" not in card[card.index(table[0]) : card.index(table[-1])].splitlines()


def test_the_card_tells_of_a_classifier_that_guides(tmp_path):
    folder = tmp_path / "classifier"
    assert report.classifier_line(folder) == ""
    NoisyClassifier({"moss": (), "bark": ()}, (8, 16)).save(folder)
    assert "* Classifier of noisy latents, 0.0 M, which names the material" in report.classifier_line(folder)
