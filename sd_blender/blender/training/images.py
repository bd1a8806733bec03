# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that a training learns from: captions of a folder, images of this file, and where those are written."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...core import png
from ...core.captions import image_names, read_captions, words_of_name, write_captions
from ...core.errors import BlenderStateError, CannotSave
from ...core.request import ImageArray
from ...core.sentence import Sentence
from ...core.training_captions import FEWEST, listed
from ..masks.painting import MASK_KEYWORD
from ..results import naming
from ..source import capture

RENDER = "render"
"""What all renders are called."""


@dataclass(frozen=True)
class Picture:
    """name: what it is called in Blender. pixels: uint8, height x width x 3 or 4. caption: "" for none."""

    name: str
    pixels: ImageArray
    caption: str


def read_folder(settings: Any, folder: str) -> int:
    """List the files of a folder with their captions; how many there are. Raises InvalidRequest."""
    captions = read_captions(Path(folder))
    settings.files.clear()
    for name, caption in captions.items():
        item = settings.files.add()
        item.file, item.caption, item.told = name, caption.text, caption.text
    settings.files_of = folder
    settings.active_file = 0
    return len(captions)


def save_edited(settings: Any, folder: str) -> None:
    """Write the captions that were changed in the list to the folder, and no others. Raises CannotSave."""
    if settings.files_of != folder:
        return
    there = read_captions(Path(folder))
    edited = {f.file: f.caption for f in settings.files if f.caption != f.told and f.file in there}
    if not edited:
        return
    _save_captions(Path(folder), edited)
    for item in settings.files:
        item.told = edited.get(item.file, item.told)


def caption_all(folder: Path, caption: str) -> None:
    """Say this of every image of the folder. Raises CannotSave."""
    _save_captions(folder, dict.fromkeys(image_names(folder), caption))


def _save_captions(folder: Path, captions: dict[str, str]) -> None:
    try:
        write_captions(folder, captions)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotSave(
            Sentence(
                "The captions cannot be saved in {folder} ({reason}); copy the images to a folder of "
                "your own.",
                folder=folder,
                reason=reason,
            )
        ) from error


def made_for(folder: Path) -> str:
    """The source of the images that a :class:`Writer` put there, "" where there are none."""
    names = image_names(folder) if folder.is_dir() else []
    if not names:
        return ""
    return "RENDERS" if all(name.endswith(f"-{RENDER}.png") for name in names) else "IMAGES"


def is_usable(image: bpy.types.Image) -> bool:
    """Whether an image can be learned from: pixels of its own, which those of a render are not, and no mask of ours."""
    is_still = image.source in ("FILE", "GENERATED") and image.type not in ("RENDER_RESULT", "COMPOSITING")
    return is_still and MASK_KEYWORD not in image


def ticked() -> list[bpy.types.Image]:
    """The images of this file that are to be learned from."""
    return [image for image in bpy.data.images if image.sd_blender_train and is_usable(image)]


def images_of(
    tree: bpy.types.NodeTree | None, within: tuple[bpy.types.NodeTree, ...] = ()
) -> set[bpy.types.Image]:
    """The images in the nodes of a tree, and in the groups among them."""
    found: set[bpy.types.Image] = set()
    for node in tree.nodes if tree is not None else ():
        if node.type == "TEX_IMAGE" and node.image is not None:
            found.add(node.image)
        elif node.type == "GROUP" and node.node_tree not in (None, *within):
            found |= images_of(node.node_tree, (*within, node.node_tree))
    return found


def check_ticked(trigger: str) -> None:
    """Raise BlenderStateError unless enough images are ticked, and each says what it shows."""
    images = ticked()
    if len(images) < FEWEST:
        raise BlenderStateError(
            Sentence(
                "{images} images are ticked and training needs at least {fewest}; tick more.",
                images=len(images),
                fewest=FEWEST,
            )
        )
    if not trigger.strip() and (silent := [image.name for image in images if not caption_of(image)]):
        verb = "has" if len(silent) == 1 else "have"
        raise BlenderStateError(
            Sentence(
                "{listed} {verb} no caption; write it in the list, or give a trigger word.",
                listed=listed(silent),
                verb=verb,
            )
        )


def caption_of(image: bpy.types.Image) -> str:
    """As it was written, or else the words of the image's name."""
    return image.sd_blender_caption.strip() or words_of_name(image.name)


def pictures() -> Iterator[Picture]:
    """The ticked images as they look now, painted strokes included. Raises BlenderStateError for one without pixels."""
    for image in ticked():
        yield Picture(image.name, capture.image_pixels(image), caption_of(image))


class Writer:
    """Fills ``folder`` with pictures as PNG and their captions, whole or not at all: only :meth:`finish` makes it.

    What was there is replaced then: the folder is our own, within that of the training. Raises CannotSave, after which
    there is still something to :meth:`drop`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._part = folder, folder.with_name(f"{folder.name}.part")
        self._captions: dict[str, str] = {}
        with self._saving():
            shutil.rmtree(self._part, ignore_errors=True)
            self._part.mkdir(parents=True)

    def add(self, picture: Picture) -> None:
        name = f"{len(self._captions) + 1:03}-{naming.slug(Path(picture.name).stem, 'image')}.png"
        with self._saving():
            self._part.joinpath(name).write_bytes(png.encode(picture.pixels))
        self._captions[name] = picture.caption

    def finish(self) -> None:
        with self._saving():
            write_captions(self._part, self._captions)
            shutil.rmtree(self._folder, ignore_errors=True)
            os.replace(self._part, self._folder)

    def drop(self) -> None:
        """Take away what was written, unless it is finished."""
        shutil.rmtree(self._part, ignore_errors=True)

    @contextlib.contextmanager
    def _saving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise CannotSave(
                Sentence(
                    "The images cannot be saved in {parent} ({reason}); make room on that disk or choose "
                    "another output.",
                    parent=self._folder.parent,
                    reason=reason,
                )
            ) from error


def write(folder: Path, given: Iterable[Picture]) -> None:
    """All pictures at once, by a :class:`Writer`. Raises CannotSave, and what ``given`` raises."""
    writer = Writer(folder)
    try:
        for picture in given:
            writer.add(picture)
        writer.finish()
    finally:
        writer.drop()
