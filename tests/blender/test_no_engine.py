# SPDX-License-Identifier: GPL-3.0-or-later
"""Where no engine is installed: what NumPy cannot do is refused before anything slow, by what brings it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import bpy
import pytest

from sd_blender.blender import engines, session
from sd_blender.blender.preferences import Preferences
from sd_blender.core.errors import EngineUnavailable
from tests.blender.conftest import change, drain_until, generate, submit
from tests.fake_trainer import write_lora
from tests.fakes import FakeEngine

BRINGS_IT = "press Install Engine"


@pytest.fixture
def by_numpy(monkeypatch, settings):
    """No torch is to be had, and no engine is scripted."""
    monkeypatch.delenv("SD_BLENDER_PYTHON", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    session.set_engine_factory(None)
    assert engines.choose(Preferences()).by_numpy


@pytest.fixture
def renders():
    """One entry for each render that began."""
    begun = []
    handler = lambda *_: begun.append(True)  # noqa: E731
    bpy.app.handlers.render_init.append(handler)
    yield begun
    bpy.app.handlers.render_init.remove(handler)


@pytest.mark.parametrize(
    "chosen",
    [
        {"clip_guidance_scale": 1.0},
        {"classifier_guidance_scale": 1.0},
        {"speed": "fast"},
    ],
    ids=lambda chosen: next(iter(chosen)),
)
@pytest.mark.parametrize("task", ["TEXT_TO_IMAGE", "IMAGE_TO_IMAGE"])
def test_what_needs_an_engine_is_refused_before_a_render(by_numpy, plane, renders, task, chosen):
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    with pytest.raises(RuntimeError, match=BRINGS_IT):
        generate(task=task, source="RENDER", **chosen)
    assert not renders and not session.open_tickets() and plane.active_material is None


def test_another_model_is_refused(by_numpy, plane, tmp_path):
    with pytest.raises(RuntimeError, match=BRINGS_IT):
        generate(model=str(tmp_path))


def test_a_lora_is_refused(by_numpy, plane, tmp_path):
    file = tmp_path / "moss.safetensors"
    write_lora(file, "moss")
    entry = bpy.context.scene.sd_blender_adapters.entries.add()
    entry.path, entry.kind = str(file), "LORA"
    with pytest.raises(RuntimeError, match=BRINGS_IT):
        generate()


def test_training_is_refused_before_its_renders(by_numpy, lessons, plane, renders):
    session.set_engine_factory(None)
    change(lessons, source="RENDERS", views=2)
    plane.select_set(True)
    with pytest.raises(RuntimeError, match=BRINGS_IT):
        bpy.ops.sdb.train()
    assert not renders and not Path(lessons.output).parent.exists()


def test_an_engine_that_was_installed_meanwhile_begins_when_the_queue_is_empty(by_numpy, plane, monkeypatch):
    slow = FakeEngine(hold=threading.Event())
    monkeypatch.setattr(engines.EngineChoice, "make", lambda choice: slow)
    ticket = submit()
    drain_until(lambda: slow.requests)
    monkeypatch.setattr(engines, "resolve_engine_python", lambda preferences: sys.executable)
    with pytest.raises(EngineUnavailable, match="when the queue is empty"):
        submit(clip_guidance_scale=1.0)
    slow.hold.set()
    drain_until(lambda: not ticket.is_open)
    submit(clip_guidance_scale=1.0)
    assert not session.current().engine.by_numpy
