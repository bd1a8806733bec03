# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a scene: adding what was made, finding its image again, and dropping what is too much.

An entry finds its image by the settings that both carry, whatever it is called by now; when the image is gone,
thumbnail and settings are still there to make it again.
"""

from __future__ import annotations

import time

import bpy

from ...core import thumbnails
from ...core.messages import Result
from ...core.sentence import Sentence
from .. import icons, preferences
from ..results.saving import KEYWORD
from .properties import UNJUDGED, SDB_PG_history, SDB_PG_history_entry

MEGABYTE = 2**20
Images = dict[str, list[bpy.types.Image]]


def record(scene: bpy.types.Scene, result: Result, images: list[bpy.types.Image]) -> str:
    """Add an entry for each picture, the newest chosen, and drop what is over the limit; returns a sentence then."""
    history = scene.sd_blender_history
    now = time.strftime("%Y-%m-%d %H:%M")  # for people; nothing is timed by it
    for picture, image in zip(result.images, images, strict=True):
        entry = history.entries.add()
        entry.image, entry.settings = image.name, image[KEYWORD]
        entry.prompt = picture.prompt or result.request.prompt
        entry.seed, entry.made_at = str(picture.seed), now
        entry.score = UNJUDGED if picture.score is None else picture.score
        entry.size = "{1} x {0}".format(*picture.pixels.shape)
        entry.thumbnail = picture.thumbnail or thumbnails.make(picture.pixels)
        icons.enlarge(entry.thumbnail, picture.pixels)
        entry.packed_size = image.packed_file.size if image.packed_file else 0
    history.active = len(history.entries) - 1
    limit = preferences.read().history_limit
    dropped = _shorten(history, limit * MEGABYTE, len(history.entries) - len(images)) if limit else 0
    if not dropped:
        return ""
    return Sentence(
        "The history was over {limit} MB and lost its {dropped} oldest; favour what you want to "
        "keep, or raise History Limit in the preferences.",
        limit=limit,
        dropped=dropped,
    )


def our_images() -> Images:
    """The images of this file that carry settings, by these."""
    images: Images = {}
    for image in bpy.data.images:
        story = image.get(KEYWORD)
        if isinstance(story, str) and image.library is None:
            images.setdefault(story, []).append(image)
    return images


def find_image(entry: SDB_PG_history_entry, images: Images | None = None) -> bpy.types.Image | None:
    """The image of an entry, or None when it is gone."""
    found = (our_images() if images is None else images).get(entry.settings, [])
    return next((image for image in found if image.name == entry.image), found[0] if found else None)


def delete(history: SDB_PG_history, index: int) -> bpy.types.Image | None:
    """Remove an entry, and its image when nothing else needs it; returns the image that stays."""
    images = our_images()
    image = _remove(history, index, images)
    history.active = max(0, min(history.active - (history.active > index), len(history.entries) - 1))
    return image


def _shorten(history: SDB_PG_history, limit: int, old: int) -> int:
    """Remove the oldest of the first ``old`` entries until all are within the limit; returns how many."""
    images = our_images()
    sizes = [_size(entry, images) for entry in history.entries]
    over = sum(sizes) - limit
    gone = []
    for index in range(old):
        if over <= 0:
            break
        if not history.entries[index].favourite:
            gone.append(index)
            over -= sizes[index]
    shown = history.active
    for index in reversed(gone):
        _remove(history, index, images)
    history.active = max(0, shown - sum(index < shown for index in gone))
    return len(gone)


def _size(entry: SDB_PG_history_entry, images: Images) -> int:
    """Bytes that the file would be shorter by without this entry."""
    image = find_image(entry, images)
    own = len(entry.thumbnail) + len(entry.settings)
    return own + (entry.packed_size if image is not None and _is_spare(entry, image) else 0)


def _is_spare(entry: SDB_PG_history_entry, image: bpy.types.Image) -> bool:
    """Whether nothing but our fake user keeps an image, and its pixels are still those that we delivered."""
    packed = image.packed_file.size if image.packed_file else 0
    return image.users == image.use_fake_user and not image.is_dirty and packed == entry.packed_size


def _remove(history: SDB_PG_history, index: int, images: Images) -> bpy.types.Image | None:
    entry = history.entries[index]
    image = find_image(entry, images)
    spare = image is not None and _is_spare(entry, image)
    settings = entry.settings
    history.entries.remove(index)
    if image is None:
        return None
    if not spare or _is_named(image.name, settings):
        return image
    images[settings].remove(image)
    bpy.data.images.remove(image)
    return None


def _is_named(name: str, settings: str) -> bool:
    """Whether an entry of any scene still has this image."""
    histories = (scene.sd_blender_history for scene in bpy.data.scenes)
    return any(e.image == name and e.settings == settings for history in histories for e in history.entries)
