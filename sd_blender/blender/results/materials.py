# SPDX-License-Identifier: GPL-3.0-or-later
"""An image as the colour of a material: nodes are added and links moved, nothing of the artist's is removed."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ...core.errors import BlenderStateError
from ...core.sentence import Sentence
from .. import compat, libraries
from . import shown_color, transparency
from .wires import Groups

NODE_GAP = 300
NODE_HEIGHT = 290
ENGINES = {"CYCLES": "Cycles", "EEVEE": "Eevee"}


def make_material(
    thing: bpy.types.Object, slot: int, material: bpy.types.Material | None = None
) -> bpy.types.Material:
    """A new material, or the one given, in an empty slot of the object; other objects keep their look.

    The object's first slot is made when it has none.
    """
    material = material or bpy.data.materials.new(thing.name)
    compat.enable_nodes(material)
    shared = thing.data.users > 1 or not libraries.is_kept(thing.data)
    if not thing.material_slots:
        thing.data.materials.append(None)
    place = thing.material_slots[slot]
    if shared:
        place.link = "OBJECT"
    place.material = material
    return material


def base_color_texture(material: bpy.types.Material) -> bpy.types.ShaderNodeTexImage | None:
    """The Image Texture that is the colour of the material, as the render engine of the scene shows it."""
    return _surface(material).texture


@dataclass(frozen=True)
class Place:
    """Where an image can be shown as the colour of a material.

    node: an Image Texture that takes it, None when a new one is to be linked to ``socket``; where both are None the
    artist has to. owner: the material, or the group that the node or socket is in. like: the texture whose place a new
    one takes, and whose mapping it gets.
    """

    owner: bpy.types.ID
    socket: bpy.types.NodeSocket | None = None
    node: bpy.types.ShaderNodeTexImage | None = None
    like: bpy.types.ShaderNodeTexImage | None = None


def find_place(
    material: bpy.types.Material, *, made_by_us: str, instead_of: bpy.types.Image | None = None
) -> Place:
    """Where :func:`show_image` would show an image. Raises BlenderStateError when that is part of what it must not
    change: a group that is linked, or that others use too.
    """
    color = _surface(material).color
    if color is None:
        return Place(material)
    for number, texture in enumerate(color.textures):
        image = texture.node.image
        is_known = image == instead_of or made_by_us in image
        is_color = number == 0 or texture.role == shown_color.COLOR
        if is_known and is_color and not _obstacle(material, texture.groups):
            return Place(_owner(material, texture.groups), node=texture.node)
    if obstacle := _obstacle(material, color.spot.groups):
        raise BlenderStateError(obstacle)
    like = color.textures[0].node if color.textures else None
    return Place(_owner(material, color.spot.groups), socket=color.spot.socket, like=like)


def show_image(
    material: bpy.types.Material,
    image: bpy.types.Image,
    *,
    made_by_us: str,
    instead_of: bpy.types.Image | None = None,
) -> str:
    """Show ``image`` as the colour of a material and return one sentence when that needs the artist, else "".

    An Image Texture that is the colour and shows ``instead_of``, or an earlier result (an image with the custom
    property ``made_by_us``), gets the new image; the old one is kept with a fake user. Otherwise a new Image Texture
    takes the place of whatever is linked there; the old nodes stay, and the mapping of a texture is taken over. A tree
    without a surface shader gets the node, selected but not linked. Raises BlenderStateError, and then nothing has
    changed.
    """
    compat.enable_nodes(material)
    tree = material.node_tree
    place = find_place(material, made_by_us=made_by_us, instead_of=instead_of)
    if place.node is not None:
        note = transparency.lost(place.node, image)
        keep(place.node.image)
        place.node.image = image
        return note or what_hides(material, image)
    socket = place.socket or _add_shader(tree)
    tree = socket.id_data if socket is not None else tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    if socket is None:
        _select_only(tree, node)
        return Sentence(
            'Material "{name}" has no surface with a colour; connect the new Image Texture yourself.',
            name=material.name,
        )
    _place(tree, node, socket.node)
    if place.like is not None:
        _take_over_mapping(tree, node, place.like)
    tree.links.new(node.outputs["Color"], socket)
    return what_hides(material, image)


def _surface(material: bpy.types.Material) -> shown_color.Surface:
    return shown_color.find(material.node_tree, shown_color.engine_of(bpy.context.scene))


def _owner(material: bpy.types.Material, groups: Groups) -> bpy.types.ID:
    return groups[-1].node_tree if groups else material


def _obstacle(material: bpy.types.Material, groups: Groups) -> str:
    """Why what is inside of these groups must not be changed for the sake of this material, or ""."""
    name = material.name
    for tree in (node.node_tree for node in groups):
        group = tree.name
        if not libraries.is_kept(tree):
            return Sentence(
                'The colour of material "{name}" is inside the group "{group}", which is linked from '
                "another file; make it local, or set Result to Image Only.",
                name=name,
                group=group,
            )
        if tree.users - tree.use_fake_user > 1:
            return Sentence(
                'The colour of material "{name}" is inside the group "{group}", which others use too; '
                "make it single-user, or set Result to Image Only.",
                name=name,
                group=group,
            )
    return ""


def what_hides(material: bpy.types.Material, image: bpy.types.Image) -> str:
    """One sentence on what keeps the image from the output that is rendered, or ""; asked when it is in its place."""
    surface, name = _surface(material), material.name
    if surface.muted:
        return Sentence(
            'A muted link or node of material "{name}" hides the texture; unmute it in the Shader Editor.',
            name=name,
        )
    if image not in surface.images:
        return Sentence(
            'Material "{name}" does not show the texture; look at its nodes in the Shader Editor.', name=name
        )
    if surface.color.opaque is not None:
        group = surface.color.opaque.label or surface.color.opaque.name
        return Sentence(
            'The group "{group}" of material "{name}" passes no colour on, so the texture shows '
            "nowhere; build it.",
            group=group,
            name=name,
        )
    if surface.color.part == shown_color.UNSEEN:
        return Sentence(
            'The shader of material "{name}" hides most or all of the texture; look at its Alpha or '
            "Strength.",
            name=name,
        )
    if surface.other_engine:
        other = ENGINES[surface.other_engine]
        return Sentence(
            'Material "{name}" has an output for {other} alone, so this scene does not render the '
            "texture; set the Target of that Material Output to All.",
            name=name,
            other=other,
        )
    preview = shown_color.find(material.node_tree, "EEVEE")
    if surface.output != preview.output and image not in preview.images and not preview.other_engine:
        return Sentence(
            'Material Preview shows another output of material "{name}", without the texture; use '
            "Rendered shading to see it.",
            name=name,
        )
    return ""


def keep(image: bpy.types.Image) -> None:
    """A datablock without users is not saved: what no material shows any more is kept all the same."""
    if image.users - image.use_fake_user <= 1:
        image.use_fake_user = True


def _add_shader(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket | None:
    """A Principled BSDF for a tree that shows nothing yet; a tree that shows a volume or a surface is left alone."""
    output = shown_color.find(tree, shown_color.engine_of(bpy.context.scene)).output
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
    if old.inputs["Vector"].is_linked and old.id_data == tree:
        tree.links.new(old.inputs["Vector"].links[0].from_socket, node.inputs["Vector"])


def _select_only(tree: bpy.types.NodeTree, node: bpy.types.Node) -> None:
    for other in tree.nodes:
        other.select = other == node
    tree.nodes.active = node
