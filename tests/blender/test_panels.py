# SPDX-License-Identifier: GPL-3.0-or-later
"""Every panel's draw, run against a layout that knows what Blender's layout takes; a window is not needed for that.

Background mode cannot draw. What this stands for: no panel raises, names a property or operator that is not there, or
calls the layout with an argument that this Blender lacks. How it looks is tested in a window.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import itertools
import re
import shutil
import tomllib
import types
import zlib
from pathlib import Path

import bpy
import pytest

import sd_blender
from sd_blender.blender import panels, places, properties, setting_items, tools, translation
from sd_blender.blender.prompts import length
from sd_blender.blender.properties import status
from sd_blender.blender.source import panel as source_panel
from sd_blender.core.choices import SPACINGS
from tests.blender.conftest import change, drain_until, generate, submit, textured

pytestmark = pytest.mark.every_version

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
            self.drawn += [options[name] for name in ("text", "placeholder") if name in options]
            return Layout(self.drawn)

        return call


def holder(panel_class):
    """A panel or menu as Blender would give it to draw, with a layout that notes what is drawn."""
    ours = tuple(base for base in panel_class.__mro__ if base.__module__.startswith("sd_blender"))
    ours = tuple(base for base in ours if not issubclass(base, bpy.types.bpy_struct))
    return type("Holder", ours, {"layout": Layout()})()


def draw(panel_class):
    """What a panel draws now, or None when it does not show."""
    if hasattr(panel_class, "poll") and not panel_class.poll(bpy.context):
        return None
    drawing = holder(panel_class)
    panel_class.draw(drawing, bpy.context)
    return drawing.layout.drawn


STATES = list(
    itertools.product(
        [task for task, *_ in properties.TASKS],
        [source for source, *_ in properties.SOURCES],
        [mask for mask, *_ in properties.MASK_SOURCES],
    )
)


SETTINGS_PANELS = (*panels.classes, *source_panel.SOURCES, *source_panel.MASKS)
GENERATE = {"view3d": "sdb.generate", "image": "sdb.generate", "material": "sdb.generate"}


@contextlib.contextmanager
def shader_editor(tree=None):
    """As if the mouse were over a Shader Editor, with a tree pinned in it."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.ui_type = "ShaderNodeTree"
    area.spaces.active.pin, area.spaces.active.node_tree = tree is not None, tree
    with bpy.context.temp_override(window=window, area=area, region=area.regions[0]):
        yield area.spaces.active


@pytest.mark.parametrize(("task", "source", "mask"), STATES)
def test_every_panel_draws_in_every_state(plane, settings, task, source, mask):
    settings.task, settings.source, settings.mask_source = task, source, mask
    shown = {p.__name__: draw(p) for p in SETTINGS_PANELS if "_node_" not in p.__name__}
    with shader_editor():
        shown |= {p.__name__: draw(p) for p in SETTINGS_PANELS if "_node_" in p.__name__}
    for space in ("view3d", "image", "node", "material"):
        button = GENERATE.get(space, "sdb.generate_in_node")
        assert {"model", "prompt", "negative_prompt", button} <= set(shown[f"SDB_PT_{space}_main"])
        output = set(shown[f"SDB_PT_{space}_output"])
        assert {"tiling", "Seamless", "count", "seed", "lock_seed", "sdb.new_seed"} <= output
        rendered = task != "TEXT_TO_IMAGE" and source in ("RENDER", "RENDER_RESULT", "VIEWPORT")
        shown_destination = "render_destination" if rendered else "destination"
        expected = set() if space == "node" else {shown_destination}
        assert output & {"destination", "render_destination"} == expected
        assert ("width" in output) == (task != "IMAGE_TO_IMAGE")
        assert (shown[f"SDB_PT_{space}_source"] is None) == (task == "TEXT_TO_IMAGE")
        assert (shown[f"SDB_PT_{space}_mask"] is None) == (task != "INPAINT")
        assert {"steps", "guidance_scale", "scheduler"} <= set(shown[f"SDB_PT_{space}_sampling"])
        advanced = {"clip_guidance_scale", "classifier_guidance_scale", "sdb.unload"}
        assert advanced <= set(shown[f"SDB_PT_{space}_advanced"])
    assert {"sdb.inpaint", "sdb.use_as_source"} <= set(shown["SDB_PT_image_main"])


