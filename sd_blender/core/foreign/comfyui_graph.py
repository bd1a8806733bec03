# SPDX-License-Identifier: GPL-3.0-or-later
"""The graph of nodes in a picture of ComfyUI, and how to follow its links.

``prompt`` is the graph as it was run, ``workflow`` the one of the editor, in which the values of a node stand in a row
without names; those of the usual nodes are known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .told import Texts, inner, main_text, parse

GRAPH, EDITOR = "prompt", "workflow"
MAX_STEPS = 200
"""Links that are followed; a graph may lead in a circle."""

WIDGETS = {
    "KSampler": ("seed", "control", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        *("add_noise", "noise_seed", "control", "steps", "cfg", "sampler_name", "scheduler"),
        *("start_at_step", "end_at_step", "return_with_leftover_noise"),
    ),
    "CLIPTextEncode": ("text",),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "VAELoader": ("vae_name",),
    "PrimitiveNode": ("value",),
}


@dataclass
class Node:
    kind: str
    inputs: dict[str, Any] = field(default_factory=dict)


Graph = dict[str, Node]


def graph_of(texts: Texts) -> Graph:
    """By the numbers of the nodes. In a WebP file the graph stands in the EXIF data, after its keyword."""
    for text in (texts.get(GRAPH, ""), texts.get("Model", ""), texts.get("Make", ""), main_text(texts)):
        whole = parse(text.removeprefix("prompt:").removeprefix("Prompt:"))
        whole = inner(whole, GRAPH) or whole
        nodes = {
            key: Node(str(node["class_type"]), dict(inner(node, "inputs")))
            for key, node in whole.items()
            if isinstance(node, dict) and "class_type" in node
        }
        if nodes:
            return nodes
    return _of_editor(parse(texts.get(EDITOR)) or parse(texts.get("Make", "").partition(":")[2]))


def _of_editor(whole: dict[str, Any]) -> Graph:
    nodes = [node for node in whole.get("nodes") or () if isinstance(node, dict) and node.get("mode", 0) == 0]
    links = {link[0]: link for link in whole.get("links") or () if isinstance(link, list) and len(link) > 4}
    graph: Graph = {}
    for node in nodes:
        made = graph[str(node.get("id"))] = Node(str(node.get("type")))
        values = node.get("widgets_values")
        names = WIDGETS.get(made.kind, ())
        if isinstance(values, list):
            made.inputs.update(zip(names, values, strict=False))
        for entry in node.get("inputs") or ():
            if link := links.get(entry.get("link")):
                made.inputs[str(entry.get("name"))] = [str(link[1]), link[2]]
    return graph


def upstream(graph: Graph, node: Node, name: str) -> Iterator[Node]:
    """The nodes from which an input is fed, the nearest first."""
    waiting = [node.inputs.get(name)]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_STEPS:
        source = linked(graph, waiting.pop(0))
        if source is None or id(source) in seen:
            continue
        seen.add(id(source))
        yield source
        waiting += source.inputs.values()


def linked(graph: Graph, value: Any) -> Node | None:
    is_link = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int)
    return graph.get(str(value[0])) if is_link else None


def value_of(graph: Graph, value: Any, name: str = "value") -> Any:
    """A value, or the one of the node that gives it, None where that has to be computed. name: what it is there."""
    for _ in range(MAX_STEPS):
        node = linked(graph, value)
        if node is None:
            return value if isinstance(value, str | int | float) else None
        usual = (name, "seed", "noise_seed", "value", "int", "float", "Value")
        names = [own for own in usual if own in node.inputs]
        plain = [own for own in names if linked(graph, node.inputs[own]) is None]
        others = [v for v in node.inputs.values() if not isinstance(v, list)]
        if names:
            value = node.inputs[(plain or names)[0]]
        elif len(others) == 1 and len(node.inputs) == 1:
            value = others[0]
        else:
            links = [v for v in node.inputs.values() if isinstance(v, list)]
            if node.kind != "Reroute" or len(links) != 1:
                return None
            value = links[0]
    return None
