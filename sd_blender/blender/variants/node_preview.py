# SPDX-License-Identifier: GPL-3.0-or-later
"""An image on trial in the nodes of a material: shown in the usual way, and taken back as if it had never been.

What was changed is found by comparing the nodes before and after, and kept on their owner: a material, or for a chosen
Image Texture also a node group, a world or a light. Only that is taken back, and what the artist did meanwhile stays.
A material that was made for the preview goes with it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import bpy

from .. import compat
from ..results import materials, nodes
from .properties import PREVIEW, SDB_PG_preview

Link = tuple[str, str, str, str, bool]
"""From a node and its socket to a node and its socket, by name and identifier, and whether it is muted."""


@dataclass
class Changes:
    """What a preview did.

    swapped: the Image Texture whose image is another one. created: nodes. cut: links that are gone. active, selected:
    nodes as they were selected before, None where that did not change. used_nodes: before. made: the slot that the
    material was made for, with what it was ({"slot", "link", "appended"}), or None. color_space: that of the variant.
    """

    swapped: str = ""
    created: list[str] = field(default_factory=list)
    cut: list[Link] = field(default_factory=list)
    active: str = ""
    selected: list[str] | None = None
    used_nodes: bool = True
    made: dict[str, Any] | None = None
    color_space: str = ""


@dataclass
class _Look:
    nodes: list[str]
    images: dict[str, tuple[bpy.types.Image, bool]]
    links: list[Link]
    active: str
    selected: list[str]

    @classmethod
    def at(cls, tree: bpy.types.NodeTree) -> _Look:
        """Images with whether they have a fake user."""
        images = {node.name: node.image for node in tree.nodes if node.type == "TEX_IMAGE"}
        return cls(
            [node.name for node in tree.nodes],
            {name: (image, image.use_fake_user) for name, image in images.items() if image is not None},
            [_link(link) for link in tree.links],
            tree.nodes.active.name if tree.nodes.active is not None else "",
            [node.name for node in tree.nodes if node.select],
        )


def start(
    owner: bpy.types.ID,
    image: bpy.types.Image,
    show: Callable[[], str],
    thing: bpy.types.Object | None = None,
    made: dict[str, Any] | None = None,
) -> str:
    """Have ``show`` put the image into the nodes of ``owner``, and note what that changes; returns what it returns.

    When it raises, nothing has changed. thing, made: see :func:`start_in_slot`.
    """
    changes = Changes(made=made, color_space=image.colorspace_settings.name)
    if isinstance(owner, bpy.types.Material):
        changes.used_nodes = compat.uses_nodes(owner)
        compat.enable_nodes(owner)
    before = _Look.at(nodes.tree_of(owner))
    done = False
    try:
        note = show()
        done = True
        return note
    finally:
        _write_down(owner, image, before, changes, thing)
        if not done:
            end(owner)


def start_in_slot(
    thing: bpy.types.Object,
    slot: int,
    image: bpy.types.Image,
    show: Callable[[bpy.types.Material], str],
    spare: bpy.types.Material | None = None,
) -> str:
    """As :func:`start`, with a new material in an empty slot of an object, which is taken out again.

    spare: the material instead of a new one; an earlier preview made it.
    """
    slots = thing.material_slots
    made = {"slot": slot, "appended": not slots, "link": slots[slot].link if slots else "DATA"}
    material = materials.make_material(thing, slot, spare)
    return start(material, image, lambda: show(material), thing, made)


def swap(owner: bpy.types.ID, image: bpy.types.Image) -> bool:
    """Show another variant in the place of the one on trial; False when that is no longer where it was put."""
    record = owner.sd_blender_preview
    changes = read(record)
    node = _node_of(nodes.tree_of(owner), record.variant, changes.swapped, *changes.created)
    if node is None:
        return False
    node.image = record.variant = image
    return True


def end(owner: bpy.types.ID, *, keep: bool = False) -> None:
    """Take the preview back. keep: a material that was made for it only leaves its slot, for another preview."""
    record = owner.sd_blender_preview
    changes, thing = read(record), record.object
    tree = nodes.tree_of(owner)
    if changes.made is None and tree is not None:
        _restore(tree, record, changes)
    if not changes.used_nodes and isinstance(owner, bpy.types.Material):
        compat.disable_nodes(owner)
    if record.variant is not None and record.variant.colorspace_settings.name != changes.color_space:
        with contextlib.suppress(TypeError):  # a word that a stranger wrote
            record.variant.colorspace_settings.name = changes.color_space
    owner.property_unset(PREVIEW)
    if changes.made is not None and isinstance(owner, bpy.types.Material):
        _empty_slot(thing, changes.made, owner)
        if not keep:
            bpy.data.materials.remove(owner)


def finish(owner: bpy.types.ID) -> None:
    """Make what is on trial stay, and keep the image that it replaced."""
    before = owner.sd_blender_preview.before
    owner.property_unset(PREVIEW)
    if before is not None and not before.users:
        before.use_fake_user = True  # nothing shows it any more, and what nothing shows is not saved


def read(record: SDB_PG_preview) -> Changes:
    """What there is to take back; nothing when it is damaged, since a stranger may have written it."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        changes = Changes(**json.loads(record.changes))
        changes.cut = [(str(a), str(b), str(c), str(d), bool(e)) for a, b, c, d, e in changes.cut]
        changes.created = [str(name) for name in changes.created]
        changes.selected = None if changes.selected is None else [str(name) for name in changes.selected]
        for name in ("swapped", "active", "color_space"):
            setattr(changes, name, str(getattr(changes, name)))
        if changes.made is not None:
            changes.made = {name: changes.made[name] for name in ("slot", "link", "appended")}
        return changes
    return Changes()


