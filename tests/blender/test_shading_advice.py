# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to see a texture, where the 3D View shows none."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import pytest

from sd_blender.blender import shading_advice
from tests.blender.conftest import generate, new_image, textured
from tests.blender.test_panels import Layout
from tests.fakes import picture


def advice(shading, color_type="MATERIAL"):
    space = SimpleNamespace(shading=SimpleNamespace(type=shading, color_type=color_type))
    layout = Layout()
    context = SimpleNamespace(
        space_data=space,
        scene=bpy.context.scene,
        view_layer=bpy.context.view_layer,
        region=None,
        preferences=bpy.context.preferences,
    )
    shading_advice.draw_advice(layout, context)
    return layout.drawn


@pytest.mark.parametrize("shading", ["SOLID", "WIREFRAME"])
def test_a_view_without_textures_has_the_button_for_one_with_them(plane, settings, shading):
    assert advice(shading) == []
    generate()
    drawn = advice(shading)
    assert "view3d.toggle_shading" in drawn and "sdb.show_in_solid" in drawn


@pytest.mark.parametrize("shading", ["SOLID", "WIREFRAME"])
def test_solid_shading_shows_textures_at_once(plane, settings, shading):
    generate()
    assert not bpy.ops.sdb.show_in_solid.poll()
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    shown = area.spaces.active.shading
    shown.type = shading
    with bpy.context.temp_override(window=window, area=area):
        assert bpy.ops.sdb.show_in_solid() == {"FINISHED"}
    assert (shown.type, shown.color_type) == ("SOLID", "TEXTURE")


def test_where_the_texture_is_seen_nothing_is_said(plane, settings):
    generate()
    for shading, color_type in (("MATERIAL", "MATERIAL"), ("RENDERED", "MATERIAL"), ("SOLID", "TEXTURE")):
        assert advice(shading, color_type) == []


def test_nothing_is_said_of_textures_of_others(plane, settings):
    textured(plane, new_image("Theirs", picture(1, 16, 16)))
    generate(destination="IMAGE")
    assert advice("SOLID") == []
