# SPDX-License-Identifier: GPL-3.0-or-later
"""The starter model from nothing to a folder, stage by stage; each stage resumes where it was left."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTextModel, CLIPTokenizer

from . import checkpoints
from .cache import HELD_OUT_SEED, TextureCache, render_cache
from .curves import draw_curves
from .export import SHEET_PROMPTS, export, generate, make_pipeline, save_sheet
from .latents import LatentSet, cached_latents, fit_preview, scaling_factor
from .models import make_vae, use_device
from .padding import wrapped
from .schedule import to_tensor
from .textures import TextureSet
from .textures.captions import redraw_caption
from .textures.dataset import describe_sample
from .train_text import TextOptions, train_text
from .train_unet import Networks, UnetOptions, train_unet
from .train_vae import VaeOptions, train_vae
from .vocabulary import train_tokenizer

SEED = 1
LARGE_PROMPTS = ("red brick wall", "blue ceramic tiles", "mossy grey cobblestone", "wooden planks")


@dataclass(frozen=True)
class Recipe:
    """work: where caches, checkpoints, logs and sheets go. output: the diffusers folder.

    tiles, large_tiles: how many textures of `size` and of twice that to render.
    vae_from: an exported model whose autoencoder is taken as it is, instead of training one.
    """

    work: Path
    output: Path
    tiles: int = 20_000
    large_tiles: int = 5_000
    size: int = 128
    vae_from: Path | None = None
    vae_options: VaeOptions = field(default_factory=VaeOptions)
    text_options: TextOptions = field(default_factory=TextOptions)
    unet_options: UnetOptions = field(default_factory=UnetOptions)

    @cached_property
    def textures(self) -> tuple[TextureCache, TextureCache]:
        """Stage `data`: small tiles and large ones."""
        return (
            render_cache(self.work / "cache", TextureSet(SEED, self.size), self.tiles),
            render_cache(self.work / "cache", TextureSet(SEED, 2 * self.size), self.large_tiles),
        )

    def train_vae(self) -> AutoencoderKL:
        """Stage `vae`: train the autoencoder; its latents are computed anew afterwards."""
        for old in (self.work / "cache").glob("latents-*.pt"):
            old.unlink()
        held_out = np.stack([TextureSet(HELD_OUT_SEED, self.size)[i].pixels for i in range(0, 64, 4)])

        def sheet(vae: AutoencoderKL, step: int) -> None:
            device = next(vae.parameters()).device
            with torch.no_grad(), wrapped(vae):
                output = vae.decode(vae.encode(to_tensor(held_out).to(device)).latent_dist.mean).sample
            made = ((output.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).cpu().numpy()
            save_sheet(self.work / "sheets" / f"vae-{step:06d}.png", [*held_out, *made], len(held_out))

        vae = train_vae([cache.pixels for cache in self.textures], self.work, self.vae_options, sheet)
        draw_curves(self.work / "vae.jsonl", self.work / "vae-curves.png", ("psnr", "reconstruction", "kl"))
        return vae

    @cached_property
    def vae(self) -> AutoencoderKL:
        """The averaged autoencoder of the last checkpoint, or that of `vae_from`."""
        device = use_device(self.vae_options.device)
        vae = make_vae(self.vae_options.widths)
        if self.vae_from:
            vae.load_state_dict(AutoencoderKL.from_pretrained(self.vae_from / "vae").float().state_dict())
        elif state := checkpoints.load(self.work / "vae.pt", device):
            vae.load_state_dict(state["average"]["shadow"])
        else:
            raise FileNotFoundError(f"{self.work} holds no trained autoencoder yet: run the stage vae first")
        return vae.to(device).eval().requires_grad_(False)

    @cached_property
    def latents(self) -> tuple[LatentSet, LatentSet]:
        sets = []
        for cache in self.textures:
            size = cache.pixels.shape[1]
            latents = cached_latents(self.work / "cache" / f"latents-{size}.pt", self.vae, cache.pixels)
            sets.append(LatentSet(latents, [describe_sample(SEED, i, size) for i in range(len(latents))]))
        return sets[0], sets[1]

    @cached_property
    def tokenizer(self) -> CLIPTokenizer:
        """Learned from the first captions once, and kept: a checkpoint goes with the tokenizer it was trained with."""
        folder = self.work / "tokenizer"
        if not (folder / "tokenizer.json").exists():
            rng = np.random.default_rng(SEED)
            captions = [redraw_caption(describe_sample(SEED, i), rng) for i in range(20_000)]
            train_tokenizer(captions).save_pretrained(folder)
        return CLIPTokenizer.from_pretrained(folder)

    @property
    def scale(self) -> float:
        return scaling_factor(self.latents[0].latents)

    def train_text(self) -> CLIPTextModel:
        """Stage `text`: teach the text encoder what captions name."""
        return train_text(self.latents[0].descriptions, self.tokenizer, self.work, self.text_options)

    def train_unet(self) -> Networks:
        """Stage `unet`: train the denoiser, and the text encoder with it."""
        scale = self.scale

        def sheet(networks: Networks, step: int) -> None:
            pipeline = make_pipeline(self.vae, networks, self.tokenizer, scale)
            folder = self.work / "sheets"
            save_sheet(folder / f"unet-{step:06d}.png", generate(pipeline, SHEET_PROMPTS, self.size), 8)
            save_sheet(
                folder / f"unet-{step:06d}-large.png", generate(pipeline, LARGE_PROMPTS, 2 * self.size), 4
            )
            draw_curves(self.work / "unet.jsonl", self.work / "unet-curves.png", ("loss",))

        return train_unet(
            self.latents, self.tokenizer, scale, self.work, self.unet_options, self.train_text(), sheet
        )

    def export(self) -> None:
        """Stage `export`: the averaged weights of the last checkpoints as a diffusers folder."""
        state = checkpoints.load(self.work / "unet.pt")
        if state is None:
            raise FileNotFoundError(f"{self.work} holds no trained denoiser yet: run the stage unet first")
        networks = Networks(len(self.tokenizer), self.unet_options.widths)
        networks.load_state_dict(state["average"]["shadow"])
        small, count = self.latents[0].latents, 400
        preview = fit_preview(small[:count], self.textures[0].pixels[:count], self.scale)
        export(make_pipeline(self.vae, networks.eval(), self.tokenizer, self.scale), preview, self.output)
