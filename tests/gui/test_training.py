# SPDX-License-Identifier: GPL-3.0-or-later
"""A training in the hands of a mouse: its curve and its samples are seen, it is paused, goes on, and is used."""

from __future__ import annotations

import numpy as np

from tests.gui.conftest import DOWN, UP, cut

LINE = (102, 170, 255)
"""The colour of the curve, as sd_blender.core.loss_curve draws it."""


def test_a_training_is_begun_paused_gone_on_with_and_used(window):
    blender = window("training.mouse")
    blender.click("train")
    blender.scroll("training", DOWN)
    facts, picture = blender.see("training")
    assert facts["text"].startswith("Step ") and "loss" in facts["text"]
    assert curve(picture, facts) > 20, f"no curve in {picture}"
    blender.click("pause", across=0.3)
    blender.scroll("paused", DOWN)
    facts, picture = blender.see("paused")
    assert 10 <= facts["steps"] < 60
    assert (
        facts["message"]
        == f"The training is paused at step {facts['steps']} of 60; Train goes on from there."
    )
    assert curve(picture, facts) > 20, f"the curve is gone in {picture}"
    blender.scroll("found again", DOWN)
    facts, picture = blender.see("found again")
    assert curve(picture, facts) > 20, f"the curve is not found on the disk in {picture}"
    blender.click("resume", across=0.3)
    blender.scroll("trained", DOWN)
    facts, _ = blender.see("trained")
    assert facts["message"].startswith("stripes is trained: 60 steps")
    blender.click("use")
    blender.scroll("used", UP)
    blender.find("sdb.add_lora(", blender.facts("used")["places"]["VIEW_3D sidebar"], across=0.83)
    facts, _ = blender.see("used")
    assert facts["loras"] == ["stripes.safetensors"]
    assert facts["prompt"].startswith("zx") and facts["runs"] == 2
    blender.quits_well()


def test_objects_are_rendered_while_blender_goes_on(window):
    blender = window("training.renders")
    blender.click("render")
    facts, _ = blender.see("rendering")
    done, count = facts["rendering"]
    assert 1 < done < count == 12
    blender.click("stop", across=0.3)
    facts, _ = blender.see("stopped")
    assert facts["message"] == "The renders for the training were stopped; Train makes them anew."
    assert facts["runs"] == 0
    blender.click("again", across=0.3)
    facts, _ = blender.see("made")
    (captions,) = facts["captions"]
    assert len(captions) == 12 and set(captions.values()) == {"zx, cube"}
    assert facts["scenes"] == 1
    blender.quits_well()


def curve(picture, facts) -> int:
    """So many pixels of the sidebar have the colour of the curve."""
    pixels = cut(picture, facts["places"]["VIEW_3D sidebar"]).astype(int)
    return int((np.abs(pixels - LINE) < 40).all(axis=2).sum())
