# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no LoRA for a U-Net though it is taken for one, by the names of its tensors. Nothing here imports torch."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from ...core.errors import ModelRefused
from ...core.sentence import Sentence
from .names import is_of_transformer

# Other ways to make a small change, which are not added to a weight.
_KINDS = {
    r"oft_blocks|oft_diag|\.oft_[rR]\b|\.boft_": "an OFT",
    r"\.[ab][12]\.weight$|glora": "a GLoRA",
    r"\.on_input$|\.ia3_l\b": "an IA3",
    r"\.lora_E\b": "an AdaLoRA",
    r"\.lambda_layer$": "a T-LoRA",
    r"\.vera_lambda_|\.randlora_|\.vblora_|\.hra_u|\.fourierft_|\.shira_|\.c3a_|\.bone_|\.miss_|\.waveft_|\.road_": (
        "an adapter of peft that is no LoRA"
    ),
    r"custom_diffusion": "a Custom Diffusion",
    r"^lora_controlnet$|\.lora_controlnet$": "a ControlNet LoRA",
    r"^ip_adapter\.|^image_proj\.": "an IP-Adapter",
}


def refuse_others(path: Path, names: Collection[str]) -> None:
    """Raise ModelRefused, naming what it is, for the file ``path`` with tensors of these names."""
    lines = "\n".join(names)  # searched at once: there may be thousands
    for pattern, kind in _KINDS.items():
        if re.search(pattern, lines, re.MULTILINE):
            raise ModelRefused(
                Sentence(
                    "{path} is {kind}, which cannot be used here; choose a LoRA, LoHa or LoKr.",
                    path=path,
                    kind=kind,
                )
            )
    if any(map(is_of_transformer, names)):
        raise ModelRefused(
            Sentence(
                "{path} is a LoRA for a diffusion transformer (Stable Diffusion 3, Flux or later); "
                "choose one for Stable Diffusion 1.x, 2.x or XL.",
                path=path,
            )
        )


def refuse_without_layers(path: Path, names: Iterable[str]) -> None:
    """Raise ModelRefused for a file of which no tensor changes a layer."""
    names = list(names)
    if any(name.startswith(("model.diffusion_model.", "first_stage_model.")) for name in names):
        raise ModelRefused(Sentence("{path} is a whole model and no LoRA; choose another file.", path=path))
    if any("emb_params" in name or "string_to_param" in name for name in names) or names == [
        "clip_g",
        "clip_l",
    ]:
        raise ModelRefused(
            Sentence("{path} is a textual inversion, which cannot be used here; choose a LoRA.", path=path)
        )
    raise ModelRefused(Sentence("{path} holds no LoRA; choose a file that was saved as one.", path=path))
