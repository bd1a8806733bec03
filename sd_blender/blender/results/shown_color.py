# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the colour of a material comes from: which input holds it, and which Image Texture feeds that.

A renderer reads a tree from its output backwards, and so does this module. It takes the Material Output that the render
engine in use reads, looks for the shader that is seen there, and follows the wire of its colour through whatever
passes a colour on: groups, mixes, corrections.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import bpy

from . import color_inputs
from .wires import Groups, Key, Spot, Wire, Wires

TARGETS = {"CYCLES": ("CYCLES", "EEVEE"), "EEVEE": ("EEVEE", "CYCLES"), "ALL": ("ALL", "EEVEE", "CYCLES")}
"""For the engine in use: whose output is looked for, in this order. A specific one includes the one for all."""

SEEN, SHEEN, GLASS, UNSEEN = range(4)
"""How much of the colour of a surface a shader makes: all of it; what shines on top; what shows through; nothing."""

PARTS = {
    "BSDF_GLOSSY": SHEEN,
    "BSDF_HAIR": SHEEN,
    "BSDF_SHEEN": SHEEN,
    "BSDF_TRANSLUCENT": SHEEN,
    "BSDF_VELVET": SHEEN,
    "BSDF_GLASS": GLASS,
    "BSDF_RAY_PORTAL": GLASS,
    "BSDF_REFRACTION": GLASS,
    "BSDF_TRANSPARENT": UNSEEN,
}
"""All other shaders are SEEN."""

STRENGTHS = {"EMISSION": "Strength", "BSDF_PRINCIPLED": "Alpha"}
"""Of which input a shader is UNSEEN at 0."""

COLOR, LAID_OVER, DATA = range(3)

MOST_STEPS = 10_000
"""Of groups within groups a stranger can build more ways through than anyone can follow."""


@dataclass(frozen=True)
class Texture:
    """An Image Texture whose colour arrives at a surface.

    groups: around it. fed: the input that it is linked to. role: COLOR; LAID_OVER where it only changes the colour of
    another one; DATA where its image is no colour at all.
    """

    node: bpy.types.ShaderNodeTexImage
    groups: Groups
    fed: Spot
    role: int


@dataclass(frozen=True)
class Color:
    """The colour of a shader.

    spot: the input that a new texture goes into, outside of groups where they have an input for it. textures: what
    feeds it now, the first is the material's texture. part: how much of the surface's colour the shader makes. opaque:
    the group whose inside does not show the colour of the input, which was chosen by its name.
    """

    spot: Spot
    textures: tuple[Texture, ...]
    part: int
    is_principled: bool = False
    opaque: bpy.types.Node | None = None


@dataclass(frozen=True)
class Surface:
    """What an output of a material shows.

    output: None where the tree has none. colors: of all shaders that are seen, the surface's own first. other_engine:
    the engine that the output is for, where that is not the one in use, else "". muted: the colour was found only by
    following muted links and nodes, which no renderer does.
    """

    output: bpy.types.Node | None
    colors: tuple[Color, ...] = ()
    other_engine: str = ""
    muted: bool = False

    @property
    def color(self) -> Color | None:
        return self.colors[0] if self.colors else None

    @property
    def texture(self) -> bpy.types.ShaderNodeTexImage | None:
        """The Image Texture that is the colour, None also for one that no renderer shows."""
        if self.color is None or self.muted or not self.color.textures:
            return None
        return self.color.textures[0].node

    @property
    def images(self) -> set[bpy.types.Image]:
        """Of all Image Textures whose colour arrives at the output."""
        return {texture.node.image for color in self.colors for texture in color.textures}


def engine_of(scene: bpy.types.Scene) -> str:
    """Which outputs the render engine of a scene reads: "CYCLES", "EEVEE", or "ALL" for one that asks for neither."""
    engine = scene.render.engine
    if engine == "CYCLES":
        return "CYCLES"
    return "EEVEE" if engine.startswith("BLENDER_EEVEE") else "ALL"


def find(tree: bpy.types.NodeTree | None, engine: str) -> Surface:
    """The surface that ``engine`` ("CYCLES", "EEVEE", "ALL") shows of a material's tree."""
    output, read_by = _output(tree, engine) if tree is not None else (None, "")
    if output is None:
        return Surface(None)
    other = read_by if engine != "ALL" and read_by != engine else ""
    for muted in (False, True):
        wires = Wires(follow_muted=muted)
        colors = _Shaders(wires).colors(Spot((), output.inputs["Surface"]))
        if colors or not wires.saw_muted:
            return Surface(output, colors, other, muted and bool(colors))
    return Surface(output, (), other)


def _output(tree: bpy.types.NodeTree, engine: str) -> tuple[bpy.types.Node | None, str]:
    """The output in use, and whom it is for."""
    for target in TARGETS[engine]:
        output = tree.get_output_node(target)
        if output is not None:
            return output, target
    return None, ""


