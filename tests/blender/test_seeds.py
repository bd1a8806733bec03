# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds as long as any program has them: set, kept, shown whole, and never read as another number."""

from __future__ import annotations

import json

import bpy
import pytest
from bpy.props import IntProperty, StringProperty

from sd_blender.blender import panels, seeds
from sd_blender.core.request import SEED_LIMIT
from tests.blender.conftest import generate
from tests.blender.test_panels import draw
from tests.blender.test_versions import saved_by

LONG = [2**31, 3698135662, 2**32 - 1, 2**63, 2**64 - 1]


@pytest.mark.parametrize("seed", [0, 5, 2**31 - 1, *LONG])
def test_any_seed_reaches_the_request_the_history_and_the_story(settings, engine, seed):
    assert bpy.ops.sdb.set_seed(seed=str(seed)) == {"FINISHED"}
    assert settings.lock_seed and seeds.read(settings) == seed
    generate(destination="IMAGE")
    assert engine.requests[-1].sampling.seed == seed
    entry = bpy.context.scene.sd_blender_history.entries[-1]
    assert entry.seed == str(seed) and json.loads(entry.settings)["result"]["seed"] == seed
    assert seeds.read(settings) == seed


def test_a_batch_goes_on_from_a_long_seed(settings, engine):
    bpy.ops.sdb.set_seed(seed=str(2**31 - 1))
    generate(destination="IMAGE", count=2)
    made = [entry.seed for entry in bpy.context.scene.sd_blender_history.entries]
    assert made == [str(2**31 - 1), str(2**31)]


@pytest.mark.parametrize("seed", LONG)
def test_a_script_that_sets_the_number_alone_is_heard(settings, engine, seed):
    seeds.write(settings, seed)
    settings.seed = 5
    assert seeds.read(settings) == 5
    generate(destination="IMAGE")
    assert engine.requests[-1].sampling.seed == 5


def test_a_new_seed_ends_a_long_one(settings):
    seeds.write(settings, 2**40)
    bpy.ops.sdb.new_seed()
    assert seeds.read(settings) == settings.seed


def test_a_refusal_keeps_a_long_seed(settings):
    seeds.write(settings, 2**40 + 1)
    settings.lock_seed, settings.prompt = False, "__nowhere__"
    with pytest.raises(RuntimeError):
        generate(destination="IMAGE")
    assert seeds.read(settings) == 2**40 + 1


@pytest.mark.parametrize("given", ["", "-1", "1e9", "seven", "١٢", str(SEED_LIMIT), "9" * 5000, "0x10"])
def test_what_is_no_seed_is_refused(settings, given):
    with pytest.raises(RuntimeError, match=f"is no seed; type a number from 0 to {SEED_LIMIT - 1}"):
        bpy.ops.sdb.set_seed(seed=given)
    assert seeds.read(settings) == 7


def test_spaces_of_a_paste_are_passed_over(settings):
    bpy.ops.sdb.set_seed(seed=" 3698135662\n")
    assert seeds.read(settings) == 3698135662


@pytest.mark.parametrize("digits", ["x" * 5000, "9" * 5000, "-1", str(2**64 + 7), str(2**31 + 8), "٧"])
def test_a_strangers_digits_do_no_harm(settings, digits):
    settings.long_seed = digits
    assert seeds.read(settings) == 7


class SDB_PG_before_long_seeds(bpy.types.PropertyGroup):
    prompt: StringProperty()
    seed: IntProperty(min=0, max=2**31 - 1)


def test_a_file_of_an_earlier_version_keeps_its_seed(tmp_path):
    settings = saved_by(SDB_PG_before_long_seeds, tmp_path / "old.blend", prompt="moss", seed=2**31 - 5)
    assert seeds.read(settings) == 2**31 - 5


def test_a_long_seed_is_saved(settings, tmp_path):
    seeds.write(settings, 2**64 - 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert seeds.read(bpy.context.scene.sd_blender) == 2**64 - 1


def test_the_panel_shows_the_seed_whole(settings):
    output = next(panel for panel in panels.classes if panel.__name__ == "SDB_PT_view3d_output")
    assert "seed" in draw(output)
    seeds.write(settings, 2**64 - 1)
    drawn = draw(output)
    assert "seed" not in drawn and str(2**64 - 1) in drawn
