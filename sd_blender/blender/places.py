# SPDX-License-Identifier: GPL-3.0-or-later
"""The editors that the panels are in, and what differs between them.

Everything that a texture is made from is in all four, since a setting that is only elsewhere is a setting that is not
found, and so are *Engine* and the *Queue*, since a job can be started from each. What belongs to
looking at pictures or painting on them (*History*, *Edit Mask*) is where that is done: in the 3D View and the Image
Editor.
"""

from __future__ import annotations

import bpy

from ..core.sentence import Sentence
from . import editors
from .sentences import draw_sentence
from .shading_advice import draw_advice


class Sidebar:
    bl_region_type = "UI"
    bl_category = "SD Textures"  # Blender's catalogues have "Diffusion" as what light does
    generate = "sdb.generate"
    into_node = False

    def draw_place(self, context: bpy.types.Context) -> None:
        """What only this place has, below Generate."""

    def prepared(self) -> bpy.types.UILayout:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        return layout


class View3D(Sidebar):
    bl_space_type = "VIEW_3D"
    prefix = "SDB_PT_view3d"

    def draw_place(self, context: bpy.types.Context) -> None:
        draw_advice(self.layout, context)


class ImageEditor(Sidebar):
    """With what is done to the image that is open."""

    bl_space_type = "IMAGE_EDITOR"
    prefix = "SDB_PT_image"

    def draw_place(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.operator("sdb.inpaint", icon="BRUSH_DATA")
        column.operator("sdb.use_as_source", text="Use as Source", icon="IMAGE_REFERENCE")


class ShaderEditor(Sidebar):
    """Generates into the active Image Texture."""

    bl_space_type = "NODE_EDITOR"
    prefix = "SDB_PT_node"
    generate = "sdb.generate_in_node"
    into_node = True

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return editors.is_shader_editor(context.space_data)

    def draw_place(self, context: bpy.types.Context) -> None:
        tree = context.space_data.edit_tree
        node = tree.nodes.active if tree is not None else None
        if node is not None and node.type == "TEX_IMAGE":
            name = node.label or node.name
            draw_sentence(self.layout, context, Sentence("Into {name}", name=name), "NODE")
            self.layout.operator("sdb.use_as_source", text="Use as Source", icon="IMAGE_REFERENCE")


class MaterialProperties(Sidebar):
    """The tab Material of the Properties editor."""

    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "material"
    prefix = "SDB_PT_material"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.object is not None or getattr(context, "material", None) is not None

    def draw_place(self, context: bpy.types.Context) -> None:
        thing = context.view_layer.objects.active
        shown = getattr(context, "material", None)
        if shown is not None and (thing is None or shown != thing.active_material):  # pinned
            draw_sentence(
                self.layout,
                context,
                "This material is not the one of the active object, which the texture goes to.",
                "INFO",
            )


EVERYWHERE = (View3D, ImageEditor, ShaderEditor, MaterialProperties)
WHERE_PAINTED = (View3D, ImageEditor)


def panels_of(
    part: type, name: str, parent: str = "main", places: tuple[type, ...] = EVERYWHERE
) -> list[type[bpy.types.Panel]]:
    """A panel for each place, ``SDB_PT_<place>_<name>``, below that place's panel ``parent`` ("" for none)."""
    made = []
    for place in places:
        members = {"__module__": part.__module__, "poll": _polls(place, part)}
        if parent:
            members["bl_parent_id"] = f"{place.prefix}_{parent}"
        elif place is MaterialProperties:  # that tab is full already
            members["bl_options"] = {"DEFAULT_CLOSED"}
        made.append(type(f"{place.prefix}_{name}", (place, part, bpy.types.Panel), members))
    return made


def _polls(place: type, part: type) -> classmethod:
    """Both must agree."""
    asked = [cls.poll for cls in (place, part) if hasattr(cls, "poll")]
    return classmethod(lambda cls, context: all(poll(context) for poll in asked))
