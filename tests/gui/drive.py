# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a windowed Blender and plays one scenario: blender --python drive.py -- FOLDER SCENARIO

A scenario is a generator. It yields the condition it waits for, and between two looks at it Blender goes on as it
does for an artist: events, timers, redraws. ``show`` tells the test outside that there is something to look at,
with facts about it in FOLDER/NAME.json, and waits until FOLDER/NAME.seen is there.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parents[2]))

ADDON = "bl_ext.user_default.sd_blender"
PATIENCE = 60.0
Scenario = Iterator[Callable[[], object]]

folder = Path(sys.argv[-2])
draws: Counter[str] = Counter()


def play(scenario: Scenario) -> None:
    """Step through a scenario from a timer; then quit, with code 1 and a traceback when it raised."""
    waiting: Callable[[], object] = lambda: True  # noqa: E731
    since = time.monotonic()

    def tick() -> float | None:
        nonlocal waiting, since
        try:
            if not waiting():
                if time.monotonic() - since > PATIENCE:
                    raise TimeoutError(f"waited {PATIENCE:.0f} s in line {scenario.gi_frame.f_lineno}")
                return 0.1
            waiting, since = next(scenario), time.monotonic()
            return 0.1
        except StopIteration:
            bpy.ops.wm.quit_blender()
        except BaseException:  # noqa: BLE001 - told by the exit code, which Blender's own exit would hide
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        return None

    bpy.app.timers.register(tick, first_interval=0.5, persistent=True)


def show(name: str, **facts: object) -> Scenario:
    """Let the window settle, hand facts to the test and go on when it has looked."""
    after = time.monotonic() + 1.0
    yield lambda: time.monotonic() > after
    draft = folder / f"{name}.json.part"
    draft.write_text(json.dumps(facts))
    draft.rename(folder / f"{name}.json")
    yield (folder / f"{name}.seen").exists


def count_draws() -> None:
    """Count how often each panel of the add-on has drawn itself to the end, by the editor it is in."""
    for panel in bpy.types.Panel.__subclasses__():
        if panel.__module__.startswith(ADDON):
            panel.draw = _counted(panel.draw, panel.bl_space_type)


def _counted(draw: Callable, space_type: str) -> Callable:
    def counted(self, context):
        draw(self, context)
        draws[space_type] += 1

    return counted


def category() -> str:
    (name,) = {p.bl_category for p in bpy.types.Panel.__subclasses__() if p.__module__.startswith(ADDON)}
    return name


def editors() -> dict[str, bpy.types.Area]:
    return {area.type: area for area in bpy.context.window_manager.windows[0].screen.areas}


def sidebar(area: bpy.types.Area) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == "UI")


def open_sidebars() -> Scenario:
    """A 3D View and an Image Editor side by side, each with the add-on's tab in front."""
    count_draws()
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, area=editors()["VIEW_3D"]):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    max(window.screen.areas, key=lambda area: (area.type == "VIEW_3D", area.x)).ui_type = "IMAGE_EDITOR"
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
    for kind in ("VIEW_3D", "IMAGE_EDITOR"):
        for name, box in ((kind, editors()[kind]), (f"{kind} sidebar", sidebar(editors()[kind]))):
            found[name] = [box.x, window.height - box.y - box.height, box.width, box.height]
    return found


def sidebars() -> Scenario:
    yield from open_sidebars()
    yield from show("sidebars", draws=dict(draws), places=places(), version=bpy.app.version_string)
    # The test presses N over the 3D View: the window still hears its user.
    space = editors()["VIEW_3D"].spaces.active
    yield lambda: not space.show_region_ui


def generate() -> Scenario:
    """The test clicks Generate on the default cube; a scripted engine stands in for torch and waits to be let go."""
    engine = scripted_engine()
    name_engine()
    settings = bpy.context.scene.sd_blender
    settings.prompt, settings.width, settings.height, settings.steps = "mossy stone", 256, 256, 8
    settings.seed, settings.lock_seed = 7, True
    editors()["VIEW_3D"].spaces.active.shading.color_type = "TEXTURE"
    yield from open_sidebars()
    # Copying a button gives its Python command: so the test finds Generate, wherever it is drawn.
    wm = bpy.context.window_manager
    wm.clipboard = ""
    yield from show("panel", places=places())
    yield lambda: "sdb.generate" in wm.clipboard
    yield from show("button")
    yield lambda: engine.requests
    yield from show("generating", places=places())
    # The test presses N over the 3D View while the job runs.
    space = editors()["VIEW_3D"].spaces.active
    yield lambda: not space.show_region_ui
    engine.hold.set()
    yield texture
    editors()["IMAGE_EDITOR"].spaces.active.image = texture()
    space.show_region_ui = True
    yield from show("generated", places=places(), image=texture().name, packed=bool(texture().packed_file))
    # The test presses Ctrl Z over the 3D View: a result is one undo step.
    yield lambda: texture() is None


