# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pictures of docs/how_it_works.md: the shipped model, step by step, with the code that the page explains.

    python3 scripts/make_study_pictures.py [--only forward guidance ...]

Writes docs/pictures/study/. A few minutes on two CPU cores.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import _environment

# Before torch is imported: threads that wait must sleep, or they starve the ones that compute.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parent.parent
_environment.enter("main")
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import StableDiffusionPipeline  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

from sd_blender.core.known_models import STARTER_FOLDER  # noqa: E402
from sd_blender.core.request import ImageToImage, Inpaint, Request, Sampling, TextToImage, Tiling  # noqa: E402
from sd_blender.engine import create_engine  # noqa: E402
from sd_blender.engine.clip_files import find_clip  # noqa: E402
from sd_blender.engine.clip_score import ClipScorer  # noqa: E402
from sd_blender.training.export import save_sheet  # noqa: E402
from sd_blender.training.forward_process import ForwardProcess, T  # noqa: E402
from sd_blender.training.padding import wrapped  # noqa: E402
from sd_blender.training.reverse_process import ReverseProcess  # noqa: E402
from sd_blender.training.schedule import to_tensor  # noqa: E402
from sd_blender.training.textures import MATERIALS, make_sample  # noqa: E402
from sd_blender.training.textures.dataset import Sample  # noqa: E402

PICTURES = ROOT / "docs" / "pictures" / "study"
SIZE, STEPS, SEED = 128, 20, 4
SHOWN = ("red brick wall", "mossy grey cobblestone", "wooden planks", "green grass")
NAMES = ("brick wall", "cobblestone", "wood planks", "grass", "snow", "lava", "fish scales", "zebra print")
Picture = NDArray[np.uint8]


@cache
def pipeline() -> StableDiffusionPipeline:
    """The shipped model as plain diffusers loads it: the parts that the formulas are about."""
    return StableDiffusionPipeline.from_pretrained(STARTER_FOLDER, torch_dtype=torch.float32)


@cache
def engine():
    return create_engine("cpu", "float32")


def make(request: Request) -> list[Picture]:
    """As the add-on makes them."""
    result = engine().generate("study", request, lambda _: None, lambda: False)
    return [image.pixels for image in result.images]


def sampling(**changes: float) -> Sampling:
    return Sampling(**({"width": SIZE, "height": SIZE, "steps": STEPS, "seed": SEED} | changes))


def sample(name: str, which: int = 0) -> Sample:
    """A procedural texture of a material with its caption, none that the model was trained on."""
    index = [material.name for material in MATERIALS].index(name)
    return make_sample(2025, index + which * len(MATERIALS), SIZE)


def original(name: str) -> Picture:
    return sample(name).pixels


@torch.no_grad()
def encode(pictures: Sequence[Picture]) -> Tensor:
    """N x C x S/f x S/f latents of unit variance."""
    vae = pipeline().vae
    with wrapped(vae):
        return vae.encode(to_tensor(np.stack(pictures))).latent_dist.mean * vae.config.scaling_factor


