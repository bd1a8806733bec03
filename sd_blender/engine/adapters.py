# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request adds to its model: LoRAs and embeddings, checked before the model is loaded and gone after the job."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from ..core.request import Request
from .embeddings import Word, knowing, read_word, refuse_same_words, speaking
from .json_files import read_json
from .lora import LoadedLora, LoraStore, adapted
from .model_files import check_model
from .models import LoadedModel


def with_words(model: LoadedModel, words: Sequence[Word]) -> LoadedModel:
    """The same model with tokenizers that know ``words``; what it loaded on the way stays with it."""
    changed = dataclasses.replace(model, text=knowing(model.text, words))
    vars(changed).update({name: value for name, value in vars(model).items() if name not in vars(changed)})
    return changed


class Adapters:
    """Those of one request after the other. device: where their tensors lie."""

    def __init__(self, device: torch.device) -> None:
        self._store = LoraStore(device)
        self._device = device
        self._loras: list[LoadedLora] = []
        self._words: list[Word] = []

    def load(self, request: Request, folder: Path) -> None:
        """Take those of ``request``. Of the model in ``folder`` only headers are read, so that a refusal comes at once.

        Raises ModelNotFound or ModelRefused with a sentence that names the file.
        """
        self._loras, self._words = [], []
        if not request.loras and not request.embeddings:
            self._store.unload()
            return
        files = check_model(folder)
        self._loras = self._store.get(request.loras, files)
        widths = {
            name: read_json(folder / name / "config.json").get("hidden_size", 0)
            for name in files.family.text_encoders
        }
        words = [read_word(Path(path).expanduser(), widths, folder) for path in request.embeddings]
        refuse_same_words(words)
        self._words = [word.to(self._device) for word in words]

    @property
    def warnings(self) -> list[str]:
        return [warning for lora in self._loras for warning in lora.warnings]

    @contextmanager
    def applied(self, model: LoadedModel) -> Iterator[LoadedModel]:
        """Inside, the networks of ``model`` are changed; what is yielded also reads the words of the embeddings."""
        if self._words:
            model = with_words(model, self._words)
        with adapted(self._loras, model.networks), speaking(self._words, model.text):
            yield model

    def unload(self) -> None:
        self._loras, self._words = [], []
        self._store.unload()