@dataclass
class _Chain:
    """What is found when the wire of one colour is followed to all its ends.

    outside: inputs of groups through which it comes in, each with the textures that do. shaders: whose colour it is, as
    Shader to RGB has it.
    """

    textures: list[Texture] = field(default_factory=list)
    outside: list[tuple[Spot, list[Texture]]] = field(default_factory=list)
    shaders: list[Spot] = field(default_factory=list)
    seen: set[Key] = field(default_factory=set)

    def entrance(self) -> Spot:
        """The input that a new texture goes into: one that is surely the colour, else where the texture comes in now.

        Beside that a "Color" is mostly a tint, and the new texture would be drawn over the old one.
        """

        def rank(way: tuple[Spot, list[Texture]]) -> tuple[int, int, bool, int]:
            spot, textures = way
            name = color_inputs.name_rank(spot.socket)
            brings = any(texture == self.textures[0] and texture.role != DATA for texture in textures)
            return len(spot.groups), min(name, color_inputs.SURE_NAMES), not brings, name

        return min(self.outside, key=rank)[0]


class _Shaders:
    """Looks through the shaders of one surface."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._seen: set[Key] = set()
        self._steps = 0

    def colors(self, surface: Spot) -> tuple[Color, ...]:
        """Of all shaders that a camera sees, the best first: what makes the surface, has a texture, is a Principled."""
        found = list(self._shaders(surface))
        # Stable: of equal ones the nearest to the output is first.
        found.sort(key=lambda color: (color.part, not color.textures, not color.is_principled))
        return tuple(found)

    def _shaders(self, spot: Spot, added: bool = False) -> Iterator[Color]:
        """The colours of what arrives at a shader's input. added: to another shader, by Add Shader."""
        wire = self._wires.trace(spot)
        if wire.source is None or not self._is_new(wire.source, self._seen):
            return
        node, groups = wire.node, wire.source.groups
        if wire.source.socket.type != "SHADER":  # a colour in place of a shader is shown as it is
            yield from self._color(wire.spot, SEEN)
        elif wire.kind == "MIX_SHADER":
            for socket in self._wires.mixed(Spot(groups, node.inputs[0]), *node.inputs[1:3]):
                yield from self._shaders(Spot(groups, socket), added)
        elif wire.kind == "ADD_SHADER":
            for socket in node.inputs:
                yield from self._shaders(Spot(groups, socket), added=True)
        elif passed := color_inputs.same_in_zone(wire):
            for socket in passed:
                yield from self._shaders(Spot(groups, socket), added)
        elif (socket := color_inputs.of_shader(self._wires, wire)) is not None:
            yield from self._color(Spot(groups, socket), self._part(wire, added), wire)

    def _part(self, wire: Wire, added: bool) -> int:
        """How much of the surface's colour a shader makes. A glow that is added to a surface is not its colour."""
        strength = wire.node.inputs.get(STRENGTHS.get(wire.kind, ""))
        if strength is not None and self._wires.value(Spot(wire.source.groups, strength)) == 0:
            return UNSEEN
        if wire.kind == "EMISSION" and added:
            return SHEEN
        return PARTS.get(wire.kind, SEEN)

    def _color(self, start: Spot, part: int, shader: Wire | None = None) -> Iterator[Color]:
        """The colour that arrives at one input; where it is that of shaders (Shader to RGB), theirs.

        shader: whose input it is, None where the colour itself is the surface.
        """
        chain = _Chain()
        self._follow(start, chain, COLOR)
        chain.textures.sort(key=lambda texture: texture.role)
        spot = self._wires.trace(start).spot
        if chain.shaders and chain.textures:
            spot = chain.textures[0].fed  # the shading goes on to be mixed with it
        elif below := [color for shaders in chain.shaders for color in self._shaders(shaders)]:
            yield from below
            return
        if spot.groups and chain.outside:
            spot = chain.entrance()
        kind = shader.kind if shader is not None else ""
        opaque = shader.node if shader is not None and kind == "GROUP" else None
        yield Color(spot, tuple(chain.textures), part, kind == "BSDF_PRINCIPLED", opaque)

    def _follow(self, spot: Spot, chain: _Chain, role: int) -> None:
        """Gather the ends of a colour's wire, the base of each mix before what is laid over it."""
        wire, known = self._wires.trace(spot), len(chain.textures)
        self._follow_source(wire, chain, role)
        if len(wire.spot.groups) < len(spot.groups):
            chain.outside.append((wire.spot, chain.textures[known:]))

    def _follow_source(self, wire: Wire, chain: _Chain, role: int) -> None:
        if wire.source is None or not self._is_new(wire.source, chain.seen):
            return
        node, groups = wire.node, wire.source.groups
        if wire.source.socket.name == "Alpha" and wire.kind in ("SHADERTORGB", "TEX_IMAGE"):
            return
        if wire.kind == "TEX_IMAGE":
            if node.image is not None:
                is_data = node.image.colorspace_settings.is_data
                chain.textures.append(Texture(node, groups, wire.spot, DATA if is_data else role))
        elif wire.kind == "SHADERTORGB":
            chain.shaders.append(Spot(groups, node.inputs[0]))
        else:
            for socket, is_laid_over in color_inputs.carriers(self._wires, wire):
                self._follow(Spot(groups, socket), chain, LAID_OVER if is_laid_over else role)

    def _is_new(self, source: Spot, seen: set[Key]) -> bool:
        """Whether an output was not looked at yet, and there is patience left for it."""
        self._steps += 1
        if source.key in seen or self._steps > MOST_STEPS:
            return False
        seen.add(source.key)
        return True
