# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a picture of the scene goes and what is inpainted, as long as nobody has chosen, and that a choice stays."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender import build_request, in_use
from sd_blender.blender.properties import status
from sd_blender.blender.results import opening
from sd_blender.blender.source import borrowed
from tests.blender.conftest import base_color_image, change, generate, new_image, textured

GREY = np.full((32, 48, 3), 128, np.uint8)
HALF = np.repeat(np.tile([255, 0], (32, 24))[..., None], 3, 2).astype(np.uint8)
RENDERED = ("RENDER_RESULT", "RENDER", "VIEWPORT")


@pytest.fixture
def rendered(plane, settings, monkeypatch):
    """A render of the scene, without the time that it takes."""
    monkeypatch.setattr(build_request.capture, "render_now", lambda scene, colors: GREY)
    monkeypatch.setattr(build_request.capture, "check_can_render", lambda scene: None)
    change(settings, task="IMAGE_TO_IMAGE", source="RENDER")
    return textured(plane, new_image("Theirs", GREY))


def test_a_picture_of_the_scene_is_an_image_only(plane, settings, rendered):
    material, node = rendered
    generate()
    assert node.image.name == "Theirs" and base_color_image(material).name == "Theirs"
    assert status.note == 'The texture is image "mossy stone"; open it in an Image Editor.'
    assert bpy.data.images["mossy stone"].use_fake_user


@pytest.mark.parametrize("chosen_in", ["TEXT_TO_IMAGE", "IMAGE_TO_IMAGE"])
@pytest.mark.parametrize("name", ["destination", "render_destination"])
def test_who_chose_the_material_gets_it_on_the_material(plane, settings, rendered, chosen_in, name):
    settings.task = chosen_in
    setattr(settings, name, "MATERIAL")
    settings.task = "IMAGE_TO_IMAGE"
    generate()
    assert base_color_image(rendered[0]).name == "mossy stone"


def test_a_click_on_the_object_is_a_choice_for_that_click(plane, settings, rendered):
    assert bpy.ops.sdb.generate_here() == {"FINISHED"}
    assert base_color_image(rendered[0]).name == "mossy stone"
    assert not settings.is_property_set("destination")
    assert in_use.destination(bpy.context) == "IMAGE"


@pytest.mark.parametrize("task", ["TEXT_TO_IMAGE", "IMAGE_TO_IMAGE", "INPAINT"])
@pytest.mark.parametrize("source", [*RENDERED, "TEXTURE", "IMAGE", "EDITOR", "FILE"])
def test_the_result_begins_as_what_fits_the_source(settings, task, source):
    change(settings, task=task, source=source)
    is_picture = task != "TEXT_TO_IMAGE" and source in RENDERED
    assert in_use.destination(bpy.context) == ("IMAGE" if is_picture else "MATERIAL")
    assert in_use.destination(bpy.context, task="TEXT_TO_IMAGE") == "MATERIAL"
    settings.destination = "NODE"
    assert in_use.destination(bpy.context) == "NODE"


def test_inpaint_begins_with_the_active_texture(plane, settings):
    settings.task = "INPAINT"
    assert in_use.source(bpy.context) == "RENDER_RESULT"
    _, node = textured(plane, new_image("Theirs", GREY))
    assert in_use.source(bpy.context) == "TEXTURE" and in_use.source_name(bpy.context) == "inpaint_source"
    settings.mask_image = new_image("Mask", HALF)
    assert build_request.build(bpy.context).request.image.shape == (32, 48, 3)
    settings.task = "IMAGE_TO_IMAGE"
    assert in_use.source(bpy.context) == "RENDER_RESULT"
    settings.task, settings.source = "INPAINT", "RENDER"
    assert in_use.source(bpy.context) == "RENDER"
    settings.property_unset("source")
    settings.inpaint_source = "EDITOR"
    node.image = None
    assert in_use.source(bpy.context) == "EDITOR"


def test_what_is_borrowed_and_was_not_chosen_is_not_chosen_after(settings):
    with borrowed.values(settings, destination="NODE", strength=0.3):
        assert settings.is_property_set("destination")
    assert not settings.is_property_set("destination") and settings.destination == "MATERIAL"
    settings.destination = "IMAGE"
    with borrowed.values(settings, destination="NODE"):
        pass
    assert settings.is_property_set("destination") and settings.destination == "IMAGE"


def areas(count):
    """Image Editors in place of the areas that there are."""
    found = bpy.context.window_manager.windows[0].screen.areas[:count]
    for area in found:
        area.ui_type = "IMAGE_EDITOR"
    return sorted(
        (area.spaces.active for area in found), key=lambda space: opening.image_editors().index(space)
    )


def test_an_image_only_is_shown_in_an_image_editor(settings):
    (editor,) = areas(1)
    generate(destination="IMAGE")
    assert editor.image.name == "mossy stone"
    assert status.note == 'The texture is image "mossy stone", which is shown in the Image Editor.'
    generate(destination="IMAGE", seed=8)
    assert editor.image.name == "mossy stone.001"


def test_the_editor_of_the_source_comes_before_that_of_another_image(settings):
    source, other = new_image("Source", GREY), new_image("Other", GREY)
    first, second = areas(2)
    first.image, second.image = other, source
    mask = new_image("Mask", HALF)
    change(settings, task="INPAINT", source="IMAGE", source_image=source, mask_image=mask)
    generate(destination="IMAGE")
    assert first.image == other and second.image.name == "mossy stone"
    second.image, first.image = other, other
    generate(destination="IMAGE", seed=8)
    assert {first.image.name, second.image.name} == {"mossy stone.001", "Other"}


NOT_FREE = {
    "pinned": lambda space: setattr(space, "use_image_pin", True),
    "painted on": lambda space: setattr(space, "mode", "PAINT"),
    "masked": lambda space: setattr(space, "mode", "MASK"),
}


@pytest.mark.parametrize("why", NOT_FREE)
def test_an_editor_in_use_is_left_alone(settings, why):
    theirs = new_image("Theirs", GREY)
    (editor,) = areas(1)
    editor.image = theirs
    NOT_FREE[why](editor)
    generate(destination="IMAGE")
    assert editor.image == theirs
    assert status.note == 'The texture is image "mossy stone"; open it in an Image Editor.'


def test_an_editor_that_shows_a_render_in_progress_is_left_alone(monkeypatch):
    class Editor:
        mode, use_image_pin = "VIEW", False
        image = type("Image", (), {"type": "RENDER_RESULT"})

    class App:
        is_job_running = staticmethod(lambda job: job == "RENDER")

    assert opening.is_free(Editor)
    monkeypatch.setattr(opening.bpy, "app", App)
    assert not opening.is_free(Editor)
