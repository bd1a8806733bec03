# SPDX-License-Identifier: GPL-3.0-or-later
"""The measures as a model card and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from safetensors.torch import load_file

from ...engine.noisy_classifier import CLASSIFIER_FOLDER
from ..textures import MATERIALS
from ..textures.colours import COLOURS
from ..textures.weathering import WEATHERING
from .classifier import NAMES

CARD = """---
license: gpl-3.0
library_name: diffusers
pipeline_tag: text-to-image
tags: [stable-diffusion, textures, seamless, blender]
language: en
---

# SD Blender starter model

A small latent diffusion model for seamless material textures: the architecture of Stable Diffusion 1.x
(AutoencoderKL, CLIPTextModel, UNet2DConditionModel, DPM++ 2M) at {total:.1f} million parameters. It ships with
the add-on so that everything works at once and offline; it stands in for the models an artist will load later.

    from diffusers import StableDiffusionPipeline
    pipeline = StableDiffusionPipeline.from_pretrained("sd_blender/starter_model", use_safetensors=True)
    pipeline("mossy grey cobblestone", num_inference_steps={steps}, guidance_scale=1).images[0].save("cobblestone.png")

## What it understands

Prompts of a material, a colour and adjectives, in any common order. It knows no other words.

* {n_materials} materials: {materials}.
* {n_colours} colours: {colours}.
* Adjectives: large, small, dark, pale, {adjectives}.