@torch.no_grad()
def decode(latents: Tensor) -> list[Picture]:
    vae = pipeline().vae
    with wrapped(vae):
        made = vae.decode(latents / vae.config.scaling_factor).sample
    return list(((made.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())


def grey(channel: Tensor) -> Picture:
    """A channel of latents, h x w, as a picture: -3 is black and 3 is white."""
    values = ((channel / 6 + 0.5).clamp(0, 1) * 255).byte().numpy()
    small = Image.fromarray(values).convert("RGB")
    return np.asarray(small.resize((SIZE, SIZE), Image.Resampling.NEAREST))


def autoencoder() -> tuple[list[Picture], int]:
    """A row for each texture: itself, its four latent channels, and what comes back."""
    originals = [original(name) for name in NAMES[:4]]
    latents = encode(originals)
    rows = zip(originals, latents, decode(latents), strict=True)
    return [p for first, code, last in rows for p in (first, *map(grey, code), last)], 6


def forward() -> tuple[list[Picture], int]:
    """q(x_t | x_0) at t = 0, 100, 250, 450, 700, 999, decoded; below, the latents' first channel."""
    steps = torch.tensor([0, 100, 250, 450, 700, T - 1])
    x_0 = encode([original("cobblestone")]).expand(len(steps), -1, -1, -1)
    eps = torch.randn(x_0[:1].shape, generator=torch.Generator().manual_seed(SEED))
    x_t = ForwardProcess.zero_terminal_snr().q_sample(x_0, steps, eps.expand_as(x_0))
    return [*decode(x_t), *(grey(latent[0]) for latent in x_t)], len(steps)


@torch.no_grad()
def reverse() -> tuple[list[Picture], int]:
    """DDIM from noise: what the network takes for x_0 after 1, 2, 4, 8, 14 and 20 steps, and x_t at these."""
    parts, process = pipeline(), ReverseProcess(ForwardProcess.zero_terminal_snr())
    words, _ = parts.encode_prompt(SHOWN[1], torch.device("cpu"), 1, False)
    side = SIZE // parts.vae_scale_factor
    shape = (1, parts.unet.config.in_channels, side, side)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    times = [*np.linspace(T - 1, 0, STEPS + 1).round().astype(int)[:-1], -1]
    guesses, noisy = [], []
    with wrapped(parts.unet):
        for done, (t, s) in enumerate(pairwise(times), 1):
            at = torch.tensor([int(t)])
            said = parts.unet(x, at, encoder_hidden_states=words).sample
            x_0 = process.forward.original("v_prediction", said, x, at)
            eps = process.forward.noise("v_prediction", said, x, at)
            x = process.ddim_step(x_0, eps, int(t), int(s))
            if done in (1, 2, 4, 8, 14, STEPS):
                guesses += decode(x_0)
                noisy += decode(x)
    return [*guesses, *noisy], 6


def guidance() -> tuple[list[Picture], int]:
    """A row for each prompt, the same noise at w = 0, 1, 1.5, 3 and 8."""
    scales = (0.0, 1.0, 1.5, 3.0, 8.0)
    rows = [
        make(TextToImage(prompt=prompt, tiling=Tiling.BOTH, sampling=sampling(guidance_scale=w)))
        for prompt in SHOWN
        for w in scales
    ]
    return [picture for row in rows for picture in row], len(scales)


def strength() -> tuple[list[Picture], int]:
    """Cobblestone towards rust: the source, then strengths 0.2, 0.4, 0.6, 0.8 and 1."""
    source = original("cobblestone")
    made = [source]
    for value in (0.2, 0.4, 0.6, 0.8, 1.0):
        request = ImageToImage(
            prompt="rusty metal", tiling=Tiling.BOTH, image=source, strength=value, sampling=sampling()
        )
        made += make(request)
    return made, len(made)


def inpainting() -> tuple[list[Picture], int]:
    """The source, the mask, and the result: grass grows through cobblestone."""
    source = original("cobblestone")
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    mask = (x**2 + y**2 < (SIZE // 3) ** 2).astype(np.float32)
    request = Inpaint(
        prompt="green grass", tiling=Tiling.BOTH, image=source, mask=mask, sampling=sampling(), feather=6
    )
    shown = np.repeat((mask * 255).astype(np.uint8)[..., None], 3, 2)
    return [source, shown, *(picture[..., :3] for picture in make(request))], 3


def seamless() -> tuple[list[Picture], int]:
    """The same texture four times: without and with convolutions that wrap around."""
    made = []
    for tiling in (Tiling.OFF, Tiling.BOTH):
        request = TextToImage(prompt="mossy grey cobblestone", tiling=tiling, sampling=sampling(steps=STEPS))
        made.append(np.tile(make(request)[0], (2, 2, 1)))
    return made, 2


def contrast() -> tuple[list[Picture], int]:
    """CLIP's cosines of eight pictures (columns) and their captions (rows): white is alike. Above, the pictures."""
    scorer = ClipScorer.load(find_clip(STARTER_FOLDER))
    samples = [sample(name, which=1) for name in NAMES]
    pictures = [each.pixels for each in samples]
    cosines = (
        scorer.text_vectors([each.caption for each in samples]) @ scorer.pixel_vectors(pictures).T
    ).numpy()
    low, high = cosines.min(), cosines.max()
    cells = [np.full((SIZE, SIZE, 3), round(255 * (c - low) / (high - low)), np.uint8) for c in cosines.flat]
    small = [np.asarray(Image.fromarray(p).resize((64, 64))) for p in (*pictures, *cells)]
    return small, len(NAMES)


STUDIES: dict[str, Callable[[], tuple[list[Picture], int]]] = {
    study.__name__: study
    for study in (autoencoder, forward, reverse, guidance, strength, inpainting, seamless, contrast)
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    for name in parser.parse_args().only:
        pictures, columns = STUDIES[name]()
        path = PICTURES / f"{name}.png"
        save_sheet(path, pictures, columns)
        Image.open(path).quantize(200).save(path, optimize=True)
        print(path.relative_to(ROOT), flush=True)


if __name__ == "__main__":
    main()
