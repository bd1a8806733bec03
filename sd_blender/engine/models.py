# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading a model once and keeping it until another is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTokenizer

from ..core.canvas import Grid
from ..core.diffusion.scheduler_config import read_schedule
from ..core.engine_protocol import IsCancelled
from ..core.errors import ModelRefused
from ..core.known_models import Checksums
from ..core.sentence import Sentence
from .autoencoder import Autoencoder
from .cancel import stop_if_cancelled
from .clip_score import ClipScorer
from .denoiser import UNetDenoiser
from .device import free_memory
from .families import STABLE_DIFFUSION_XL, UNET, Family, tokenizer_of
from .guards import is_out_of_memory
from .libraries import offline
from .lora.apply import MergedLoras
from .model_family import native_inpaint_channels
from .model_files import ModelFiles, check_model
from .noisy_classifier import CLASSIFIER_FOLDER, NoisyClassifier
from .precision import Choice, Precision, keep_float32_outside, told
from .preview import LatentPreview
from .processor_probe import ProcessorProbe
from .text_readers import TextReader

Announce = Callable[[str, float], None]
"""Told what is being loaded, and how far the loading is, 0..1."""


@dataclass(frozen=True)
class LoadedModel:
    """One set of components on the device, shared by all tasks. merged: the LoRAs in the weights."""

    files: ModelFiles
    denoiser: UNetDenoiser
    autoencoder: Autoencoder
    text: TextReader
    scheduler_config: dict[str, Any]
    device: torch.device
    choices: dict[str, Choice]
    merged: MergedLoras = field(default_factory=MergedLoras)

    @property
    def unet(self) -> UNet2DConditionModel:
        return self.denoiser.network

    @property
    def vae(self) -> AutoencoderKL:
        return self.autoencoder.network

    @property
    def natively_inpaints(self) -> bool:
        """Whether the U-Net takes mask and masked picture too; see :mod:`~..core.diffusion.inpaint_channels`."""
        return self.denoiser.channels == native_inpaint_channels(self.autoencoder.channels)

    @property
    def is_xl(self) -> bool:
        """Whether schedules that were published for Stable Diffusion XL are its own."""
        return self.files.family is STABLE_DIFFUSION_XL

    @property
    def tokenizer(self) -> CLIPTokenizer:
        """The one by which tokens are counted; those of one model agree."""
        return self.text.encoders[0].tokenizer

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """What a LoRA may change, by component."""
        return {UNET: self.unet, **{encoder.name: encoder.network for encoder in self.text.encoders}}

    @property
    def precision(self) -> str:
        """A sentence on what the networks are computed in."""
        return told({"unet": self.unet, "vae": self.vae}, self.choices, self.device)

    @property
    def is_whole(self) -> bool:
        """Whether each network is in one precision and on one device, as it is unless a change ended half way."""
        return all(
            len({(weight.dtype, weight.device) for weight in network.parameters()}) == 1
            for network in (self.vae, *self.networks.values())
        )

    @property
    def grid(self) -> Grid:
        per_latent = self.autoencoder.side
        levels = 2 ** (len(self.unet.config.block_out_channels) - 1)
        return Grid(latent=per_latent, coarse=per_latent * levels)

    @cached_property
    def preview(self) -> LatentPreview:
        return LatentPreview.of_model(self.files.folder, self.vae)

    def scorer(self, folder: Path) -> ClipScorer:
        """The CLIP in ``folder``, kept until another one is wanted. Raises ModelNotFound or ModelRefused."""
        if folder not in self._scorers:
            self._scorers.clear()
            self._scorers[folder] = ClipScorer.load(folder, self.device)
        return self._scorers[folder]

    @cached_property
    def _scorers(self) -> dict[Path, ClipScorer]:
        return {}

    @cached_property
    def classifier(self) -> NoisyClassifier:
        """The classifier of noisy latents beside the model, loaded when it is first wanted. Raises ModelRefused."""
        return NoisyClassifier.load(self.files.folder / CLASSIFIER_FOLDER, self.device)


class ModelStore:
    """Keeps the last model that was asked for.

    dtype: of U-Net and autoencoder; None for what is best for each. probe: see :class:`~.precision.Precision`.
    """

    def __init__(
        self, device: torch.device, dtype: torch.dtype | None, probe: ProcessorProbe | None = None
    ) -> None:
        self._device = device
        self._precision = Precision(device, dtype, probe)
        self._model: LoadedModel | None = None
        self._signature: object = None
        self._checksums = Checksums()

    def get(self, folder: Path, announce: Announce, is_cancelled: IsCancelled) -> LoadedModel:
        """The model in ``folder``: the one in memory if its files are still the same, else loaded.

        The folder is checked at every call, which takes about a millisecond. announce: told what is being loaded.
        Raises ModelNotFound, ModelRefused or JobCancelled; an earlier model stays if loading had not begun.
        """
        files = check_model(folder)
        if self._model is None or self._signature != files.signature:
            self.unload()
            self._checksums.verify(folder, lambda text: announce(text, 0.0), is_cancelled)
            self._model = _load(files, self._device, self._precision, announce, is_cancelled)
            self._signature = files.signature
        return self._model

    @contextmanager
    def kept_whole(self) -> Iterator[None]:
        """Inside, networks may be moved to another precision; a model that an error leaves half changed is dropped."""
        try:
            yield
        except BaseException:
            if self._model is not None and not self._model.is_whole:
                self.unload()
            raise

    def unload(self) -> None:
        self._model = None
        self._signature = None
        free_memory()