def _write_down(
    owner: bpy.types.ID,
    image: bpy.types.Image,
    before: _Look,
    changes: Changes,
    thing: bpy.types.Object | None,
) -> None:
    tree = nodes.tree_of(owner)
    after = _Look.at(tree)
    record = owner.sd_blender_preview
    changes.created = [name for name in after.nodes if name not in before.nodes]
    changes.cut = [link for link in before.links if link not in after.links]
    if after.active != before.active:
        changes.active, changes.selected = before.active, before.selected
    for name, (old, had_fake_user) in before.images.items():
        if tree.nodes[name].image != old:
            changes.swapped, record.before = name, old
            old.use_fake_user = had_fake_user  # the record keeps it
    record.variant, record.object = image, thing
    record.changes = json.dumps(asdict(changes))


def _restore(tree: bpy.types.NodeTree, record: SDB_PG_preview, changes: Changes) -> None:
    if changes.swapped and (node := _node_of(tree, record.variant, changes.swapped)) is not None:
        node.image = record.before
    created = [tree.nodes[name] for name in changes.created if name in tree.nodes]
    renamed = _node_of(tree, record.variant)
    if len(created) < len(changes.created) and renamed is not None and renamed not in created:
        created.append(renamed)
    shaders = [node for node in created if node.type != "TEX_IMAGE"]
    in_use = any(_leads_out(node, changes.created) for node in shaders)
    for node in created:
        if (not in_use) if node in shaders else node.image in (record.variant, None):
            tree.nodes.remove(node)
    for link in changes.cut:
        _join(tree, link)
    if changes.selected is not None and tree.nodes.active is None:
        for node in tree.nodes:
            node.select = node.name in changes.selected
        tree.nodes.active = tree.nodes.get(changes.active)


def _leads_out(node: bpy.types.Node, created: list[str]) -> bool:
    """Whether the artist has linked a node that the preview brought to one that it did not bring."""
    sockets = [*node.inputs, *node.outputs]
    ends = (end for socket in sockets for link in socket.links for end in (link.from_node, link.to_node))
    return any(end.name not in created for end in ends)


def _node_of(
    tree: bpy.types.NodeTree, variant: bpy.types.Image | None, *names: str
) -> bpy.types.ShaderNodeTexImage | None:
    """The Image Texture with one of these names, else with any, that shows the variant still."""
    candidates = [*(tree.nodes[name] for name in names if name in tree.nodes), *tree.nodes]
    return next((node for node in candidates if node.type == "TEX_IMAGE" and node.image == variant), None)


def _empty_slot(thing: bpy.types.Object | None, made: dict[str, Any], material: bpy.types.Material) -> None:
    """The slot as it was, unless it holds another material by now."""
    slot = made["slot"]
    if thing is None or not isinstance(slot, int) or not 0 <= slot < len(thing.material_slots):
        return
    place = thing.material_slots[slot]
    # Undo may bring back the slot of the object without that of its mesh, which looked the same before and after.
    is_left_over = made["appended"] and not thing.data.materials
    if place.material != material and not is_left_over:
        return
    place.material = None
    with contextlib.suppress(TypeError):  # a word that a stranger wrote
        place.link = made["link"]
    if made["appended"] and len(thing.material_slots) == 1 and place.material is None:
        _remove_slots(thing.data)


def _remove_slots(data: bpy.types.ID) -> None:
    """As it was without any; the numbers in a mesh of slots that are not there stay, which Blender would reset."""
    numbers = None
    if isinstance(data, bpy.types.Mesh) and "material_index" in data.attributes and not data.is_editmode:
        numbers = [0] * len(data.polygons)
        data.polygons.foreach_get("material_index", numbers)
    if not data.materials:
        data.materials.append(None)  # so that the objects take note
    data.materials.clear()  # pop() would leave the object its slot
    if numbers is not None:
        data.polygons.foreach_set("material_index", numbers)


def _link(link: bpy.types.NodeLink) -> Link:
    return (
        link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier, link.is_muted
    )  # fmt: skip


def _join(tree: bpy.types.NodeTree, link: Link) -> None:
    """Link again what was linked, unless an end is gone or the artist has linked another one there."""
    from_node, to_node = tree.nodes.get(link[0]), tree.nodes.get(link[2])
    if from_node is None or to_node is None:
        return
    output, socket = _socket(from_node.outputs, link[1]), _socket(to_node.inputs, link[3])
    if output is None or socket is None or socket.is_linked:
        return
    tree.links.new(output, socket).is_muted = link[4]


def _socket(sockets: Iterable[bpy.types.NodeSocket], identifier: str) -> bpy.types.NodeSocket | None:
    return next((socket for socket in sockets if socket.identifier == identifier), None)
