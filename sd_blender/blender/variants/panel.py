# SPDX-License-Identifier: GPL-3.0-or-later
"""The variants as pictures to click, with what can be done with the one that is shown."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ...core.sentence import Sentence
from .. import guard, icons, places, translation
from ..history.properties import UNJUDGED
from ..sentences import draw_sentence
from .properties import SDB_PG_variant, shown_in

TILE = 4.5
"""Units of the interface (20 pixels at scale 1): the least side of a picture; a wider sidebar has larger ones."""

MOST_IN_ROW = 4
MARGIN = 3.0
"""Units beside all pictures: tabs and borders of a sidebar."""

GAP = 0.5
"""Units beside each picture."""

ICON_WIDTH = 2.0
"""Units of a button with an icon alone, which is hit better when it is wider than one."""

OF_SHOWN = (
    ("sdb.more_like_variant", "DUPLICATE"),
    ("sdb.lock_variant_seed", "LOCKED"),
    ("sdb.copy_variant_seed", "COPYDOWN"),
)
"""What can be done with the variant on trial, besides to apply it."""

CLICK = "Click a number to see that variant. Nothing is changed for good until you apply it."


class Variants:
    """There only while there is something to choose from."""

    bl_label = "Variants"
    bl_order = 2

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return len(context.scene.sd_blender_variants) > 0

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        offered = context.scene.sd_blender_variants
        shown = shown_in(context.scene)
        columns, scale = fit(context, len(offered))
        grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True)
        for index in newest_first(offered):
            draw_tile(grid, offered[index], index, scale, offered[index] == shown)
        draw_choice(layout, shown is not None)
        if shown is None:
            draw_sentence(layout, context, CLICK, "INFO")


def draw_choice(layout: bpy.types.UILayout, is_shown: bool) -> None:
    """Take the variant on trial, or none; and a row of icons for all else. What needs one is grey without one."""
    row = layout.row(align=True)
    row.scale_y = 1.2
    apply = row.row(align=True)
    apply.enabled = is_shown
    apply.operator("sdb.apply_variant", text="Apply", icon="CHECKMARK")
    row.operator("sdb.cancel_variants", text="Discard", icon="X")
    row = layout.row(align=True)
    row.scale_x = ICON_WIDTH
    row.operator("sdb.reroll_variants", text="", icon="FILE_REFRESH")
    of_shown = row.row(align=True)
    of_shown.enabled = is_shown
    for operator, icon in OF_SHOWN:
        of_shown.operator(operator, text="", icon=icon)


def draw_tile(
    layout: bpy.types.UILayout, item: SDB_PG_variant, index: int, scale: float, is_shown: bool
) -> None:
    """A picture and the button below it, which for the one that is shown goes back to the original."""
    tile = layout.column(align=True)
    tile.template_icon(icon_value=icons.large(item.thumbnail), scale=scale)
    if item.score > UNJUDGED:
        tile.label(text=translation.shown(Sentence("Score {score}", score=f"{item.score:.2f}")))
    if is_shown:
        tile.operator(
            "sdb.show_original",
            text=translation.shown(Sentence("{index} Shown", index=index + 1)),
            icon="HIDE_OFF",
            depress=True,
        )
    else:
        button = tile.operator("sdb.preview_variant", text=str(index + 1), icon="HIDE_ON")
        button.index = index


def newest_first(offered: Sequence[SDB_PG_variant]) -> list[int]:
    """The numbers of the variants, the newest batch first and each in its order."""
    batches: dict[str, list[int]] = {}
    for index, item in enumerate(offered):
        batches.setdefault(item.batch, []).append(index)
    return [index for batch in reversed(batches.values()) for index in batch]


def fit(context: bpy.types.Context, count: int) -> tuple[int, float]:
    """Columns of pictures in the region that is drawn, and the scale at which they fill it."""
    scale = context.preferences.system.ui_scale or 1.0  # 0 in background mode
    units = (context.region.width / scale / 20 if context.region else 20) - MARGIN
    columns = max(1, min(int(units / (TILE + GAP)), count, MOST_IN_ROW))
    return columns, max(2.0, units / columns - GAP)


classes = tuple(places.panels_of(Variants, "variants"))
register, unregister = bpy.utils.register_classes_factory(classes)