Made for 128 to 512 px; 256 px is the default. With circular padding (the add-on's tiling) the result is seamless.
Guidance {guidance:g} and {steps} steps suit it.

## How it was made

`scripts/train_starter.py`, from nothing: {tiles}. All pictures are procedural (`sd_blender/training/textures`),
seamless by construction and captioned by what they show; no photograph, no other model and nobody's work went in.

* Autoencoder: factor {factor}, {channels} latent channels, {vae:.1f} M parameters, trained on crops and whole tiles
  with L1, L2, gradient and patch-mean errors and a small KL term.
* Text encoder: CLIP text transformer, {text_encoder:.1f} M, with a byte-pair vocabulary of its own, taught to name what
  captions name (material, colour, shade, size, weathering){then}.
* Denoiser: U-Net, {unet:.1f} M, velocity prediction on a schedule rescaled to zero terminal signal (Lin et al. 2023),
  trailing steps, captions dropped in one tenth of the samples for classifier-free guidance; tiles of 128 and 256 px
  with circular padding and crops with zero padding.
{classifier}
{training}

## Measured

`scripts/evaluate_starter.py`, {prompts} prompts ("<colour> <material>"), 128 px, {steps} steps, guidance {guidance:g}:

| What | Value | Goal of this version | Final goal |
|---|---|---|---|
| Material as asked (classifier) | {material:.1%} | 60 % | 95 % |
| Colour as asked (OKLab rules) | {colour:.1%} | 75 % | 97 % |
| Both | {both:.1%} | | |
{natural}| Reconstruction of held-out textures, PSNR | {psnr:.1f} dB (worst {worst:.1f}) | 24 dB | 30 dB |
| Seam error (1 = no seam) | {seam:.2f} | | |
| Fréchet distance of features to originals | {distance:.1f} (originals among themselves {floor:.1f}) | | |
| Seconds per image, 128 / 256 / 512 px | {seconds} | | |
{clip}
The judges themselves: the classifier is right on {judge:.1%} of held-out procedural textures ({judge_vae:.1%} of them
after the autoencoder), the colour rules on {colour_judge:.1%}. Seconds were taken on {cpu}.

Materials by share of prompts followed: {by_material}.

Colours: {by_colour}.

## Limits

{verdict}Only what the list above names; no objects, scenes, people or text. Two adjectives at once are often half
followed. Fine regular patterns (chain mail, knit, small tiles) lose their regularity first. Figures come from synthetic
judges, not people. Nothing in it can show a person or a brand; there is no safety checker and no need for one.
"""


EARLY = """**An early version, below its goal for materials.** It has learned colour, contrast and surface, but not yet
layout: bricks, tiles, planks and weaves come out as an irregular grain in the right colour. It needs more training
than two busy CPU cores gave it; `scripts/train_starter.py` goes on from a checkpoint or starts anew on a GPU.

"""


THEN_CLIP = """, then trained with the denoiser, and
  then together with an image tower as a CLIP (Radford et al. 2021). Of that CLIP the folder `clip` has all but the text
  tower and the tokenizer, which are the model's own: `CLIPVisionModelWithProjection` opens it as it is, `CLIPModel`
  wants the text encoder's weights put in"""


def clip_rows(figures: dict[str, float] | None) -> str:
    """The card's lines about CLIP, none where the model has none."""
    if not figures:
        return ""
    pairs, score = f"{figures['pairs']:.0f} held-out pairs", "CLIP score (100 cos)"
    rows = {
        f"Caption of a picture found, {pairs}, recall at 1 / 5": ("text_at_1", "text_at_5"),
        f"Picture of a caption found, {pairs}, recall at 1 / 5": ("image_at_1", "image_at_5"),
        "Material named by CLIP, zero-shot": ("named",),
    }
    lines = [
        f"| {what} | {' / '.join(f'{figures[k]:.1%}' for k in keys)} | | |" for what, keys in rows.items()
    ]
    lines.append(
        f"| {score} of generated pictures; of originals; of other prompts' pictures | {figures['score']:.1f}; "
        f"{figures['score_originals']:.1f}; {figures['score_others']:.1f} | | |"
    )
    if "best_of" in figures:
        lines.append(
            f"| Material as asked, best of {figures['best_of']:.0f} by CLIP score (first of them) "
            f"| {figures['best_material']:.1%} ({figures['first_material']:.1%}) | | |"
        )
    return "\n".join(lines) + "\n"


def natural_rows(figures: dict[str, Any] | None) -> str:
    """The card's lines about prompts as people type them, none where they were not measured."""
    if not figures:
        return ""
    return "".join(
        f"| Material as meant, {kind['prompts']} held-out phrases {what} | {kind['material']:.1%} | | |\n"
        for kind, what in (
            (figures["named"], 'that name it ("old oak planks")'),
            (figures["not_named"], 'that do not ("submarine hull")'),
        )
    )


def classifier_line(folder: Path) -> str:
    """The card's line about the classifier of noisy latents in this folder, "" where there is none."""
    if not folder.is_dir():
        return ""
    weights = load_file(folder / "model.safetensors")
    millions = sum(tensor.numel() for tensor in weights.values()) / 1e6
    return (
        f"* Classifier of noisy latents, {millions:.1f} M, which names the material at every step: for classifier\n"
        f"  guidance (Dhariwal & Nichol 2021). In the folder `{folder.name}`, of which diffusers takes no notice.\n"
    )


def write_card(path: Path, figures: dict[str, Any]) -> None:
    """The model card; `figures` is the content of evaluation.json."""
    parts, scores = figures["millions_of_parameters"], figures["adherence"]
    ranked = sorted(scores["by_material"].items(), key=lambda item: -item[1])
    text = CARD.format(
        total=sum(parts.values()),
        **parts,
        **figures["latents"],
        n_materials=len(MATERIALS),
        materials=", ".join(NAMES),
        n_colours=len(COLOURS),
        colours=", ".join(COLOURS),
        adjectives=", ".join(WEATHERING),
        tiles=figures["data"],
        training=figures["training"],
        prompts=figures["prompts"],
        steps=figures["steps"],
        guidance=figures["guidance"],
        distance=figures["frechet"]["generated"],
        floor=figures["frechet"]["floor"],
        classifier=classifier_line(path.parent / CLASSIFIER_FOLDER),
        then=THEN_CLIP if figures["clip"] else " and then trained on with the denoiser",
        clip=clip_rows(figures["clip"]),
        verdict=EARLY if scores["material"] < 0.6 else "",
        material=scores["material"],
        colour=scores["colour"],
        both=scores["both"],
        natural=natural_rows(figures.get("natural")),
        psnr=figures["psnr"]["mean"],
        worst=figures["psnr"]["worst"],
        seam=figures["seam_error"],
        seconds=" / ".join(f"{s:.2f}" for s in figures["seconds_per_image"].values()),
        judge=figures["judges"]["classifier"],
        judge_vae=figures["judges"]["classifier_after_vae"],
        colour_judge=figures["judges"]["colour_rules"],
        cpu=figures["machine"],
        by_material=", ".join(f"{name} {share:.0%}" for name, share in ranked),
        by_colour=", ".join(f"{name} {share:.0%}" for name, share in scores["by_colour"].items()),
    )
    path.write_text(text)


def draw_confusion(path: Path, confusion: np.ndarray, cell: int = 11, margin: int = 130) -> None:
    """Rows: the material asked for; columns: the one seen; dark = all pictures of the row."""
    count = len(confusion)
    share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    image = Image.new("RGB", (margin + count * cell, margin + count * cell), "white")
    squares = Image.fromarray((255 * (1 - share)).astype(np.uint8)).resize(
        (count * cell,) * 2, Image.Resampling.NEAREST
    )
    image.paste(squares.convert("RGB"), (margin, margin))
    labels = Image.new("RGB", (margin, count * cell), "white")
    draw = ImageDraw.Draw(labels)
    for i, name in enumerate(NAMES):
        draw.text((4, i * cell), name, fill="black")
    image.paste(labels, (0, margin))
    image.paste(
        labels.rotate(-90, expand=True)
        .transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        .transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        (margin, 0),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def write_json(path: Path, figures: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1, default=lambda x: x.tolist()) + "\n")
