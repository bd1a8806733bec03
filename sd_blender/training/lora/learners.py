# SPDX-License-Identifier: GPL-3.0-or-later
"""What is learned: the matrices of a LoRA, put into the networks by peft, or the vectors of a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn

from ...core.errors import InvalidRequest
from ...core.training_request import TextualInversion, Training, TrainLora
from ...engine.adapters import with_words
from ...engine.embeddings import Word, knowing, speaking
from ...engine.families import TEXT_ENCODER, UNET
from ...engine.models import LoadedModel
from ...engine.prompt_encoding import TextEncoder
from ...engine.text_readers import ReadText, joined
from .base_model import BaseModel

TRANSFORMER = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]
"""Layers of the transformer blocks, as kohya's scripts choose them too."""
RESIDUAL = ["conv1", "conv2", "time_emb_proj"]
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj"]


class Learner(Protocol):
    """parameters: float32, on the model's device. read_once: :meth:`read` says the same of a text at every step, and
    keeps it.
    """

    parameters: list[nn.Parameter]
    read_once: bool

    def read(self, captions: Sequence[str]) -> ReadText:
        """What the U-Net is told of them, with a gradient if words are learned."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What was learned, by names that :meth:`load` takes."""
        ...

    def load(self, state: dict[str, Tensor]) -> None:
        """Raises KeyError or RuntimeError for the state of another learner."""
        ...

    def speaking(self) -> object:
        """A context that gives the model for sample pictures."""
        ...


def make_learner(base: BaseModel, request: Training) -> Learner:
    if isinstance(request, TrainLora):
        return LoraLearner(base, request)
    if isinstance(request, TextualInversion):
        return WordLearner(base, request)
    raise TypeError(type(request).__name__)


class LoraLearner:
    """W x + B A x in the chosen layers of the U-Net, and of the text encoders if asked; alpha is the rank."""

    def __init__(self, base: BaseModel, request: TrainLora) -> None:
        self._base = base
        self._networks: dict[str, nn.Module] = {}
        torch.manual_seed(request.seed)  # peft draws A from torch's own generator
        layers = {UNET: TRANSFORMER + (RESIDUAL if request.layers == "all" else [])}
        for name, network in base.loaded.networks.items():
            if name == UNET or request.text_encoder:
                # Not network.add_adapter: that of transformers refuses every peft older than its own newest one.
                inject_adapter_in_model(_config(request.rank, layers.get(name, TEXT)), network)
                self._networks[name] = network
        self.parameters = [p for n in self._networks.values() for p in n.parameters() if p.requires_grad]
        for parameter in self.parameters:
            parameter.data = parameter.data.float()
        self.read_once = not request.text_encoder
        self._known: dict[str, ReadText] = {}

    def read(self, captions: Sequence[str]) -> ReadText:
        reader = self._base.loaded.text
        if not self.read_once:
            return reader.read_captions(captions)
        with torch.no_grad():
            for text in captions:
                if text not in self._known:
                    self._known[text] = reader.read_captions([text]).each(Tensor.cpu)
        device = self._base.loaded.device
        return joined([self._known[text] for text in captions]).each(lambda values: values.to(device))

    def state(self) -> dict[str, Tensor]:
        return {
            f"{network}.{name}": value.detach()
            for network, module in self._networks.items()
            for name, value in get_peft_model_state_dict(module).items()
        }

    def load(self, state: dict[str, Tensor]) -> None:
        own = self.state()
        if own.keys() != state.keys() or any(own[name].shape != state[name].shape for name in own):
            raise KeyError("the layers are others")
        for network, module in self._networks.items():
            start = f"{network}."
            part = {name.removeprefix(start): v for name, v in state.items() if name.startswith(start)}
            set_peft_model_state_dict(module, part)

    @contextmanager
    def speaking(self) -> Iterator[LoadedModel]:
        yield self._base.loaded


class WordLearner:
    """The vectors of one word; they begin as those of ``initializer``, or as any words of the vocabulary."""

    read_once = False

    def __init__(self, base: BaseModel, request: TextualInversion) -> None:
        self._base, reader = base, base.loaded.text
        vectors = {e.name: nn.Parameter(_first_vectors(e, request)) for e in reader.encoders}
        self.parameters = list(vectors.values())
        self._word = Word(request.trigger.strip().lower(), vectors)
        self._reader = knowing(reader, [self._word])
        self._keys = base.loaded.files.family.embedding_keys or {TEXT_ENCODER: self._word.text}

    def read(self, captions: Sequence[str]) -> ReadText:
        with speaking([self._word], self._reader):
            return self._reader.read_captions(captions)

    def state(self) -> dict[str, Tensor]:
        return {self._keys[name]: vectors.detach() for name, vectors in self._word.vectors.items()}

    def load(self, state: dict[str, Tensor]) -> None:
        for name, vectors in self._word.vectors.items():
            if state[self._keys[name]].shape != vectors.shape:
                raise KeyError("the word has another number of vectors")
            vectors.data.copy_(state[self._keys[name]])

    @contextmanager
    def speaking(self) -> Iterator[LoadedModel]:
        with speaking([self._word], self._reader):
            yield with_words(self._base.loaded, [self._word])


def _config(rank: int, layers: list[str]) -> LoraConfig:
    return LoraConfig(r=rank, lora_alpha=rank, init_lora_weights=True, target_modules=layers)


def _first_vectors(encoder: TextEncoder, request: TextualInversion) -> Tensor:
    table = encoder.network.get_input_embeddings().weight.detach().float()
    if request.initializer.strip():
        ids = encoder.tokenizer(request.initializer, add_special_tokens=False).input_ids
        if not ids:
            raise InvalidRequest("initializer", "The initial words say nothing to this model; use others.")
        rows = [table[ids[index % len(ids)]] for index in range(request.vectors)]
        vectors = torch.stack(rows)
    else:
        mean, std = table.mean(0), table.std(0)
        noise = torch.randn(
            request.vectors, table.shape[1], generator=torch.Generator().manual_seed(request.seed)
        )
        vectors = mean + std * noise.to(table)
    return vectors.clone()