def worker() -> Scenario:
    """Four jobs of a real worker: one is finished, one cancelled, one killed, and one runs while Blender is closed."""
    name_engine()
    bpy.context.preferences.view.use_save_prompt = False
    settings = bpy.context.scene.sd_blender
    settings.prompt, settings.width, settings.height, settings.steps = "red brick wall", 128, 128, 200
    settings.seed, settings.lock_seed = 7, True
    editors()["VIEW_3D"].spaces.active.shading.color_type = "TEXTURE"
    yield from open_sidebars()
    yield from press("sdb.generate", "generate")
    yield lambda: status().preview_icon
    yield from show("progress", places=places(), text=status().text)
    yield texture
    editors()["IMAGE_EDITOR"].spaces.active.image = texture()
    yield from show("textured", places=places(), torch="torch" in sys.modules, image=texture().name)
    settings.steps = 1000
    yield from press("sdb.generate", "again")
    yield is_denoising
    yield from press("sdb.cancel", "cancel")
    yield lambda: not status().busy
    yield from show("cancelled", note=status().note)
    yield from press("sdb.generate", "third")
    yield is_denoising
    yield from show("to be killed", pid=worker_pid())
    yield lambda: not status().busy
    yield from show("killed", places=places(), error=status().error)
    yield from press("sdb.generate", "fourth")
    yield is_denoising
    yield from show("to be closed", places=places(), pid=worker_pid())
    yield lambda: False  # the test presses Ctrl Q


def tour() -> Scenario:
    """States of the sidebar to look at: a queue, the history after it, a mask over an image."""
    engine = scripted_engine()
    settings = bpy.context.scene.sd_blender
    settings.width = settings.height = 256
    settings.steps, settings.lock_seed, settings.count = 8, True, 2
    open_panels()
    yield from open_sidebars()
    for seed, prompt in enumerate(("mossy stone", "rusty metal panels with rivets and scratches", "sand")):
        settings.prompt, settings.seed = prompt, seed
        generate_in_view()
    yield lambda: len(status().queue) == 3 and engine.requests
    yield from show("queue", draws=dict(draws), places=places(), queue=[job.title for job in status().queue])
    engine.hold.set()
    yield lambda: not status().busy
    name_engine()
    history = bpy.context.scene.sd_blender_history
    yield from show("history", places=places(), entries=len(history.entries))
    settings.task, settings.source = "INPAINT", "IMAGE"
    settings.source_image = editors()["IMAGE_EDITOR"].spaces.active.image = texture()
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=editors()["VIEW_3D"]):
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.sdb.mask_from_faces()
        bpy.ops.object.mode_set(mode="OBJECT")
    yield from show("mask", places=places(), mask=settings.mask_image.name)


def name_engine() -> None:
    """Have the preferences name a Python with an engine, so that the panel of the first minute goes away."""
    bpy.context.preferences.addons[ADDON].preferences.engine_python = os.environ["SD_BLENDER_TEST_PYTHON"]


def generate_in_view() -> None:
    window, area = bpy.context.window_manager.windows[0], editors()["VIEW_3D"]
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        bpy.ops.sdb.generate("INVOKE_DEFAULT")


def open_panels() -> None:
    """Sub-panels open from the beginning, which an artist does with a click each."""
    for panel in bpy.types.Panel.__subclasses__():
        if panel.__module__.startswith(ADDON) and "DEFAULT_CLOSED" in getattr(panel, "bl_options", ()):
            bpy.utils.unregister_class(panel)
            panel.bl_options = set()
            bpy.utils.register_class(panel)


def press(operator: str, name: str) -> Scenario:
    """Have the test find the button of an operator in the sidebar of the 3D View and click it."""
    wm = bpy.context.window_manager
    wm.clipboard = ""
    yield from show(f"find {name}", places=places())
    yield lambda: operator in wm.clipboard
    yield from show(name)


def status():
    return sys.modules[f"{ADDON}.blender.properties"].status


def is_denoising() -> bool:
    return status().text.startswith("Step ") and status().factor > 0


def worker_pid() -> int:
    """Looked at from inside, since only the add-on knows which of the machine's processes is its worker."""
    return sys.modules[f"{ADDON}.blender.session"].current().thread._engine.pid


def scripted_engine():
    """The tests' engine, its modules those of the installed extension, behind the add-on's Generate."""
    for name, module in list(sys.modules.items()):
        if name.startswith(ADDON):
            sys.modules["sd_blender" + name.removeprefix(ADDON)] = module
    from sd_blender.blender import session
    from tests.fakes import FakeEngine

    engine = FakeEngine(hold=threading.Event())
    session.set_engine_factory(lambda: engine)
    return engine


def texture() -> bpy.types.Image | None:
    """What the default cube's material shows as its Base Color."""
    tree = bpy.data.objects["Cube"].active_material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    links = shader.inputs["Base Color"].links
    return links[0].from_node.image if links else None


if __name__ == "__main__":
    scenarios = {"sidebars": sidebars, "generate": generate, "tour": tour, "worker": worker}
    play(scenarios[sys.argv[-1]]())
