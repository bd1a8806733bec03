# SPDX-License-Identifier: GPL-3.0-or-later
"""From words to what the U-Net sees: prompts of any length, in chunks, with attention.

A CLIP text encoder reads 77 tokens, two of which mark the ends. A longer prompt is encoded in chunks of 75
(:mod:`~..core.prompt_chunks`), each with its marks, and the chunks are laid end to end, as AUTOMATIC1111's interface
does: cross-attention takes a text of any length. The prompt that has fewer chunks is filled up with the empty prompt,
since guidance computes both in one batch. A prompt of one chunk without weights gives what diffusers gives.

A weight w moves a token's embedding along the line from what the empty prompt has in its place: empty + w (token -
empty). So ComfyUI does, and compel for weights above 1. AUTOMATIC1111's way, to multiply the embeddings and then to
restore their mean, divides by that mean, which is near zero in some text encoders: there the picture breaks (its pull
request 14874). Ours is a no-op at 1 and the empty prompt at 0 with any encoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from ..core import prompt_chunks
from ..core.clip_tokens import MAX_CHUNKS as MAX_CHUNKS
from ..core.clip_tokens import TokenCount
from ..core.prompt_chunks import Tokenize, chunked


class TextStates(NamedTuple):
    """Of chunks of tokens: states (chunks, limit, width) of a layer; ends (chunks, width), the last layer's at the mark
    of the end, which speak for the whole chunk. float32.
    """

    states: Tensor
    ends: Tensor


@dataclass(frozen=True)
class TextEncoder:
    """One text encoder and its tokenizer.

    name: of its component. layer: the one that is read, counted from the last, which is 1. is_normed: its states pass
    the norm that follows the last one, as those of the last one always do in Stable Diffusion 1.x and 2.x.
    """

    name: str
    tokenizer: CLIPTokenizer
    network: CLIPTextModel | CLIPTextModelWithProjection
    layer: int = 1
    is_normed: bool = True

    def run(self, chunks: Iterable[Sequence[int]]) -> TextStates:
        """Read chunks of token ids, which have no marks of start and end yet."""
        tokenizer, rows, ends = self.tokenizer, [], []
        for ids in chunks:
            row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
            ends.append(len(row) - 1)
            rows.append(row + [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(row)))
        is_last = self.is_normed and self.layer == 1
        output = self.network(
            torch.tensor(rows, device=self.network.device), output_hidden_states=not is_last
        )
        last = output.last_hidden_state
        states = last if is_last else output.hidden_states[-self.layer]
        if self.is_normed and not is_last:
            # Some versions of transformers have the network of the text within that of the class, others are it.
            text_model: Any = getattr(self.network, "text_model", self.network)
            states = text_model.final_layer_norm(states)
        return TextStates(states.float(), last[range(len(ends)), ends].float())


def count_tokens(tokenizer: CLIPTokenizer, prompt: str) -> TokenCount:
    """How long a prompt is, as it will be encoded; its wildcards count as they stand."""
    return prompt_chunks.count_tokens(_tokenize(tokenizer), prompt, tokenizer.model_max_length - 2)


def encode(encoder: TextEncoder, prompt: str, chunks: int) -> TextStates:
    """One prompt: states (1, chunks * limit of the tokenizer, width), and the end of its first chunk, (1, width)."""
    tokenizer = encoder.tokenizer
    kept = chunked(_tokenize(tokenizer), prompt, tokenizer.model_max_length - 2)[:MAX_CHUNKS]
    hidden, ends = encoder.run([token.id for token in chunk] for chunk in kept)
    weights = torch.ones(hidden.shape[:2])
    for row, chunk in enumerate(kept):
        weights[row, 1 : len(chunk) + 1] = torch.tensor([token.weight for token in chunk])
    if len(kept) < chunks or bool((weights != 1).any()):
        empty = encoder.run([[]]).states
        weights = weights.to(hidden)[..., None]
        hidden = torch.where(weights == 1, hidden, torch.lerp(empty, hidden, weights))
        hidden = torch.cat([hidden, *[empty] * (chunks - len(kept))])
    return TextStates(hidden.reshape(1, -1, hidden.shape[-1]), ends[:1])


def encode_plainly(encoder: TextEncoder, texts: Sequence[str]) -> TextStates:
    """Texts as they stand, brackets included, each cut to one chunk: states (n, limit, width), ends (n, width)."""
    tokenizer = encoder.tokenizer
    room = tokenizer.model_max_length - 2
    return encoder.run(
        tokenizer(text, add_special_tokens=False, verbose=False).input_ids[:room] for text in texts
    )


def _tokenize(tokenizer: CLIPTokenizer) -> Tokenize:
    def tokenize(text: str) -> Iterable[tuple[int, int, int]]:
        # Not verbose: the tokenizer would warn of texts that are too long for it.
        coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        places = zip(coded.input_ids, coded.offset_mapping, coded.word_ids(), strict=True)
        return [(token, start, word) for token, (start, _), word in places]

    return tokenize
