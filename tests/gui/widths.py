# SPDX-License-Identifier: GPL-3.0-or-later
"""Which texts of a panel Blender has to cut, told from what the panel asks its layout for.

Blender tells nobody of a text that it shortens. So a panel is given a layout that passes everything on and keeps count:
who is in which row, and what is written there in the language of the interface. With the rules by which Blender deals
out the width (a column gives all of it to each, a row in proportion to what each would like, a property with its name
beside it 40 % to the name) that gives the room of each text, and the font gives the width of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import blf
import bpy

UNIT = 20
"""Pixels at scale 1: the height of a button."""

MARGIN = 0.6
"""Units beside a text within its button."""

ICON = 1.0
LIKED = 1.5
"""Units beside a text that a button would like to have, and gets in proportion when there is too little."""

BOX = 0.6
NAME_SHARE = 0.4

CONTAINERS = {"row", "column", "box", "split", "grid_flow", "column_flow"}
IN_ONE_LINE = {"label", "operator", "menu", "popover", "progress"}


def scale() -> float:
    return bpy.context.preferences.system.ui_scale


def text_width(text: str) -> float:
    """Pixels of a text on a button."""
    style = bpy.context.preferences.ui_styles[0].widget
    blf.size(0, style.points * scale())
    return blf.dimensions(0, text)[0]


class Text:
    """What stands on a button. icons: how many stand beside it."""

    def __init__(self, text: str, icons: int = 0) -> None:
        self.text = text
        self.needed = text_width(text) + (MARGIN + ICON * icons) * UNIT * scale() if text else 0.0
        self.liked = text_width(text) + (LIKED + ICON * icons) * UNIT * scale() if text else UNIT * scale()
        self.is_fixed = not text

    def cut(self, width: float) -> Iterator[str]:
        if self.needed > width + 1:
            yield self.text


class Group:
    """Things beside one another ("row"), or below ("column"), maybe in more than one column."""

    def __init__(self, kind: str, margin: float = 0.0, columns: int = 1) -> None:
        self.kind = kind
        self.columns = columns
        self.margin = margin * UNIT * scale()
        self.parts: list[Any] = []

    @property
    def is_fixed(self) -> bool:
        return bool(self.parts) and all(part.is_fixed for part in self.parts) and self.kind == "row"

    @property
    def liked(self) -> float:
        each = [part.liked for part in self.parts] or [0.0]
        return self.margin + (sum(each) if self.kind == "row" else max(each))

    def cut(self, width: float) -> Iterator[str]:
        width = (width - self.margin) / self.columns
        fixed = sum(part.liked for part in self.parts if part.is_fixed) if self.kind == "row" else 0.0
        liked = sum(part.liked for part in self.parts if not part.is_fixed) or 1.0
        for part in self.parts:
            if self.kind != "row":
                yield from part.cut(width)
            elif not part.is_fixed:
                yield from part.cut((width - fixed) * part.liked / liked)


class Named:
    """A property with its name at the left."""

    is_fixed = False

    def __init__(self, name: str, field: Text | Group) -> None:
        self.name, self.field = Text(name), field
        self.liked = self.name.liked + self.field.liked

    def cut(self, width: float) -> Iterator[str]:
        # The name is at the right of its part, with room at one side alone.
        if text_width(self.name.text) + MARGIN / 2 * UNIT * scale() > width * NAME_SHARE + 1:
            yield self.name.text
        yield from self.field.cut(width * (1 - NAME_SHARE))


class Noting:
    """A layout that passes everything on to a real one and notes what is written."""

    def __init__(self, layout: bpy.types.UILayout, group: Group, is_headed: bool = False) -> None:
        object.__setattr__(self, "_layout", layout)
        object.__setattr__(self, "_splits", not is_headed)
        object.__setattr__(self, "_group", group)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._layout, name, value)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._layout, name)
        if not callable(found):
            return found

        def passed_on(*arguments: Any, **named: Any) -> Any:
            made = found(*arguments, **named)
            if name in CONTAINERS:
                columns = named.get("columns", 1) if name == "grid_flow" else 1
                group = Group("row" if name == "row" else "column", BOX if name == "box" else 0.0, columns)
                heading = bpy.app.translations.pgettext_iface(named.get("heading", ""))
                self._group.parts.append(Named(heading, group) if heading else group)
                return Noting(made, group, is_headed=bool(heading))
            if name in IN_ONE_LINE:
                self._group.parts.append(Text(written(name, arguments, named), has_icon(named)))
            elif name == "prop":
                self._group.parts += properties(
                    self._layout.use_property_split and self._splits, self._group.kind, *arguments, **named
                )
            return made

        return passed_on


def has_icon(named: dict[str, Any]) -> int:
    return int(named.get("icon", "NONE") != "NONE" or bool(named.get("icon_value")))


def written(name: str, arguments: tuple, named: dict[str, Any]) -> str:
    """The text of a button as Blender writes it."""
    text = named.get("text")
    context = "*"
    if name == "operator":
        module, function = arguments[0].split(".")
        rna = getattr(getattr(bpy.ops, module), function).get_rna_type()
        context = rna.translation_context
        text = rna.name if text is None else text
    elif name == "menu":
        text = getattr(bpy.types, arguments[0]).bl_label if text is None else text
    if not text or not named.get("translate", True):
        return text or ""
    return bpy.app.translations.pgettext_iface(text, context)


def properties(
    splits: bool,
    kind: str,
    owner: Any,
    name: str,
    text: str | None = None,
    expand: bool = False,
    icon: str = "NONE",
    icon_only: bool = False,
    **_: Any,
) -> list[Any]:
    """What a property writes: its name, the chosen item of a drop-down, or all items."""
    prop = owner.bl_rna.properties[name]
    local = bpy.app.translations.pgettext_iface
    label = local(prop.name if text is None else text, prop.translation_context) if text != "" else ""
    if prop.type == "ENUM" and expand:
        group = Group("row" if splits else kind)
        group.parts = [Text(local(item.name, prop.translation_context)) for item in prop.enum_items]
        return [Named(label, group) if splits and label else group]
    if prop.type == "BOOLEAN":
        field = Text("" if icon != "NONE" and text == "" else label, 1)
        return [Named("", field) if splits and label else field]
    if prop.type == "ENUM":
        chosen = prop.enum_items.get(getattr(owner, name))
        field = Text(local(chosen.name, prop.translation_context) if chosen else "", 1)
    else:
        field = Text("")
        field.is_fixed = False
    return [Named(label, field) if splits and label else field]


class _Panel:
    """Stands for a panel whose layout is noted; its other attributes are the panel's."""

    def __init__(self, panel: bpy.types.Panel, layout: Noting) -> None:
        self._panel, self.layout = panel, layout

    def __getattr__(self, name: str) -> Any:
        found = getattr(type(self._panel), name, None)
        return (
            found.__get__(self)
            if callable(found) and hasattr(found, "__get__")
            else getattr(self._panel, name)
        )


cut: dict[str, set[str]] = {}
"""The texts that were cut when a panel was last drawn, by the panel's class."""


def watch(panel: type[bpy.types.Panel], margin: float) -> None:
    """Have a panel noted whenever it is drawn. margin: units beside what it draws."""
    draw = panel.draw

    def noted(self, context):
        group = Group("column")
        draw(_Panel(self, Noting(self.layout, group)), context)
        room = context.region.width - margin * UNIT * scale()
        cut[panel.__name__] = set(group.cut(room))
        title = bpy.app.translations.pgettext_iface(panel.bl_label)
        if text_width(title) + 2 * UNIT * scale() > room:
            cut[panel.__name__].add(title)

    panel.draw = noted
