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
from ..core.sentence import Sentence
from ..core.validation import validate
from ..core.wildcards import prompts_of
from . import in_use, libraries, lifecycle, preferences, ranking, seeds, session
from .adapters import adapters
from .encoding import AS_ON_SCREEN, Encoding
from .in_use import RENDERED_SOURCES, active_texture
from .model_choice import chosen_model, is_foreign
from .prompts import prompts
from .results import materials, nodes, saving, targets
from .results.targets import NodeReference, Target
from .source import capture, viewport

Values = dict[str, Any]
Picture = tuple[ImageArray, Encoding]
NO_DATABLOCK = (*RENDERED_SOURCES, "FILE")
"""Sources that :func:`find_source` knows nothing of."""

CHOICES = (
    "task",
    "destination",
    "render_destination",
    "source",
    "inpaint_source",
    "source_colors",
    "mask_source",
    "tiling",
    "scheduler",
    "spacing",
    "speed",
)


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
    _refuse_empty_prompt(settings)
    _refuse_place(context)
    values = _common(settings)
    source, encoding = None, AS_ON_SCREEN
    if settings.task == "TEXT_TO_IMAGE":
        request = TextToImage(**values)
        _check(request)
    elif settings.task == "IMAGE_TO_IMAGE":
        request, encoding = _image_to_image(context, values)
    else:
        request, source, encoding = _inpaint(context, values)
    return Job(request, _target(context, source, encoding))


def _target(context: bpy.types.Context, source: bpy.types.Image | None, encoding: Encoding) -> Target:
    """source: what is inpainted, whose place the result takes and whose bytes it keeps."""
    destination = in_use.destination(context)
    if destination == "NODE":
        owner, node = nodes.find_active(context)
        if source is None:
            encoding = encoding.at(node.image)
        return Target.of_node(NodeReference.to(owner, node), source, context.scene, encoding)
    thing = context.view_layer.objects.active if destination == "MATERIAL" else None
    if thing is not None and source is None:
        encoding = encoding.at(active_texture(context), is_color=True)
    return Target.of(thing, source, context.scene, encoding)


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
    task, destination = task or settings.task, destination or in_use.destination(context, task)
    if busy := lifecycle.busy_with():
        raise BlenderStateError(Sentence("Blender is {busy}; wait until it is done.", busy=busy))
    libraries.check_scene(context.scene)
    _refuse_unknown_choices(settings)
    prompts.find_style(settings.style)
    if destination == "MATERIAL":
        targets.check_object(context.view_layer.objects.active)
    elif destination == "NODE":
        nodes.find_active(context)
    if task != "TEXT_TO_IMAGE":
        check_source(context, task)
    if task == "INPAINT" and mask is None:
        find_mask(context)


def _refuse_empty_prompt(settings: Any) -> None:
    """Not in a poll: the click that ends the typing would find the button still grey, and be lost."""
    if not prompts.written(settings).strip() and settings.task != "INPAINT":
        raise BlenderStateError("The prompt is empty; describe the texture you want.")


def _refuse_place(context: bpy.types.Context) -> None:
    """Raise BlenderStateError when the colour of the object's material is where the result must not go."""
    thing = context.view_layer.objects.active
    if in_use.destination(context) == "MATERIAL" and thing.active_material is not None:
        materials.find_place(thing.active_material, made_by_us=saving.KEYWORD)


def _refuse_unknown_choices(settings: Any) -> None:
    """A file of a newer add-on may hold a choice that this one lacks; Blender reads it as an empty string."""
    for name in CHOICES:
        if not getattr(settings, name):
            label = settings.bl_rna.properties[name].name
            raise BlenderStateError(
                Sentence(
                    "{label} was set by another version of the add-on, which offers more; choose it again.",
                    label=label,
                )
            )


def draw_seed() -> int:
    """A new seed, short enough to be read out."""
    return random.SystemRandom().randrange(2**31)


def check_source(context: bpy.types.Context, task: str = "") -> None:
    """Raise BlenderStateError for a source that is not there, as far as that shows without its pixels.

    task: instead of what the settings say.
    """
    source = in_use.source(context, task)
    if source == "RENDER":
        capture.check_can_render(context.scene)
    elif source == "VIEWPORT":
        viewport.check(context)
    elif source == "FILE":
        source_path(context.scene.sd_blender)
    elif source != "RENDER_RESULT":
        find_source(context, task)


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


