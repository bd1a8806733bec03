# SPDX-License-Identifier: GPL-3.0-or-later
"""Best of N in the panel: what is asked for, what is offered with its score, and what is restored."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest

from sd_blender.blender import build_request, panels, preferences
from sd_blender.blender.history import panel as history_panel
from sd_blender.blender.history.properties import UNJUDGED
from sd_blender.blender.properties import status
from sd_blender.blender.results.saving import KEYWORD
from sd_blender.blender.variants import requests as variant_requests
from sd_blender.blender.variants.panel import draw_tile
from sd_blender.core.errors import BlenderStateError
from tests.blender.conftest import change, drain_until, generate, new_image, submit
from tests.blender.test_panels import draw
from tests.fakes import picture


class Layout:
    """Takes down what is drawn, as a UILayout takes it."""

    def __init__(self, drawn):
        self.drawn = drawn

    def column(self, **_):
        return self

    def prop(self, _, name, **__):
        self.drawn.append(name)

    def label(self, text="", **_):
        self.drawn.append(text)

    def template_icon(self, **_):
        pass

    def operator(self, *_, **__):
        return self


def request():
    return build_request.build(bpy.context).request


def drawn(settings):
    names = []
    panels.draw_ranking(Layout(names), settings)
    return names


def test_nothing_is_chosen_from_one_texture(plane, settings):
    change(settings, count=1, keep=4, reference=new_image("Like this", picture(1, 16, 16)))
    assert request().keep == 0 and request().reference is None
    assert drawn(settings) == []


def test_the_panel_asks_for_more_as_more_is_chosen(settings):
    change(settings, count=4)
    assert drawn(settings) == ["keep"]
    settings.keep = 2
    assert drawn(settings) == ["keep", "reference"]


def test_more_to_keep_than_there_are_is_all_of_them(plane, settings):
    change(settings, count=3, keep=9)
    assert request().keep == 3


def test_the_reference_is_what_is_seen(plane, settings):
    like = picture(1, 24, 16)
    change(settings, count=4, keep=2, reference=new_image("Like this", like))
    np.testing.assert_array_equal(request().reference[..., :3], like)


def test_the_best_are_variants_with_their_scores(plane, settings, engine):
    ticket = submit(count=4, keep=2)
    ticket.on_trial = True
    drain_until(lambda: not ticket.is_open)
    offered = bpy.context.scene.sd_blender_variants
    assert [item.seed for item in offered] == ["10", "9"]
    assert [round(item.score, 2) for item in offered] == [0.3, 0.2]
    assert len(bpy.context.scene.sd_blender_history.entries) == 2
    labels = []
    draw_tile(Layout(labels), offered[0], 0, 1.0, False)
    assert labels == ["Score 0.30"]
    offered[0].score = UNJUDGED
    draw_tile(Layout(labels), offered[0], 0, 1.0, False)
    assert len(labels) == 1


def test_the_best_alone_goes_to_the_material_and_keeps_its_score(plane, settings, engine):
    generate(count=3, keep=1)
    (image,) = (image for image in bpy.data.images if KEYWORD in image)
    story = json.loads(image[KEYWORD])
    assert story["result"]["score"] == 0.2 and story["keep"] == 1
    assert plane.active_material.node_tree is not None
    assert status.note == "The best of 3 textures has a score of 0.20."
    assert "Score 0.20" in draw(history_panel.SDB_PT_view3d_history)


def test_a_score_is_told_where_there_is_one_alone(plane, settings, engine):
    generate(count=3)
    assert "score" not in status.note
    assert not any(str(text).startswith("Score") for text in draw(history_panel.SDB_PT_view3d_history))


def test_a_variant_that_is_applied_keeps_its_score(plane, settings, engine, capfd):
    ticket = submit(count=4, keep=2)
    ticket.on_trial = True
    drain_until(lambda: not ticket.is_open)
    bpy.ops.sdb.apply_variant(index=1)
    assert "Info: Score 0.20" in capfd.readouterr().out
    assert "Score 0.20" in draw(history_panel.SDB_PT_view3d_history)


def test_restored_with_the_rest(plane, settings, engine):
    change(settings, reference=new_image("Like this", picture(1, 24, 16)))
    generate(count=3, keep=2)
    like = settings.reference
    change(settings, count=1, keep=0, reference=None)
    bpy.ops.sdb.restore_settings()
    assert (settings.count, settings.keep, settings.reference) == (3, 2, like)
    assert status.note == ""
    bpy.data.images.remove(like)
    bpy.ops.sdb.restore_settings()
    assert "reference image" in status.note


def test_restoring_a_texture_of_a_time_without_keeps_all(plane, settings, engine):
    generate(count=3)
    settings.keep = 2
    bpy.ops.sdb.restore_settings()
    assert settings.keep == 0


def test_more_of_a_variant_are_compared_with_the_same_image(plane, settings, engine, monkeypatch):
    like = new_image("Like this", picture(1, 24, 16))
    ticket = submit(count=4, keep=2, reference=like)
    ticket.on_trial = True
    drain_until(lambda: not ticket.is_open)
    item = bpy.context.scene.sd_blender_variants[0]
    monkeypatch.setattr(variant_requests, "_newest", None)  # as after a restart
    again = variant_requests.reroll(item)
    assert again.keep == 2
    np.testing.assert_array_equal(again.reference, engine.requests[-1].reference)
    bpy.data.images.remove(like)
    with pytest.raises(BlenderStateError, match="The reference of this variant is no longer"):
        variant_requests.reroll(item)


def test_the_clip_of_the_preferences_is_named_where_it_is_needed_alone(plane, settings, monkeypatch):
    chosen = preferences.Preferences(clip_folder="/models/clip")
    monkeypatch.setattr(preferences, "read", lambda: chosen)
    change(settings, count=4, keep=0)
    assert request().clip == ""  # no picture tells of a folder that had no part in it
    settings.keep = 2
    assert request().clip == "/models/clip"
    change(settings, keep=0, clip_guidance_scale=2.0)
    assert request().clip == "/models/clip"
