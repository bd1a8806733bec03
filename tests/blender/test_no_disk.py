# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender polls and draws at every move of the mouse: nothing of ours may look at the disk then.

A drive that sleeps, or a folder on the network, would hold up the whole window.
"""

from __future__ import annotations

import contextlib
import io
import os
import traceback
from pathlib import Path

import bpy
import pytest

import sd_blender
from sd_blender.blender import properties
from tests.blender.conftest import change
from tests.blender.test_panels import draw

OURS = str(Path(sd_blender.__file__).parent)


@contextlib.contextmanager
def noted_looks(monkeypatch):
    """Which lines of ours look at a file or folder meanwhile."""
    found = set()

    def noting(name, function):
        def looked(*args, **options):
            frames = (
                frame.f_code for frame, _ in traceback.walk_stack(None)
            )  # extract_stack reads files itself
            lines = [f"{Path(c.co_filename).name}:{c.co_name}" for c in frames if OURS in c.co_filename]
            if lines:
                found.add(f"{name}: {' < '.join(lines[:4])}")
            return function(*args, **options)

        return looked

    with monkeypatch.context() as patch:
        for owner, names in (
            (os, ("stat", "lstat", "listdir", "scandir", "access")),
            (os.path, ("exists", "isfile", "isdir")),
            (io, ("open",)),
        ):
            for name in names:
                patch.setattr(owner, name, noting(name, getattr(owner, name)))
        patch.setattr("builtins.open", noting("open", open))
        yield found


def panels_of_ours():
    return [p for p in bpy.types.Panel.__subclasses__() if p.__name__.startswith("SDB_PT_")]


def operators_of_ours():
    return [o for o in bpy.types.Operator.__subclasses__() if o.__name__.startswith("SDB_OT_")]


def look_around(settings):
    for task, *_ in properties.TASKS:
        for source, *_ in properties.SOURCES:
            change(settings, task=task, source=source)
            for panel in panels_of_ours():
                draw(panel)
            for operator in operators_of_ours():
                if hasattr(operator, "poll"):
                    operator.poll(bpy.context)


def test_looks_are_noted(monkeypatch, tmp_path):
    from sd_blender.worker.environment import find

    with noted_looks(monkeypatch) as found:
        find.current(tmp_path)
    assert any("find.py:current" in line for line in found)


@pytest.mark.parametrize("training", ["FOLDER", "IMAGES", "RENDERS"])
def test_polls_and_draws_look_at_no_disk(plane, settings, folder, monkeypatch, training):
    lessons = bpy.context.scene.sd_blender_training
    change(lessons, source=training, folder=str(folder))
    change(settings, style="Worn", source_file=str(folder / "red_brick.png"))
    look_around(settings)  # what is read once, such as the styles, the tokenizer and modules that load late
    with noted_looks(monkeypatch) as found:
        look_around(settings)
    assert not sorted(found)
