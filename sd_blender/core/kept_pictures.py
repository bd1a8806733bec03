# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done is kept: the pictures of one job, from the moment that each of them is made."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence

from .messages import GeneratedImage, Result
from .request import Request
from .sentence import Sentence
from .work import is_picture_of

logger = logging.getLogger(__name__)

Finish = Callable[[Request, GeneratedImage], GeneratedImage]


class KeptPictures:
    """Of one job of pictures.

    finish: slow work on a picture that stays, such as encoding it. It is done as soon as a picture comes, or, where
    only the best are kept, once it is known which those are; should it fail, the picture stays, with a warning.
    """

    def __init__(self, request: Request, finish: Finish | None) -> None:
        self._request, self._finish = request, finish
        self._began = time.monotonic()
        self._kept: dict[int, GeneratedImage] = {}
        """By their seeds, which differ within a job."""

    def add(self, image: GeneratedImage) -> GeneratedImage | None:
        """Keep a picture and return it as it is kept; None for what is no picture of this request."""
        if not is_picture_of(self._request, image):
            return None
        self._kept[image.seed] = image if self._request.keep else self._finished(image)
        return self._kept[image.seed]

    def whole(self, result: Result) -> Result:
        """The result of a job that came to its end, with its pictures as they are kept."""
        return dataclasses.replace(result, images=tuple(map(self._final, result.images)))

    def so_far(self, *, finish: bool = True) -> Result | None:
        """The result of a job that ended early: what there is, or the best of it. finish: False where time is short."""
        images = best_of(list(self._kept.values()), self._request.keep)
        if not images:
            return None
        final = tuple(map(self._final, images)) if finish else tuple(images)
        return Result(self._request, final, time.monotonic() - self._began)

    def _final(self, image: GeneratedImage) -> GeneratedImage:
        kept = self._kept.get(image.seed)
        return kept if kept is not None and not self._request.keep else self._finished(image)

    def _finished(self, image: GeneratedImage) -> GeneratedImage:
        if self._finish is None:
            return image
        try:
            return self._finish(self._request, image)
        except Exception as error:  # the picture exists; failing to encode or save it must not lose it
            logger.exception("finishing a picture failed")
            warning = Sentence(
                "The picture could not be saved ({error}); it is kept in the .blend.", error=error
            )
            return dataclasses.replace(image, warnings=(*image.warnings, warning))


def best_of(images: Sequence[GeneratedImage], keep: int) -> list[GeneratedImage]:
    """The ``keep`` pictures with the highest scores, the best first and of equals the earlier one; all of them where
    ``keep`` is 0, or where one of them was not judged."""
    scores = [image.score for image in images if image.score is not None]
    if not keep or len(scores) < len(images):
        return list(images)
    order = sorted(range(len(images)), key=lambda index: -scores[index])
    return [images[index] for index in order[:keep]]