def find_source(context: bpy.types.Context, task: str = "") -> bpy.types.Image:
    """The image datablock that the settings name as the source. Raises BlenderStateError when there is none.

    task: instead of what the settings say.
    """
    settings, source = context.scene.sd_blender, in_use.source(context, task)
    if source == "IMAGE":
        image, missing = settings.source_image, "No source image is chosen; choose one."
    elif source == "TEXTURE":
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
        spacing=settings.spacing,
        clip_skip=settings.clip_skip,
        speed=settings.speed,
        seed=seeds.read(settings),
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
        **adapters.called_from(settings.id_data, prompt),
        **ranking.values(settings),
    }


def _check(request: Request) -> None:
    """Raise InvalidRequest for what the engine would refuse, a missing list of wildcards included.

    Raises EngineUnavailable for what needs more of an engine than there is.
    """
    validate(request)
    prompts_of(request)
    session.check(request)


def _image_to_image(context: bpy.types.Context, values: Values) -> tuple[Request, Encoding]:
    settings = context.scene.sd_blender
    values["strength"] = settings.strength
    _check(ImageToImage(**values, image=np.zeros((16, 16, 3), np.uint8)))  # all but the pixels
    source = None if in_use.source(context) in NO_DATABLOCK else find_source(context)
    if source is None:
        pixels, encoding = _captured(context, _as_it_looks)
    else:
        pixels, encoding = _as_it_looks(source, settings.source_colors)
    if settings.use_source_size:
        height, width = pixels.shape[:2]
        values["sampling"] = dataclasses.replace(values["sampling"], width=width, height=height)
    request = ImageToImage(**values, image=pixels, image_name=source.name if source else "")
    validate(request)
    return request, encoding


def _inpaint(context: bpy.types.Context, values: Values) -> tuple[Request, bpy.types.Image | None, Encoding]:
    settings = context.scene.sd_blender
    values["strength"] = settings.inpaint_strength
    values["feather"] = settings.feather
    values["crop_to_mask"] = settings.crop_to_mask
    values["context"] = settings.context
    painted = find_mask(context)
    mask = capture.mask_pixels(painted)
    if settings.mask_source == "STENCIL" and context.tool_settings.image_paint.invert_stencil:
        mask = 1.0 - mask
    # All but the source's pixels, which may have to be rendered first.
    _check(Inpaint(**values, image=np.zeros((*mask.shape, 3), np.uint8), mask=mask))
    source, (pixels, encoding) = stored_source(context)
    names = {"image_name": source.name if source else "", "mask_name": painted.name}
    request = Inpaint(**values, image=pixels, mask=mask, **names)
    validate(request)
    return request, source, encoding


def stored_source(context: bpy.types.Context) -> tuple[bpy.types.Image | None, Picture]:
    """The image that the settings name as the source, None for a render or a file, and its bytes as they are stored.

    uint8, height x width x 3 or 4. Raises BlenderStateError; a New Render is made now.
    """
    source = None if in_use.source(context) in NO_DATABLOCK else find_source(context)
    if source is None or source.type == "RENDER_RESULT":
        return None, _captured(context, _as_stored)
    return source, _as_stored(source)


def _as_it_looks(image: bpy.types.Image, colors: str = "DISPLAYED") -> Picture:
    pixels = capture.image_pixels(image, colors)
    if image.type == "RENDER_RESULT":
        return pixels, AS_ON_SCREEN
    return pixels, Encoding.as_it_looks(image, capture.not_taken(image))


def _as_stored(image: bpy.types.Image) -> Picture:
    return capture.stored_bytes(image), Encoding.as_stored(image)


def _captured(context: bpy.types.Context, read: Callable[[bpy.types.Image], Picture]) -> Picture:
    """A source that is no datablock. read: takes that of an image file."""
    settings, source = context.scene.sd_blender, in_use.source(context)
    if source == "RENDER":
        return capture.render_now(context.scene, settings.source_colors), AS_ON_SCREEN
    if source == "VIEWPORT":
        return viewport.pixels(context, settings.source_colors), AS_ON_SCREEN
    if source == "FILE":
        with capture.opened(source_path(settings)) as image:
            return read(image)
    return capture.render_result(context.scene, settings.source_colors), AS_ON_SCREEN


def _editor_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The image of the editor that the artist works in, else of the first one that shows any."""
    space = context.space_data
    if space is not None and space.type == "IMAGE_EDITOR":
        return space.image
    areas = (area for window in context.window_manager.windows for area in window.screen.areas)
    spaces = (area.spaces.active for area in areas if area.type == "IMAGE_EDITOR")
    return next((space.image for space in spaces if space.image is not None), None)
