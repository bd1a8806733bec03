# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the tensors of LoRA files: which layer of which network a tensor changes, and what it is there.

All tools write ``network, layer, role``, and each in its own way. The first block's ``attn2.to_k`` and its matrix A is

* ``lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight`` for kohya's scripts, which
  AUTOMATIC1111 and ComfyUI read; the text encoder's begin with ``lora_te_``, those of the two of Stable Diffusion XL
  with ``lora_te1_`` and ``lora_te2_``, and the U-Net's may be those of :mod:`~.blocks`;
* ``unet.down_blocks.0. ... .attn2.to_k.lora_A.weight`` for diffusers with peft, and before that
  ``unet.down_blocks.0. ... .attn2.processor.to_k_lora.down.weight``, either with or without ``unet.``, or with two;
* ``base_model.model.down_blocks.0. ... .attn2.to_k.lora_A.weight`` for peft, with the adapter's name before ``.weight``
  where its whole state was saved;
* ``lycoris_down_blocks_0_ ...`` for LyCORIS, ``diffusion_model.input_blocks.1.1. ...`` for ComfyUI.

So the role is cut off first, then dots become underscores, then what stands before the layer is taken away piece by
piece. Nothing here imports torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ..families import TEXT_ENCODER, TEXT_ENCODER_2, UNET
from .blocks import diffusers_name

_ADAPTER = r"(?:\.[^.]+)?"
"""The name of an adapter, which peft writes before ``.weight`` in a whole state."""

_ROLES = {
    "down": rf"[._]lora(?:_down|_A|\.down|_linear_layer\.down){_ADAPTER}\.weight",
    "up": rf"[._]lora(?:_up|_B|\.up|_linear_layer\.up){_ADAPTER}\.weight",
    "up_bias": rf"[._]lora(?:_up|_B){_ADAPTER}\.bias",
    "mid": rf"\.lora_mid{_ADAPTER}\.weight",
    "magnitude": rf"\.lora_magnitude_vector{_ADAPTER}{_ADAPTER}",
    "dora_scale": r"\.dora_scale",
    "alpha": r"(?:[._]lora|\.lora_linear_layer)?\.alpha",
    **{
        name: rf"\.{name}{_ADAPTER}"
        for name in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2")
    },
    **{
        name: rf"\.{name}{_ADAPTER}"
        for name in ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")
    },
    "diff": r"\.(?:diff|w_norm)",
    "diff_b": r"\.(?:diff_b|b_norm)",
}
_ROLE = re.compile("|".join(f"(?P<{role}>{ending})" for role, ending in _ROLES.items()))
_BEGINNING = re.compile(r"[._]lora|\.(?:hada_|lokr_|diff|[wb]_norm|dora_scale|alpha)")
"""Where a role may begin."""

_MANY = 2**16
"""Names that are remembered: a file has thousands, and they are read before every picture."""

_AROUND = ("base_model_model_", "base_model_", "lycoris_", "_orig_mod_", "_")
_NETWORKS = {
    "lora_unet_": UNET,
    "unet_": UNET,
    "diffusion_model_": UNET,
    "lora_te2_": TEXT_ENCODER_2,
    "text_encoder_2_": TEXT_ENCODER_2,
    "text_encoders_clip_g_": TEXT_ENCODER_2,
    "clip_g_": TEXT_ENCODER_2,
    "te2_": TEXT_ENCODER_2,
    "lora_te1_": TEXT_ENCODER,
    "lora_te_": TEXT_ENCODER,
    "text_encoder_": TEXT_ENCODER,
    "text_encoders_clip_l_": TEXT_ENCODER,
    "clip_l_": TEXT_ENCODER,
    "te1_": TEXT_ENCODER,
    "te_": TEXT_ENCODER,
}
"""Those that begin as another does stand before it."""
_BEFORE = re.compile("|".join((*_NETWORKS, *_AROUND)))

_OF_UNET = re.compile(
    r"(?:down|up|input|output)_blocks_|mid(?:dle)?_block_|conv_(?:in|out|norm_out)$|"
    r"(?:time|add)_embedding_|time_embed_|label_emb_|out_[02]$"
)
_OF_TEXT = re.compile(
    r"(?:transformer_)?(?:text_model_)?(?:encoder_layers|embeddings|final_layer_norm|text_projection)"
)
_OF_TRANSFORMER = re.compile(
    r"(?:model_)?(?:transformer_(?!text_model)|(?:single_)?transformer_blocks_|(?:double|single|joint)_blocks_|"
    r"(?:blocks|layers)_\d|(?:noise|context)_refiner|x_embedder|context_embedder|img_in|txt_in)"
)
# As diffusers once wrote the attention of a text encoder.
_TEXT_ATTENTION = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out_0": "out_proj"}


@dataclass(frozen=True)
class Place:
    """One tensor. layer: its flat name, see :func:`flat`. role: a key of the table above."""

    network: str
    layer: str
    role: str


def flat(layer: str) -> str:
    """A layer's name as all spellings agree on it: kohya's, without the outer name that text encoders may have."""
    return layer.replace(".", "_").removeprefix("text_model_").replace("_processor_", "_")


@lru_cache(_MANY)
def place_of(key: str, layers_per_block: int) -> Place | None:
    """Where the tensor ``key`` belongs, in a U-Net with so many layers in each block; None for no known spelling."""
    module, role = _parts(key)
    network, layer = _cut(module)
    if not network:
        network = UNET if _OF_UNET.match(layer) else TEXT_ENCODER if _OF_TEXT.match(layer) else ""
    if not network or not role:
        return None
    return Place(network, _spelled(network, layer, layers_per_block), role)


@lru_cache(_MANY)
def is_of_transformer(key: str) -> bool:
    """Whether the tensor changes a diffusion transformer: Stable Diffusion 3, Flux and later models have no U-Net."""
    network, layer = _cut(_parts(key)[0])
    return key.startswith("lora_transformer_") or (
        network in ("", UNET) and _OF_TRANSFORMER.match(layer) is not None
    )


def _parts(key: str) -> tuple[str, str]:
    """The name of the module and the role of its tensor; "" where that is of no known kind."""
    for begun in _BEGINNING.finditer(key, 1):
        if found := _ROLE.fullmatch(key, begun.start()):
            return key[: begun.start()], str(found.lastgroup)
    return key, ""


def _cut(module: str) -> tuple[str, str]:
    """The network that is told before a layer, "" for none, and the layer without all that stands before it."""
    network, name, at = "", module.replace(".", "_"), 0
    while (start := _BEFORE.match(name, at)) and start.end() < len(name):
        network, at = network or _NETWORKS.get(start[0], ""), start.end()
    return network, name[at:]


def _spelled(network: str, layer: str, layers_per_block: int) -> str:
    layer = flat(layer.removeprefix("transformer_") if network != UNET else layer)
    if layer.endswith("_to_out"):  # of the attention processors, which had no index here
        layer += "_0"
    if network == UNET:
        return diffusers_name(layer, layers_per_block)
    for theirs, ours in _TEXT_ATTENTION.items():
        if layer.endswith(f"self_attn_{theirs}"):
            return layer.removesuffix(theirs) + ours
    return layer
