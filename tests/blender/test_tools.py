# SPDX-License-Identifier: GPL-3.0-or-later
"""A result arrives while the artist has a tool in hand: it waits, and not for ever.

Background mode has no events, so that the lists of the windows are fakes here; a window of its own test holds the
mouse down.
"""

from __future__ import annotations

import types

import bpy
import pytest

from sd_blender.blender import lifecycle, pump, tools
from sd_blender.blender.engine_setup import engine_setup
from sd_blender.blender.masks import status as mask_status
from sd_blender.blender.properties import status
from sd_blender.blender.training import rendering
from tests.blender.conftest import base_color_image, engine_done, submit


class Tool:
    """A modal operator of Blender's own. options: as in ``bl_options``."""

    def __init__(self, bl_idname, name="Tool", *options):
        self.bl_idname, self.name, self.bl_options = bl_idname, name, set(options)

    def as_pointer(self):
        return id(self)


class AddonsTool(Tool):
    """One of an add-on, which hears the events itself."""

    def modal(self, context, event):
        return {"PASS_THROUGH"}


class Space:
    def __init__(self, type, active_operator=None):
        self.type, self.active_operator = type, active_operator


class Hand:
    """The modal operators of a second window, and the editors in it."""

    def __init__(self, monkeypatch):
        self.modal_operators, self.spaces = [], [Space("VIEW_3D")]
        manager = types.SimpleNamespace(
            windows=[types.SimpleNamespace(modal_operators=[], screen=self.screen), self]
        )
        context = types.SimpleNamespace(window_manager=manager)
        monkeypatch.setattr(tools, "bpy", types.SimpleNamespace(context=context))
        self.now = 100.0
        monkeypatch.setattr(tools, "time", types.SimpleNamespace(monotonic=lambda: self.now))

    @property
    def screen(self):
        spaces = [types.SimpleNamespace(spaces=types.SimpleNamespace(active=space)) for space in self.spaces]
        return types.SimpleNamespace(areas=spaces)


@pytest.fixture
def hand(monkeypatch):
    return Hand(monkeypatch)


@pytest.mark.fault("F61")
@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (Tool("PAINT_OT_image_paint", "Image Paint", "BLOCKING"), "painting"),
        (Tool("PAINT_OT_weight_paint", "Weight Paint", "UNDO", "BLOCKING"), "painting"),
        (Tool("SCULPT_OT_brush_stroke", "Sculpt", "BLOCKING"), "painting"),
        (Tool("SCULPT_CURVES_OT_brush_stroke", "Stroke", "UNDO"), "painting"),
        (Tool("GPENCIL_OT_draw", "Draw", "UNDO"), "painting"),
        (Tool("GREASE_PENCIL_OT_brush_stroke", "Draw", "UNDO"), "painting"),
        (Tool("TRANSFORM_OT_translate", "Move", "REGISTER", "UNDO", "BLOCKING"), "in the middle of Move"),
        (Tool("MESH_OT_knife_tool", "Knife", "UNDO"), "in the middle of Knife"),
        (Tool("VIEW3D_OT_walk", "Walk Navigation"), "in the middle of Walk Navigation"),
        (Tool("NODE_OT_link", "Link Nodes", "UNDO"), "in the middle of Link Nodes"),
        (Tool("NEW_OT_unheard_of", "New"), "in the middle of New"),
    ],
)
def test_results_wait_for_every_tool_of_blender(plane, settings, engine, hand, tool, words):
    ticket = submit()
    engine_done()
    hand.modal_operators = [tool]
    hand.now += 10 * tools.PATIENCE
    assert pump.drain() is True
    assert ticket.is_open and plane.active_material is None
    assert status.text == f"Waiting, Blender is {words}"
    with pytest.raises(RuntimeError, match=f"Blender is {words}; wait until it is done"):
        bpy.ops.sdb.generate()
    hand.modal_operators = []
    assert pump.drain() is False
    assert base_color_image(plane.active_material) and status.text == ""


@pytest.mark.fault("F61")
def test_an_addons_tool_that_makes_undo_steps_is_waited_for_and_not_for_ever(plane, settings, engine, hand):
    ticket = submit()
    engine_done()
    hand.modal_operators = [AddonsTool("HOPS_OT_draw", "Draw Box", "REGISTER", "UNDO")]
    assert lifecycle.busy_with() is None, "who runs in one can generate"
    for _ in range(3):
        assert pump.drain() is True and ticket.is_open
        assert status.text == "Waiting, Blender is in the middle of Draw Box"
        hand.now += tools.PATIENCE / 3
    assert pump.drain() is False and base_color_image(plane.active_material)


@pytest.mark.fault("F61")
def test_each_tool_of_an_addon_has_its_own_time(hand):
    hand.modal_operators = [AddonsTool("A_OT_a", "First", "UNDO")]
    assert tools.in_hand_of_addon()
    hand.now += tools.PATIENCE
    hand.modal_operators.append(AddonsTool("A_OT_b", "Second", "GRAB_CURSOR"))
    assert tools.in_hand_of_addon() == "in the middle of Second"


@pytest.mark.fault("F61")
def test_what_only_watches_holds_nothing_back(plane, settings, engine, hand):
    """Keys on the screen, an asset bar: they run as long as Blender does. A file that is looked for takes long too."""
    chooses = Tool("IMAGE_OT_open", "Open Image", "REGISTER", "UNDO")
    hand.spaces.append(Space("FILE_BROWSER", chooses))
    hand.modal_operators = [AddonsTool("WM_OT_screencast_keys", "Keys", "REGISTER"), chooses]
    hand.modal_operators.append(Tool("VIEW3D_OT_rotate", "Rotate View", "BLOCKING", "GRAB_CURSOR"))
    submit()
    engine_done()
    assert pump.drain() is False
    assert base_color_image(plane.active_material)


@pytest.mark.fault("F61")
def test_every_other_timer_waits_too(hand, monkeypatch):
    """The text of a diagnosis, the scenes of a training's renders, the look at a mask that is painted."""
    hand.modal_operators = [Tool("PAINT_OT_image_paint")]
    diagnosis = engine_setup.Task("diagnose", lambda task: "How it is", engine_setup._reported)
    engine_setup._start(diagnosis)
    diagnosis.thread.join()
    assert engine_setup.step() is True and not bpy.data.texts
    monkeypatch.setattr(rendering, "_current", object())
    assert rendering.step() == rendering.WAIT
    assert mask_status._look() == mask_status.PAUSE
    hand.modal_operators = []
    assert engine_setup.step() is False and engine_setup.REPORT_NAME in bpy.data.texts


def test_a_window_without_tools_is_asked_for_real(plane, settings, engine):
    assert tools.in_hand() is None and tools.in_hand_of_addon() is None
