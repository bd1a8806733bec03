# SPDX-License-Identifier: GPL-3.0-or-later
"""The text encoder's first lesson: what a caption names. It takes a minute and spares the denoiser hours.

A denoiser that must learn words and pictures together learns colours soon and materials late: until pictures differ by
material, nothing tells the text encoder which word matters. So the state of the caption's end, h(c) (N x d), is first
asked for what the caption names, each kind k of word by a linear layer of its own:

    loss = sum_k cross_entropy(W_k h(c) + b_k, y_k) + sum_s binary_cross_entropy(w_s h(c) + b_s, y_s)

over k: material, colour, shade, size, and the states s, such as wet or rusty, of which a caption may name several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm
from transformers import CLIPTextModel, CLIPTokenizer

from . import checkpoints
from .models import TEXT_WIDTH, Widths, make_text_encoder
from .schedule import Budget, StepRandom, learning_rate, set_learning_rate
from .textures.captions import SHADES, SIZES, Description, redraw_caption
from .textures.colours import COLOURS
from .textures.materials import MATERIALS
from .textures.weathering import WEATHERING

CHOICES: dict[str, tuple[str | None, ...]] = {
    "material": tuple(m.name for m in MATERIALS),
    "colour": (None, *COLOURS),
    "shade": (None, *SHADES),
    "size": (None, *SIZES),
}
STATES = tuple(WEATHERING)


@dataclass(frozen=True)
class TextOptions:
    """length: tokens looked at; attention is causal, so that what comes later changes nothing before it."""

    widths: Widths = field(default_factory=Widths)
    budget: Budget = field(default_factory=lambda: Budget(steps=600))
    batch: int = 256
    length: int = 40
    rate: float = 1e-3
    seed: int = 7


class Naming(nn.Module):
    """Text encoder and one linear map from its states to what is named: `choices` and weathering `states`."""

    def __init__(self, vocabulary: int, widths: Widths) -> None:
        super().__init__()
        self.encoder = make_text_encoder(vocabulary, widths)
        self.head = nn.Linear(TEXT_WIDTH, sum(map(len, CHOICES.values())) + len(STATES))

    def forward(self, tokens: Tensor, positions: Tensor) -> tuple[Tensor, ...]:
        """tokens: N x L, positions: N, at or after each caption's end. Returns N x K scores per kind, states last."""
        states = self.encoder(tokens).last_hidden_state
        scores = self.head(states[torch.arange(len(states)), positions])
        return scores.split([*map(len, CHOICES.values()), len(STATES)], dim=1)


def targets(described: Sequence[Description]) -> tuple[list[Tensor], Tensor]:
    """The right choice of each kind, N each, and N x K of 0 or 1 for the weathering states."""
    chosen = [
        torch.tensor([names.index(getattr(d, kind)) for d in described]) for kind, names in CHOICES.items()
    ]
    return chosen, torch.tensor([[float(state in d.states) for state in STATES] for d in described])


def naming_loss(
    naming: Naming,
    descriptions: Sequence[Description],
    tokenizer: CLIPTokenizer,
    options: TextOptions,
    rng: np.random.Generator,
) -> tuple[Tensor, float]:
    """The summed cross-entropies of one batch of freshly worded captions, and the share of materials named rightly."""
    described = [descriptions[i] for i in rng.integers(len(descriptions), size=options.batch)]
    captions = [redraw_caption(d, rng) for d in described]
    words = tokenizer(
        captions, padding="max_length", truncation=True, max_length=options.length, return_tensors="pt"
    )
    # The denoiser reads every position up to the 77th: all those after the caption must know what it said.
    positions = torch.from_numpy(rng.integers(words.attention_mask.sum(1).numpy() - 1, options.length))
    *scores, states = naming(words.input_ids, positions)
    chosen, present = targets(described)
    loss = F.binary_cross_entropy_with_logits(states, present) * len(STATES)
    loss = loss + sum(F.cross_entropy(s, c) for s, c in zip(scores, chosen, strict=True))
    return loss, float((scores[0].argmax(1) == chosen[0]).float().mean())


def train_text(
    descriptions: Sequence[Description], tokenizer: CLIPTokenizer, folder: Path, options: TextOptions
) -> CLIPTextModel:
    """Train, or take what an earlier run left in `folder`/text.pt. Returns the text encoder."""
    torch.manual_seed(options.seed)
    naming, path = Naming(len(tokenizer), options.widths), folder / "text.pt"
    if state := checkpoints.load(path):
        naming.load_state_dict(state["model"])
        return naming.encoder
    optimizer = torch.optim.AdamW(naming.parameters(), lr=options.rate, weight_decay=1e-2, fused=True)
    log, steps = checkpoints.LossLog(folder / "text.jsonl"), options.budget.steps or 0
    for step in tqdm(range(steps), desc="text encoder", mininterval=5, unit="step"):
        set_learning_rate(optimizer, learning_rate(options.rate, step, step / steps, warm_up=50))
        loss, right = naming_loss(
            naming, descriptions, tokenizer, options, StepRandom.of(options.seed, step).numpy
        )
        loss.backward()
        nn.utils.clip_grad_norm_(naming.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        log.add(step + 1, 0.0, loss=loss.item(), materials_right=right)
    checkpoints.save_atomic(path, {"model": naming.state_dict()})
    return naming.encoder
