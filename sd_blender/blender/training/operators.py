# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons of a training: train or go on, pause, discard, use what was learned, and those of its images."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import bpy
from bpy.props import EnumProperty

from ...core.errors import BlenderStateError, SDBlenderError
from ...core.sentence import Sentence
from .. import editors, late, libraries, translation
from ..operators import Generates
from ..prompts.operators import OnScene
from ..properties import status
from .status import is_training, look, training

with late.imports():
    from ...core import captions, training_folder, training_request
    from .. import interrupt, pump, session
    from ..adapters import adapters
    from ..results import targets
    from . import build_training, rendering
    from . import images as training_images

CHOICES = (
    ("ALL", "All", "Tick all images"),
    ("NONE", "None", "Tick no image"),
    ("OPEN", "Open in Editors", "Tick those that Image Editors show"),
    ("OBJECTS", "Of Selected Objects", "Tick those in the materials of the selected objects"),
)

PAUSING = "The training pauses when this step is done, which may take minutes; the cross beside Pause stops it at once."


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """Have the panel of the training tell what is refused within, beside the status."""
    status.error = status.details = status.note = ""
    training.tell("", is_error=False)
    try:
        yield
    except SDBlenderError as error:
        training.tell(str(error), is_error=True)
        raise


def _submit(request: training_request.Training) -> session.Ticket:
    with interrupt.deferred():
        ticket = session.submit(request, targets.Target.of(None, None))
    pump.start()
    return ticket


def open_training(output: str = "") -> session.Ticket | None:
    """The training that runs, or waits, for this file; for any file if none is named."""
    tickets = (ticket for ticket in session.open_tickets() if is_training(ticket.job))
    return next((ticket for ticket in tickets if output in ("", ticket.job.request.output)), None)


class SDB_OT_train(Generates, bpy.types.Operator):
    """Learn something new from images: a LoRA or a word. A training that was paused goes on where it was"""

    bl_idname = "sdb.train"
    bl_label = "Train"
    cancelled = "The training was paused; train again, which goes on from the last checkpoint."
    note_level = "INFO"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        output = build_training.output_of(context.scene.sd_blender_training)
        try:
            build_training.refuse_early(context)
            # Without a window nobody has looked whether there is a training to go on with, which has its images.
            if not bpy.app.background and not (training.steps and training.output == output):
                build_training.check_source(context)
            if training.rendering:
                raise BlenderStateError("Renders for a training are made; pause that, or wait for it.")
            if output and open_training(output):
                raise BlenderStateError("This training runs already; pause it, or choose another output.")
        except SDBlenderError as error:
            translation.refuse(cls, str(error))
            return False
        return True

    def unprepared(self, reason: str) -> str:
        return Sentence(
            "The training could not be prepared ({reason}); the log has the details.", reason=reason
        )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """As execute, but nobody waits while objects are rendered."""
        if context.scene.sd_blender_training.source != "RENDERS":
            return super().invoke(context, event)
        return {"FINISHED"} if self.attempt(lambda: self._begin(context)) else {"CANCELLED"}

    def submit(self, context: bpy.types.Context) -> session.Ticket:
        with telling():
            return _submit(build_training.build(context))

    def _begin(self, context: bpy.types.Context) -> bool:
        with telling():
            plan = build_training.prepare(context)
            if plan.images is not None:
                rendering.begin(context, plan, _submit)
            else:
                _submit(plan.request)
        return True


class SDB_OT_pause_training(bpy.types.Operator):
    """Stop after this step; what was learned is kept, and Train goes on from there"""

    bl_idname = "sdb.pause_training"
    bl_label = "Pause Training"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not training.job and not training.rendering and open_training() is None:
            translation.refuse(cls, "Nothing is being trained")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        if training.rendering:
            rendering.stop()
            editors.redraw()
            return {"FINISHED"}
        ticket = open_training()
        if ticket is not None:
            training.tell(PAUSING, is_error=False)
            session.current().thread.cancel(ticket.job.id)
        return {"FINISHED"}


class SDB_OT_stop_training(bpy.types.Operator):
    """Stop at once, in the middle of a step; what was learned since the last checkpoint is lost"""

    bl_idname = "sdb.stop_training"
    bl_label = "Stop Training"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if open_training() is None:
            translation.refuse(cls, "Nothing is being trained")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        ticket = open_training()  # it may have ended while the question was asked
        if ticket is not None:
            session.current().thread.abandon(ticket.job.id)
        return {"FINISHED"}


