# SPDX-License-Identifier: GPL-3.0-or-later
"""ComfyUI: the graph of nodes that made the picture. Read along its links from the sampler, where that is clear.

The graph itself is read in :mod:`~.comfyui_graph`.
"""

from __future__ import annotations

import re
from typing import Any

from ..errors import InvalidRequest
from ..lora_tags import Call
from ..sentence import Sentence
from .comfyui_graph import EDITOR, MAX_STEPS, Graph, Node, graph_of, linked, upstream, value_of
from .samplers import scheduler
from .told import Texts, Told, header_of, model_name, named, parse, weight_of

NAME = "ComfyUI"
SAMPLERS = {"KSampler", "KSamplerAdvanced", "KSampler (Efficient)", "KSampler Adv. (Efficient)"}
OTHER_SAMPLERS = ("sampler", "detailer", "upscale")
"""What such a node is called that is none of these."""

MODEL_NAMES = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name")
TEXTS = ("text", "text_g", "string", "value", "prompt", "populated_text", "Text", "positive")
DRAWN = "populated_text"
"""What a node drew from its wildcards, which are beside it."""

PASSING = ("Reroute", "ShowText")
"""Nodes that give on what they get."""

OWN_BRACKETS = ("A1111", "full")
"""Parsers of some nodes to which square brackets are not letters."""

SET_LAYER = "CLIPSetLastLayer"
MASKED = ("SetLatentNoiseMask", "VAEEncodeForInpaint", "InpaintModelConditioning")
CHANGES = {
    "ControlNet": "ControlNet",
    "IPAdapter": "IP-Adapter",
    "FreeU": "FreeU",
    "unCLIP": "reference image",
}
_EMBEDDING = re.compile(r"embedding:([\w./\\-]+)")
CONDITIONS = ("Conditioning", "StyleModel", "GLIGEN")


def recognises(texts: Texts) -> bool:
    return (
        EDITOR in texts or bool(graph_of(texts)) or "nodes" in parse(texts.get("Make", "").partition(":")[2])
    )


def read(texts: Texts) -> Told:
    graph = graph_of(texts)
    sampler, seconds = _sampler(graph)
    lost = ["second sampler"] * bool(seconds)
    values: dict[str, Any] = {}
    for theirs, ours in (
        ("seed", "seed"),
        ("noise_seed", "seed"),
        ("steps", "steps"),
        ("cfg", "guidance_scale"),
    ):
        if theirs in sampler.inputs:
            values[ours] = value_of(graph, sampler.inputs[theirs], theirs)
            lost += [ours.replace("_", " ")] if values[ours] is None else []
    name, schedule = (
        value_of(graph, sampler.inputs.get(told), told) for told in ("sampler_name", "scheduler")
    )
    found, missing = scheduler(str(name), str(schedule or "")) if name else ({}, ["sampler"])
    values |= found
    values["clip_skip"], skipped = _clip_skip(graph)
    lost += missing + skipped
    for theirs, ours in (("positive", "prompt"), ("negative", "negative_prompt")):
        values[ours], changes = _prompt(graph, sampler.inputs.get(theirs), ours)
        lost += changes
    calls, changes = _model(graph, sampler.inputs.get("model"))
    lost += changes + _latents(graph, sampler, values)
    calls += _embeddings(values)
    return Told(header_of(values), lost, calls)


def _embeddings(values: dict[str, Any]) -> list[Call]:
    """Those that the prompts call, which then hold their words alone, as they are called here."""
    names: list[str] = []
    for field in ("prompt", "negative_prompt"):
        text = values[field] or ""
        names += map(model_name, _EMBEDDING.findall(text))
        values[field] = values[field] and _EMBEDDING.sub(lambda found: model_name(found[1]), text)
    return [Call(name, is_word=True) for name in dict.fromkeys(names)]


def _sampler(graph: Graph) -> tuple[Node, bool]:
    """The node that began the picture, and whether others went on. Raises InvalidRequest where none is clear."""
    known = {key: node for key, node in graph.items() if node.kind in SAMPLERS}
    unknown = [
        node
        for key, node in graph.items()
        if key not in known
        and any(part in node.kind.lower() for part in OTHER_SAMPLERS)
        and "steps" in node.inputs
    ]
    first = [
        node
        for node in known.values()
        if not any(
            other is not node and other in known.values() for other in upstream(graph, node, "latent_image")
        )
    ]
    if len(first) != 1:
        kinds = (
            ", ".join(sorted({node.kind for node in graph.values() if "ampler" in node.kind}))[:100] or "none"
        )
        raise InvalidRequest(
            "parameters",
            Sentence(
                "This picture is of ComfyUI, and its graph has no sampler, or not one alone, that is "
                "known here ({kinds}); choose another picture.",
                kinds=kinds,
            ),
        )
    return first[0], len(known) > 1 or bool(unknown)


def _prompt(graph: Graph, value: Any, ours: str) -> tuple[str | None, list[str]]:
    """The words that lead into a sampler, and what else they meet on the way."""
    lost: list[str] = []
    for _ in range(MAX_STEPS):
        node = linked(graph, value)
        if node is None:
            break
        lost += [label for mark, label in CHANGES.items() if mark in node.kind]
        if node.kind.startswith("CLIPTextEncode") or any(name in node.inputs for name in ("text", "text_g")):
            text = _text(graph, node)
            other = node.inputs.get("text_l")
            if isinstance(other, str) and other != node.inputs.get("text_g", other):
                lost += named(f"{ours.replace('_', ' ')} of the first text encoder", other)
            return text, lost if text is not None else [*lost, ours.replace("_", " ")]
        if node.kind == "ConditioningZeroOut":
            return "", lost
        if node.kind.startswith(CONDITIONS) and not node.kind.startswith("ConditioningSetTimestep"):
            lost.append("regional prompts")
        own = "positive" if ours == "prompt" else "negative"
        names = (own, "conditioning", "conditioning_1", "conditioning_to", "")
        value = next((node.inputs[name] for name in names if name in node.inputs), None)
        if isinstance(value, str):
            return _escaped(value), lost
    return None, [*lost, ours.replace("_", " ")]


