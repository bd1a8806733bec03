# SPDX-License-Identifier: GPL-3.0-or-later
"""The wires of a node tree, followed backwards: from an input to the node that feeds it.

Reroutes, muted nodes and the borders of groups are part of a wire. Nothing is changed here. ``socket.links`` looks at
all links of the tree each time that it is asked, which is too slow for what is drawn again and again; the links of each
tree are read once instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import bpy

Groups = tuple[bpy.types.Node, ...]
"""The group nodes that were entered on the way, outermost first; () in the material's own tree."""

Key = tuple[int, ...]
Links = dict[int, tuple[bpy.types.Node, bpy.types.NodeSocket]]

_kinds: dict[str, str] = {}


class Spot(NamedTuple):
    """A socket, and the groups around it: the same group may be in a material twice."""

    groups: Groups
    socket: bpy.types.NodeSocket

    @property
    def key(self) -> Key:
        """The same for the same place in a material, as long as nothing changes."""
        return (*(group.as_pointer() for group in self.groups), self.socket.as_pointer())


class Wire(NamedTuple):
    """What is at the other end of an input.

    spot: the outermost input that the wire comes through. source: the output at its end, None where nothing is linked.
    node, kind: whose output that is, and the type of that node.
    """

    spot: Spot
    source: Spot | None = None
    node: bpy.types.Node | None = None
    kind: str = ""


class Wires:
    """The wires of a material's tree and of the groups in it, as they are now.

    follow_muted: take muted links and nodes for what they would be. saw_muted: whether there were any.
    """

    def __init__(self, follow_muted: bool) -> None:
        self._follow_muted = follow_muted
        self._links: dict[int, Links] = {}
        self.saw_muted = False

    def trace(self, spot: Spot) -> Wire:
        """Follow the wire of an input to the node that it comes from."""
        groups, socket = spot
        seen: set[Key] = set()
        while (key := Spot(groups, socket).key) not in seen:
            seen.add(key)
            link = self._link(socket)
            if link is None:
                break
            node, output = link
            kind = kind_of(node)
            if kind == "GROUP_INPUT" and groups:
                outer, groups = groups[-1], groups[:-1]
                socket = by_identifier(outer.inputs, output.identifier)
                if socket is None:
                    break
                spot = Spot(groups, socket)
            elif kind == "REROUTE":
                socket = node.inputs[0]
            elif node.mute and not self._follow_muted:
                self.saw_muted = True
                socket = next((k.from_socket for k in node.internal_links if k.to_socket == output), None)
                if socket is None:
                    break
            elif kind == "GROUP" and (inner := self._inside(node, output)) is not None:
                groups, socket = (*groups, node), inner
            else:
                return Wire(spot, Spot(groups, output), node, kind)
        return Wire(spot)

    def value(self, spot: Spot, depth: int = 8) -> float | None:
        """The number at an input as a camera sees the front of the surface; None where it differs by place.

        depth: of the calculations that are followed.
        """
        wire = self.trace(spot)
        if wire.source is None:
            number = getattr(wire.spot.socket, "default_value", None)
            return float(number) if isinstance(number, int | float) else None
        output = wire.source.socket
        if wire.kind == "VALUE":
            return float(output.default_value)
        if wire.kind == "LIGHT_PATH":
            return float(output.name == "Is Camera Ray") if output.name.startswith("Is ") else None
        if wire.kind == "NEW_GEOMETRY":
            return 0.0 if output.name == "Backfacing" else None
        if wire.kind == "MATH" and depth:
            inputs = [Spot(wire.source.groups, socket) for socket in wire.node.inputs if socket.enabled]
            return _calculated(wire.node.operation, [self.value(spot, depth - 1) for spot in inputs])
        return None

    def mixed(self, factor: Spot, *ends: bpy.types.NodeSocket) -> list[bpy.types.NodeSocket]:
        """Which of two inputs a camera sees, the one with the larger part first."""
        first, second = ends
        value = self.value(factor)
        if value is None or 0 < value <= 0.5:
            return [first, second]
        if value <= 0:
            return [first]
        return [second] if value >= 1 else [second, first]

    def _inside(self, group: bpy.types.Node, output: bpy.types.NodeSocket) -> bpy.types.NodeSocket | None:
        """The input within a group that an output of it shows; None where nothing is linked there."""
        nodes = group.node_tree.nodes if group.node_tree is not None else ()
        end = next(
            (node for node in nodes if kind_of(node) == "GROUP_OUTPUT" and node.is_active_output), None
        )
        socket = by_identifier(end.inputs, output.identifier) if end is not None else None
        return socket if socket is not None and self._link(socket) is not None else None

    def _link(self, socket: bpy.types.NodeSocket) -> tuple[bpy.types.Node, bpy.types.NodeSocket] | None:
        """What is linked to an input directly."""
        if not socket.is_linked:
            return None
        tree = socket.id_data
        key = tree.as_pointer()
        if key not in self._links:
            self._links[key] = self._read(tree)
        return self._links[key].get(socket.as_pointer())

    def _read(self, tree: bpy.types.NodeTree) -> Links:
        links = {}
        for link in tree.links:
            self.saw_muted |= link.is_muted
            if link.is_valid and (self._follow_muted or not link.is_muted):
                links[link.to_socket.as_pointer()] = link.from_node, link.from_socket
        return links


def kind_of(node: bpy.types.Node) -> str:
    """``node.type``, for which Blender up to 5.1 looks through the names of all types each time."""
    return _kinds.get(node.bl_idname) or _kinds.setdefault(node.bl_idname, node.type)


def by_identifier(sockets: Iterable[bpy.types.NodeSocket], identifier: str) -> bpy.types.NodeSocket | None:
    return next((socket for socket in sockets if socket.identifier == identifier), None)


def _calculated(operation: str, operands: list[float | None]) -> float | None:
    """The usual ways of combining the outputs of Light Path; None for others, and where an operand is not known."""
    known = [value for value in operands if value is not None]
    if operation == "MULTIPLY" and 0.0 in known:
        return 0.0
    if operation == "MAXIMUM" and any(value >= 1 for value in known):
        return 1.0
    if len(known) < len(operands) or len(known) < 2:
        return None
    a, b = known[:2]
    results = {
        "ADD": a + b,
        "SUBTRACT": a - b,
        "MULTIPLY": a * b,
        "MAXIMUM": max(a, b),
        "MINIMUM": min(a, b),
        "GREATER_THAN": float(a > b),
        "LESS_THAN": float(a < b),
    }
    return results.get(operation)
