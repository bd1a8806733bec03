# SPDX-License-Identifier: GPL-3.0-or-later
"""Results to choose from with the mouse: looked at on the cube, one applied, others left."""

from __future__ import annotations

import bpy

from tests.gui import stage


def mouse() -> stage.Scenario:
    """A batch of four, of which the test looks at some and applies one; then two more, of which it takes none."""
    stage.scripted_engine(hold=None)
    stage.name_engine()
    settings = stage.settings()
    settings.width = settings.height = 64
    settings.steps, settings.count, settings.seed, settings.lock_seed = 2, 4, 3, True
    settings.prompt = "mossy stone"
    stage.editors()["VIEW_3D"].spaces.active.shading.type = "MATERIAL"
    before = looks()
    yield from stage.open_sidebars()
    yield from stage.show("nothing yet", places=stage.places())
    yield from stage.click("generate", "sdb.generate(", lambda: len(offered()) == 4 and on_cube() == 0)
    yield from stage.show("offered", places=stage.places(), colours=colours())
    yield from stage.click("third", "sdb.preview_variant(index=2", lambda: on_cube() == 2)
    yield from stage.show("third shown", places=stage.places())
    yield from stage.click("original", "sdb.show_original(", lambda: looks() == before)
    yield from stage.click("second", "sdb.preview_variant(index=1", lambda: on_cube() == 1)
    yield from stage.click("seed", "sdb.lock_variant_seed(", lambda: settings.seed == 4)
    yield from stage.click("apply", "sdb.apply_variant(", lambda: not len(offered()))
    applied = looks()
    yield from stage.show("applied", places=stage.places(), images=images(applied), made=len(history()))
    # The test presses Ctrl Z over the 3D View, and then Ctrl Shift Z.
    yield lambda: looks() == before and len(offered()) == 4
    yield from stage.show("undone", made=len(history()))
    yield lambda: looks() == applied and not len(offered())
    yield from stage.show("redone", images=images(looks()))
    stage.settings().count, stage.settings().keep = 6, 2  # the best two of six, with their scores
    yield from stage.click("two more", "sdb.generate(", lambda: len(offered()) == 2 and on_cube() == 0)
    yield from stage.click("more like", "sdb.more_like_variant(", lambda: len(offered()) == 4)
    scores = [round(item.score, 2) for item in offered()]
    yield from stage.show("four", places=stage.places(), scores=scores)
    yield from stage.click("none", "sdb.cancel_variants(", lambda: not len(offered()))
    yield from stage.show("none taken", same=looks() == applied, made=len(history()))


def offered() -> bpy.types.bpy_prop_collection:
    return bpy.context.scene.sd_blender_variants


def history() -> bpy.types.bpy_prop_collection:
    return bpy.context.scene.sd_blender_history.entries


def on_cube() -> int:
    """The number of the variant that the cube shows, -1 for none of them."""
    image = stage.texture()
    return next((n for n, item in enumerate(offered()) if image and item.image == image.name), -1)


def looks() -> tuple:
    """All that is to be there again: the nodes of the cube's material with their images, and how they are joined."""
    tree = bpy.data.objects["Cube"].active_material.node_tree
    nodes = sorted((node.name, getattr(getattr(node, "image", None), "name", "")) for node in tree.nodes)
    links = sorted((link.from_node.name, link.to_node.name, link.to_socket.identifier) for link in tree.links)
    return nodes, links


def images(look: tuple) -> list[str]:
    return [image for _, image in look[0] if image]


def colours() -> list[list[int]]:
    """The colour of each picture, right of the middle."""
    from tests.fakes import picture

    return [picture(3 + number, 64, 64)[32, 48].tolist() for number in range(4)]
