# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine starts when the artist begins to write, and by nothing else; what fails is said at Generate."""

from __future__ import annotations

import sys
import time

import bpy
import pytest

import sd_blender
from sd_blender.blender import early_start, engines, panels, pump, session
from sd_blender.blender.properties import status
from tests.blender.conftest import generate
from tests.blender.test_panels import draw
from tests.blender.test_worker import STUB, pid


class Timers:
    """Stands for bpy.app.timers, of which none fires in background mode, and which hang its exit."""

    def __init__(self):
        self.waiting = []

    def is_registered(self, function):
        return function in self.waiting

    def register(self, function, first_interval):
        self.waiting.append(function)

    def unregister(self, function):
        self.waiting.remove(function)

    def fire(self):
        for function in list(self.waiting):
            self.waiting.remove(function)
            assert function() is None, "it is there once"


@pytest.fixture
def window(monkeypatch):
    """As in a Blender with a window; its timers fire where the test says so."""
    timers = Timers()
    monkeypatch.setattr(engines, "in_background", lambda: False)
    monkeypatch.setattr(early_start, "timers", timers)
    return timers


@pytest.fixture
def look(window):
    """Redraw the panel, and let timers fire."""

    def redraw():
        draw(panels.SDB_PT_view3d_main)
        window.fire()

    return redraw


def prepared(engine):
    """How often the engine was, after what the generation thread has to do."""
    if session.current() is None:
        return 0
    until = time.monotonic() + 0.2
    while not engine.prepared and time.monotonic() < until:
        time.sleep(0.01)
    return engine.prepared


def test_the_first_letter_starts_the_engine_and_no_other_does(settings, engine, look):
    look()
    assert prepared(engine) == 0
    settings.prompt = "m"
    look()
    assert prepared(engine) == 1
    for letters in ("mo", "mos", ""):
        settings.prompt = letters
        look()
    assert prepared(engine) == 1 and not engine.requests
    assert not status.busy and not status.message


def test_a_text_that_is_written_in_counts_too(settings, engine, look):
    settings.prompt_text = bpy.data.texts.new("Prompt")
    look()
    settings.prompt_text.write("moss")
    look()
    assert prepared(engine) == 1


def test_what_is_there_when_a_panel_is_first_drawn_was_not_written_now(settings, engine, look):
    settings.prompt = "set by a script"
    look()
    look()
    assert session.current() is None


def test_another_scene_is_not_another_prompt(settings, engine, look):
    look()
    scene = bpy.data.scenes.new("Other")
    scene.sd_blender.prompt = "wood"
    with bpy.context.temp_override(scene=scene):
        look()
    look()
    assert session.current() is None


def test_opening_a_file_and_undo_are_no_writing(settings, engine, look, tmp_path):
    bpy.ops.ed.undo_push(message="one")
    look()
    bpy.context.scene.sd_blender.prompt = "another"
    bpy.ops.ed.undo_push(message="two")
    bpy.ops.ed.undo()
    assert bpy.context.scene.sd_blender.prompt == "mossy stone"
    look()
    bpy.ops.ed.redo()
    look()
    bpy.context.scene.sd_blender.prompt = "in the file"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    look()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.context.scene.sd_blender.prompt = "of a script that runs then"
    look()
    assert session.current() is None


def test_never_in_background(settings, engine, window, monkeypatch):
    monkeypatch.setattr(engines, "in_background", lambda: True)
    draw(panels.SDB_PT_view3d_main)
    settings.prompt = "moss"
    draw(panels.SDB_PT_view3d_main)
    assert not window.waiting


def test_a_broken_engine_is_not_told_of_and_is_looked_for_again_later(settings, look, monkeypatch):
    session.set_engine_factory(None)
    monkeypatch.setattr(engines, "resolve_engine_python", lambda preferences: None)
    monkeypatch.setattr(engines, "broken_home", lambda folder: "/opt/gone")
    look()
    settings.prompt = "m"
    look()
    assert session.current() is None and not status.message
    tried = []
    monkeypatch.setattr(session, "prepare", lambda: tried.append(1) or True)
    settings.prompt = "mo"
    look()
    assert not tried, "not at each letter"
    monkeypatch.setattr(early_start, "_not_before", 0.0)
    settings.prompt = "mos"
    look()
    assert tried


def test_without_an_engine_numpy_begins(settings, look, monkeypatch):
    monkeypatch.delenv("SD_BLENDER_PYTHON", raising=False)
    session.set_engine_factory(None)
    look()
    settings.prompt = "m"
    look()
    assert session.current().engine.by_numpy


def test_an_engine_that_fails_is_silent_until_generate(plane, settings, engine, look):
    from sd_blender.core.errors import EngineUnavailable

    engine.prepare_error = EngineUnavailable("The engine did not start.")
    look()
    settings.prompt = "m"
    look()
    assert prepared(engine) == 1
    assert pump.drain() is False and not status.message
    generate()
    assert len(engine.requests) == 1


def test_nothing_is_started_beside_a_job(plane, settings, held, look):
    from tests.blender.conftest import submit

    look()
    ticket = submit()
    settings.prompt = "m"
    look()
    held.hold.set()
    pump.wait([ticket])
    assert held.prepared == 0


def test_a_timer_that_waits_goes_with_the_addon(settings, engine, window):
    draw(panels.SDB_PT_view3d_main)
    settings.prompt = "m"
    draw(panels.SDB_PT_view3d_main)
    assert window.waiting
    sd_blender.unregister()
    assert not window.waiting
    sd_blender.register()


def test_the_worker_that_began_early_makes_the_texture_and_ends_with_the_addon(
    plane, settings, look, monkeypatch
):
    monkeypatch.setattr(engines, "worker_command", lambda *_: [sys.executable, str(STUB)])
    monkeypatch.setenv("SD_BLENDER_PYTHON", sys.executable)
    session.set_engine_factory(None)
    look()
    settings.prompt = "m"
    look()
    early = pid()
    generate(prompt="moss")
    assert pid() == early
    engine = session.current().thread._engine
    sd_blender.unregister()
    assert engine.pid is None
    sd_blender.register()