def test_settings_stand_in_the_order_in_which_they_decide(plane, settings):
    """What, with which model, from what, how large, how many, to where."""
    change(settings, task="IMAGE_TO_IMAGE", use_source_size=False)
    in_order = sorted(
        (p for p in SETTINGS_PANELS if "view3d" in p.__name__), key=lambda p: getattr(p, "bl_order", 0)
    )
    drawn = [name for p in in_order for name in draw(p) or ()]
    decisive = (
        "task",
        "model",
        "prompt",
        "sdb.generate",
        "source",
        "strength",
        "width",
        "tiling",
        "count",
        "seed",
    )
    assert [name for name in drawn if name in decisive] == list(decisive)


@pytest.mark.parametrize("task", [task for task, *_ in properties.TASKS])
def test_no_setting_is_shown_twice(plane, settings, task):
    change(settings, task=task, use_source_size=False, count=4, keep=2)
    names = set(properties.SDB_PG_settings.bl_rna.properties.keys())
    drawn = [name for p in SETTINGS_PANELS if "view3d" in p.__name__ for name in draw(p) or ()]
    shown = [name for name in drawn if name in names]
    assert sorted(shown) == sorted(set(shown))


def test_the_model_that_is_used_is_named_while_none_is_chosen(settings, monkeypatch):
    assert "Starter Model" in draw(panels.SDB_PT_view3d_main)
    chosen = types.SimpleNamespace(model_folder="/models/sdxl-base/")
    monkeypatch.setattr(panels.model_choice.preferences, "read", lambda: chosen)
    assert panels.model_choice.usual_model() == "sdxl-base"


def test_the_shader_editor_says_which_node_it_goes_into(plane, settings):
    material, node = textured(plane, bpy.data.images.new("Theirs", 16, 16))
    node.label, material.node_tree.nodes.active = "Rust", node
    main = panels.SDB_PT_node_main
    with shader_editor(material.node_tree):
        assert {"Into Rust", "sdb.use_as_source"} <= set(draw(main))
        assert bpy.ops.sdb.use_as_source() == {"FINISHED"}
        assert (settings.task, settings.source_image.name) == ("IMAGE_TO_IMAGE", "Theirs")
        material.node_tree.nodes.remove(node)
        assert "No Image Texture node is active" in " ".join(draw(main))
        assert not bpy.ops.sdb.use_as_source.poll()
    assert draw(main) is None  # in a compositor, a node editor too


@pytest.mark.parametrize(
    ("strength", "words"),
    [
        (0.01, "Hardly changes what was there"),
        (0.15, "Hardly changes what was there"),
        (0.6, "Keeps the main shapes"),
        (0.994, "Keeps next to nothing"),
        (0.996, "Ignores what was there"),
        (1.0, "Ignores what was there"),
    ],
)
def test_strength_in_words(settings, strength, words):
    settings.task, settings.strength = "IMAGE_TO_IMAGE", strength
    drawn = " ".join(draw(source_panel.SOURCES[0]))
    assert f"strength {words}" in drawn and "0 " not in drawn


def test_outpaint_is_done_to_the_source(settings):
    settings.task = "INPAINT"
    assert "sdb.outpaint" in draw(source_panel.SOURCES[0])
    assert "sdb.outpaint" not in draw(bpy.types.SDB_PT_image_edit_mask)


def test_colors_are_offered_where_there_are_two_kinds(settings):
    settings.task = "IMAGE_TO_IMAGE"
    for source, *_ in setting_items.SOURCES:
        settings.source = source
        offered = "source_colors" in draw(source_panel.SOURCES[0])
        assert offered == (source in ("RENDER", "RENDER_RESULT", "VIEWPORT"))


