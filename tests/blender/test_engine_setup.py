# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in the preferences: which Python runs it, installing it, cancelling, and the report."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import bpy
import pytest

import sd_blender
from sd_blender.blender import engines, lifecycle, preferences, translation
from sd_blender.blender.engine_setup import engine_setup
from sd_blender.blender.engine_setup import lookup as engine_lookup
from sd_blender.blender.engine_setup import panel as engine_panel
from sd_blender.blender.engine_setup.engine_setup import REPORT_NAME, state
from sd_blender.blender.engine_setup.lookup import NOT_NEEDED, Look, look_at, resolve_engine_python
from sd_blender.blender.preferences import Preferences
from sd_blender.core.errors import EngineUnavailable
from sd_blender.worker.environment import current_python, health, install, plan
from sd_blender.worker.environment.build import Source
from sd_blender.worker.environment.find import python_of, set_current
from sd_blender.worker.environment.health import Health
from sd_blender.worker.environment.processes import InstallCancelled
from sd_blender.worker.environment.progress import Phase, Progress
from sd_blender.worker.user_folder import user_folder
from tests.blender.test_panels import Layout
from tests.worker.fake_index import make_fake_plan
from tests.worker.test_environment_install import pretend_environment


@pytest.fixture
def entry():
    """Our preferences, which Blender keeps for add-ons that it enabled itself."""
    entry = bpy.context.preferences.addons.new()
    entry.module = preferences.ADD_ON
    yield entry.preferences
    bpy.context.preferences.addons.remove(entry)


@pytest.fixture
def no_variable(monkeypatch):
    monkeypatch.delenv(engine_lookup.PYTHON_VARIABLE, raising=False)


class Installer:
    """Stands in for the installation: reports, waits to be let go, and ends as told."""

    def __init__(self):
        self.go = threading.Event()
        self.error = None
        self.calls = []

    def __call__(self, plan, source, report, is_cancelled, *, repair):
        self.calls.append((plan, source, repair))
        report(Progress(Phase.DOWNLOAD, "Downloading, 1 MB of 2 MB", 0.5))
        while not self.go.wait(0.01):
            if is_cancelled():
                raise InstallCancelled
        if self.error:
            raise self.error
        return plan.python


@pytest.fixture
def installer(monkeypatch, tmp_path):
    installer = Installer()
    planned = make_fake_plan(tmp_path)
    monkeypatch.setattr(install, "install", installer)
    monkeypatch.setattr(plan, "make_plan", lambda folder, build: planned)
    return installer


