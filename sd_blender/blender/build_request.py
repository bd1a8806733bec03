# SPDX-License-Identifier: GPL-3.0-or-later
"""From the scene's settings to a request: everything cheap is checked before anything slow is done."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..core.errors import BlenderStateError
from ..core.request import (
    ImageArray,
    ImageToImage,
    Inpaint,
    Request,
    Sampling,
    TextToImage,
    Tiling,
)
from ..core.validation import validate
from ..core.wildcards import prompts_of
from . import lifecycle, preferences, ranking
from .adapters import adapters
from .model_choice import chosen_model, is_foreign
from .prompts import prompts
from .results import materials, nodes, targets
from .results.targets import NodeReference, Target
from .source import capture, viewport

Values = dict[str, Any]
RENDERED_SOURCES = ("RENDER_RESULT", "RENDER", "VIEWPORT")
NO_DATABLOCK = (*RENDERED_SOURCES, "FILE")
"""Sources that :func:`find_source` knows nothing of."""

CHOICES = ("task", "destination", "source", "source_colors", "mask_source", "tiling", "scheduler")


@dataclass(frozen=True)
class Job:
    """What Generate submits."""

    request: Request
    target: Target


def build(context: bpy.types.Context) -> Job:
    """The request and the target that the scene's settings describe, pixels included.

    Raises BlenderStateError or InvalidRequest. Only a New Render is slow, and it comes last.
    """
    settings = context.scene.sd_blender
    refuse_early(context)
    values = _common(settings)
    if settings.task == "TEXT_TO_IMAGE":
        request, source = TextToImage(**values), None
        _check(request)
    elif settings.task == "IMAGE_TO_IMAGE":
        request, source = _image_to_image(context, values)
    else:
        request, source = _inpaint(context, values)
    return Job(request, _target(context, source if isinstance(request, Inpaint) else None))


def _target(context: bpy.types.Context, like: bpy.types.Image | None) -> Target:
    destination = context.scene.sd_blender.destination
    if destination == "NODE":
        return Target.of_node(NodeReference.to(*nodes.find_active(context)), like)
    return Target.of(context.view_layer.objects.active if destination == "MATERIAL" else None, like)


def refuse_early(
    context: bpy.types.Context,
    task: str = "",
    destination: str = "",
    mask: bpy.types.Image | None = None,
) -> None:
    """Raise BlenderStateError for what can be seen without looking at a pixel or a file; cheap enough for a poll.

    task, destination, mask: instead of what the settings say.
    """
    settings = context.scene.sd_blender
    task, destination = task or settings.task, destination or settings.destination
    if busy := lifecycle.busy_with():
        raise BlenderStateError(f"Blender is {busy}; wait until it is done.")
    _refuse_unknown_choices(settings)
    prompts.find_style(settings.style)
    if not prompts.written(settings).strip() and task != "INPAINT":
        raise BlenderStateError("The prompt is empty; describe the texture you want.")
    if destination == "MATERIAL":
        targets.check_object(context.view_layer.objects.active)
    elif destination == "NODE":
        nodes.find_active(context)
    if task != "TEXT_TO_IMAGE":
        check_source(context)
    if task == "INPAINT" and mask is None:
        find_mask(context)


def _refuse_unknown_choices(settings: Any) -> None:
    """A file of a newer add-on may hold a choice that this one lacks; Blender reads it as an empty string."""
    for name in CHOICES:
        if not getattr(settings, name):
            label = settings.bl_rna.properties[name].name
            raise BlenderStateError(
                f"{label} was set by another version of the add-on, which offers more; choose it again."
            )


def draw_seed() -> int:
    """A new seed in the range of the seed field."""
    return random.SystemRandom().randrange(2**31)


def check_source(context: bpy.types.Context) -> None:
    """Raise BlenderStateError for a source that is not there, as far as that shows without its pixels."""
    source = context.scene.sd_blender.source
    if source == "RENDER":
        capture.check_can_render(context.scene)
    elif source == "VIEWPORT":
        viewport.check(context)
    elif source == "FILE":
        source_path(context.scene.sd_blender)
    elif source != "RENDER_RESULT":
        find_source(context)


def source_path(settings: Any) -> str:
    """The file that the settings name as the source; whether it exists is not asked. Raises BlenderStateError."""
    path = bpy.path.abspath(settings.source_file)
    if not path:
        raise BlenderStateError("No source file is chosen; choose an image file.")
    if is_foreign(path):
        raise BlenderStateError(
            "This scene's source file is on the network; if you trust it, copy it to this computer and choose that."
        )
    return path


def find_source(context: bpy.types.Context) -> bpy.types.Image:
    """The image datablock that the settings name as the source. Raises BlenderStateError when there is none."""
    settings = context.scene.sd_blender
    if settings.source == "IMAGE":
        image, missing = settings.source_image, "No source image is chosen; choose one."
    elif settings.source == "TEXTURE":
        image = active_texture(context)
        missing = "The active object has no Base Color texture; select another object or another source."
    else:
        image = _editor_image(context)
        missing = "No image is open in an Image Editor; open one or use another source."
    if image is None:
        raise BlenderStateError(missing)
    return image


def find_mask(context: bpy.types.Context) -> bpy.types.Image:
    """The image datablock that holds the mask. Raises BlenderStateError when there is none."""
    settings = context.scene.sd_blender
    if settings.mask_source == "STENCIL":
        mask = context.tool_settings.image_paint.stencil_image
        missing = "Texture Paint has no stencil image; choose one under Masking."
    else:
        mask, missing = settings.mask_image, "No mask image is chosen; choose one or make a new mask."
    if mask is None:
        raise BlenderStateError(missing)
    return mask


def sampling(settings: Any) -> Sampling:
    return Sampling(
        width=settings.width,
        height=settings.height,
        steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        clip_guidance_scale=settings.clip_guidance_scale,
        classifier_guidance_scale=settings.classifier_guidance_scale,
        scheduler=settings.scheduler,
        seed=settings.seed,
        count=settings.count,
    )


def _common(settings: Any) -> Values:
    prompt, negative_prompt = prompts.sent(settings)
    return {
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        # Never of the scene: a stranger's .blend could send what a file of this computer holds.
        "wildcards": preferences.read().wildcards_folder,
        "model": chosen_model(settings),
        "tiling": Tiling[settings.tiling],
        "sampling": sampling(settings),
        **adapters.chosen(settings.id_data),
        **ranking.values(settings),
    }


def _check(request: Request) -> None:
    """Raise InvalidRequest for what the engine would refuse, a missing list of wildcards included."""
    validate(request)
    prompts_of(request)


def _image_to_image(context: bpy.types.Context, values: Values) -> tuple[Request, bpy.types.Image | None]:
    settings = context.scene.sd_blender
    values["strength"] = settings.strength
    _check(ImageToImage(**values, image=np.zeros((16, 16, 3), np.uint8)))  # all but the pixels
    source = None if settings.source in NO_DATABLOCK else find_source(context)
    if source is None:
        pixels = _captured(context, capture.image_pixels)
    else:
        pixels = capture.image_pixels(source, settings.source_colors)
    if settings.use_source_size:
        height, width = pixels.shape[:2]
        values["sampling"] = dataclasses.replace(values["sampling"], width=width, height=height)
    request = ImageToImage(**values, image=pixels)
    validate(request)
    return request, source


def _inpaint(context: bpy.types.Context, values: Values) -> tuple[Request, bpy.types.Image | None]:
    settings = context.scene.sd_blender
    values["strength"] = settings.inpaint_strength
    values["feather"] = settings.feather
    values["crop_to_mask"] = settings.crop_to_mask
    values["context"] = settings.context
    mask = capture.mask_pixels(find_mask(context))
    if settings.mask_source == "STENCIL" and context.tool_settings.image_paint.invert_stencil:
        mask = 1.0 - mask
    # All but the source's pixels, which may have to be rendered first.
    _check(Inpaint(**values, image=np.zeros((*mask.shape, 3), np.uint8), mask=mask))
    source, pixels = stored_source(context)
    request = Inpaint(**values, image=pixels, mask=mask)
    validate(request)
    return request, source


def stored_source(context: bpy.types.Context) -> tuple[bpy.types.Image | None, ImageArray]:
    """The image that the settings name as the source, None for a render or a file, and its bytes as they are stored.

    uint8, height x width x 3 or 4. Raises BlenderStateError; a New Render is made now.
    """
    source = None if context.scene.sd_blender.source in NO_DATABLOCK else find_source(context)
    if source is None or source.type == "RENDER_RESULT":
        return None, _captured(context, capture.stored_bytes)
    return source, capture.stored_bytes(source)


def _captured(context: bpy.types.Context, read: Callable[[bpy.types.Image], ImageArray]) -> ImageArray:
    """The pixels of a source that is no datablock. read: takes those of an image file."""
    settings = context.scene.sd_blender
    if settings.source == "RENDER":
        return capture.render_now(context.scene, settings.source_colors)
    if settings.source == "VIEWPORT":
        return viewport.pixels(context, settings.source_colors)
    if settings.source == "FILE":
        with capture.opened(source_path(settings)) as image:
            return read(image)
    return capture.render_result(context.scene, settings.source_colors)


def active_texture(context: bpy.types.Context) -> bpy.types.Image | None:
    thing = context.view_layer.objects.active
    material = thing.active_material if thing is not None else None
    node = materials.base_color_texture(material) if material is not None else None
    return node.image if node is not None else None


def _editor_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The image of the editor that the artist works in, else of the first one that shows any."""
    space = context.space_data
    if space is not None and space.type == "IMAGE_EDITOR":
        return space.image
    areas = (area for window in context.window_manager.windows for area in window.screen.areas)
    spaces = (area.spaces.active for area in areas if area.type == "IMAGE_EDITOR")
    return next((space.image for space in spaces if space.image is not None), None)
