# SPDX-License-Identifier: GPL-3.0-or-later
"""What scenarios are made of: inside a windowed Blender, with the add-on installed as an extension.

A scenario is a generator. It yields the condition it waits for, and between two looks at it Blender goes on as it
does for an artist: events, timers, redraws. ``show`` tells the test outside that there is something to look at,
with facts about it in FOLDER/NAME.json, and waits until FOLDER/NAME.seen is there.

Blender says nothing of where its buttons are. So the test moves its mouse and asks what is under it; that Blender
knows of the button that it has lit up.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np

ADDON = "bl_ext.user_default.sd_blender"
Scenario = Iterator[Callable[[], object]]

folder = Path(sys.argv[-2])
draws: Counter[str] = Counter()
_asked = 0


def show(name: str, settle: float = 1.0, **facts: object) -> Scenario:
    """Let the window settle, hand facts to the test and go on when it has looked."""
    after = time.monotonic() + settle
    yield lambda: time.monotonic() > after
    draft = folder / f"{name}.json.part"
    draft.write_text(json.dumps(facts))
    draft.rename(folder / f"{name}.json")
    yield (folder / f"{name}.seen").exists


def click(name: str, what: str, done: Callable[[], object], where: str = "VIEW_3D sidebar") -> Scenario:
    """Have the test find the button that is ``what``, and click it until Blender has acted on it."""
    yield from show(f"click {name}", settle=0.3, what=what, place=places()[where])
    yield done


def answer() -> bool:
    """Tell the test what is under its mouse, two ticks after it asked: by then Blender has heard of the move.

    True while it asks.
    """
    global _asked
    question = folder / "mouse.json"
    if not question.exists():
        return False
    _asked += 1
    if _asked < 3:
        return True
    _asked = 0
    found = under(*json.loads(question.read_text()))
    question.unlink()
    draft = folder / "under.json.part"
    draft.write_text(json.dumps(found))
    draft.rename(folder / "under.json")
    return True


def under(x: int, y: int) -> str:
    """The Python of the button or property at a place of the screen, "" where there is none."""
    window = bpy.context.window_manager.windows[0]
    y = window.height - y
    for area in window.screen.areas:
        for region in area.regions:
            inside = 0 <= x - region.x < region.width and 0 <= y - region.y < region.height
            if region.type in ("UI", "HEADER") and inside:
                with bpy.context.temp_override(window=window, area=area, region=region):
                    return _copied()
    return ""


def _copied() -> str:
    wm = bpy.context.window_manager
    wm.clipboard = ""
    if bpy.ops.ui.copy_python_command_button.poll():
        bpy.ops.ui.copy_python_command_button()
    elif bpy.ops.ui.copy_data_path_button.poll():
        bpy.ops.ui.copy_data_path_button(full_path=True)
    return wm.clipboard


def count_draws() -> None:
    """Count how often each panel of the add-on has drawn itself to the end, by the editor it is in."""
    for panel in bpy.types.Panel.__subclasses__():
        if panel.__module__.startswith(ADDON):
            panel.draw = counted(panel.draw, panel.bl_space_type)


def counted(draw: Callable, name: str) -> Callable:
    def count(self, context):
        draw(self, context)
        draws[name] += 1

    return count


def category() -> str:
    (name,) = {p.bl_category for p in bpy.types.Panel.__subclasses__() if p.__module__.startswith(ADDON)}
    return name


def editors() -> dict[str, bpy.types.Area]:
    return {area.type: area for area in bpy.context.window_manager.windows[0].screen.areas}


def sidebar(area: bpy.types.Area) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == "UI")


def split() -> None:
    """A 3D View and an Image Editor side by side."""
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, area=editors()["VIEW_3D"]):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    max(window.screen.areas, key=lambda area: (area.type == "VIEW_3D", area.x)).ui_type = "IMAGE_EDITOR"


def open_sidebars() -> Scenario:
    """A 3D View and an Image Editor side by side, each with the add-on's tab in front."""
    count_draws()
    split()
    for kind in ("VIEW_3D", "IMAGE_EDITOR"):
        area = editors()[kind]
        area.spaces.active.show_region_ui = True
        area.tag_redraw()
        # The tabs of a sidebar are known from its first draw on.
        yield (
            lambda area=area: sidebar(area).width > 1 and sidebar(area).active_panel_category != "UNSUPPORTED"
        )
        sidebar(area).active_panel_category = category()
        area.tag_redraw()
        yield lambda area=area, kind=kind: draws[kind]