def test_a_file_of_before_keeps_its_choices():
    """A .blend stores the numbers of the items: those of the first version stay, and no two are the same."""
    first = {
        "source": ["RENDER_RESULT", "RENDER", "IMAGE", "TEXTURE", "EDITOR"],
        "destination": ["MATERIAL", "IMAGE"],
    }
    for name, identifiers in first.items():
        items = properties.SDB_PG_settings.bl_rna.properties[name].enum_items
        assert [items[identifier].value for identifier in identifiers] == list(range(len(identifiers)))
        assert len({item.value for item in items}) == len(items)
    # "DPM++ SDE" was another name of what it is, and its number was made from the name.
    scheduler = properties.SDB_PG_settings.bl_rna.properties["scheduler"].enum_items
    assert scheduler["DPM++ 2M SDE"].value == zlib.crc32(b"DPM++ SDE") >> 1
    assert scheduler["DPM++ SDE"].value != zlib.crc32(b"DPM++ SDE") >> 1
    spacing = properties.SDB_PG_settings.bl_rna.properties["spacing"].enum_items
    assert [item.value for item in spacing] == list(range(len(SPACINGS)))
    assert tuple(spacing.keys()) == SPACINGS


def test_each_panel_is_below_one_of_its_own_editor():
    ours = [p for p in bpy.types.Panel.__subclasses__() if p.__name__.startswith("SDB_PT_")]
    by_name = {p.__name__: p for p in ours}
    assert len(ours) > 30
    for panel in ours:
        parent = getattr(panel, "bl_parent_id", "")
        top = panel.__name__.endswith(("_main", "_engine"))
        assert bool(parent) != top, panel
        if parent:
            assert by_name[parent].bl_space_type == panel.bl_space_type


def test_what_is_not_used_all_the_time_begins_closed():
    opened = {p.bl_label for p in SETTINGS_PANELS if "DEFAULT_CLOSED" not in getattr(p, "bl_options", ())}
    assert opened == {"SD Textures", "Source", "Mask", "Output"}
    assert panels.SDB_PT_material_main.bl_options == {"DEFAULT_CLOSED"}


def test_every_setting_is_in_a_panel(settings):
    drawn = set()
    for task, source, mask in STATES:
        settings.task, settings.source, settings.mask_source = task, source, mask
        settings.use_source_size = False
        drawn |= {name for p in SETTINGS_PANELS for name in draw(p) or ()}
    settings.property_unset("source")
    settings.inpaint_source = "TEXTURE"
    drawn |= set(draw(source_panel.SOURCES[0]))
    settings.prompt_text = bpy.data.texts.new("Prompt")
    drawn |= set(draw(panels.SDB_PT_view3d_main))
    settings.count, settings.keep = 4, 2
    drawn |= {name for p in SETTINGS_PANELS for name in draw(p) or ()}
    names = {p.identifier for p in properties.SDB_PG_settings.bl_rna.properties} - {"rna_type", "name"}
    assert names - drawn == {"style", "long_seed"}  # a menu sets it, and an operator


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


def test_the_last_texture_stays_in_the_panel_until_another_is_made(plane, settings):
    main = panels.SDB_PT_view3d_main
    assert "mossy stone" not in draw(main)
    bpy.ops.ed.undo_push(message="Before")
    generate()
    assert "mossy stone" in draw(main)
    status.busy = True  # its progress and preview stand there
    assert "mossy stone" not in draw(main)
    status.reset()
    bpy.ops.ed.undo()
    assert "mossy stone" not in draw(main)


def test_variants_are_pictures_enough(plane, settings, engine):
    ticket = submit(count=2)
    ticket.on_trial = True
    drain_until(lambda: not ticket.is_open)
    assert len(bpy.context.scene.sd_blender_variants) == 2
    assert not [name for name in map(str, draw(panels.SDB_PT_view3d_main)) if name.startswith("mossy stone")]
    generate(count=1, prompt="moss")  # none of them
    assert "moss" in draw(panels.SDB_PT_view3d_main)


