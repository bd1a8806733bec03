# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a scene, saved in the .blend, and the status of the jobs, which never is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from ..core.choices import MAX_CLIP_SKIP, MAX_SIDE, MIN_SIDE, SCHEDULERS, Tiling
from ..core.sentence import Sentence
from . import compat, guard, late, snapshot
from .setting_items import (
    COLORS,
    DESTINATIONS,
    MASK_SOURCES,
    SCHEDULER_ITEMS,
    SOURCES,
    SPACING_ITEMS,
    SPEED_ITEMS,
    TASKS,
    TILINGS,
)
from .translation import CONTEXT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

with late.imports():
    from ..core import geometry


@dataclass(frozen=True)
class QueuedJob:
    """A line of the queue. is_first: it runs, or is the next one to."""

    id: str
    title: str
    is_first: bool


@dataclass(frozen=True)
class MaskExtent:
    """Where a mask is, as it was when it was last looked at.

    uid: session id of its image. rows, columns: for each of them, whether it holds any of the mask.
    """

    uid: int
    rows: NDArray[np.bool_]
    columns: NDArray[np.bool_]


@dataclass(frozen=True)
class Inpainted:
    """What was made in a mask on which nobody has painted since.

    mask: its session id. pictures: those of the images that came of it.
    """

    mask: int
    pictures: frozenset[int]


@dataclass
class Status:
    """What panels show of the jobs; the pump keeps it current.

    factor: 0..1 of the running job. error: one sentence, "" when all is well; note: one that is no error. about: the
    settings that the error is about. queue: the open jobs where there is more than one. preview_icon: the number of
    the icon that shows the picture so far, or 0. mask: the extent of the mask in use, where it is known. inpainted:
    what it has brought.
    """

    busy: bool = False
    text: str = ""
    factor: float = 0.0
    error: str = ""
    details: str = ""
    note: str = ""
    about: snapshot.Snapshot = ()
    queue: tuple[QueuedJob, ...] = ()
    preview_icon: int = 0
    mask: MaskExtent | None = None
    inpainted: Inpainted | None = None

    @property
    def message(self) -> str:
        """The one sentence that is shown: an error before a note."""
        return self.error or self.note

    def fail(self, sentence: str, details: str, settings: SDB_PG_settings) -> None:
        """Show an error until the settings are others than now."""
        self.error, self.details, self.about = sentence, details, snapshot.of(settings)

    def shown(self, settings: SDB_PG_settings) -> str:
        """The message that the panel shows: an error no longer where a setting was changed since, maybe its cause."""
        is_stale = bool(self.error and self.about) and self.about != snapshot.of(settings)
        return "" if is_stale else self.message

    def crop_line(self, settings: SDB_PG_settings) -> str:
        """How much of the source Crop to Mask generates, or "" where that is not known or is all of it."""
        if self.mask is None or not settings.crop_to_mask or not settings.tiling:
            return ""
        if settings.mask_source == "IMAGE" and self.mask.uid != getattr(
            settings.mask_image, "session_uid", 0
        ):
            return ""
        rows, columns = self.mask.rows, self.mask.columns
        if not rows.any():
            return "The mask is empty; paint white where the image should change"
        margin = max(settings.context, settings.feather)
        _, region = geometry.inpaint_region(rows, columns, margin, Tiling[settings.tiling])
        if (region.width, region.height) == (columns.size, rows.size):
            return ""
        return Sentence(
            "Generates {width} x {height} of {size} x {size2} px",
            width=region.width,
            height=region.height,
            size=columns.size,
            size2=rows.size,
        )

    def reset(self) -> None:
        self.__init__()

    def forget_messages(self) -> None:
        self.error = self.details = self.note = ""


status = Status()


@persistent
@guard.handler
def _loaded(*_) -> None:
    """What was said was about the file before. The jobs go on, and what they bring is told here."""
    status.forget_messages()


