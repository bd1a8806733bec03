# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/messages.md: every sentence that the add-on may show, from its source, with what it is about.

python3 scripts/make_messages.py            # writes the page
python3 scripts/make_messages.py --check    # fails when the page is not the one that would be written
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import defaultdict
from pathlib import Path

from _sentences import FIELDS, PACKAGE, texts

PAGE = PACKAGE.parent / "docs" / "messages.md"

INTRODUCTION = """\
# Messages

Every sentence that the panel, a tooltip, a report or the command line may show, sorted by the part of the add-on that
says it. Most name what to do next after the semicolon. What stands in *italics* is filled in: a name, a number, a
reason. Search this page for a few words of the sentence on your screen.

A sentence about a defect of ours, "the log has the details" or "report a bug", comes with a text behind the button
beside it (*Last Message*): copy that into the report.

This page is written by `scripts/make_messages.py`.
"""

HEADINGS = {
    "blender": "In Blender",
    "core": "Settings, prompts and files",
    "engine": "Models, memory and pictures",
    "numpy_engine": "Pictures without the engine",
    "worker": "The engine and its installation",
    "training": "Training",
}


def page() -> str:
    """The page as Markdown."""
    told: dict[str, dict[Path, set[str]]] = defaultdict(lambda: defaultdict(set))
    for found in texts():
        if found.is_sentence:
            told[found.layer][found.file].add(found.text)
    parts = [INTRODUCTION]
    for layer, files in told.items():
        parts.append(f"\n## {HEADINGS[layer]}\n")
        for file, sentences in files.items():
            parts.append(f"\n### {about(file)}\n")
            parts += [f"\n- {shown(sentence)}" for sentence in sorted(sentences)]
            parts.append("\n")
    return "".join(parts)


def about(file: Path) -> str:
    """The first sentence of a module's docstring, which says what it is about."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or file.stem
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def shown(sentence: str) -> str:
    words = FIELDS.sub(lambda place: f"\0{place[1]}\0", sentence)
    for mark in "\\`*_[]<>":
        words = words.replace(mark, "\\" + mark)
    return " ".join(words.split()).replace("\0", "*").replace("*\\_", "*_")


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