def test_why_generate_is_grey_is_said_below_it(plane, settings):
    main = panels.SDB_PT_view3d_main

    def said():
        drawn = draw(main)
        assert drawn.count("sdb.generate") == 1
        return " ".join(map(str, drawn[drawn.index("sdb.generate") :]))

    assert "No object is active" not in said()
    bpy.context.view_layer.objects.active = None
    assert "No object is active; select one, or set Result to Image Only." in said()
    change(settings, task="INPAINT", destination="IMAGE", source="IMAGE")
    assert "No source image is chosen; choose one." in said()
    change(settings, destination="NODE", task="TEXT_TO_IMAGE")  # a long one, and all of it
    assert "click one in the Shader Editor, or set Result to Material." in said()
    change(settings, destination="IMAGE", prompt="")  # nobody has typed yet
    assert "empty" not in said()


def test_a_tool_in_the_hand_is_no_news(settings, monkeypatch):
    """It greys Generate for a moment, and the panel would flicker with each stroke."""
    monkeypatch.setattr(tools, "in_hand", lambda: "painting")
    assert not bpy.ops.sdb.generate.poll()
    assert "painting" not in " ".join(map(str, draw(panels.SDB_PT_view3d_main)))


def test_an_error_goes_when_a_setting_was_changed(plane, settings):
    main = panels.SDB_PT_view3d_main
    settings.task, settings.prompt = "TEXT_TO_IMAGE", ""
    with pytest.raises(RuntimeError, match="prompt is empty"):
        bpy.ops.sdb.generate()
    assert "The prompt is empty" in " ".join(map(str, draw(main)))
    settings.seed += 1
    assert "The prompt is empty" in " ".join(map(str, draw(main)))
    settings.prompt = "moss"
    assert "The prompt is empty" not in " ".join(map(str, draw(main)))
    assert bpy.ops.sdb.show_error.poll()  # it can still be read and copied


def test_the_error_of_a_job_goes_too(settings, engine):
    settings.destination = "IMAGE"
    engine.error = ValueError("odd")
    with pytest.raises(RuntimeError, match="odd"):
        bpy.ops.sdb.generate()
    assert "odd" in " ".join(map(str, draw(panels.SDB_PT_view3d_main)))
    settings.width += 8
    assert "odd" not in " ".join(map(str, draw(panels.SDB_PT_view3d_main)))


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
    assert imports_of(panels) == {
        "__future__", "typing", "bpy", "guard", "icons", "in_use", "model_choice", "places", "prompts.panel",
        "properties", "results", "seeds", "sentences",
    }  # fmt: skip
    assert imports_of(source_panel) == {
        "__future__", "typing", "bpy", "guard", "in_use", "places", "properties", "sentences",
    }  # fmt: skip
    assert imports_of(places) == {
        "__future__",
        "bpy",
        "core.sentence",
        "editors",
        "sentences",
        "shading_advice",
    }


