# SPDX-License-Identifier: GPL-3.0-or-later
"""Every panel's draw, run against a layout that knows what Blender's layout takes; a window is not needed for that.

Background mode cannot draw. What this stands for: no panel raises, names a property or operator that is not there, or
calls the layout with an argument that this Blender lacks. How it looks is tested in a window.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import types

import bpy
import pytest

from sd_blender.blender import panels, properties
from sd_blender.blender.properties import status

CALLS = bpy.types.UILayout.bl_rna.functions


class Layout:
    """Checks each call against Blender's own description of the layout, and notes what was drawn."""

    def __init__(self, drawn=None):
        self.drawn = [] if drawn is None else drawn

    def __getattr__(self, name):
        assert name in CALLS, f"a layout has no {name}"

        def call(*args, **options):
            known = {p.identifier for p in CALLS[name].parameters}
            assert not set(options) - known, f"{name} takes no {set(options) - known}"
            if name in ("prop", "template_ID"):
                owner, identifier = args[:2]
                assert identifier in owner.bl_rna.properties, f"no property {identifier}"
                self.drawn.append(identifier)
            if name == "operator":
                category, _, rest = args[0].partition(".")
                getattr(getattr(bpy.ops, category), rest).get_rna_type()
                self.drawn.append(args[0])
            if "text" in options:
                self.drawn.append(options["text"])
            return Layout(self.drawn)

        return call


def draw(panel_class):
    """What a panel draws now, or None when it does not show."""
    if hasattr(panel_class, "poll") and not panel_class.poll(bpy.context):
        return None
    holder = type("Holder", (), {"layout": Layout(), "prepared": panels.Sidebar.prepared})()
    panel_class.draw(holder, bpy.context)
    return holder.layout.drawn


STATES = list(
    itertools.product(
        [task for task, *_ in properties.TASKS],
        [source for source, *_ in properties.SOURCES],
        [mask for mask, *_ in properties.MASK_SOURCES],
    )
)


@pytest.mark.parametrize(("task", "source", "mask"), STATES)
def test_every_panel_draws_in_every_state(settings, task, source, mask):
    settings.task, settings.source, settings.mask_source = task, source, mask
    shown = {p.__name__: draw(p) for p in panels.classes}
    for space in ("view3d", "image"):
        assert {"prompt", "negative_prompt", "seed", "lock_seed", "sdb.new_seed", "sdb.generate"} <= set(
            shown[f"SDB_PT_{space}_main"]
        )
        assert (shown[f"SDB_PT_{space}_source"] is None) == (task == "TEXT_TO_IMAGE")
        assert (shown[f"SDB_PT_{space}_mask"] is None) == (task != "INPAINT")
        assert {"steps", "guidance_scale", "scheduler", "count"} <= set(shown[f"SDB_PT_{space}_sampling"])
        assert "tiling" in shown[f"SDB_PT_{space}_seamless"]


def test_every_setting_is_in_a_panel(settings):
    drawn = set()
    for task, source, mask in STATES:
        settings.task, settings.source, settings.mask_source = task, source, mask
        settings.use_source_size = False
        drawn |= {name for p in panels.classes for name in draw(p) or ()}
    settings.prompt_text = bpy.data.texts.new("Prompt")
    drawn |= set(draw(panels.SDB_PT_view3d_main))
    names = {p.identifier for p in properties.SDB_PG_settings.bl_rna.properties} - {"rna_type", "name"}
    assert names - drawn == {"style"}  # a menu sets it


def test_progress_and_cancel_while_busy_only(settings):
    main = panels.SDB_PT_view3d_main
    assert "sdb.cancel" not in draw(main)
    status.busy, status.factor, status.text = True, 0.5, "Step 1 of 2"
    assert {"sdb.cancel", "50%", "Step 1 of 2"} <= set(draw(main))
    status.reset()
    status.note = "Cancelled."
    assert "Cancelled." in draw(main)
    status.error = "There is no render yet; render the image (F12) or use New Render."
    assert "sdb.show_error" in draw(main)
    assert status.error in " ".join(draw(main))
    assert "Cancelled." not in draw(main)
    assert bpy.ops.sdb.show_error.poll()


def test_the_error_in_full(settings):
    from sd_blender.blender.operators import SDB_OT_show_error

    status.error, status.details = (
        "A sentence about what happened, " * 5 + "so do this.",
        "Traceback\nLast line",
    )
    assert SDB_OT_show_error.description(bpy.context, None) == status.error.rstrip(".")
    holder = type("Holder", (), {"layout": Layout()})()
    SDB_OT_show_error.draw(holder, bpy.context)
    assert holder.layout.drawn[-4:] == ["Traceback", "Last line", "sdb.show_error", "Copy"]
    assert " ".join(holder.layout.drawn[:-4]) == status.error


@pytest.mark.fault("F16")
def test_where_a_texture_was_kept_can_be_read_in_full(settings):
    """The sidebar breaks a long path; the popup and the clipboard have it whole."""
    from sd_blender.blender.operators import SDB_OT_show_error

    path = "/" + "a folder/" * 14 + "moss-7-0123abcd.png"
    status.note = f"Another file was opened while the texture was made; it is saved as {path}."
    assert "sdb.show_error" in draw(panels.SDB_PT_view3d_main)
    assert path.replace(" ", "") in "".join(draw(panels.SDB_PT_view3d_main)).replace(" ", "")
    assert bpy.ops.sdb.show_error.poll()
    holder = type("Holder", (), {"layout": Layout()})()
    SDB_OT_show_error.draw(holder, bpy.context)
    assert " ".join(holder.layout.drawn[:-2]) == status.note
    assert max(map(len, holder.layout.drawn)) <= 70
    copied = types.SimpleNamespace(window_manager=types.SimpleNamespace(clipboard=""))
    SDB_OT_show_error.execute(holder, copied)
    assert copied.window_manager.clipboard == status.note


def test_panels_import_settings_and_nothing_that_acts():
    """Drawing must stay free of work: panels know properties, and operators by name only."""
    nodes = list(ast.walk(ast.parse(inspect.getsource(panels))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in (node for node in nodes if isinstance(node, ast.ImportFrom)):
        imported |= {node.module} if node.module else {alias.name for alias in node.names}
    assert imported == {"__future__", "bpy", "guard", "prompt_panel", "properties", "sentences"}


def labels():
    for cls in (*panels.classes, *_operators()):
        yield cls.__name__, cls.bl_label, (cls.__doc__ or "") if issubclass(cls, bpy.types.Operator) else ""
    for group in (
        properties.SDB_PG_settings,
        bpy.types.AddonPreferences.bl_rna_get_subclass_py("SDB_AP_preferences"),
    ):
        for name, value in group.bl_rna.properties.items():
            if name not in ("rna_type", "name", "bl_idname"):
                yield name, value.name, value.description
                for item in getattr(value, "enum_items", ()):
                    yield f"{name}.{item.identifier}", item.name, item.description


def _operators():
    return [c for c in bpy.types.Operator.__subclasses__() if c.__name__.startswith("SDB_OT_")]


SMALL_WORDS = {"a", "as", "and", "of", "or", "to", "the", "in", "on", "for", "from"}


def test_labels_in_title_case_and_descriptions_without_full_stop():
    found = list(labels())
    assert len(found) > 60
    for where, label, description in found:
        words = [word for word in label.split() if word[0].isalpha() and word not in SMALL_WORDS]
        if not where.startswith("scheduler."):  # names of their own
            assert all(word[0].isupper() for word in words), (where, label)
        assert not description.strip().endswith("."), (where, description)
        assert description.strip() or where.startswith("SDB_PT_"), where