def places() -> dict[str, list[int]]:
    """Where things are on the screen: x, y of the top left corner, width, height."""
    window = bpy.context.window_manager.windows[0]
    found = {}
    for kind in editors().keys() & {"VIEW_3D", "IMAGE_EDITOR"}:
        for name, box in ((kind, editors()[kind]), (f"{kind} sidebar", sidebar(editors()[kind]))):
            found[name] = [box.x, window.height - box.y - box.height, box.width, box.height]
    return found


def name_engine() -> None:
    """Have the preferences name a Python with an engine, as where one is installed."""
    bpy.context.preferences.addons[ADDON].preferences.engine_python = os.environ["SD_BLENDER_TEST_PYTHON"]


def submit(operator: str = "generate") -> None:
    """Generate as the shortcut does it over the 3D View."""
    window, area = bpy.context.window_manager.windows[0], editors()["VIEW_3D"]
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        getattr(bpy.ops.sdb, operator)("INVOKE_DEFAULT")


def open_panels(label: str) -> None:
    """Have these sub-panels open, which an artist does with a click each.

    Blender remembers by their names which it has drawn closed, so that they get another one.
    """
    ours = [panel for panel in bpy.types.Panel.__subclasses__() if panel.__module__.startswith(ADDON)]
    for panel in [panel for panel in ours if panel.bl_label == label]:
        name = getattr(panel, "bl_idname", panel.__name__)
        below = [child for child in ours if getattr(child, "bl_parent_id", "") == name]
        for cls in (*below, panel):
            bpy.utils.unregister_class(cls)
        panel.bl_options, panel.bl_idname = set(), f"{name}_open"
        for child in below:
            child.bl_parent_id = panel.bl_idname
        for cls in (panel, *below):
            bpy.utils.register_class(cls)


def module(name: str):
    """A module of the add-on: "blender.session"."""
    return importlib.import_module(f"{ADDON}.{name}")


def status():
    return module("blender.properties").status


def settings():
    return bpy.context.scene.sd_blender


def is_denoising() -> bool:
    return status().text.startswith("Step ") and status().factor > 0


def is_still(look: Callable[[], np.ndarray], seconds: float = 0.5) -> Callable[[], bool]:
    """A condition: what is looked at has not changed for some time."""
    last, since = look(), time.monotonic()

    def check() -> bool:
        nonlocal last, since
        now = look()
        if not np.array_equal(now, last):
            last, since = now, time.monotonic()
        return time.monotonic() - since > seconds

    return check


def worker_pid() -> int:
    """Looked at from inside, since only the add-on knows which of the machine's processes is its worker."""
    return module("blender.session").current().thread._engine.pid


def scripted_engine(**script: object):
    """The tests' engine, its modules those of the installed extension, behind the add-on's Generate.

    It waits to be let go by ``hold``, unless the script says otherwise.
    """
    for found in pkgutil.iter_modules(module("core").__path__):
        module(f"core.{found.name}")  # or the tests' engine would load another copy
    module("blender.session")
    for name, loaded in list(sys.modules.items()):
        if name.startswith(ADDON):
            sys.modules["sd_blender" + name.removeprefix(ADDON)] = loaded
    from tests.fakes import FakeEngine

    engine = FakeEngine(**({"hold": threading.Event()} | script))
    module("blender.session").set_engine_factory(lambda: engine)
    return engine


def texture() -> bpy.types.Image | None:
    """What the default cube's material shows as its Base Color."""
    tree = bpy.data.objects["Cube"].active_material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    links = shader.inputs["Base Color"].links
    return links[0].from_node.image if links else None


def pixels(image: bpy.types.Image) -> np.ndarray:
    """uint8, height x width x 4, row 0 at the top."""
    width, height = image.size
    values = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(values)
    return np.rint(values.reshape(height, width, 4)[::-1] * 255).astype(np.uint8)
