# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender calls back may fail: it is logged once, the rest goes on, and the next call works."""

from __future__ import annotations

import bpy
import pytest

from sd_blender.blender import guard, operators, panels, session
from sd_blender.blender.masks import painting
from sd_blender.blender.properties import status
from tests.blender.conftest import change, generate
from tests.blender.test_panels import draw

pytestmark = pytest.mark.fault("F23")


def messages(caplog):
    return [record.message for record in caplog.records]


@pytest.mark.parametrize("panel", panels.classes, ids=lambda panel: panel.__name__)
def test_a_panel_that_fails_says_so_and_is_logged_once(plane, settings, caplog, panel, monkeypatch):
    """The settings group is missing where another add-on or a script deleted it."""
    change(settings, task="INPAINT")
    before = draw(panel)

    class Broken:
        @property
        def scene(self):
            raise ReferenceError("StructRNA of type Scene has been removed")

        tool_settings = bpy.context.tool_settings

    holder = draw_holder(panel)
    for _ in range(20):
        panel.draw(holder, Broken())
    assert len(messages(caplog)) == 1
    assert messages(caplog)[0].endswith("draw failed")
    assert guard.CALLBACK_FAILED in holder.layout.drawn
    assert draw(panel) == before


def draw_holder(panel):
    """A panel as Blender would give it to draw, with a layout that notes what is drawn."""
    from tests.blender.test_panels import holder

    return holder(panel)


def test_every_panel_is_guarded():
    assert all(hasattr(panel.draw, "__wrapped__") for panel in panels.classes)


def test_a_handler_that_fails_is_logged_once_and_saving_goes_on(settings, caplog, monkeypatch, tmp_path):
    mask = painting.new_mask("Mask", 8, 8)
    mask.pixels[0] = 1.0
    monkeypatch.setattr(painting, "MASK_KEYWORD", 5)  # asking an image for it raises TypeError
    for _ in range(3):
        assert bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend")) == {"FINISHED"}
    assert messages(caplog) == ["_saving failed", "_keep_strokes failed"]  # both look at each image
    monkeypatch.undo()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert not mask.is_dirty


def test_handlers_of_others_may_raise(plane, settings, engine):
    def theirs(*_):
        raise RuntimeError("theirs")

    for name in ("load_pre", "load_post", "save_pre", "save_post", "depsgraph_update_post"):
        getattr(bpy.app.handlers, name).insert(0, theirs)
    try:
        generate()
    finally:
        for name in ("load_pre", "load_post", "save_pre", "save_post", "depsgraph_update_post"):
            getattr(bpy.app.handlers, name).remove(theirs)
    assert "mossy stone" in bpy.data.images


def test_an_interrupt_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt), guard.LoggedOnce("it"):
        raise KeyboardInterrupt


@pytest.mark.parametrize("error", [MemoryError("8 GB"), ValueError("surprise")])
def test_an_unexpected_error_in_generate_is_a_sentence(plane, settings, engine, monkeypatch, error):
    def broken(_context):
        raise error

    settings.lock_seed = False
    monkeypatch.setattr(operators.build_request, "build", broken)
    sentence = f"The texture could not be prepared .{type(error).__name__}: {error}"
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.sdb.generate()
    assert settings.seed == 7
    assert "Traceback" in status.details
    assert not session.open_tickets()
    monkeypatch.undo()
    generate()
