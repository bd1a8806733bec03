# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/messages.md: every sentence that the add-on may show, from its source, by where the artist meets it.

python3 scripts/make_messages.py            # writes the page
python3 scripts/make_messages.py --check    # fails when the page is not the one that would be written
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path

from _sentences import FIELDS, PACKAGE, filled_in, texts

PAGE = PACKAGE.parent / "docs" / "messages.md"

INTRODUCTION = """\
# Messages

Every sentence that the panels, a report or the command line may show, sorted by where you meet it. Search this page for
a few words of the sentence on your screen; most say after the semicolon what to do next. What stands in *italics* is
different each time: a name, a number, a reason. A reason may be another sentence of this page.

Where a sentence has a button beside it (*Last Message*), that shows the details: copy them into a report of a bug.
Tooltips are not here. The guide explains the [most frequent sentences](guide.md#when-something-goes-wrong).

This page is written by `scripts/make_messages.py`.
"""

# Where a sentence is met, by the file that says it; the longest path that fits counts.
AREAS = {
    "Generate, in the main panel": (
        "blender",
        "blender/build_request.py",
        "core/generation_thread.py",
        "core/work.py",
        "core/errors.py",
        "core/picture_checks.py",
    ),
    "Prompt, styles and presets": (
        "blender/prompts",
        "core/wildcards.py",
        "core/named_files.py",
        "core/prompt_hints.py",
        "core/presets.py",
        "engine/prompt_encoding.py",
    ),
    "Source: the image to start from": ("blender/source", "core/outpaint.py"),
    "Mask and Edit Mask": ("blender/masks",),
    "Settings: Output, Sampling and Advanced": (
        "blender/sampling_advice.py",
        "blender/panels.py",
        "blender/properties.py",
        "blender/seed_operators.py",
        "blender/seeds.py",
        "core",
        "engine/clip_skip.py",
        "engine/generation.py",
    ),
    "Guidance by CLIP or a classifier, and Keep Best": (
        "blender/ranking.py",
        "engine/conditions",
        "engine/guides.py",
        "engine/clip_files.py",
        "engine/clip_score.py",
        "engine/noisy_classifier.py",
    ),
    "LoRAs and embeddings": (
        "blender/adapters",
        "core/called_loras.py",
        "core/lora_library.py",
        "core/tensor_header.py",
        "engine/adapters.py",
        "engine/embeddings.py",
        "engine/lora",
    ),
    "The model": (
        "blender/model_choice.py",
        "core/few_steps.py",
        "core/json_files.py",
        "core/known_models.py",
        "core/latent_preview.py",
        "engine/model_family.py",
        "engine/model_files.py",
        "engine/models.py",
        "engine/weights_file.py",
        "numpy_engine/model.py",
    ),
    "While it runs: device, memory and the engine's process": (
        "engine",
        "worker",
        "blender/queue",
        "blender/interrupt.py",
    ),
    "The result: material, object, image and node": (
        "blender/results",
        "blender/places.py",
        "blender/shading_advice.py",
        "blender/pump.py",
        "core/kept_pictures.py",
    ),
    "Variants": ("blender/variants",),
    "History and Restore Settings": ("blender/history", "core/foreign", "core/recall.py", "core/picture_text.py"),
    "Training": (
        "blender/training",
        "core/captions.py",
        "core/training_captions.py",
        "core/training_folder.py",
        "core/training_json.py",
        "training",
    ),
    "Engine: Install, Repair and Diagnose": ("blender/engine_setup", "blender/needs.py", "worker/environment"),
    "Without an engine": ("numpy_engine",),
}  # fmt: skip


def page() -> str:
    """The page as Markdown."""
    told: dict[str, set[str]] = defaultdict(set)
    patterns, sentences = filled_in()
    for file, text in sentences:
        told[area(file)].add(shown(text))
    for found in texts():
        if found.is_sentence and (found.file, found.text) not in patterns:
            told[area(found.file)].add(shown(found.text))
    parts = [INTRODUCTION]
    for heading in AREAS:
        parts.append(f"\n## {heading}\n")
        parts += [f"\n- {sentence}" for sentence in sorted(told[heading], key=_letters)]
        parts.append("\n")
    return "".join(parts)


def area(file: Path) -> str:
    """Where the sentences of a file are met."""
    path = file.relative_to(PACKAGE)
    fitting = [
        (len(place), heading)
        for heading, places in AREAS.items()
        for place in places
        if path.is_relative_to(place)
    ]
    return max(fitting)[1]


def _letters(sentence: str) -> tuple[str, str]:
    """As an index is sorted: what is filled in and quotation marks do not count."""
    return re.sub(r"[^a-z0-9 ]", "", re.sub(r"\*.*?\*", "", sentence).lower()).strip(), sentence


def shown(sentence: str) -> str:
    words = FIELDS.sub(lambda place: f"\0{place[1]}\0", sentence)
    for mark in "\\`*_[]<>":
        words = words.replace(mark, "\\" + mark)
    words = re.sub("\0(.*?)\0", lambda place: f"*{_name(place[1])}*", words)
    return " ".join(words.split()).replace("**", "* *")


def _name(field: str) -> str:
    """The name of a value in words; one that says nothing is "..."."""
    plain = field.replace("\\_", " ").strip("0123456789 ")
    return "..." if plain in NAMELESS else plain


NAMELESS = {"", "value", "text", "join", "shown", "keep", "split", "min", "replace", "size text"}
"""What the code calls a value that has no name of its own."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    text = page()
    if parser.parse_args().check:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            print("docs/messages.md is out of date; run scripts/make_messages.py.", file=sys.stderr)
            return 1
        return 0
    Path(PAGE).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
