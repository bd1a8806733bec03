# SPDX-License-Identifier: GPL-3.0-or-later
"""An Image Texture node as what a texture goes into, or starts from."""

from __future__ import annotations

from itertools import chain

import bpy

from ...core.errors import BlenderStateError
from ...core.sentence import Sentence
from .. import editors
from . import materials, transparency

NO_NODE = "No Image Texture node is active; click one in the Shader Editor, or set Result to Material."


def find_active(context: bpy.types.Context) -> tuple[bpy.types.ID, bpy.types.ShaderNodeTexImage]:
    """The active Image Texture of the Shader Editor in use, else of the active material, and the datablock that it is
    part of. Raises BlenderStateError when there is none, or when it cannot be changed.
    """
    owner, tree = _tree(context)
    node = tree.nodes.active if tree is not None else None
    if node is None or node.type != "TEX_IMAGE":
        raise BlenderStateError(NO_NODE)
    check_editable(owner)
    return owner, node


def active_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The image in the active Image Texture of the Shader Editor in use."""
    _, tree = _tree(context)
    node = tree.nodes.active if tree is not None else None
    return node.image if node is not None and node.type == "TEX_IMAGE" else None


def check_editable(owner: bpy.types.ID) -> None:
    if not owner.is_editable:
        raise BlenderStateError(
            Sentence(
                '"{name}" is linked from another file; make it local to change its nodes.', name=owner.name
            )
        )


def trees() -> chain[bpy.types.ID]:
    """Every datablock that can hold an Image Texture."""
    data = bpy.data
    return chain(data.materials, data.node_groups, data.worlds, data.lights)


def tree_of(owner: bpy.types.ID) -> bpy.types.NodeTree | None:
    return owner if isinstance(owner, bpy.types.NodeTree) else owner.node_tree


def show(node: bpy.types.ShaderNodeTexImage, image: bpy.types.Image) -> str:
    """Put another image into a node, whose settings stay; the old image is kept with a fake user.

    An image that takes the place of data, such as roughness, is read as data too. Returns one sentence on what needs
    the artist, or "".
    """
    old, note = node.image, transparency.lost(node, image)
    if old is not None:
        if old.colorspace_settings.is_data:
            image.colorspace_settings.name = old.colorspace_settings.name
        materials.keep(old)
    node.image = image
    return note


def _tree(context: bpy.types.Context) -> tuple[bpy.types.ID | None, bpy.types.NodeTree | None]:
    """The tree that the artist looks at, which may be a group within that of the material, and whose it is."""
    space = context.space_data
    if editors.is_shader_editor(space):
        tree = space.edit_tree
        if tree is None or not tree.is_embedded_data:
            return tree, tree
        # A script that pins a tree comes before the editor that knows whose it is.
        return space.id or next(owner for owner in trees() if tree_of(owner) == tree), tree
    thing = context.view_layer.objects.active
    material = thing.active_material if thing is not None else None
    return material, material.node_tree if material is not None else None
