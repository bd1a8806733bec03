# SPDX-License-Identifier: GPL-3.0-or-later
"""By how much a LoRA multiplies its changes: alpha / rank, where kohya's scripts keep alpha as a tensor of each layer.

diffusers (0.34 and later) tells it in the file's metadata instead, as the JSON of peft's configurations with the
network before each name, and peft in the ``adapter_config.json`` beside its ``adapter_model.safetensors``. There a
rule for some layers (``alpha_pattern``) stands above ``lora_alpha``, and ``use_rslora`` divides by the root of the rank
(Kalajdzievski 2023, arXiv:2312.03732). Where nobody tells alpha it is the rank. Nothing here imports torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import ModelRefused
from ...core.json_files import read_json
from ...core.sentence import Sentence
from ..families import TEXT_ENCODER, TEXT_ENCODER_2, UNET
from .names import flat

METADATA_KEY = "lora_adapter_metadata"
"""Where the metadata of a file of diffusers tell it."""

_BESIDE = "adapter_config.json"

_NETWORKS = (TEXT_ENCODER_2, TEXT_ENCODER, UNET)

# Ways to begin that change the model's own weights: what was learned is of no use without that change.
_CHANGED_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


@dataclass(frozen=True)
class Rule:
    """alpha: None where it is the rank. patterns: flat names, or ends of them, with an alpha each; the first counts."""

    alpha: float | None
    patterns: tuple[tuple[str, float], ...]
    by_root: bool


@dataclass(frozen=True)
class Strengths:
    """rules: by network; None for all that have no own. unread: what of the configuration is not known here."""

    rules: tuple[tuple[str | None, Rule], ...] = ()
    unread: tuple[str, ...] = ()

    def scale(self, network: str, layer: str, rank: int | None, alpha: float | None) -> float:
        """What the change of a layer is multiplied by. alpha: the one that stands beside its tensors, if any."""
        if rank is None:
            return 1.0
        if alpha is not None:
            return alpha / rank
        found = dict(self.rules)
        rule = found.get(network) or found.get(None)
        if rule is None:
            return 1.0
        alpha = next((a for p, a in rule.patterns if layer == p or layer.endswith(f"_{p}")), rule.alpha)
        return (rank if alpha is None else alpha) / (math.sqrt(rank) if rule.by_root else rank)


def read_strengths(path: Path, told: Mapping[str, str]) -> Strengths:
    """What is told of alpha in the metadata ``told`` of a file, or else beside it. Raises ModelRefused."""
    try:
        config = json.loads(told[METADATA_KEY]) if METADATA_KEY in told else _config_beside(path)
    except (ValueError, RecursionError):
        return Strengths(unread=(METADATA_KEY,))
    except ModelRefused:
        return Strengths(unread=(_BESIDE,))
    if not isinstance(config, dict):
        return Strengths(unread=(METADATA_KEY,))
    parts: dict[str | None, dict[str, Any]] = {}
    for name, value in config.items():
        network = next((n for n in _NETWORKS if name.startswith(f"{n}.")), None)
        parts.setdefault(network, {})[name.removeprefix(f"{network}.")] = value
    _refuse_changed_base(path, parts)
    unread: list[str] = []
    rules = tuple((network, _rule(part, unread)) for network, part in parts.items())
    return Strengths(rules, tuple(unread))


def _config_beside(path: Path) -> dict[str, Any]:
    """peft's own, of a file that is called as peft calls it, or is the only one there: a folder may hold many LoRAs."""
    config = path.with_name(_BESIDE)
    alone = path.stem == "adapter_model" or len(list(path.parent.glob("*.safetensors"))) == 1
    return read_json(config) if alone and config.is_file() else {}


def _rule(config: Mapping[str, Any], unread: list[str]) -> Rule:
    alpha = config.get("lora_alpha", config.get("alpha"))
    if alpha is not None and not _is_number(alpha):
        unread.append("lora_alpha")
        alpha = None
    patterns = config.get("alpha_pattern") or {}
    if not isinstance(patterns, dict):
        patterns = {"alpha_pattern": None}
    known = []
    for pattern, value in patterns.items():
        # peft reads a regular expression, and what it writes itself are names. A stranger's is not run here: some
        # take longer than anyone waits.
        name = pattern.removeprefix("^").removesuffix("$").replace("\\.", ".")
        if _is_number(value) and name.replace(".", "").replace("_", "").isalnum():
            known.append((flat(name), float(value)))
        else:
            unread.append(pattern)
    return Rule(alpha, tuple(known), config.get("use_rslora") is True)


def _refuse_changed_base(path: Path, parts: Mapping[str | None, Mapping[str, Any]]) -> None:
    for config in parts.values():
        begun = str(config.get("init_lora_weights")).lower()
        if begun.startswith(_CHANGED_BASE):
            raise ModelRefused(
                Sentence(
                    "The LoRA {path} was trained on weights that were changed first ({begun}); save it as a "
                    "plain LoRA with peft, or choose another one.",
                    path=path,
                    begun=begun[:20],
                )
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
