# SPDX-License-Identifier: GPL-3.0-or-later
"""All materials, one module per family; adding one means adding a recipe and a line in its family's MATERIALS."""

from ..surface import Material
from . import cloth, ground, masonry, metal, mineral, organic, wood

MATERIALS: tuple[Material, ...] = (
    *masonry.MATERIALS,
    *mineral.MATERIALS,
    *ground.MATERIALS,
    *wood.MATERIALS,
    *cloth.MATERIALS,
    *organic.MATERIALS,
    *metal.MATERIALS,
)
