# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that a LoRA file brings with it: textual inversions that were learned beside it, which prompts then know."""

from __future__ import annotations

from collections.abc import Mapping

from safetensors import SafetensorError, safe_open

from ...core.errors import ModelRefused
from ...core.sentence import Sentence
from ...core.tensor_header import WORD_KEY
from ..embeddings import Word
from .files import LoraFile


def read_bundled(file: LoraFile, widths: Mapping[str, int]) -> tuple[list[Word], list[str]]:
    """The words of a LoRA for text encoders of these widths, by component, and the names of those that do not fit.

    Raises ModelRefused, naming the file.
    """
    words: list[Word] = []
    others: list[str] = []
    if not file.words:
        return words, others
    try:
        with safe_open(file.path, framework="pt") as tensors:
            for name, keys in file.words.items():
                vectors = {encoder: tensors.get_tensor(key).float() for encoder, key in keys.items()}
                text = name or file.told.get(WORD_KEY, file.path.stem)
                shaped = {n: v.reshape(-1, v.shape[-1]).clone() for n, v in vectors.items() if v.numel()}
                fits = {n: v.shape[1] for n, v in shaped.items()} == dict(widths)
                if not fits or len({len(v) for v in shaped.values()}) != 1:
                    others.append(text)
                elif not all(bool(v.isfinite().all()) for v in shaped.values()):
                    raise ModelRefused(
                        Sentence(
                            "The word {text} in the LoRA {path} holds values that are no numbers; download it again.",
                            text=repr(text),
                            path=file.path,
                        )
                    )
                else:
                    words.append(Word(text.lower(), shaped))
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise ModelRefused(
            Sentence("The LoRA {path} cannot be read; download it again.", path=file.path), details=str(error)
        ) from error
    return words, others
