# SPDX-License-Identifier: GPL-3.0-or-later
"""Which inputs of a node carry colour: by what the node does with them where that is known, else by type and name.

Factors, vectors, normals and alphas shape a surface and are not its colour.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import bpy

from .wires import Spot, Wire, Wires, kind_of

COLOR_NAMES = ("basecolor", "albedo", "diffusecolor", "diffuse", "maincolor", "color", "tint")
"""What the colour of a surface is called, the surest first; see :func:`plain_name`."""

SURE_NAMES = COLOR_NAMES.index("diffusecolor")
"""So many of the first are the whole colour; the others may be a tint of it."""

FIRST_INPUT = ("CLAMP", "RGBTOBW", "SEPARATE_COLOR", "SEPHSV", "SEPRGB", "SEPXYZ")
ALL_INPUTS = ("COMBHSV", "COMBINE_COLOR", "COMBRGB", "COMBXYZ")
BY_NAME = {"CURVE_FLOAT": ("Value",), "CURVE_VEC": ("Vector",), "MAP_RANGE": ("Value", "Vector")}
OPERATIONS = ("MATH", "VECT_MATH")
"""Nodes that pass a colour on as numbers or as a vector; all others do so from one colour socket to another."""

ZONES = ("REPEAT_INPUT", "REPEAT_OUTPUT")

BLACK = 0.02
"""Linear values up to this are black enough for a surface that only glows."""


class Carrier(NamedTuple):
    """An input whose colour a node passes on.

    laid_over: it only changes the colour of another one, as the second of two that are multiplied.
    """

    socket: bpy.types.NodeSocket
    laid_over: bool = False


def plain_name(name: str) -> str:
    """A name without case, spaces and spelling: "Base Colour", "base_color" and "BaseColorMap" are the same."""
    letters = re.sub(r"[^a-z]", "", name.casefold()).replace("colour", "color")
    return re.sub(r"(?<=.)(map|texture|tex)$", "", letters)


def name_rank(socket: bpy.types.NodeSocket) -> int:
    """0 for what is surely the colour of a surface, ``len(COLOR_NAMES)`` for what is none by its name."""
    name = plain_name(socket.name)
    return COLOR_NAMES.index(name) if name in COLOR_NAMES else len(COLOR_NAMES)


def carriers(wires: Wires, wire: Wire) -> list[Carrier]:
    """The inputs of the node at the end of a wire whose colours come out there, the base of a mix first."""
    node, output = wire.node, wire.source.socket
    inputs = [socket for socket in node.inputs if socket.enabled]
    if wire.kind in ("MIX", "MIX_RGB"):
        return _blended(wires, wire, inputs)
    if wire.kind in FIRST_INPUT:
        return [Carrier(inputs[0])]
    if wire.kind in ALL_INPUTS:
        return [Carrier(socket) for socket in inputs]
    if wire.kind in BY_NAME:
        return [Carrier(socket) for socket in inputs if socket.name in BY_NAME[wire.kind]][:1]
    if wire.kind in OPERATIONS:
        operands = [socket for socket in inputs if socket.name != "Scale"]
        return [Carrier(socket, number > 0) for number, socket in enumerate(operands)]
    if wire.kind == "VALTORGB":  # a gradient has colours of its own
        return []
    if wire.kind == "MENU_SWITCH":
        chosen = [s for s in inputs if s.name == getattr(inputs[0], "default_value", None)]
        return [Carrier(s) for s in (chosen or inputs[1:]) if s.type == output.type]
    if wire.kind in ZONES:
        return [Carrier(socket) for socket in same_in_zone(wire)]
    if output.type != "RGBA":
        return []
    colors = [socket for socket in inputs if socket.type == "RGBA"]
    if wire.kind == "GROUP":  # which could not be entered
        colors = [socket for socket in colors if name_rank(socket) < len(COLOR_NAMES)]
    return [Carrier(socket) for socket in colors]


def same_in_zone(wire: Wire) -> list[bpy.types.NodeSocket]:
    """What goes into the border of a zone under a name comes out under it."""
    if wire.kind not in ZONES:
        return []
    return [socket for socket in wire.node.inputs if socket.identifier == wire.source.socket.identifier]


def of_shader(wires: Wires, wire: Wire) -> bpy.types.NodeSocket | None:
    """The colour of the shader at the end of a wire, or of a group that cannot be entered; None where it has none."""
    sockets = [socket for socket in wire.node.inputs if socket.type == "RGBA" and socket.enabled]
    named = [socket for socket in sockets if name_rank(socket) < len(COLOR_NAMES)]
    color = min(named, key=name_rank, default=None)
    if kind_of(wire.node) == "BSDF_PRINCIPLED" and _only_glows(wires, wire, color):
        return wire.node.inputs["Emission Color"]
    return color


def _blended(wires: Wires, wire: Wire, inputs: list[bpy.types.NodeSocket]) -> list[Carrier]:
    node, (factor, *_, first, second) = wire.node, inputs
    seen = wires.mixed(Spot(wire.source.groups, factor), first, second)
    if getattr(node, "data_type", "RGBA") == "RGBA" and node.blend_type != "MIX":
        # At a factor of 1 a multiplication still shows the first.
        return [Carrier(first), Carrier(second, True)] if second in seen else [Carrier(first)]
    return [Carrier(socket) for socket in seen]


def _only_glows(wires: Wires, wire: Wire, base: bpy.types.NodeSocket) -> bool:
    """Whether a Principled BSDF is black but for its emission."""
    groups, inputs = wire.source.groups, wire.node.inputs
    if wires.value(Spot(groups, inputs["Emission Strength"])) == 0:
        return False
    black, glow = (_is_black(wires.trace(Spot(groups, s))) for s in (base, inputs["Emission Color"]))
    return black and not glow


def _is_black(wire: Wire) -> bool:
    """Whether a colour is black everywhere, as a number or by an RGB node."""
    if wire.source is not None and wire.kind != "RGB":
        return False
    socket = wire.spot.socket if wire.source is None else wire.source.socket
    color = getattr(socket, "default_value", None)
    return color is not None and max(color[:3]) <= BLACK
