# SPDX-License-Identifier: GPL-3.0-or-later
"""Models and LoRAs of few steps by their names, as they are published."""

from __future__ import annotations

import pytest

from sd_blender.core.few_steps import KINDS, advice, kind_of
from sd_blender.core.request import SCHEDULERS, SPACINGS, Sampling
from sd_blender.core.validation import spacing_refusal

LIGHTNING_4 = Sampling(steps=4, scheduler="Euler", spacing="trailing", guidance_scale=1.0)


@pytest.mark.parametrize(
    ("path", "steps", "scheduler", "spacing", "guidance"),
    [
        ("/loras/sdxl_lightning_4step_lora.safetensors", (4, 4), "Euler", "trailing", (1, 1)),
        ("SDXL-Lightning-8-steps", (8, 8), "Euler", "trailing", (1, 1)),
        ("C:\\models\\RealVisXL_V4.0_Lightning", (2, 8), "Euler", "trailing", (1, 1)),
        ("Hyper-SDXL-1step-lora.safetensors", (1, 8), "TCD", "auto", (1, 1)),
        ("Hyper-SD15-4steps-lora", (4, 4), "DDIM", "trailing", (1, 1)),
        ("Hyper-SDXL-8steps-CFG-lora.safetensors", (8, 8), "DDIM", "trailing", (5, 8)),
        ("Hyper-SD15-12steps-CFG-lora.safetensors", (12, 12), "DDIM", "trailing", (5, 8)),
        ("/models/sdxl-turbo", (1, 4), "Euler a", "trailing", (1, 1)),
        ("/models/sd-turbo/", (1, 4), "Euler a", "trailing", (1, 1)),
        ("/models/sd_xl_turbo_1.0_fp16", (1, 4), "Euler a", "trailing", (1, 1)),
        ("/models/DreamShaper_XL_Turbo", (1, 8), "", "", (1, 2.5)),
        ("/loras/lcm-lora-sdv1-5/pytorch_lora_weights.safetensors", (4, 8), "LCM", "auto", (1, 2)),
        ("/hub/models--latent-consistency--lcm-lora-sdxl/snapshots/" + "a1" * 20, (4, 8), "LCM", "auto", (1, 2)),
        ("TCD-SDXL-LoRA", (4, 8), "TCD", "auto", (1, 1)),
        ("dmd2_sdxl_4step_lora", (4, 4), "LCM", "auto", (1, 1)),
    ],
)  # fmt: skip
def test_the_kind_is_told_by_the_name(path, steps, scheduler, spacing, guidance):
    kind = kind_of(path)
    assert (kind.steps, kind.scheduler, kind.spacing, kind.guidance) == (steps, scheduler, spacing, guidance)


@pytest.mark.parametrize(
    "path",
    ["", "starter", "/models/stable-diffusion-v1-5", "/models/turbine", "/a/lightning/rust.safetensors",
     "hyperrealistic_wall", "/loras/sdxl_lightning/moss.safetensors", "calcmap", "12steps"],
)  # fmt: skip
def test_other_names_are_of_many_steps(path):
    assert kind_of(path) is None


def test_what_is_advised_is_what_a_request_takes():
    for kind in KINDS:
        assert kind.scheduler in ("", *SCHEDULERS) and kind.spacing in ("", *SPACINGS)
        assert not spacing_refusal(kind.scheduler, kind.spacing)
        made = Sampling(
            steps=kind.steps[0],
            scheduler=kind.scheduler or "Euler",
            spacing=kind.spacing or "auto",
            guidance_scale=kind.guidance[1],
        )
        assert kind.fits(made)


def test_the_sentence_names_all_that_is_wanted():
    path = "sdxl_lightning_4step_lora.safetensors"
    assert advice(["moss", path], Sampling()) == (
        "SDXL Lightning is made for Steps 4, Scheduler Euler, Spacing Trailing, Guidance 1; set them under Sampling"
    )
    assert advice([path], LIGHTNING_4) == ""
    assert advice(["moss"], LIGHTNING_4) is None
    assert advice(["lcm"], Sampling()) == (
        "LCM is made for Steps 4 to 8, Scheduler LCM, Spacing Model's Own, Guidance 1 to 2; set them under Sampling"
    )
    assert advice(["xl turbo"], Sampling(steps=30)) == (
        "Turbo is made for Steps 1 to 8, Guidance 1 to 2.5; set them under Sampling"
    )


def test_the_first_counts():
    """A LoRA before the model."""
    told = advice(["Hyper-SD15-8steps-lora", "/models/sd-turbo"], Sampling())
    assert told.startswith("Hyper-SD is made for Steps 8")
