# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators in Blender's menus, Generate Texture Here, and a shortcut that nothing else has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bpy
import pytest

import sd_blender
from sd_blender.blender import menus
from tests.blender.conftest import base_color_image
from tests.blender.test_panels import draw


def entries():
    """The draw functions of ours in Blender's menus."""
    found = []
    for menu, _ in menus.ENTRIES:
        drawing = getattr(getattr(bpy.types, menu).draw, "_draw_funcs", ())
        found += [(menu, f.__qualname__) for f in drawing if f.__module__.startswith("sd_blender.")]
    return found


def shortcuts():
    items = []
    for keymap in bpy.context.window_manager.keyconfigs.addon.keymaps:
        items += [(keymap.name, i.idname, i.to_string()) for i in keymap.keymap_items if "sdb." in i.idname]
    return items


def test_nothing_is_left_behind():
    registered = entries(), shortcuts()
    assert len(registered[0]) == len(menus.ENTRIES) and len(registered[1]) == len(menus.KEYMAPS)
    for _ in range(2):
        sd_blender.unregister()
        assert not entries() and not shortcuts()
        assert not [name for name in dir(bpy.types) if name.startswith("SDB_MT_")]
        sd_blender.register()
        assert (entries(), shortcuts()) == registered


@pytest.mark.parametrize("reset", [bpy.ops.wm.read_factory_settings, bpy.ops.wm.read_homefile])
def test_nothing_is_left_behind_when_blender_read_its_settings_anew(reset):
    reset()
    sd_blender.unregister()
    assert not entries() and not shortcuts()


def test_every_entry_draws():
    drawn = draw(menus.SDB_MT_main)
    assert {"sdb.generate", "sdb.generate_here", "sdb.inpaint", "sdb.outpaint", "sdb.edit_prompt"} <= set(
        drawn
    )
    masks = draw(menus.SDB_MT_mask)
    names = {
        "new_mask",
        "mask_from_faces",
        "mask_expand",
        "mask_invert",
        "mask_fill",
        "mask_clear",
    }
    assert {f"sdb.{name}" for name in names} <= set(masks)
    for _, function in menus.ENTRIES:
        holder = type("Menu", (), {"draw": function})
        assert draw(holder) is not None


def test_generate_here_puts_it_on_the_active_object(plane, settings):
    settings.destination = "IMAGE"
    assert bpy.ops.sdb.generate_here() == {"FINISHED"}
    assert base_color_image(plane.active_material).name == "mossy stone"
    assert settings.destination == "IMAGE"  # the panel's again


def test_generate_here_says_why_not(plane, settings, engine):
    settings.destination, settings.prompt = "IMAGE", ""
    with pytest.raises(RuntimeError, match="The prompt is empty"):
        bpy.ops.sdb.generate_here()
    settings.prompt = "moss"
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="No object is active"):
        bpy.ops.sdb.generate_here()


def test_generate_here_passes_on_what_failed(plane, settings, engine):
    settings.prompt = "moss" * 5000
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.sdb.generate_here()
    assert str(caught.value).count("Error: ") == 1 and "longer than" in str(caught.value)


SCRIPT = """
import os, sys, bpy
bpy.utils.keyconfig_init()
folder = bpy.utils.preset_paths("keyconfig")[0]
for name in ("Blender_27x", "Industry_Compatible"):
    bpy.utils.keyconfig_set(os.path.join(folder, name + ".py"))
from sd_blender.blender.menus import SHORTCUT
def held(item, modifier):
    wanted = SHORTCUT.get(modifier, False)
    return item.any or getattr(item, modifier) in (-1, wanted)
names = ("Blender", "Blender_27x", "Industry_Compatible")
configs = [config for config in bpy.context.window_manager.keyconfigs if config.name in names]
counted = 0
for config in configs:
    for keymap in config.keymaps:
        if keymap.is_modal:  # heard while its operator runs, and then nothing else is
            continue
        for item in keymap.keymap_items:
            counted += item.type == SHORTCUT["type"]
            if item.type == SHORTCUT["type"] and all(held(item, m) for m in ("shift", "ctrl", "alt", "oskey")):
                print("CLASH", config.name, keymap.name, item.idname)
print("KEYMAPS", len(configs), counted, flush=True)
os._exit(0)
"""


def test_the_shortcut_clashes_with_nothing_in_blenders_own_keymaps():
    """Those of every mode and editor; in a Blender of its own, which a loaded keymap cannot leave."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(sd_blender.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "CLASH" not in done.stdout, done.stdout
    configs, counted = done.stdout.split()[-2:]
    assert int(configs) == 3 and int(counted) > 100, done.stdout + done.stderr[-2000:]
