# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kind of model has of its own. Everything else is common to all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..text_readers import TextEncoder, TextReader

UNET, TEXT_ENCODER, TEXT_ENCODER_2 = "unet", "text_encoder", "text_encoder_2"


@dataclass(frozen=True, eq=False)
class Family:
    """name: as sentences say it. pipelines: the classes that model_index.json may name.

    text_encoders: the class of each, in the order in which the U-Net reads them. reader: how a text becomes what the
    U-Net is told. additions: what the U-Net may be told beside text and time step (its ``addition_embed_type``).
    latent_channels: how many the autoencoder must have; None where any number will do.
    large_text: the text encoders are so large that they run in the precision of the U-Net, and not always in float32.
    heeds_upcast: what the autoencoder's configuration says of ``force_upcast`` is so; where nobody thought of it, it
    says so too.
    zeros_for_empty: an empty negative prompt stands for zeros, unless model_index.json says no.
    lora_prefixes: of kohya's names of layers, by network. embedding_keys: names of the tensors of a textual inversion,
    by text encoder; none where there is only one, which has the name of the word.
    """

    name: str
    pipelines: tuple[str, ...]
    text_encoders: Mapping[str, str]
    reader: type[TextReader]
    additions: tuple[str | None, ...]
    latent_channels: int | None
    large_text: bool
    heeds_upcast: bool
    zeros_for_empty: bool
    lora_prefixes: Mapping[str, str]
    embedding_keys: Mapping[str, str]

    def make_reader(self, components: Mapping[str, Any], zeros_for_empty: bool) -> TextReader:
        """components: loaded, by name; all tokenizers get one limit, that of the shortest."""
        pairs = [(name, components[tokenizer_of(name)], components[name]) for name in self.text_encoders]
        # A tokenizer that was saved without its limit claims to have none.
        limit = min(min(t.model_max_length, n.config.max_position_embeddings) for _, t, n in pairs)
        for _, tokenizer, _ in pairs:
            tokenizer.model_max_length = limit
        encoders = [
            TextEncoder(*pair, layer=self.reader.layer, is_normed=self.reader.is_normed) for pair in pairs
        ]
        return self.reader(encoders, zeros_for_empty)


def tokenizer_of(text_encoder: str) -> str:
    """The component that cuts texts for it."""
    return text_encoder.replace("text_encoder", "tokenizer")
