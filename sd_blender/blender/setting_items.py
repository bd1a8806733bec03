# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drop-downs of the panels offer: identifier, label, tooltip.

A .blend stores the number of an item, which is its place in the list where none is given: new items come with numbers
of their own wherever they stand.
"""

from __future__ import annotations

import zlib

from ..core.choices import RENAMED_SCHEDULERS, SCHEDULERS

TASKS = (
    ("TEXT_TO_IMAGE", "Text", "Make a texture from the prompt alone"),
    ("IMAGE_TO_IMAGE", "Image", "Make a texture from the prompt and another image"),
    ("INPAINT", "Inpaint", "Make the masked part of an image anew"),
)
SOURCES = (
    ("RENDER_RESULT", "Last Render", "The Render Result", 0),
    ("RENDER", "New Render", "Render the scene's camera, then use the result", 1),
    ("VIEWPORT", "Viewport", "The 3D View as it is displayed, without grid, outlines and gizmos", 5),
    ("TEXTURE", "Active Texture", "The Base Color texture of the active object's material", 3),
    ("IMAGE", "Image", "An image of this file", 2),
    ("EDITOR", "Image Editor", "The image that is open in the Image Editor", 4),
    ("FILE", "File", "An image file on this computer, which does not become part of the .blend", 6),
)
COLORS = (
    (
        "DISPLAYED",
        "As Displayed",
        "With the scene's view transform, as you see it: to restyle a picture",
    ),
    (
        "STANDARD",
        "Standard",
        "Without the scene's look and exposure: for a texture that will be rendered through them again",
    ),
)
MASK_SOURCES = (
    ("IMAGE", "Image", "An image painted white where the texture is to change"),
    ("STENCIL", "Stencil", "The stencil mask of Texture Paint"),
)
DESTINATIONS = (
    ("MATERIAL", "Material", "Show the texture as Base Color of the active object's material", 0),
    ("NODE", "Active Node", "Show the texture in the active Image Texture node of the material", 2),
    ("IMAGE", "Image Only", "Keep the texture as an image and change no material", 1),
)
TILINGS = (
    ("OFF", "Off", "The edges need not match"),
    ("X", "X", "The left edge continues at the right one"),
    ("Y", "Y", "The top edge continues at the bottom one"),
    ("BOTH", "XY", "The texture repeats in both directions"),
)
# The number is made from the name that a scheduler first had: it stays when they are added, reordered or renamed. What
# is called now as another one was first needs one of its own.
_FIRST_NAMES = {name: first for first, name in RENAMED_SCHEDULERS.items()}
_FIRST_NAMES |= {first: f"{first} (single step)" for first in RENAMED_SCHEDULERS}
SCHEDULER_ITEMS = tuple(
    (name, name, f"Sample with {name}", zlib.crc32(_FIRST_NAMES.get(name, name).encode()) >> 1)
    for name in SCHEDULERS
)
SPACING_ITEMS = (
    (
        "auto",
        "Model's Own",
        "As the configuration of the model says; Karras for the schedulers of that name",
        0,
    ),
    ("leading", "Leading", "Even steps from the first one of each", 1),
    ("trailing", "Trailing", "Even steps from the last one of each, for models of few steps", 2),
    ("linspace", "Linspace", "Even steps from the first to the last", 3),
    ("karras", "Karras", "More of the steps where little noise is left", 4),
    ("exponential", "Exponential", "Noise that falls by the same factor at each step", 5),
    ("beta", "Beta", "More of the steps at the beginning and at the end", 6),
    ("ays", "Align Your Steps", "Steps found for few of them, one table for each family of models", 7),
)
SPEED_ITEMS = (
    ("exact", "Exact", "Every step is computed wholly", 0),
    (
        "fast",
        "Fast",
        "A slightly different texture in about 0.6 of the time: half of the steps reuse what the one before found, and "
        "guidance begins when the noise is no longer strong",
        1,
    ),
)
