# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs in the status bar of the window, at the right, for whoever has the sidebar closed.

It is appended to what Blender draws there, and does not replace it as ``WorkSpace.status_text_set`` would: the keys of
a tool that is in use stay. Nothing of the status bar can be tagged for a redraw, since no area of a screen is it; but
it listens for the name of the view layer, and that it has changed may be told without changing it. (Measured in the
windows of Blender 4.3 and 5.2.)
"""

from __future__ import annotations

import bpy

from .. import guard, translation
from ..properties import status

BAR = 5.0
"""Width of the progress bar, in buttons."""


@guard.draw
def draw(self: bpy.types.Header, context: bpy.types.Context) -> None:
    if not status.busy:
        return
    row = self.layout.row(align=True)
    row.label(text=translation.shown(status.text), translate=False, icon="TEXTURE")
    bar = row.row(align=True)
    bar.ui_units_x = BAR
    bar.progress(factor=status.factor, type="BAR", text=f"{status.factor:.0%}")
    row.operator("sdb.cancel", text="", icon="X")


def redraw() -> None:
    """Show the status as it is now; nothing is left when no job is open."""
    if bpy.app.background:
        return
    header = bpy.types.STATUSBAR_HT_header
    # Each time anew: another add-on's status_text_set takes the header back to what it once was.
    header.remove(draw)
    if status.busy:
        header.append(draw)
    bpy.msgbus.publish_rna(key=(bpy.types.ViewLayer, "name"))


def register() -> None:
    """The first job shows it."""


def unregister() -> None:
    """The jobs are ended by now, and with them the status."""
    redraw()