def imports_of(module):
    nodes = list(ast.walk(ast.parse(inspect.getsource(module))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in (node for node in nodes if isinstance(node, ast.ImportFrom)):
        imported |= {node.module} if node.module else {alias.name for alias in node.names}
    return imported


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


UNITS = {"PIXEL": "px", "PERCENTAGE": "%", "TIME": "s", "TIME_ABSOLUTE": "s"}


def numbers():
    """Every number that an artist can set: the scene's settings, the preferences, and what operators ask for."""
    groups = [
        properties.SDB_PG_settings,
        bpy.types.AddonPreferences.bl_rna_get_subclass_py("SDB_AP_preferences"),
    ]
    for owner in (*groups, *_operators()):
        for value in owner.bl_rna.properties:
            if value.type in ("INT", "FLOAT") and not value.is_hidden:
                yield f"{owner.__name__}.{value.identifier}", value


def test_tooltips_of_numbers_have_units_and_ranges():
    found = list(numbers())
    assert len(found) > 10
    for where, value in found:
        said = value.description.replace("minutes", "min")
        for limit in (value.hard_min, value.hard_max):
            if abs(limit) > 2**30 and value.identifier != "seed":
                continue  # no limit but that of all numbers
            assert re.search(
                rf"(?<![\d.]){re.escape(f'{limit:.6g}' if value.type == 'FLOAT' else str(limit))}(?!\d)", said
            ), (where, limit, said)
        if value.subtype in UNITS:
            assert f" {UNITS[value.subtype]}" in said, (where, said)


def without_poll(operator):
    """Whether Blender refuses the operator now without saying why."""
    name = operator.bl_idname.partition(".")[2]
    call = getattr(bpy.ops.sdb, name)
    if call.poll():
        return False
    with pytest.raises(RuntimeError) as refused:
        call("EXEC_DEFAULT")
    return "context is incorrect" in str(refused.value)


def test_there_are_two_names_for_all_of_it():
    """The add-on's and the tab's; what a model is called is another matter."""
    manifest = Path(sd_blender.__file__).parents[1].joinpath("addon_manifest", "blender_manifest.toml")
    name = tomllib.loads(manifest.read_text(encoding="utf-8"))["name"]
    tops = {p.bl_label for p in SETTINGS_PANELS if not getattr(p, "bl_parent_id", "")}
    assert tops == {places.Sidebar.bl_category} and bpy.types.SDB_MT_main.bl_label == name
    assert not [text for kv in translation.entries("de_DE").items() for text in kv if "SD Blender" in text]


def test_no_two_things_have_the_same_name():
    """A task, or what a button does."""
    tasks = [name for _, name, _ in properties.TASKS]
    named = [operator.bl_label for operator in _operators() if operator.bl_idname != "sdb.generate_in_node"]
    assert sorted(tasks + named) == sorted({*tasks, *named})


def test_every_greyed_button_says_why(settings):
    """In an empty scene most are greyed; the others are read: one that returns False has said why before."""
    greyed = [o.bl_idname for o in _operators() if not getattr(bpy.ops.sdb, o.bl_idname[4:]).poll()]
    assert len(greyed) > 8
    assert not [operator for operator in _operators() if without_poll(operator)]
    for operator in _operators():
        poll = getattr(operator, "poll", None)
        source = inspect.getsource(poll) if poll is not None and hasattr(poll, "__func__") else ""
        if source:
            assert "translation.refuse" in source or "super().poll" in source, operator.__name__


def test_how_long_the_prompt_is_to_the_model(plane, settings, tmp_path):
    main = panels.SDB_PT_view3d_main

    def drawn(prompt):
        settings.prompt = prompt
        return " ".join(map(str, draw(main)))

    assert "tokens" not in drawn("mossy stone") + drawn("sand " * 500)
    assert "nearly as long as the model can read: 560 tokens" in drawn("sand " * 560)
    assert "602 tokens are too many; the model will not see the end: rust gold" in drawn(
        "sand " * 600 + "rust gold"
    )
    settings.model = str(tmp_path)  # no tokenizer to count with
    assert "tokens" not in drawn("sand " * 560)


def test_a_tokenizer_that_arrives_later_is_counted_with(plane, settings, tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(length.time, "monotonic", lambda: now)
    change(settings, model=str(tmp_path), prompt="sand " * 560)
    assert "tokens" not in " ".join(map(str, draw(panels.SDB_PT_view3d_main)))
    shutil.copytree(length.STARTER_FOLDER / "tokenizer", tmp_path / "tokenizer")
    now += length.AGAIN
    assert "560 tokens" in " ".join(map(str, draw(panels.SDB_PT_view3d_main)))


@pytest.mark.parametrize("style", ["", "Worn"])
def test_nothing_moves_while_somebody_types(plane, settings, style):
    """The panel draws as many things whatever the prompts are."""
    settings.style = style
    heights = set()
    for prompt in (
        "",
        "moss",
        "old oak planks with nails",
        "sand " * 600 + "rust",
        "a\nb",
        "[[(x:1.2)",
        "__stone__",
    ):
        for negative in ("", "people", "people " * 200):
            change(settings, prompt=prompt, negative_prompt=negative)
            heights.add(len(draw(panels.SDB_PT_view3d_main)))
    assert len(heights) == 1


def test_operators_that_need_an_argument_are_not_offered_by_the_search():
    """A text that says which one: without it they can only fail, or do something else than their name says."""
    which = {"job", "preset", "style"}
    found = {}
    for operator in _operators():
        properties_ = {
            p.identifier for p in getattr(bpy.ops.sdb, operator.bl_idname[4:]).get_rna_type().properties
        }
        if properties_ & which or operator.bl_idname in ("sdb.delete_style", "sdb.delete_preset"):
            found[operator.bl_idname] = operator.bl_options
    assert {"sdb.cancel_job", "sdb.move_job", "sdb.apply_preset", "sdb.set_style"} <= found.keys()
    assert not {name for name, options in found.items() if "INTERNAL" not in options}


def test_every_property_has_a_description():
    groups = [c for c in descendants(bpy.types.PropertyGroup) if c.__module__.startswith("sd_blender")]
    owners = [group.bl_rna for group in groups]
    owners += [getattr(bpy.ops.sdb, operator.bl_idname[4:]).get_rna_type() for operator in _operators()]
    assert len(owners) > 40
    bare = [
        f"{owner.identifier}.{p.identifier}"
        for owner in owners
        for p in owner.properties
        if p.identifier not in ("rna_type", "name") and not p.description
    ]
    assert not bare


def descendants(cls):
    for child in cls.__subclasses__():
        yield child
        yield from descendants(child)


def test_a_guidance_that_does_not_suit_the_model_is_told(plane, settings, tmp_path):
    main = panels.SDB_PT_view3d_main

    def drawn(**values):
        change(settings, **values)
        return " ".join(map(str, draw(main)))

    assert "Guidance" not in drawn(guidance_scale=1.0)
    assert "counts only with a Guidance above 1" in drawn(negative_prompt="moss")
    assert "Guidance" not in drawn(guidance_scale=1.5)
    assert "best at a Guidance of 1 to 2" in drawn(guidance_scale=7.0)
    assert "Guidance" not in drawn(model=str(tmp_path))
    assert "need a Guidance of about 7" in drawn(guidance_scale=1.0)


def test_a_model_or_lora_of_few_steps_is_known_by_its_name(plane, settings, tmp_path):
    main = panels.SDB_PT_view3d_main

    def drawn(**values):
        change(settings, **values)
        return " ".join(map(str, draw(main)))

    turbo = str(tmp_path / "sdxl-turbo")
    assert "SD Turbo is made for Steps 1 to 4, Scheduler Euler a, Spacing Trailing, Guidance 1" in drawn(
        model=turbo, steps=20, guidance_scale=7.0
    )
    fits = {"steps": 2, "scheduler": "Euler a", "spacing": "trailing", "guidance_scale": 1.0}
    said = drawn(**fits)
    assert "made for" not in said and "need a Guidance" not in said
    entry = settings.id_data.sd_blender_adapters.entries.add()
    entry.path, entry.kind = "/loras/sdxl_lightning_4step_lora.safetensors", "LORA"
    assert "SDXL Lightning is made for Steps 4, Scheduler Euler," in drawn()
    entry.weight = 0.0
    assert "Lightning" not in drawn()
    assert "LCM is made for Steps 4 to 8" in drawn(prompt="moss <lora:lcm-lora-sdxl:1>")


def test_a_spacing_that_the_scheduler_cannot_take_is_told(plane, settings):
    change(settings, scheduler="LCM", spacing="karras", guidance_scale=1.0)
    assert "set Spacing to Model's Own, or choose another scheduler" in " ".join(
        map(str, draw(panels.SDB_PT_view3d_main))
    )