def step_until(condition, seconds=20.0):
    """What the timer does in a window."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        engine_setup.step()
        time.sleep(0.01)


def drawn(entry):
    layout = Layout()
    engine_panel.draw(layout, bpy.context, entry)
    return layout.drawn


def test_the_preferences_show_the_engine_above_all_else(entry):
    class Shown:
        layout = Layout()

        def __getattr__(self, name):
            return getattr(entry, name)

    preferences.SDB_AP_preferences.draw(Shown(), bpy.context)
    engine = drawn(entry)
    assert engine and Shown.layout.drawn[: len(engine)] == engine
    others = Shown.layout.drawn[len(engine) :]
    assert {"model_folder", "Unload After (min)", "History Limit (MB)"} <= set(others)
    assert (
        str(engine_lookup.engine_folder(Preferences())) in engine
    )  # where it goes while no folder is chosen
    empty = preferences.WHEN_EMPTY
    assert set(empty.values()) <= set(others) and set(empty.values()) <= translation.entries("de_DE").keys()


def test_the_python_of_the_engine(tmp_path, monkeypatch, no_variable):
    given = Preferences(engine_folder=str(tmp_path))
    assert resolve_engine_python(given) is None
    environment = pretend_environment(tmp_path)
    set_current(tmp_path, environment.name)
    assert resolve_engine_python(given) == python_of(environment)
    monkeypatch.setenv(engine_lookup.PYTHON_VARIABLE, "/opt/python")
    assert resolve_engine_python(given) == Path("/opt/python")
    assert resolve_engine_python(Preferences(engine_python="/own/python")) == Path("/own/python")
    assert resolve_engine_python(Preferences()) == Path("/opt/python")


def test_the_folder_without_an_extension_is_in_the_users_resources():
    folder = engine_lookup.engine_folder(Preferences())
    assert folder.is_relative_to(bpy.utils.resource_path("USER"))
    assert not folder.exists()


@pytest.fixture
def blenders_own(tmp_path, monkeypatch, no_variable):
    """This Blender as one of two that a user has, without resources of its own: the folder of the versions."""
    config = tmp_path / "config"
    monkeypatch.delenv("BLENDER_USER_RESOURCES")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(bpy.utils, "resource_path", lambda kind: str(config / "5.2"))
    for version in ("4.5", "5.2", "settings"):
        (config / version).mkdir(parents=True)
    engine_lookup._former_folders.cache_clear()
    yield config
    engine_lookup._former_folders.cache_clear()


def test_one_folder_for_all_versions_of_blender(blenders_own, tmp_path):
    folder = engine_lookup.engine_folder(Preferences())
    assert folder == user_folder()
    if sys.platform == "linux":
        assert folder == tmp_path / "data" / "sd_blender"
    former = engine_lookup.former_folders(Preferences())
    assert [path.relative_to(blenders_own).parts[0] for path in former] == ["5.2", "4.5"]
    assert engine_lookup.former_folders(Preferences(engine_folder=str(tmp_path))) == ()


def test_what_another_version_installed_is_used_there_and_moved_by_a_look(
    blenders_own, monkeypatch, tmp_path
):
    monkeypatch.setattr(plan, "make_plan", lambda folder, build: make_fake_plan(tmp_path))
    old = blenders_own / "4.5" / "sd_blender" / "engine"
    environment = pretend_environment(old)
    set_current(old, environment.name)
    assert resolve_engine_python(Preferences()) == python_of(environment)
    engine_setup.look()
    step_until(lambda: state.look.ready)
    assert resolve_engine_python(Preferences()) == python_of(user_folder() / environment.name)


def test_an_engine_whose_blender_is_gone_says_so_and_offers_repair(entry, tmp_path, monkeypatch, no_variable):
    environment = pretend_environment(tmp_path)
    set_current(tmp_path, environment.name)
    (environment / "pyvenv.cfg").write_text(f"home = {tmp_path / 'Blender 4.5'}\n")
    entry.engine_folder = str(tmp_path)
    planned = make_fake_plan(tmp_path)
    monkeypatch.setattr(plan, "make_plan", lambda folder, build: planned)
    look = look_at(tmp_path, None, "auto")
    assert look.broken and not look.ready and "Blender 4.5" in look.summary
    assert look.offer == planned.offer  # another lock, which has to be downloaded
    monkeypatch.setattr(engines, "in_background", lambda: False)
    with pytest.raises(EngineUnavailable, match="press Repair Engine"):
        engines.choose(preferences.read())
    state.looked_for, state.look = engine_setup.key_of(preferences.read()), replace(look, offer="")
    assert "Repair Engine" in drawn(entry)


def test_why_the_card_is_not_used_is_shown_with_the_offer(entry):
    state.looked_for = engine_setup.key_of(preferences.read())
    state.look = Look(
        NOT_NEEDED, False, "One download: 299 MB, 1.4 GB on disk", note="The driver is too old."
    )
    shown = drawn(entry)
    assert "The driver is too old." in shown and "sdb.install_engine" in shown


def test_the_new_preferences_are_read(entry, tmp_path):
    assert preferences.read().idle_minutes == Preferences().idle_minutes == 10
    entry.engine_folder, entry.engine_python = str(tmp_path), str(tmp_path / "python")
    entry.engine_build, entry.idle_minutes = "CPU", 0
    assert preferences.read() == Preferences(
        engine_folder=str(tmp_path),
        engine_python=str(tmp_path / "python"),
        engine_build="CPU",
        idle_minutes=0,
    )


def test_what_is_said_of_an_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "make_plan", lambda folder, build: make_fake_plan(tmp_path))
    look = look_at(tmp_path, None, "auto")
    assert look == Look(NOT_NEEDED, False, "One download: 0 MB, 20 MB on disk")
    old = pretend_environment(tmp_path)
    set_current(tmp_path, old.name)
    look = look_at(tmp_path, None, "auto")
    assert look.summary == "Ready: the engine for the processor is installed"
    assert look.ready and look.offer  # another lock: an update

    def refuse(folder, build):
        raise EngineUnavailable("There is none for this machine.")

    monkeypatch.setattr(plan, "make_plan", refuse)
    assert look_at(tmp_path, None, "auto").refusal == "There is none for this machine."
    broken = Health("torch cannot be imported (x); repair the engine.")
    monkeypatch.setattr(health, "check", lambda python, **options: broken)
    assert look_at(tmp_path, Path("own"), "auto") == Look(f"Own Python: {broken.problem}", False, is_own=True)
    monkeypatch.setattr(
        health, "check", lambda python, **options: Health("", versions={"torch": "2.13.0+cpu"})
    )
    good = look_at(tmp_path, Path("own"), "auto")
    assert good.ready and good.summary == "Ready: your own Python with torch 2.13.0 on the processor"


def test_first_minute(entry, installer, monkeypatch):
    """What a new user sees: that there is no engine, what it costs to get one, and the button."""
    state.looked_for = engine_setup.key_of(preferences.read())
    state.look = Look(NOT_NEEDED, False, "One download: 2.8 GB, 6.0 GB on disk")
    shown = drawn(entry)
    for words in (NOT_NEEDED, state.look.offer, "sdb.install_engine", "sdb.diagnose"):
        assert words in " ".join(shown), shown
    assert not bpy.app.online_access
    assert "Allow Online Access" in " ".join(map(str, shown))
    state.activity, state.text, state.factor = "install", "Downloading, 1 GB of 2 GB", 0.4
    shown = drawn(entry)
    assert "Downloading, 1 GB of 2 GB" in shown and "sdb.cancel_engine" in shown
    assert "sdb.install_engine" not in shown
    state.activity, state.error = "", "The disk became full; free some space. " * 4
    assert " ".join(map(str, drawn(entry))).count("The disk became full") == 4
    state.look = Look("Ready: the engine for CUDA is installed", True)
    assert "sdb.install_engine" in drawn(entry)  # as Repair
    state.look = Look("Own Python: torch 2.13.0 on RTX", True, is_own=True)
    assert "sdb.install_engine" not in drawn(entry)


def test_installing_never_blocks_and_its_result_comes_with_the_timer(installer):
    started = time.monotonic()
    engine_setup.install()
    assert time.monotonic() - started < 0.2
    assert engine_setup.is_busy()
    assert not bpy.ops.sdb.install_engine.poll() and not bpy.ops.sdb.diagnose.poll()
    step_until(lambda: state.text)
    assert state.activity == "install" and 0.3 < state.factor < 0.4
    installer.go.set()
    step_until(lambda: not state.activity)
    assert "installed" in state.note and not state.error
    assert bpy.ops.sdb.install_engine.poll()
    ((_, source, repair),) = installer.calls
    assert source == Source(online=False) and not repair


def test_cancelled(installer):
    engine_setup.install()
    step_until(lambda: state.text)
    assert bpy.ops.sdb.cancel_engine() == {"FINISHED"}
    step_until(lambda: not state.activity)
    assert state.note == "Cancelled; what was downloaded is kept."
    assert not bpy.ops.sdb.cancel_engine.poll()


@pytest.mark.parametrize("error", [EngineUnavailable("Do this.", details="why"), RuntimeError("what")])
def test_failed(installer, error):
    installer.error = error
    installer.go.set()
    engine_setup.install()
    step_until(lambda: not state.activity)
    assert state.error and state.details
    assert ("Do this." in state.error) or ("press Diagnose" in state.error)
    installer.error = None
    engine_setup.install()  # and the next one begins with a clean slate
    assert not state.error
    step_until(lambda: not state.activity)


def test_the_result_waits_while_blender_renders(installer, monkeypatch):
    installer.go.set()
    monkeypatch.setattr(lifecycle, "busy_with", lambda: "rendering")
    engine_setup.install()
    for _ in range(20):
        assert engine_setup.step()
        time.sleep(0.01)
    monkeypatch.setattr(lifecycle, "busy_with", lambda: None)
    step_until(lambda: not state.activity)
    assert state.note


def test_disabling_the_add_on_ends_it(installer):
    engine_setup.install()
    step_until(lambda: state.text)
    started = time.monotonic()
    sd_blender.unregister()
    assert time.monotonic() - started < 2
    assert not [t for t in threading.enumerate() if t.name.startswith("SD Blender")]
    assert state.activity == ""
    sd_blender.register()


@pytest.mark.fault("F39")
def test_offline_it_is_refused_with_the_name_of_the_switch(entry, tmp_path, monkeypatch):
    entry.engine_folder = str(tmp_path / "engine")
    monkeypatch.setattr(plan, "make_plan", lambda folder, build: make_fake_plan(tmp_path))
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.sdb.install_engine()
    assert current_python(tmp_path / "engine") is None


def test_from_a_script_with_a_folder_of_wheels(entry, tmp_path, monkeypatch, capfd, no_variable):
    """The whole way through Blender, with pip and an environment that are real."""
    entry.engine_folder = str(tmp_path / "engine")
    monkeypatch.setattr(plan, "make_plan", lambda folder, build: make_fake_plan(tmp_path))
    assert bpy.ops.sdb.install_engine(wheels=str(tmp_path / "index")) == {"FINISHED"}
    assert resolve_engine_python(preferences.read()) == current_python(tmp_path / "engine")
    assert "sd_blender: Installing" in capfd.readouterr().err


@pytest.mark.fault("F55")
def test_the_report_is_a_text_and_on_the_clipboard(entry, tmp_path, monkeypatch, no_variable):
    monkeypatch.setenv("HF_TOKEN", "a-form-nobody-knows")
    entry.engine_folder = str(tmp_path)
    entry.model_folder = str(tmp_path / "a-form-nobody-knows")
    for _ in range(2):
        assert bpy.ops.sdb.diagnose() == {"FINISHED"}
    text = bpy.data.texts[REPORT_NAME].as_string()
    assert len(bpy.data.texts) == 1
    assert f"Blender {bpy.app.version_string}" in text and "press Install Engine" in text
    assert "a-form-nobody-knows" not in text
    assert REPORT_NAME in state.note


def test_drawing_asks_for_a_look_when_the_preferences_changed(entry, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(engine_setup, "look_soon", lambda: asked.append(1))
    entry.engine_folder = str(tmp_path)
    drawn(entry)
    assert len(asked) == 1
    monkeypatch.setattr(engine_setup, "look_at", lambda *given: Look(NOT_NEEDED))
    engine_setup.look()
    step_until(lambda: state.look.summary == NOT_NEEDED)
    drawn(entry)
    assert len(asked) == 1
    entry.engine_build = "CPU"
    drawn(entry)
    assert len(asked) == 2


def test_a_look_gives_way_to_what_the_user_starts(installer, monkeypatch):
    def slow(folder, named, build, is_cancelled):
        while not is_cancelled():
            time.sleep(0.01)
        raise InstallCancelled

    monkeypatch.setattr(engine_setup, "look_at", slow)
    engine_setup.look()
    assert not engine_setup.is_busy() and bpy.ops.sdb.install_engine.poll()
    engine_setup.install()
    assert engine_setup.is_busy()
    installer.go.set()
    step_until(lambda: not state.activity)
    assert state.note