def _text(graph: Graph, node: Node) -> str | None:
    """What an encoder reads, None where that has to be computed."""
    parser = node.inputs.get("parser")
    found = next((node.inputs[name] for name in TEXTS if name in node.inputs), None)
    for _ in range(MAX_STEPS):
        if isinstance(found, str):
            return found if parser in OWN_BRACKETS else _escaped(found)
        source = linked(graph, found)
        if source is None:
            return None
        found = _held(source)
    return None


def _held(node: Node) -> Any:
    """The text that a node holds or gives on. One with more than a text makes another one of it, nobody knows which."""
    if isinstance(drawn := node.inputs.get(DRAWN), str):
        return drawn
    links = [value for value in node.inputs.values() if isinstance(value, list)]
    if node.kind.startswith(PASSING):
        return links[0] if links else None
    names = [name for name, value in node.inputs.items() if isinstance(value, str)]
    return node.inputs[names[0]] if len(names) == 1 and names[0] in TEXTS and not links else None


def _escaped(text: str) -> str:
    """Round brackets are weights there as here, and square ones letters."""
    return re.sub(r"(?<!\\)([\[\]])", r"\\\1", text)


def _model(graph: Graph, value: Any) -> tuple[list[Call], list[str]]:
    """The LoRAs between the model and the sampler, and by name the model and what else changes it."""
    calls: list[Call] = []
    lost: list[str] = []
    for _ in range(MAX_STEPS):
        node = linked(graph, value)
        if node is None:
            break
        name = next((node.inputs[n] for n in MODEL_NAMES if n in node.inputs), None)
        if name is not None:
            lost += named("model", model_name(name))
        if "lora_name" in node.inputs:
            calls += _loaded(graph, node)
        elif name is None:
            stacked = [v for v in node.inputs.values() if isinstance(v, dict) and v.get("lora")]
            used = [v for v in stacked if v.get("on", True)]
            calls += [
                _call(v["lora"], v.get("strength", 1), v.get("strengthTwo") or v.get("strength", 1))
                for v in used
            ]
            known = [label for mark, label in CHANGES.items() if mark in node.kind]
            lost += known or ([] if stacked or node.kind == "Reroute" else [node.kind])
        value = node.inputs.get("model", node.inputs.get(""))
    return calls[::-1], lost


def _loaded(graph: Graph, node: Node) -> list[Call]:
    """The LoRA of a node for one, none where it is switched off."""
    told = [
        value_of(graph, node.inputs[name], "value")
        for name in ("strength_model", "lora_model_strength", "strength_clip", "lora_clip_strength")
        if name in node.inputs
    ]
    call = _call(node.inputs["lora_name"], *(told or [None]))
    return [] if call.name in ("", "None") else [call]


def _call(name: Any, *weights: Any) -> Call:
    """weights: for the model and for the text, of which a LoRA has one here."""
    found = {weight_of(weight) for weight in weights}
    return Call(model_name(name), found.pop() if len(found) == 1 else None)


def _latents(graph: Graph, sampler: Node, values: dict[str, Any]) -> list[str]:
    """The size, or the kind of the source; returns by name what could not be told."""
    nodes = list(upstream(graph, sampler, "latent_image"))
    denoise = value_of(graph, sampler.inputs.get("denoise", 1))
    empty = next((node for node in nodes if node.kind.startswith("Empty") and "Latent" in node.kind), None)
    lost = _beside(graph, sampler)
    if empty is not None:
        for name in ("width", "height"):
            values[name] = value_of(graph, empty.inputs.get(name), name)
            lost += [name] if values[name] is None else []
        return lost if denoise in (1, None) else [*lost, "strength"]
    if any(node.kind.startswith(("VAEEncode", *MASKED)) for node in nodes):
        masked = any(node.kind in MASKED for node in (*nodes, *upstream(graph, sampler, "positive")))
        values["task"], values["strength"] = "inpaint" if masked else "image_to_image", denoise
        return lost
    return [*lost, "size"]


def _clip_skip(graph: Graph) -> tuple[int | None, list[str]]:
    """The layer of the text encoders that is read, counted here from -1, and by name what could not be told of it."""
    layers = {
        value_of(graph, node.inputs.get(name), name)
        for node in graph.values()
        for name in ("stop_at_clip_layer", "clip_skip")
        if name in node.inputs or (node.kind == SET_LAYER and name == "stop_at_clip_layer")
    } - {0}
    if not layers:
        return None, []
    layer = layers.pop()
    if layers or not isinstance(layer, int):  # several ways, or one that has to be computed
        return None, ["clip skip"]
    return abs(layer), []


def _beside(graph: Graph, sampler: Node) -> list[str]:
    """By name what nodes do that have no setting here."""
    nodes = graph.values()
    lost = ["VAE"] if any(node.kind == "VAELoader" for node in nodes) else []
    lost += (
        ["upscaling"] if any("Upscale" in node.kind and "Loader" not in node.kind for node in nodes) else []
    )
    first, last, steps = (sampler.inputs.get(name) for name in ("start_at_step", "end_at_step", "steps"))
    lost += ["start at step"] if first not in (None, 0) else []
    runs_out = not isinstance(last, int) or not isinstance(steps, int) or last >= steps
    return lost if runs_out else [*lost, "end at step"]
