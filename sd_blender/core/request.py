# SPDX-License-Identifier: GPL-3.0-or-later
"""The complete request: everything a generation needs, and nothing travels beside it.

The panel makes it, the command line reads it, the engine runs it, and the provenance on an image stores it.

Vocabulary: the *canvas* is the image the artist gets, of exactly the size asked for. Images are uint8 arrays,
height x width x 3 or 4, row 0 at the top, sRGB-encoded. Masks are float32 arrays, height x width, 1 (white) =
regenerate, 0 (black) = keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .choices import RENAMED_SCHEDULERS as RENAMED_SCHEDULERS
from .choices import SCHEDULERS as SCHEDULERS
from .choices import SEED_LIMIT as SEED_LIMIT
from .choices import SPACINGS as SPACINGS
from .choices import SPEEDS as SPEEDS
from .choices import STARTER_MODEL as STARTER_MODEL
from .choices import Tiling as Tiling

ImageArray = NDArray[np.uint8]
MaskArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the reverse process is run.

    width, height: canvas size in pixels, 16 to 8192 each.
    steps: denoising steps of the full schedule, 1 to 1000; strength shortens it.
    guidance_scale: w of classifier-free guidance, uncond + w (cond - uncond); 0 ignores the prompt, 1 is the
        conditional model alone.
    clip_guidance_scale: how much the gradient of CLIP's likelihood of the prompt is added at each step; 0 is off.
    classifier_guidance_scale: the same of the model's classifier, for the material that the prompt names.
    spacing: how the time steps are spread, one of ``SPACINGS``; "auto" is as the model's scheduler configuration says,
        and Karras for the schedulers of that name.
    clip_skip: the layer of the text encoder that is read, counted from its last one, which is 1, as AUTOMATIC1111 and
        Civitai count; 0 to 11. 0 is the one that the model was trained with: the last one of Stable Diffusion 1.x and
        2.x, whose files leave out the 24th of 2.x, and the last but one, 2, of XL. diffusers counts from that one: its
        ``clip_skip`` is 1 less for 1.x and 2.x, and 2 less for XL.
    speed: one of ``SPEEDS``; "fast" computes the deeper part of the U-Net at every other step alone (DeepCache)
        and guides once the noise is no longer strong, which gives a slightly different picture sooner.
    seed: of the first image, 0 <= seed < 2**64; image k of ``count`` has the seed :meth:`seed_of` (k).
    """

    width: int = 512
    height: int = 512
    steps: int = 8
    guidance_scale: float = 1.0
    clip_guidance_scale: float = 0.0
    classifier_guidance_scale: float = 0.0
    scheduler: str = SCHEDULERS[0]
    seed: int = 0
    count: int = 1
    spacing: str = SPACINGS[0]
    clip_skip: int = 0
    speed: str = SPEEDS[0]

    def seed_of(self, index: int) -> int:
        return (self.seed + index) % SEED_LIMIT


@dataclass(frozen=True, kw_only=True)
class Lora:
    """A small change of a model (Hu et al. 2021). path: a .safetensors file. weight: of its change, -4 to 4."""

    path: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class TextToImage:
    """A picture from a prompt alone.

    prompt, negative_prompt: as written, with what :mod:`~.wildcards` draws for each picture still in it and
        :mod:`~.attention` in brackets.
    wildcards: the folder of the lists that the prompts name, "" for none.
    lora_folders: in which the LoRAs are looked for that the prompt calls by their names.
    loras: added to each other. embeddings: files of textual inversions, whose words the prompts may then use.
    keep: of the ``sampling.count`` pictures those that fit best are kept, the best first; 0 keeps all, in the order of
        their seeds.
    reference: uint8, any size; pictures fit that look like it. None: those that show what their prompt says.
    clip: the folder of the CLIP that judges this and that guides, "" for the one of the model, or the starter model's.
    """

    prompt: str
    negative_prompt: str = ""
    wildcards: str = ""
    model: str = STARTER_MODEL
    tiling: Tiling = Tiling.OFF
    sampling: Sampling = field(default_factory=Sampling)
    loras: tuple[Lora, ...] = ()
    embeddings: tuple[str, ...] = ()
    keep: int = 0
    reference: ImageArray | None = field(default=None, compare=False)
    clip: str = ""
    lora_folders: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageToImage(TextToImage):
    """A picture from a prompt and another picture (SDEdit, Meng et al. 2021).

    image: uint8, any size; it is resized to the canvas. Its alpha, which no model makes, is that of the result.
    image_name: what it is called where it was taken from, or "".
    strength: 0 < strength <= 1, the part of the schedule that is run: more noise, more freedom.
    """

    image: ImageArray
    strength: float = 0.6
    image_name: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Inpaint(TextToImage):
    """The masked part of an image made anew; the prompt may be empty.

    image: uint8; the result has its size and its channels, and equals it to the last bit outside the mask and
        the feather.
    mask: float32, the size of the image, 1 = regenerate, 0 = keep.
    image_name, mask_name: what both are called where they were taken from, or "".
    strength: as in :class:`ImageToImage`; 1 forgets what lay under the mask.
    feather: width in pixels of the band outside the mask in which old and new are blended, 0 to 256.
    crop_to_mask: generate only the mask's bounding box and ``context`` pixels around it, not the whole canvas.
    context: margin in pixels around the mask that the model sees, 0 to 2048.

    The region generated (crop or canvas) has its own size where that is at least ``sampling.width`` x
    ``sampling.height``; a smaller one is enlarged to fit that size, since models draw small things badly.
    """

    image: ImageArray
    mask: MaskArray
    strength: float = 1.0
    feather: int = 8
    crop_to_mask: bool = True
    context: int = 32
    image_name: str = ""
    mask_name: str = ""


Request = TextToImage | ImageToImage | Inpaint
