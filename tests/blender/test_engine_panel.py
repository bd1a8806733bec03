# SPDX-License-Identifier: GPL-3.0-or-later
"""The first minute: the sidebar has the button for what is missing, and forgets it when nothing is."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from sd_blender.blender.engine_setup import engine_setup
from sd_blender.blender.engine_setup import panel as engine_panel
from sd_blender.blender.engine_setup.engine_setup import state
from sd_blender.blender.engine_setup.lookup import NOT_NEEDED, Look
from tests.blender.test_panels import draw

PANELS = (engine_panel.SDB_PT_view3d_engine, engine_panel.SDB_PT_image_engine)


@pytest.fixture(autouse=True)
def fresh():
    yield
    engine_setup.stop()


@pytest.fixture
def python(monkeypatch):
    """What stands for the engine's Python; None when there is none."""
    there = {"python": None}
    monkeypatch.setattr(engine_setup, "resolve_engine_python", lambda wanted: there["python"])
    return there


@pytest.mark.parametrize("panel", PANELS)
def test_without_an_engine_there_is_the_button_and_what_it_would_download(python, panel):
    engine_setup.look_for_python()
    state.look = Look(NOT_NEEDED, False, "One download: 2.8 GB, 10.7 GB on disk")
    drawn = draw(panel)
    assert "sdb.install_engine" in drawn and "One download: 2.8 GB" in " ".join(drawn)
    assert "preferences.addon_show" in drawn
    assert ("use_online_access" in drawn) == (not bpy.app.online_access)


@pytest.mark.parametrize("panel", PANELS)
def test_the_installation_shows_how_far_it_is_and_can_be_cancelled(python, panel):
    state.activity, state.factor, state.text = "install", 0.5, "Downloading, 1 MB of 2 MB"
    drawn = draw(panel)
    assert {"50%", "sdb.cancel_engine"} <= set(drawn) and "sdb.install_engine" not in drawn
    python["python"] = Path("python")  # the one before, which is being replaced
    engine_setup.look_for_python()
    assert draw(panel)


@pytest.mark.parametrize("panel", PANELS)
def test_with_an_engine_it_is_gone(python, panel):
    engine_setup.look_for_python()
    assert draw(panel)
    python["python"] = Path("python")  # another Blender may have installed it
    engine_setup.look_for_python()
    assert draw(panel) is None


def test_why_nothing_can_be_installed_is_said(python):
    engine_setup.look_for_python()
    state.look = Look(
        NOT_NEEDED, False, refusal="The engine needs Python 3.11, which is not on this machine."
    )
    drawn = " ".join(draw(PANELS[0]))
    assert "needs Python 3.11" in drawn and "sdb.install_engine" not in drawn
