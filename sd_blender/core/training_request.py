# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training needs, as :mod:`~.request` is what a picture needs: complete, frozen, and the same form everywhere.

Two methods. A LoRA (Hu et al. 2021, arXiv:2106.09685) adds to each chosen weight matrix W the product of two thin
ones, W + B A, and learns those alone. A textual inversion (Gal et al. 2022, arXiv:2208.01618) changes no weight: it
learns the vectors of one new word. Both minimise the simple loss of diffusion on the images and their captions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .choices import STARTER_MODEL, Tiling
from .request import Sampling

SUFFIX = ".safetensors"
LAYERS = ("attention", "all")


@dataclass(frozen=True, kw_only=True)
class Training:
    """What both methods need.

    images: a folder of pictures; their captions are what :func:`~.captions.read_captions` finds beside them.
    output: the .safetensors file to make. Beside it lies the folder of :mod:`~.training_folder`, from which the same
        request goes on where it was left; all may differ then but ``FIXED``, without which the weights do not fit.
    trigger: words put before every caption that lacks them; what to call the new thing in a prompt.
    tiling: the axes along which the images repeat; they are shifted around these, and the edge is no edge.
    size: side in pixels of what the model sees, 64 to 2048; images of other shapes keep theirs and about this area
        where they repeat, and are cropped to squares where they do not.
    steps: of the optimiser. batch: pictures in each, 1 to 64; how many of them go together is a matter of memory.
    learning_rate: the highest, after a warm-up and before half a cosine down.
    caption_dropout: share of pictures shown without caption, so that guidance keeps what it subtracts.
    flip: mirror half of the views left to right.
    checkpoint_every: a kill loses at most so many steps. sample_every: steps between two sample pictures.
    sample_prompt: of these; "" is the trigger or the first caption. sampling: how they are made.
    """

    images: str
    output: str
    model: str = STARTER_MODEL
    trigger: str = ""
    tiling: Tiling = Tiling.OFF
    size: int = 512
    steps: int = 1000
    batch: int = 4
    learning_rate: float = 1e-4
    caption_dropout: float = 0.05
    flip: bool = False
    seed: int = 0
    checkpoint_every: int = 50
    sample_every: int = 100
    sample_prompt: str = ""
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, kw_only=True)
class TrainLora(Training):
    """A LoRA.

    rank: columns of B, 1 to 256. layers: "attention" adapts the transformer blocks of the U-Net, "all" its residual
    blocks too, which small models and new materials gain from. text_encoder: adapt its attention as well, so that
    words may come to mean something else.
    """

    rank: int = 16
    layers: str = LAYERS[0]
    text_encoder: bool = False


@dataclass(frozen=True, kw_only=True)
class TextualInversion(Training):
    """A word: the ``trigger``. vectors: how many it stands for, 1 to 16. initializer: words it starts from, or ""."""

    learning_rate: float = 5e-3
    vectors: int = 4
    initializer: str = ""
