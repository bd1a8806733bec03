# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a training, saved in the .blend as ``Scene.sd_blender_training``, and two of each image.

The groups have no methods: with one, Blender 4.2 as a Python module crashes when it exits.
"""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .. import compat
from ..setting_items import TILINGS
from ..translation import CONTEXT

METHODS = (
    ("LORA", "LoRA", "A small change of the model: a material, an object, a way of drawing"),
    ("WORD", "Word", "A new word for the prompt, and no change of the model: a textual inversion"),
)
IMAGE_SOURCES = (
    ("FOLDER", "Folder", "The image files of a folder"),
    ("IMAGES", "This File", "The images of this file that are ticked"),
    ("RENDERS", "Renders", "The selected objects, rendered from all around when the training begins"),
)
LAYERS = (
    ("ATTENTION", "Attention", "The layers that read the prompt: smaller files, enough for most models"),
    ("ALL", "All", "The others too: for small models and new materials"),
)
PATH_OPTIONS = {"ANIMATABLE"} | compat.relative_path()


class SDB_PG_training_file(bpy.types.PropertyGroup):
    """A file of the folder of images. told: the caption that it had when the folder was read."""

    file: StringProperty(name="File", description="Name of the image file")
    caption: StringProperty(name="Caption", description="What the image shows, in words")
    told: StringProperty(name="Caption in the Folder", description="The caption when the folder was read")


class SDB_PG_training(bpy.types.PropertyGroup):
    """Everything that the next Train uses, beside the model and the sampling, which are those of the textures."""

    method: EnumProperty(name="Method", description="What is learned", items=METHODS)
    source: EnumProperty(name="Images", description="Where the images come from", items=IMAGE_SOURCES)
    folder: StringProperty(
        name="Folder",
        description="Folder of images to learn from, 3 at the least; 10 to 50 are usual",
        subtype="DIR_PATH",
        options=PATH_OPTIONS,
    )
    files: CollectionProperty(
        name="Files", description="The images of the folder when it was read", type=SDB_PG_training_file
    )
    files_of: StringProperty(name="Folder Read", description="The folder that the list of files is of")
    active_file: IntProperty(name="Active File", description="The file whose caption is shown")
    active_image: IntProperty(name="Active Image", description="The image whose caption is shown")
    views: IntProperty(
        name="Views",
        description="Renders from around the selected objects, 3 to 64",
        default=12,
        min=3,
        max=64,
    )
    render_caption: StringProperty(
        name="Caption", description="What the renders show. Empty for the names of the objects"
    )
    trigger: StringProperty(
        name="Trigger",
        description="Words put before every caption that lacks them; what to call the new thing in a prompt",
    )
    output: StringProperty(
        name="Output",
        description="The .safetensors file to make. Empty for one beside the .blend, named after the trigger",
        subtype="FILE_PATH",
        options=PATH_OPTIONS,
    )
    steps: IntProperty(
        name="Steps",
        description="Steps of the training, 1 to 100000: 500 to 2000 suit most",
        default=1000,
        min=1,
        max=100_000,
        soft_max=5000,
    )
    size: IntProperty(
        name="Size",
        description="What the model sees of an image, 64 to 2048 px: 128 to 256 suits the starter model, "
        "512 Stable Diffusion 1.x, 1024 XL",
        default=128,
        min=64,
        max=2048,
        subtype="PIXEL",
    )
    tiling: EnumProperty(
        name="Tiling", description="Directions in which the images repeat without a seam", items=TILINGS
    )
    rank: IntProperty(
        name="Rank",
        description="How much the LoRA can learn, 1 to 256: more is a larger file and sooner learns by heart",
        default=16,
        min=1,
        max=256,
        soft_max=128,
    )
    layers: EnumProperty(
        name="Layers",
        description="Layers of the model that are changed",
        items=LAYERS,
        translation_context=CONTEXT,  # in Blender's catalogue they are those of images
    )
    text_encoder: BoolProperty(
        name="Text Encoder", description="Change what words mean too, and not only what is drawn"
    )
    vectors: IntProperty(
        name="Vectors", description="How many tokens the word stands for, 1 to 16", default=4, min=1, max=16
    )
    initializer: StringProperty(
        name="Begin As", description="Words that the new word means at the beginning. Empty for any"
    )
    batch: IntProperty(
        name="Batch",
        description="Images in each step, 1 to 64; how many of them go together is a matter of memory",
        default=4,
        min=1,
        max=64,
    )
    learning_rate: FloatProperty(
        name="Rate",
        description="Learning rate of a LoRA, 0.00000001 to 1: 0.002 suits the starter model, 0.0001 most others",
        default=1e-4,
        min=1e-8,
        max=1.0,
        step=0.001,
        precision=6,
    )
    word_rate: FloatProperty(
        name="Rate",
        description="Learning rate of a word, 0.00000001 to 1: 0.005 suits most",
        default=5e-3,
        min=1e-8,
        max=1.0,
        step=0.01,
        precision=6,
    )
    caption_dropout: FloatProperty(
        name="Dropout",
        description="Share of the images shown without their caption, 0 to 1, so that guidance keeps its footing",
        default=0.05,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    flip: BoolProperty(name="Flip", description="Mirror half of the images left to right")
    seed: IntProperty(
        name="Seed",
        description="Of the noise and of the sample pictures, 0 to 2147483647",
        min=0,
        max=2**31 - 1,
    )
    checkpoint_every: IntProperty(
        name="Save Every",
        description="Steps between two checkpoints, 1 to 100000; a crash loses at most so many",
        default=50,
        min=1,
        max=100_000,
    )
    sample_every: IntProperty(
        name="Samples",
        translation_context=CONTEXT,
        description="Steps between two sample pictures, 1 to 100000",
        default=100,
        min=1,
        max=100_000,
    )
    sample_prompt: StringProperty(
        name="Prompt",
        description="Prompt of the sample pictures. Empty for the trigger, or the first caption",
    )


_register_classes, _unregister_classes = bpy.utils.register_classes_factory(
    (SDB_PG_training_file, SDB_PG_training)
)


def register() -> None:
    _register_classes()
    bpy.types.Scene.sd_blender_training = PointerProperty(type=SDB_PG_training)
    # No group: to read a property that is one gives it to the image, and each would change.
    bpy.types.Image.sd_blender_train = BoolProperty(
        name="Train", description="Learn from this image in the next training"
    )
    bpy.types.Image.sd_blender_caption = StringProperty(
        name="Caption", description="What the image shows, in words. Empty for the words of its name"
    )


def unregister() -> None:
    del bpy.types.Image.sd_blender_caption
    del bpy.types.Image.sd_blender_train
    del bpy.types.Scene.sd_blender_training
    _unregister_classes()