def _load(
    files: ModelFiles,
    device: torch.device,
    precision: Precision,
    announce: Announce,
    is_cancelled: IsCancelled,
) -> LoadedModel:
    components: dict[str, Any] = {}
    labels = _labels(files.family)
    networks = ("unet", "vae", *files.family.text_encoders)
    choices = {name: precision.of(files, name) for name in networks}
    sizes = {name: _size(files.folder / name) for name in labels}
    for name, label in labels.items():
        stop_if_cancelled(is_cancelled)
        announce(
            Sentence("Loading the {label}", label=label),
            sum(sizes[done] for done in components) / sum(sizes.values()),
        )
        components[name] = _load_component(
            files, name, label, choices[name].dtype if name in networks else None
        )
        if name in networks:
            components[name].to(device, memory_format=choices[name].layout).eval().requires_grad_(False)
            if device.type == "cpu":
                _own(components[name])
    stop_if_cancelled(is_cancelled)
    if any(choice.dtype != torch.float32 for choice in choices.values()):
        keep_float32_outside(components["unet"], components["vae"])
    return LoadedModel(
        files=files,
        denoiser=UNetDenoiser(components["unet"]),
        autoencoder=Autoencoder(components["vae"]),
        text=files.family.make_reader(components, files.zeros_for_empty),
        scheduler_config=components["scheduler"],
        device=device,
        choices=choices,
    )


def _size(folder: Path) -> int:
    """Bytes of a component's files; none for one that is missing, which its loading refuses."""
    return sum(path.stat().st_size for path in folder.glob("*"))


def _own(network: torch.nn.Module) -> None:
    """Copy the weights out of the file, which safetensors maps into memory.

    A file that is overwritten or cut while it is mapped changes the weights, or ends the process with a bus error.
    """
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = tensor.data.clone()


_LABELS = {
    "tokenizer": "tokenizer",
    "tokenizer_2": "second tokenizer",
    "scheduler": "scheduler",
    "text_encoder": "text encoder",
    "text_encoder_2": "second text encoder",
    "vae": "autoencoder",
    "unet": "U-Net",
}


def _labels(family: Family) -> dict[str, str]:
    """What the components of a model are called, in the order in which they are loaded."""
    texts = {*family.text_encoders, *map(tokenizer_of, family.text_encoders)}
    return {name: label for name, label in _LABELS.items() if name in {"scheduler", "vae", "unet", *texts}}


def schedule_of(files: ModelFiles) -> dict[str, Any]:
    """What :func:`~.scheduler_config.read_schedule` reads. Raises ModelRefused for one that is not known here."""
    read: dict[str, Any] = _load_component(files, "scheduler", _LABELS["scheduler"], None)
    return read


def _load_component(files: ModelFiles, name: str, label: str, dtype: torch.dtype | None) -> Any:
    """One component, of the class that we know for it and with nothing but local safetensors."""
    local: dict[str, Any] = {
        "pretrained_model_name_or_path": str(files.folder / name),
        "local_files_only": True,
    }
    try:
        with offline():
            if name in map(tokenizer_of, files.family.text_encoders):
                return CLIPTokenizer.from_pretrained(**local)
            if name == "scheduler":
                return read_schedule(files.folder)
            weights = {**local, "use_safetensors": True, "variant": files.variants[name]}
            network, loading = _load_network(files.family, name, weights, dtype)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, ImportError) as error:
        # What diffusers and transformers raise for a configuration or weights that do not fit each other, or that
        # want a package that is not here.
        if is_out_of_memory(error):
            raise
        raise ModelRefused(
            Sentence(
                "The {label} in {folder} cannot be loaded; download the model again or choose another.",
                label=label,
                folder=files.folder,
            ),
            details=f"{type(error).__name__}: {error}",
        ) from error
    if loading["missing_keys"]:
        # Without this the network would run with random numbers in their place.
        raise ModelRefused(
            Sentence(
                "The weights of the {label} in {folder} are incomplete; download the model again.",
                label=label,
                folder=files.folder,
            ),
            details=", ".join(sorted(loading["missing_keys"])),
        )
    return network


def _load_network(
    family: Family, name: str, weights: dict[str, Any], dtype: torch.dtype | None
) -> tuple[Any, dict[str, Any]]:
    if name in family.text_encoders:
        kind = getattr(transformers, family.text_encoders[name])
        return kind.from_pretrained(**weights, dtype=dtype, output_loading_info=True)
    network = UNet2DConditionModel if name == "unet" else AutoencoderKL
    return network.from_pretrained(
        **weights, torch_dtype=dtype, low_cpu_mem_usage=False, output_loading_info=True
    )