class SDB_OT_discard_training(OnScene, bpy.types.Operator):
    """Delete the checkpoint, the samples and the curve of this training, to begin anew; a finished file stays"""

    bl_idname = "sdb.discard_training"
    bl_label = "Discard Training"
    bl_options = {"REGISTER"}  # no undo brings files back

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        output = build_training.output_of(context.scene.sd_blender_training)
        if not output:
            translation.refuse(cls, "No training was begun")
            return False
        if open_training(output):
            translation.refuse(cls, "This training runs; pause it first")
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        output = build_training.output_of(context.scene.sd_blender_training)
        folder = training_folder.TrainingFolder(Path(output))
        if not folder.steps_done():  # a stranger's .blend may name any folder
            translation.report(
                self, "ERROR", Sentence("{path} holds no training; nothing was deleted.", path=folder.path)
            )
            return {"CANCELLED"}
        try:
            folder.discard()
        except OSError as error:
            reason = error.strerror or str(error)
            translation.report(
                self,
                "ERROR",
                Sentence(
                    "{path} cannot be deleted ({reason}); delete that folder yourself.",
                    path=folder.path,
                    reason=reason,
                ),
            )
            return {"CANCELLED"}
        finally:
            look("")
            look(output)
        training.tell("", is_error=False)
        return {"FINISHED"}


class SDB_OT_use_training(OnScene, bpy.types.Operator):
    """Add the trained file to the LoRAs of this scene, and its trigger to the prompt"""

    bl_idname = "sdb.use_training"
    bl_label = "Use in Prompt"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not build_training.output_of(context.scene.sd_blender_training):
            translation.refuse(cls, "Nothing was trained yet")
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.sd_blender
        try:
            entry = adapters.add(context.scene, build_training.output_of(context.scene.sd_blender_training))
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        if entry.trigger and settings.prompt_text is None:
            settings.prompt = captions.with_trigger(entry.trigger, settings.prompt)
        if entry.trigger:
            translation.report(
                self, "INFO", Sentence('In a prompt it is called "{trigger}"', trigger=entry.trigger)
            )
        return {"FINISHED"}


class SDB_OT_read_training_folder(OnScene, bpy.types.Operator):
    """List the images of the folder, with their captions to be edited"""

    bl_idname = "sdb.read_training_folder"
    bl_label = "Read Folder"

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.sd_blender_training
        try:
            count = training_images.read_folder(settings, build_training.folder_of(settings))
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        translation.report(self, "INFO", Sentence("{count} images", count=count))
        return {"FINISHED"}


class SDB_OT_tick_images(OnScene, bpy.types.Operator):
    """Choose the images of this file that the next training learns from"""

    bl_idname = "sdb.tick_images"
    bl_label = "Tick Images"

    choice: EnumProperty(name="Images", description="Which images", items=CHOICES, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        wanted = _chosen(context, self.choice)
        for image in filter(training_images.is_usable, bpy.data.images):
            if libraries.is_kept(image):
                image.sd_blender_train = image in wanted or (
                    image.sd_blender_train and self.choice in ("OPEN", "OBJECTS")
                )
        return {"FINISHED"}


def _chosen(context: bpy.types.Context, choice: str) -> set[bpy.types.Image]:
    if choice == "ALL":
        return set(bpy.data.images)
    if choice == "OPEN":
        areas = [area for window in context.window_manager.windows for area in window.screen.areas]
        return {area.spaces.active.image for area in areas if area.type == "IMAGE_EDITOR"}
    if choice == "OBJECTS":
        slots = (slot for thing in context.view_layer.objects.selected for slot in thing.material_slots)
        materials = {slot.material for slot in slots if slot.material is not None}
        return {image for material in materials for image in training_images.images_of(material.node_tree)}
    return set()


classes = (
    SDB_OT_train,
    SDB_OT_pause_training,
    SDB_OT_stop_training,
    SDB_OT_discard_training,
    SDB_OT_use_training,
    SDB_OT_read_training_folder,
    SDB_OT_tick_images,
)
_register, _unregister = bpy.utils.register_classes_factory(classes)


def register() -> None:
    _register()


def unregister() -> None:
    """End what runs before its buttons go."""
    if late.is_loaded(rendering):
        rendering.stop("")
    _unregister()