class SDB_PG_settings(bpy.types.PropertyGroup):
    """Everything the next Generate uses, as ``Scene.sd_blender``."""

    # Passed on with each letter: what is said of it is true while it is typed, and the engine starts at the first one.
    prompt: StringProperty(
        name="Prompt", description="What the texture shows", options={"ANIMATABLE", "TEXTEDIT_UPDATE"}
    )
    prompt_text: PointerProperty(
        name="Prompt Text", description="A text whose lines are the prompt", type=bpy.types.Text
    )
    negative_prompt: StringProperty(name="Negative Prompt", description="What the texture must not show")
    # A name and no enumeration: it says which style it was on a computer that lacks it, and Blender 4.2 crashes at exit
    # when a property has ever had a callback.
    style: StringProperty(name="Style", description="Style that the prompts are written in. Empty for none")
    task: EnumProperty(
        name="Task",
        description="What the texture is made from",
        items=TASKS,
        translation_context=CONTEXT,
    )
    destination: EnumProperty(
        name="Result", description="Where the texture goes", items=DESTINATIONS, default="MATERIAL"
    )
    render_destination: EnumProperty(
        name="Result",
        description="Where the texture goes when it starts from a render or the viewport, as long as none was chosen "
        "for all tasks",
        items=DESTINATIONS,
        default="IMAGE",
    )
    model: StringProperty(
        name="Model",
        description="Folder of a Stable Diffusion model in the diffusers layout. "
        "Empty for the one in the preferences",
        subtype="DIR_PATH",
        options={"ANIMATABLE"} | compat.relative_path(),
    )

    source: EnumProperty(
        name="Source", description="The image to start from", items=SOURCES, default="RENDER_RESULT"
    )
    inpaint_source: EnumProperty(
        name="Source",
        description="The image to inpaint, as long as none was chosen for all tasks",
        items=SOURCES,
        default="TEXTURE",
    )
    source_image: PointerProperty(
        name="Source Image", description="The image to start from", type=bpy.types.Image
    )
    source_file: StringProperty(
        name="File",
        description="The image file to start from. It is read at each Generate and does not become part of the .blend",
        subtype="FILE_PATH",
        options={"ANIMATABLE"} | compat.relative_path(),
    )
    source_colors: EnumProperty(
        name="Colors", description="How the colors of a render or of the viewport are taken", items=COLORS
    )
    use_source_size: BoolProperty(
        name="Size of Source", description="Give the texture the size of its source", default=True
    )
    strength: FloatProperty(
        name="Strength",
        description="How far the result may leave the source, 0.01 to 1: near 0 keeps it, 1 ignores it",
        default=0.6,
        min=0.01,
        max=1.0,
        subtype="FACTOR",
    )
    inpaint_strength: FloatProperty(
        name="Strength",
        description="How far the masked part may leave what was there, 0.01 to 1: near 0 keeps it, 1 ignores it",
        default=1.0,
        min=0.01,
        max=1.0,
        subtype="FACTOR",
    )
    mask_source: EnumProperty(name="Mask", description="Where the mask comes from", items=MASK_SOURCES)
    mask_image: PointerProperty(
        name="Mask Image",
        description="White where the texture is to change, black where it stays",
        type=bpy.types.Image,
    )
    feather: IntProperty(
        name="Feather",
        description="Width of the band around the mask in which old and new are blended, 0 to 256 px",
        translation_context=CONTEXT,
        default=8,
        min=0,
        max=256,
        subtype="PIXEL",
    )
    crop_to_mask: BoolProperty(
        name="Crop to Mask",
        description="Generate only the surroundings of the mask, which is faster and finer on a large texture",
        default=True,
    )
    context: IntProperty(
        name="Context",
        description="How much of the surroundings of the mask the model sees, 0 to 2048 px on each side",
        default=32,
        min=0,
        max=2048,
        subtype="PIXEL",
    )

    show_mask: BoolProperty(
        name="Show Mask",
        description="Draw the mask over the source in the Image Editor, and the source beneath the mask",
        default=True,
    )

    width: IntProperty(
        name="Width",
        description=f"Width of the texture, {MIN_SIDE} to {MAX_SIDE} px",
        default=512,
        min=MIN_SIDE,
        max=MAX_SIDE,
        subtype="PIXEL",
    )
    height: IntProperty(
        name="Height",
        description=f"Height of the texture, {MIN_SIDE} to {MAX_SIDE} px",
        default=512,
        min=MIN_SIDE,
        max=MAX_SIDE,
        subtype="PIXEL",
    )
    steps: IntProperty(
        name="Steps",
        description="Number of denoising steps, 1 to 1000: 8 suit the starter model, 20 to 50 most others",
        default=8,
        min=1,
        max=1000,
        soft_max=100,
    )
    guidance_scale: FloatProperty(
        name="Guidance",
        description="How strictly the prompt is followed, 0 to 100: 1 suits the starter model and takes half the time, "
        "7 most others",
        default=1.0,
        min=0.0,
        max=100.0,
        soft_max=20.0,
    )
    clip_guidance_scale: FloatProperty(
        name="CLIP Guidance",
        description="How strongly a CLIP model pulls each step towards the prompt, 0 to 100: 0 is off, 10 suits the "
        "starter model. It takes more than twice as long",
        min=0.0,
        max=100.0,
    )
    classifier_guidance_scale: FloatProperty(
        name="Classifier Guidance",
        description="How strongly a classifier pulls each step towards the material in the prompt, 0 to 100: 0 is off",
        min=0.0,
        max=100.0,
        soft_max=20.0,
    )
    scheduler: EnumProperty(
        name="Scheduler",
        description="The method that removes the noise",
        items=SCHEDULER_ITEMS,
        default=SCHEDULERS[0],
    )
    spacing: EnumProperty(
        name="Spacing",
        description="How the time steps are spread",
        items=SPACING_ITEMS,
        translation_context=CONTEXT,
    )
    speed: EnumProperty(
        name="Speed",
        description="How much is saved on a texture",
        items=SPEED_ITEMS,
        translation_context=CONTEXT,
    )
    clip_skip: IntProperty(
        name="Clip Skip",
        description="Layer of the text encoder that is read, counted from the last one, 1 to 11; 0 is the one that the "
        "model was trained with. 2 is written beside many models of Stable Diffusion 1.x",
        min=0,
        max=MAX_CLIP_SKIP,
    )
    seed: IntProperty(
        name="Seed",
        description="The same seed and settings give the same texture, 0 to 2147483647; Set Seed takes longer ones",
        min=0,
        max=2**31 - 1,
    )
    # Without its own number, as the digits of a seed that Blender's numbers are too short for; see seeds.
    long_seed: StringProperty(
        name="Long Seed",
        description="The digits of a seed above 2147483647, of which Seed holds the lowest 31 bits",
        options={"HIDDEN"},
    )
    lock_seed: BoolProperty(
        name="Lock Seed", description="Keep this seed instead of drawing a new one for each Generate"
    )
    count: IntProperty(
        name="Count",
        description="Textures per Generate, 1 to 16, with consecutive seeds; several are variants to choose from",
        default=1,
        min=1,
        max=16,
    )
    keep: IntProperty(
        name="Keep Best",
        description="Of the textures keep this many that fit the prompt best, 1 to 16; 0 keeps all",
        min=0,
        max=16,
    )
    reference: PointerProperty(
        name="Like Image",
        description="Keep the textures that look most like this image, instead of those that fit the prompt best",
        type=bpy.types.Image,
    )
    tiling: EnumProperty(
        name="Tiling", description="Directions in which the texture repeats without a seam", items=TILINGS
    )


_register_classes, _unregister_classes = bpy.utils.register_classes_factory((SDB_PG_settings,))


def register() -> None:
    _register_classes()
    bpy.types.Scene.sd_blender = PointerProperty(type=SDB_PG_settings)
    bpy.app.handlers.load_post.append(_loaded)


def unregister() -> None:
    bpy.app.handlers.load_post.remove(_loaded)
    del bpy.types.Scene.sd_blender
    _unregister_classes()
