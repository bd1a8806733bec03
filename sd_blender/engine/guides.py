# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides that a request asks for, and their refusal before slow work where the model has none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ..core.prompt_editing import final
from ..core.request import Request
from ..core.wildcards import Prompts
from .clip_files import clip_of, needs_clip
from .conditions.classifier_guidance import ClassifierGuide
from .conditions.clip_guidance import ClipGuide
from .conditions.gradient_guidance import GradientGuide
from .model_files import check_model
from .models import Announce, LoadedModel
from .noisy_classifier import check_classes, class_in


def refuse_missing_guides(request: Request, prompts: Sequence[Prompts], folder: Path) -> None:
    """Raise InvalidRequest or ModelRefused unless what guides and judges the pictures of ``request`` is there."""
    sampling = request.sampling
    if not needs_clip(request) and not sampling.classifier_guidance_scale:
        return
    files = check_model(folder)  # what is wrong with the model itself comes first
    if needs_clip(request):
        clip_of(request, folder)
    if sampling.classifier_guidance_scale:
        check_classes(folder, files.latent_channels, [final(words.prompt) for words in prompts])


def load_guides(request: Request, model: LoadedModel, announce: Announce) -> None:
    """Load what guides and judges the pictures of ``request``; it stays with ``model``. Raises ModelRefused."""
    if needs_clip(request):
        announce("Loading CLIP", 1.0)
        model.scorer(clip_of(request, model.files.folder))
    if request.sampling.classifier_guidance_scale:
        announce("Loading the classifier", 1.0)
        _ = model.classifier


def guides_of(
    request: Request,
    model: LoadedModel,
    prompts: Sequence[Prompts],
    seeds: Sequence[int],
    changes: list[str],
) -> list[GradientGuide]:
    """The guides of ``request`` for pictures that are made together, one prompt and one seed each.

    changes: sentences on what had to be done in another way are added here. Empty where both scales are 0.
    """
    sampling = request.sampling
    texts = [final(words.prompt) for words in prompts]
    guides: list[GradientGuide] = []
    if sampling.clip_guidance_scale:
        scorer = model.scorer(clip_of(request, model.files.folder))
        # Each text for itself: several in one batch round otherwise.
        vectors = torch.cat([scorer.text_vectors([text]) for text in texts])
        guides.append(
            ClipGuide(
                model.autoencoder,
                scorer,
                vectors,
                sampling.clip_guidance_scale,
                seeds,
                request.tiling,
                changes,
            )
        )
    if sampling.classifier_guidance_scale:
        classifier = model.classifier
        classes = [class_in(text, classifier.names) or 0 for text in texts]  # none is unnamed: see above
        guides.append(ClassifierGuide(classifier, classes, sampling.classifier_guidance_scale))
    return guides
