# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines of before: taken over from the folder of each Blender, and mended when their Blender is gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sd_blender.worker.environment import build, current_python, find
from sd_blender.worker.environment.adopt import adopt
from sd_blender.worker.environment.build import Source
from sd_blender.worker.environment.find import (
    Installed,
    current,
    environments,
    is_complete,
    lost_home,
    named,
    python_of,
    set_current,
    write_record,
)
from sd_blender.worker.environment.install import install
from sd_blender.worker.environment.owner import owned
from sd_blender.worker.environment.plan import make_plan
from tests.worker.fake_index import PYTHON, SOURCES, TORCH, VERSIONS, make_fake_plan
from tests.worker.test_environment_install import OLD, pretend_environment

needs_links = pytest.mark.skipif(os.name != "posix", reason="makes links without asking")


@pytest.fixture
def old(tmp_path):
    """The folder of one Blender, with an engine that is current."""
    folder = tmp_path / "4.5" / "engine"
    pretend_environment(folder)
    set_current(folder, OLD)
    return folder


@needs_links
def test_it_is_moved_becomes_the_current_one_and_still_works_where_it_was(tmp_path, old):
    shared = tmp_path / "shared"
    adopt(shared, [tmp_path / "nothing", old])
    assert current(shared) == shared / OLD and not (shared / OLD).is_symlink()
    assert current_python(old) == python_of(old / OLD)  # through the link, for whoever looks there
    adopt(shared, [old])
    assert current(shared) == shared / OLD
    shutil.rmtree(old)  # as removing the add-on from that Blender does
    assert is_complete(shared / OLD)


@needs_links
def test_two_blenders_are_gathered_and_what_is_there_stays_current(tmp_path, old):
    newer = pretend_environment(tmp_path / "5.2" / "engine", "engine-00000000bbbb").parent
    (old / (OLD + find.PARTIAL) / "wheels").mkdir(parents=True)
    set_current(newer, "engine-00000000bbbb")
    shared = tmp_path / "shared"
    adopt(shared, [newer, old])
    assert current(shared) == shared / "engine-00000000bbbb"
    assert {path.name for path in environments(shared)} == {OLD, "engine-00000000bbbb"}
    assert (shared / (OLD + find.PARTIAL) / "wheels").is_dir()  # what was downloaded is kept


@needs_links
def test_killed_between_the_move_and_the_pointer_it_goes_on(tmp_path, old, monkeypatch):
    shared = tmp_path / "shared"

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(find, "set_current", killed)
        with pytest.raises(KeyboardInterrupt):
            adopt(shared, [old])
    assert current(shared) is None
    adopt(shared, [old])
    assert current(shared) == shared / OLD


@pytest.mark.parametrize("refused", ["rename", "symlink"])
@needs_links
def test_what_cannot_be_moved_stays_and_works(tmp_path, old, monkeypatch, refused):
    def refuse(*_, **__):
        raise OSError("another disk")

    monkeypatch.setattr(os, refused, refuse)
    adopt(tmp_path / "shared", [old])
    assert current(old) == old / OLD and not (old / OLD).is_symlink()
    assert current(tmp_path / "shared") is None


def test_another_blender_that_installs_is_not_disturbed(tmp_path, old):
    shared = tmp_path / "shared"
    shared.mkdir()
    with owned(shared, lambda owner: pytest.fail("it is free")):
        adopt(shared, [old])
    assert current(shared) is None and current(old) == old / OLD


# An environment that is really one, and whose Python goes with its Blender.


@pytest.fixture
def plan(tmp_path):
    return make_fake_plan(tmp_path)


@pytest.fixture
def orphan(plan, tmp_path):
    """The plan's environment as installed, made with the Python of a Blender that was removed since."""
    blender = tmp_path / "Blender 4.5" / "python" / "bin"
    blender.mkdir(parents=True)
    environment = plan.folder / plan.lock.name
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    site = next(environment.glob("[Ll]ib/**/site-packages"))
    for name, (module, source) in SOURCES.items():
        (site / module).mkdir()
        text = TORCH if name == "torch" else source
        (site / module / "__init__.py").write_text(text.replace("{version}", VERSIONS[name]))
    (site / "PIL" / "Image.py").write_text("def open(): pass\n")
    versions = (PYTHON, VERSIONS["torch"], VERSIONS["diffusers"], VERSIONS["transformers"])
    write_record(environment, Installed(plan.lock.name, "cpu", *versions, 1))
    set_current(plan.folder, plan.lock.name)
    settings = environment / "pyvenv.cfg"
    lines = settings.read_text().splitlines()
    gone = {"home": str(blender), "executable": str(blender / "python")}
    settings.write_text(
        "\n".join(f"{key} = {gone[key]}" if (key := line.split(" = ")[0]) in gone else line for line in lines)
    )
    shutil.rmtree(blender.parent.parent)
    return environment


def test_an_engine_whose_blender_was_removed_is_not_taken_for_one(plan, orphan):
    assert named(plan.folder) == orphan and current(plan.folder) is None
    assert lost_home(orphan).endswith(os.path.join("python", "bin"))


@needs_links
def test_a_link_to_a_python_that_is_gone_is_none(plan, orphan):
    settings = orphan / "pyvenv.cfg"
    settings.write_text(settings.read_text().replace(lost_home(orphan), str(orphan)))
    assert not lost_home(orphan)
    for path in python_of(orphan).parent.glob("python*"):
        path.unlink()
    python_of(orphan).symlink_to(orphan / "gone")
    assert lost_home(orphan)


def test_it_is_mended_with_another_python_and_nothing_is_downloaded(plan, orphan, monkeypatch):
    monkeypatch.setattr(build.Build, "run", lambda self: pytest.fail("it was built anew"))
    planned = make_plan(plan.folder, "cpu", locks=[replace(plan.lock, python="3.99"), plan.lock])
    assert planned.lock is plan.lock
    python = install(planned, Source(online=False))
    assert python == current_python(plan.folder)
    done = subprocess.run([python, "-I", "-c", "import torch; print(torch.__version__)"], capture_output=True)
    assert done.stdout.strip() == b"2.13.0"


def test_what_cannot_be_mended_is_built_anew(plan, orphan, tmp_path):
    next(orphan.glob("[Ll]ib/**/torch/__init__.py")).write_text("raise ImportError('broken as well')")
    python = install(plan, Source(online=False, folder=tmp_path / "index"))
    assert python == current_python(plan.folder)
    assert Path(python).exists()


def test_an_installed_engine_is_planned_again_whatever_python_asks(plan, orphan):
    """Blender 5.2 takes what 4.5 installed, instead of downloading as much for its own Python."""
    settings = orphan / "pyvenv.cfg"
    settings.write_text(
        settings.read_text().replace(lost_home(orphan), os.path.dirname(sys._base_executable))
    )
    newer = replace(plan.lock, python="3.99")
    planned = make_plan(plan.folder, "cpu", locks=[newer, plan.lock], own_python="")
    assert planned.lock is plan.lock and planned.python.exists()
