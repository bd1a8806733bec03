# SPDX-License-Identifier: GPL-3.0-or-later
"""The starter model from nothing to a folder, stage by stage; each stage resumes where it was left."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from ..core.known_models import write_checksums
from ..engine.clip_files import CLIP_FOLDER
from ..engine.noisy_classifier import CLASSIFIER_FOLDER
from . import checkpoints
from .cache import HELD_OUT_SEED, TextureCache, render_cache
from .curves import draw_curves
from .distillation import Distillation, distil
from .export import SHEET_PROMPTS, export, generate, make_pipeline, save_sheet
from .latents import LatentSet, cached_latents, caption_tokens, chances, fit_preview, scaling_factor
from .models import make_clip, make_text_encoder, make_vae, text_tower, use_device
from .padding import wrapped
from .schedule import to_tensor
from .starting_point import StartingPoint
from .textures import TextureSet
from .textures.captions import Description, redraw_caption
from .textures.dataset import describe_sample
from .train_clip import ClipOptions, PictureSet, halved, train_clip
from .train_few_steps import FewSteps, make_few_steps_scheduler
from .train_guidance import BuiltInGuidance
from .train_language import LanguageOptions, train_language
from .train_noisy_classifier import ClassifierOptions, train_noisy_classifier
from .train_text import TextOptions, train_text
from .train_unet import Networks, UnetOptions, train_unet
from .train_vae import VaeOptions, train_vae
from .vocabulary import train_tokenizer

SEED = 1
FEW_STEPS = 4
CAPTIONS = 4
"""How many ways to say what it shows are kept of each texture."""
LARGE_PROMPTS = ("red brick wall", "blue ceramic tiles", "mossy grey cobblestone", "wooden planks")


@dataclass(frozen=True)
class Recipe:
    """work: where caches, checkpoints, logs and sheets go. output: the diffusers folder.

    tiles, large_tiles: how many textures of `size` and of twice that to render.
    vae_from: an exported model whose autoencoder is taken as it is, instead of training one.
    start_from: an exported model whose denoiser is trained on, as if its checkpoint were still there; its autoencoder,
    words, CLIP and classifier stay.
    words_from: an exported model whose tokenizer and CLIP stay, whatever else is new.
    wanting: an evaluation.json; what it says is badly followed is drawn more often.
    """

    work: Path
    output: Path
    tiles: int = 20_000
    large_tiles: int = 5_000
    size: int = 128
    vae_from: Path | None = None
    start_from: Path | None = None
    words_from: Path | None = None
    wanting: Path | None = None
    vae_options: VaeOptions = field(default_factory=VaeOptions)
    text_options: TextOptions = field(default_factory=TextOptions)
    clip_options: ClipOptions = field(default_factory=ClipOptions)
    language_options: LanguageOptions = field(default_factory=LanguageOptions)
    unet_options: UnetOptions = field(default_factory=UnetOptions)
    few_steps: FewSteps = field(default_factory=FewSteps)
    guidance: BuiltInGuidance = field(default_factory=BuiltInGuidance)
    classifier_options: ClassifierOptions = field(default_factory=ClassifierOptions)

    @property
    def start(self) -> StartingPoint | None:
        return StartingPoint(self.start_from) if self.start_from else None

    @property
    def words(self) -> StartingPoint | None:
        folder = self.start_from or self.words_from
        return StartingPoint(folder) if folder else None

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
        (self.work / "decoder.pt").unlink(missing_ok=True)
        return self._train_vae("vae", self.vae_options, None)

    def train_decoder(self) -> AutoencoderKL:
        """Stage `decoder`: train the decoder on for the encoder there is; latents and denoiser stay valid."""
        return self._train_vae("decoder", replace(self.vae_options, decoder_only=True), self.vae)

    def _train_vae(self, name: str, options: VaeOptions, start: AutoencoderKL | None) -> AutoencoderKL:
        held_out = np.stack([TextureSet(HELD_OUT_SEED, self.size)[i].pixels for i in range(0, 64, 4)])

        def sheet(vae: AutoencoderKL, step: int) -> None:
            device = next(vae.parameters()).device
            with torch.no_grad(), wrapped(vae):
                output = vae.decode(vae.encode(to_tensor(held_out).to(device)).latent_dist.mean).sample
            made = ((output.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).cpu().numpy()
            save_sheet(self.work / "sheets" / f"{name}-{step:06d}.png", [*held_out, *made], len(held_out))

        vae = train_vae([cache.pixels for cache in self.textures], self.work, options, sheet, start=start)
        draw_curves(
            self.work / f"{name}.jsonl", self.work / f"{name}-curves.png", ("psnr", "reconstruction", "kl")
        )
        self.__dict__.pop("vae", None)  # what was read before is not the last checkpoint any more
        return vae

    @cached_property
    def vae(self) -> AutoencoderKL:
        """The averaged autoencoder of the last checkpoint: of the stage decoder, else of the stage vae or that of
        `vae_from`."""
        device = use_device(self.vae_options.device)
        vae = make_vae(self.vae_options.widths)
        if state := checkpoints.load(self.work / "decoder.pt", device):
            vae.load_state_dict(state["average"]["shadow"])
        elif folder := self.vae_from or self.start_from:
            vae.load_state_dict(AutoencoderKL.from_pretrained(folder / "vae").float().state_dict())
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
            descriptions = self._descriptions(size)
            odds = chances(descriptions, self._wanting()) if self.wanting else None
            tokens = caption_tokens(descriptions, self.tokenizer, CAPTIONS, np.random.default_rng(SEED))
            sets.append(LatentSet(latents, descriptions, odds, tokens, self.guidance.weights(descriptions)))
        return sets[0], sets[1]

    def _wanting(self) -> dict[str, float]:
        shares = json.loads(self.wanting.read_text())["adherence"]["by_material"] if self.wanting else {}
        return {material: 1 - share for material, share in shares.items()}

    def _descriptions(self, size: int) -> list[Description]:
        count = self.tiles if size == self.size else self.large_tiles
        return [describe_sample(SEED, i, size) for i in range(count)]

    @cached_property
    def tokenizer(self) -> CLIPTokenizer:
        """Learned from the first captions once, and kept: a checkpoint goes with the tokenizer it was trained with."""
        if self.words:
            return self.words.tokenizer
        folder = self.work / "tokenizer"
        if not (folder / "tokenizer.json").exists():
            rng = np.random.default_rng(SEED)
            captions = [redraw_caption(describe_sample(SEED, i), rng) for i in range(20_000)]
            train_tokenizer(captions).save_pretrained(folder)
        return CLIPTokenizer.from_pretrained(folder)

    @property
    def scale(self) -> float:
        return self.start.scale if self.start else scaling_factor(self.latents[0].latents)

    def train_text(self) -> CLIPTextModel:
        """Stage `text`: teach the text encoder what captions name."""
        return train_text(self.latents[0].descriptions, self.tokenizer, self.work, self.text_options)

    def train_clip(self) -> CLIPModel:
        """Stage `clip`: train both of CLIP's towers, the text one from where the denoiser's or the naming left it."""
        small, large = self.textures
        sets = [PictureSet(small.pixels, self._descriptions(self.size))]
        if len(large.captions):
            sets.append(PictureSet(halved(large.pixels), self._descriptions(2 * self.size)))
        clip = train_clip(sets, self.tokenizer, self.work, self.clip_options, self._known_words())
        draw_curves(self.work / "clip.jsonl", self.work / "clip-curves.png", ("loss", "right"))
        self.__dict__.pop("clip", None)
        return clip

    def train_language(self) -> None:
        """Stage `language`: teach the text encoder of `start_from` how people write, and write the model with it."""
        if not self.start:
            raise ValueError("the stage language needs a finished model to start from")
        encoder = train_language(self.start.text_encoder, self.tokenizer, self.work, self.language_options)
        draw_curves(self.work / "language.jsonl", self.work / "language-curves.png", ("loss",))
        self.start.copy_with_words(encoder, self.output)

    def _known_words(self) -> CLIPTextModel:
        """The text encoder that a denoiser was trained with, if there is one, else the one that can name."""
        state = checkpoints.load(self.work / "unet.pt")
        if state is None:
            return self.train_text()
        encoder, prefix = make_text_encoder(len(self.tokenizer), self.unet_options.widths), "text_encoder."
        shadow = state["average"]["shadow"]
        encoder.load_state_dict(
            {k.removeprefix(prefix): v for k, v in shadow.items() if k.startswith(prefix)}
        )
        return encoder

    @cached_property
    def clip(self) -> CLIPModel | None:
        """The averaged CLIP of the last checkpoint, or None when the stage was never run."""
        state = checkpoints.load(self.work / "clip.pt")
        if state is None:
            return None
        clip = make_clip(len(self.tokenizer), self.clip_options.widths)
        clip.load_state_dict(state["average"]["shadow"])
        return clip.eval().requires_grad_(False)

    def train_unet(self) -> Networks:
        """Stage `unet`: train the denoiser for CLIP's text tower; without a CLIP, train a text encoder with it."""
        options, unet = self.unet_options, None
        if self.words:
            encoder, unet = self.words.text_encoder, self.start.unet if self.start else None
        elif self.clip:
            encoder = text_tower(self.clip, len(self.tokenizer), options.widths)
        else:
            encoder = self.train_text()
        options = replace(options, frozen_text=bool(self.words or self.clip))
        sheet = partial(self._sheet, "unet", {})
        arguments = self.latents, self.tokenizer, self.scale, self.work, options
        return train_unet(*arguments, text_encoder=encoder, unet=unet, on_sheet=sheet)

    def train_few_steps(self) -> Networks:
        """Stage `few-steps`: distil the denoiser into one that needs four steps."""
        return self._distil(self.few_steps, {"steps": FEW_STEPS, "guidance": 1.0})

    def train_guidance(self) -> Networks:
        """Stage `guidance`: distil the denoiser with guidance into one that needs none."""
        return self._distil(self.guidance, {})

    def _distil(self, kind: Distillation, sampling: dict[str, Any]) -> Networks:
        sheet = partial(self._sheet, kind.name, sampling)
        teacher = self._networks("unet")
        return distil(self.latents, self.tokenizer, self.scale, self.work, kind, teacher, sheet)

    def train_noisy_classifier(self) -> None:
        """Stage `noisy-classifier`: train the classifier that guides, and put it into the exported model."""
        classifier = train_noisy_classifier(self.latents, self.scale, self.work, self.classifier_options)
        classifier.save(self.output / CLASSIFIER_FOLDER)
        write_checksums(self.output)
        log = self.work / "noisy-classifier.jsonl"
        draw_curves(log, log.with_name("noisy-classifier-curves.png"), ("loss", "right_0", "right_3"))

    def _pipeline(self, networks: Networks, few_steps: bool = False) -> StableDiffusionPipeline:
        pipeline = make_pipeline(self.vae, networks.eval(), self.tokenizer, self.scale)
        if few_steps:
            pipeline.scheduler = make_few_steps_scheduler(self.few_steps)
        return pipeline

    def _sheet(self, name: str, sampling: dict[str, Any], networks: Networks, step: int) -> None:
        pipeline = self._pipeline(networks, few_steps=bool(sampling))
        folder, size = self.work / "sheets", self.size
        for suffix, prompts, side, columns in (
            ("", SHEET_PROMPTS, size, 8),
            ("-large", LARGE_PROMPTS, 2 * size, 4),
        ):
            made = generate(pipeline, prompts, side, **sampling)
            save_sheet(folder / f"{name}-{step:06d}{suffix}.png", made, columns)
        draw_curves(self.work / f"{name}.jsonl", self.work / f"{name}-curves.png", ("loss",))

    def _networks(self, name: str) -> Networks:
        """The averaged denoiser and text encoder of the last checkpoint of a stage; before there is one of the stage
        `unet`, those of `start_from`."""
        networks = Networks(len(self.tokenizer), self.unet_options.widths)
        if state := checkpoints.load(self.work / f"{name}.pt"):
            networks.load_state_dict(state["average"]["shadow"])
        elif self.start and name == "unet":
            networks.unet.load_state_dict(self.start.unet.state_dict())
            networks.text_encoder.load_state_dict(self.start.text_encoder.state_dict())
        else:
            raise FileNotFoundError(f"{self.work} holds no {name}.pt yet: run the stage {name} first")
        return networks

    def export(self, stage: str = "unet") -> None:
        """Stage `export`: the averaged weights of the last checkpoints as a diffusers folder, those of the denoiser as
        the given stage left it: unet, guidance or few-steps, which brings its scheduler."""
        pipeline = self._pipeline(self._networks(stage), few_steps=stage == self.few_steps.name)
        small, count = self.latents[0].latents, 400
        preview = fit_preview(small[:count], self.textures[0].pixels[:count], self.scale)
        export(pipeline, preview, self.output, None if self.words else self.clip)
        if self.words:
            guides = (CLIP_FOLDER, CLASSIFIER_FOLDER) if self.start else (CLIP_FOLDER,)
            self.words.copy_guides(self.output, guides)
