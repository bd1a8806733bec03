# SPDX-License-Identifier: GPL-3.0-or-later
"""An image as the Base Color of a material: nodes are added and links moved, nothing of the artist's is removed."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from .. import compat

NODE_GAP = 300
NODE_HEIGHT = 290
COLOUR_INPUTS = ("Base Color", "Color")


def make_material(
    thing: bpy.types.Object, slot: int, material: bpy.types.Material | None = None
) -> bpy.types.Material:
    """A new material, or the one given, in an empty slot of the object; other objects keep their look.

    The object's first slot is made when it has none.
    """
    material = material or bpy.data.materials.new(thing.name)
    compat.enable_nodes(material)
    shared = thing.data.users > 1 or not thing.data.is_editable
    if not thing.material_slots:
        thing.data.materials.append(None)
    place = thing.material_slots[slot]
    if shared:
        place.link = "OBJECT"
    place.material = material
    return material


def base_color_texture(material: bpy.types.Material) -> bpy.types.ShaderNodeTexImage | None:
    """The Image Texture that the Base Color comes from, through whatever nodes lie between."""
    tree = material.node_tree
    socket = _color_socket(tree) if tree is not None else None
    if socket is None:
        return None
    return next((node for node in _upstream(socket) if node.type == "TEX_IMAGE" and node.image), None)


def show_image(
    material: bpy.types.Material,
    image: bpy.types.Image,
    *,
    made_by_us: str,
    instead_of: bpy.types.Image | None = None,
) -> str:
    """Show ``image`` as the Base Color and return one sentence when that needs the artist, else "".

    An Image Texture in use that shows ``instead_of``, or an earlier result (an image with the custom property
    ``made_by_us``), gets the new image; the old one is kept with a fake user. Otherwise a new Image Texture takes the
    place of whatever is linked to Base Color; the old nodes stay, and its mapping is taken over. A tree without a
    surface shader gets the node, selected but not linked.
    """
    compat.enable_nodes(material)
    tree = material.node_tree
    socket = _color_socket(tree) or _add_shader(tree)
    current = base_color_texture(material)
    if current is not None and (current.image == instead_of or made_by_us in current.image):
        keep(current.image)
        current.image = image
        return ""
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    if socket is None:
        _select_only(tree, node)
        return f'Material "{material.name}" has no surface with a colour; connect the new Image Texture yourself.'
    _place(tree, node, socket.node)
    old = socket.links[0].from_node if socket.is_linked else None
    if old is not None and old.type == "TEX_IMAGE":
        _take_over_mapping(tree, node, old)
    tree.links.new(node.outputs["Color"], socket)
    return ""


def keep(image: bpy.types.Image) -> None:
    """A datablock without users is not saved: what no material shows any more is kept all the same."""
    if image.users - image.use_fake_user <= 1:
        image.use_fake_user = True


def _color_socket(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket | None:
    """The colour input of the surface: a Principled BSDF's before that of any other shader or group."""
    output = tree.get_output_node("ALL")
    if output is None:
        return None
    shaders = list(_upstream(output.inputs["Surface"], shaders_only=True))
    shaders.sort(key=lambda node: node.type != "BSDF_PRINCIPLED")  # stable: nearest to the output first
    for node in shaders:
        for name in COLOUR_INPUTS:
            socket = node.inputs.get(name)
            if socket is not None and socket.type == "RGBA" and socket.enabled:
                return socket
    return None


def _upstream(socket: bpy.types.NodeSocket, shaders_only: bool = False) -> Iterator[bpy.types.Node]:
    """The nodes that feed a socket, nearest first."""
    waiting, seen = [socket], set()
    while waiting:
        socket = waiting.pop(0)
        if not socket.is_linked:  # asking for the links of a socket looks at all links of the tree
            continue
        for link in socket.links:
            node = link.from_node
            if node.name in seen or (shaders_only and link.from_socket.type != "SHADER"):
                continue
            seen.add(node.name)
            yield node
            waiting.extend(node.inputs)


def _add_shader(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket | None:
    """A Principled BSDF for a tree that shows nothing yet; a tree that shows a volume or a surface is left alone."""
    output = tree.get_output_node("ALL")
    if output is None:
        output = tree.nodes.new("ShaderNodeOutputMaterial")
        output.location = (300, 300)
    elif output.inputs["Surface"].is_linked or output.inputs["Volume"].is_linked:
        return None
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    _place(tree, shader, output)
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    return shader.inputs["Base Color"]


def _place(tree: bpy.types.NodeTree, node: bpy.types.Node, right: bpy.types.Node) -> None:
    """Put a node left of another, below what is there already."""
    node.parent = right.parent
    x, y = right.location[0] - NODE_GAP, right.location[1]
    others = [other for other in tree.nodes if other not in (node, right) and other.parent == node.parent]
    while any(abs(o.location[0] - x) < NODE_GAP and abs(o.location[1] - y) < NODE_HEIGHT for o in others):
        y -= NODE_HEIGHT
    node.location = (x, y)


def _take_over_mapping(
    tree: bpy.types.NodeTree, node: bpy.types.ShaderNodeTexImage, old: bpy.types.ShaderNodeTexImage
) -> None:
    for name in ("projection", "projection_blend", "interpolation", "extension"):
        setattr(node, name, getattr(old, name))
    if old.inputs["Vector"].is_linked:
        tree.links.new(old.inputs["Vector"].links[0].from_socket, node.inputs["Vector"])


def _select_only(tree: bpy.types.NodeTree, node: bpy.types.Node) -> None:
    for other in tree.nodes:
        other.select = other == node
    tree.nodes.active = node
