# SPDX-License-Identifier: GPL-3.0-or-later
"""From the settings of a training to its request: everything cheap is checked before anything slow is done."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...core import work
from ...core.captions import words_of_name
from ...core.errors import BlenderStateError, CannotSave
from ...core.request import Sampling, Tiling
from ...core.sentence import Sentence
from ...core.training_captions import captions_of
from ...core.training_folder import TrainingFolder
from ...core.training_request import SUFFIX, TextualInversion, Training, TrainLora
from .. import lifecycle, session
from ..adapters import adapters
from ..model_choice import chosen_model, is_foreign
from ..results import keeping, naming
from . import images as training_images
from . import renders as training_renders
from .images import Picture

CHOICES = ("method", "source", "tiling", "layers")
FOLDER = "loras"
"""Beside the .blend, or among the user's files of Blender."""


@dataclass(frozen=True)
class Left:
    """What there is of a training. steps: of its checkpoint, 0 for none.

    is_made: its file is there; is_whole: with all of these steps in it. images: from which source those are that were
    made for it, "" for none.
    """

    steps: int = 0
    is_made: bool = False
    is_whole: bool = False
    images: str = ""

    def goes_on(self, planned: int) -> bool:
        """Whether a training of so many steps would go on with it: what was learned last may still lack its file."""
        return self.steps > 0 and (self.steps < planned or not self.is_whole)

    def keeps_images(self, settings: Any) -> bool:
        """Whether it would do that with the images that were made for it.

        Images of the file may be gone with an unsaved .blend; those that are ticked are what is meant. Renders would
        show what happens to be selected now.
        """
        is_theirs = self.steps > 0 and self.images == settings.source
        return is_theirs and (settings.source == "RENDERS" or not training_images.ticked())


@dataclass(frozen=True)
class Plan:
    """A training of which everything cheap is checked. images: where its images are still to be put, or None."""

    request: Training
    images: Path | None


def build(context: bpy.types.Context) -> Training:
    """The request that the settings describe, its images written where they must be.

    Raises SDBlenderError; only renders are slow, and they come last.
    """
    plan = prepare(context)
    if plan.images is not None:
        training_images.write(plan.images, _pictures(context))
    name_output(context, plan)
    return plan.request


def prepare(context: bpy.types.Context) -> Plan:
    """All of :func:`build` but the images of this file, or of renders.

    A training that was left goes on, with the images that are chosen now; see :meth:`Left.keeps_images`. One that is
    finished stays, and the settings take the next name that is free. Raises SDBlenderError.
    """
    settings = context.scene.sd_blender_training
    refuse_early(context)
    output, left = _output(settings)
    folder = TrainingFolder(Path(output))
    is_folder = settings.source == "FOLDER"
    keeps_images = left.keeps_images(settings)
    if not keeps_images:
        check_source(context)
    request = _request(context, output, folder_of(settings) if is_folder else str(folder.images))
    work.check(request)
    session.check(request)
    _make_room(folder)
    if is_folder:
        training_images.save_edited(settings, request.images)
        captions_of(request)
    elif keeps_images and (caption := settings.render_caption.strip()) and settings.source == "RENDERS":
        training_images.caption_all(folder.images, caption)
    return Plan(request, None if is_folder or keeps_images else folder.images)


def name_output(context: bpy.types.Context, plan: Plan) -> None:
    """Have the settings name the file that is made."""
    context.scene.sd_blender_training.output = adapters.stored(plan.request.output)


def refuse_early(context: bpy.types.Context) -> None:
    """Raise BlenderStateError for what can be seen without looking at a pixel or a file; cheap enough for a poll."""
    settings = context.scene.sd_blender_training
    if busy := lifecycle.busy_with():
        raise BlenderStateError(Sentence("Blender is {busy}; wait until it is done.", busy=busy))
    if not context.scene.is_editable:
        raise BlenderStateError("This scene is linked from another file; make it local to train.")
    for name in CHOICES:
        if not getattr(settings, name):
            label = settings.bl_rna.properties[name].name
            raise BlenderStateError(
                Sentence(
                    "{label} was set by another version of the add-on, which offers more; choose it again.",
                    label=label,
                )
            )
    if settings.method == "WORD" and len(settings.trigger.split()) != 1:
        raise BlenderStateError("A textual inversion learns one word; give one as the trigger word.")


def check_source(context: bpy.types.Context) -> None:
    """As :func:`refuse_early`, for the images; a training that goes on has those that were made for it."""
    settings = context.scene.sd_blender_training
    if settings.source == "FOLDER":
        folder_of(settings)
    elif settings.source == "IMAGES":
        training_images.check_ticked(settings.trigger)
    else:
        training_renders.selected(context)


