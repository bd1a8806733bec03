# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request adds to its model: LoRAs and embeddings, checked before the model is loaded.

Words are gone after the job. LoRAs stay in the weights until a request wants others, or none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from ..core.request import Request
from .embeddings import Word, knowing, read_word, refuse_same_words, speaking
from .lora.beside import beside
from .lora.store import LoadedLora, LoraStore, text_widths
from .memory import available_bytes
from .model_files import check_model
from .models import LoadedModel


def with_words(model: LoadedModel, words: Sequence[Word]) -> LoadedModel:
    """The same model with tokenizers that know ``words``; what it loaded on the way stays with it."""
    changed = dataclasses.replace(model, text=knowing(model.text, words))
    vars(changed).update({name: value for name, value in vars(model).items() if name not in vars(changed)})
    return changed


_SPARE = 1_000_000_000
"""Bytes of main memory that are left for the pictures."""

_BESIDE = (
    "The main memory is too short to merge the LoRAs into the model, so every step was slower; close other "
    "programs."
)


class Adapters:
    """Those of one request after the other.

    device: where their tensors lie. available: the bytes that can still be had on a device, or None if nobody knows.
    """

    def __init__(
        self,
        device: torch.device,
        available: Callable[[torch.device], int | None] = available_bytes,
    ) -> None:
        self._available = available
        self._beside = False
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
        widths = text_widths(files)
        words = [word for lora in self._loras for word in lora.words]
        words += [read_word(Path(path).expanduser(), widths, folder) for path in request.embeddings]
        refuse_same_words(words)
        self._words = [word.to(self._device) for word in words]

    @property
    def warnings(self) -> list[str]:
        """Sentences; while they are applied also on how."""
        beside = [_BESIDE] if self._beside else []
        return beside + [warning for lora in self._loras for warning in lora.warnings]

    @contextmanager
    def applied(self, model: LoadedModel) -> Iterator[LoadedModel]:
        """Inside, the networks of ``model`` are changed; what is yielded also reads the words of the embeddings."""
        loras = [(loaded.changes, loaded.lora.weight) for loaded in self._loras]
        key = tuple((loaded.key, loaded.lora.weight) for loaded in self._loras)
        with ExitStack() as stack:
            self._beside = self._is_short(model.merged.bytes_for(loras, model.networks))
            if self._beside:
                loras = stack.enter_context(beside(loras, model.networks))
                stack.callback(model.text.forget)
            before = model.merged.key
            try:
                model.merged.change_to((key, self._beside), loras, model.networks)
            finally:  # what fails leaves other weights than those that texts were read with, too
                if self._beside or before != model.merged.key:
                    model.text.forget()
            if self._words:
                model = with_words(model, self._words)
            stack.enter_context(speaking(self._words, model.text))
            yield model

    def _is_short(self, needed: int) -> bool:
        """Whether main memory cannot hold ``needed`` bytes more. Asked before: Linux ends a process that takes them."""
        available = self._available(torch.device("cpu"))
        return needed > 0 and available is not None and needed + _SPARE > available

    def unload(self) -> None:
        self._loras, self._words = [], []
        self._store.unload()