def find(output: str) -> Left:
    """What there is of the training whose file this is; some looks at the disk."""
    folder = TrainingFolder(Path(output))
    steps, is_made = folder.steps_done(), folder.output.is_file()
    return Left(steps, is_made, is_made and folder.is_whole(), training_images.made_for(folder.images))


def output_of(settings: Any) -> str:
    """The file that the settings name, or the usual one, as an absolute path; "" for one on the network.

    Nothing is looked at.
    """
    path = bpy.path.abspath(settings.output.strip())
    if not path:
        return _usual(settings)
    if not os.path.isabs(path) or is_foreign(path):
        return ""
    return path if path.endswith(SUFFIX) else path + SUFFIX


def _output(settings: Any) -> tuple[str, Left]:
    """The file to make, and what there is of it: that of :func:`output_of`, or the next name that is free.

    Nothing but the first goes on, since the button tells of that alone.
    """
    path = output_of(settings)
    if not path:
        raise BlenderStateError(
            "The output is on the network, or beside a .blend that is not saved yet; choose another output."
        )
    for candidate in _names(path):
        left = find(candidate)
        is_free = not left.steps and not left.is_made
        if is_free or (candidate == path and left.goes_on(settings.steps)):
            return candidate, left
    raise AssertionError("counting ends with the first free name")


def _usual(settings: Any) -> str:
    folder = os.path.dirname(bpy.data.filepath) or keeping.safe_folder(create=False)
    return os.path.join(folder, FOLDER, naming.slug(settings.trigger, settings.method.lower()) + SUFFIX)


def _names(path: str) -> Iterator[str]:
    stem = path.removesuffix(SUFFIX)
    yield path
    for number in itertools.count(2):
        yield f"{stem}_{number}{SUFFIX}"


def folder_of(settings: Any) -> str:
    """The folder of images, as an absolute path; it is not looked at. Raises BlenderStateError."""
    folder = bpy.path.abspath(settings.folder.strip())
    if not folder:
        raise BlenderStateError("No folder of images is chosen; choose one.")
    if is_foreign(folder):
        raise BlenderStateError(
            "This scene's folder of images is on the network; if you trust it, copy it to this computer and choose "
            "that."
        )
    if not os.path.isabs(folder):
        raise BlenderStateError(
            "The folder of images is beside a .blend that is not saved yet; save it first."
        )
    return os.path.normpath(folder)


def _make_room(folder: TrainingFolder) -> None:
    try:
        folder.output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotSave(
            Sentence(
                "The folder {parent} cannot be made ({reason}); choose another output.",
                parent=folder.output.parent,
                reason=reason,
            )
        ) from error


def _pictures(context: bpy.types.Context) -> Iterator[Picture]:
    settings = context.scene.sd_blender_training
    if settings.source == "IMAGES":
        return training_images.pictures()
    caption = render_caption(context)
    views = training_renders.renders(context, settings.views, settings.size)
    return (Picture(training_images.RENDER, pixels, caption) for pixels in views)


def render_caption(context: bpy.types.Context) -> str:
    """What renders show: as it was written, or else the names of the objects, or what everything can be called."""
    written = context.scene.sd_blender_training.render_caption.strip()
    words = (words_of_name(thing.name).lower() for thing in context.view_layer.objects.selected)
    return written or ", ".join(dict.fromkeys(filter(None, words))) or "an object"


def _request(context: bpy.types.Context, output: str, images: str) -> Training:
    settings, usual = context.scene.sd_blender_training, context.scene.sd_blender
    values: dict[str, Any] = {
        name: getattr(settings, name)
        for name in (
            *("trigger", "size", "steps", "batch", "caption_dropout", "flip", "seed"),
            *("checkpoint_every", "sample_every", "sample_prompt"),
        )
    }
    values |= {
        "images": images,
        "output": output,
        "model": chosen_model(usual),
        "tiling": Tiling[settings.tiling],
        "sampling": Sampling(
            width=settings.size,
            height=settings.size,
            steps=usual.steps,
            guidance_scale=usual.guidance_scale,
            scheduler=usual.scheduler,
            spacing=usual.spacing,
            seed=settings.seed,
        ),
    }
    if settings.method == "WORD":
        return TextualInversion(
            **values,
            learning_rate=settings.word_rate,
            vectors=settings.vectors,
            initializer=settings.initializer,
        )
    return TrainLora(
        **values,
        learning_rate=settings.learning_rate,
        rank=settings.rank,
        layers=settings.layers.lower(),
        text_encoder=settings.text_encoder,
    )
