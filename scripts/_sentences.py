# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the sentences that the add-on may show, in its source: for the guide, and for the translations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "sd_blender"
LAYERS = ("blender", "core", "engine", "worker", "training", "numpy_engine")

SENTENCE = re.compile(r'["{A-Z].* .*[^.]\.', re.DOTALL)
FIELDS = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Text:
    """A text in the source, the values in an f-string as ``{name}``.

    is_sentence: it ends with a full stop. is_f_string: nobody will know its pattern; see core/sentence.py.
    """

    layer: str
    file: Path
    line: int
    text: str
    is_sentence: bool
    is_f_string: bool


def texts() -> Iterator[Text]:
    """Every text of the layers but docstrings, in the order of the files."""
    for layer in LAYERS:
        for file in sorted((PACKAGE / layer).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for line, text, is_f_string in _texts(tree):
                yield Text(layer, file, line, text, bool(SENTENCE.fullmatch(text)), is_f_string)


def _texts(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    skipped = {id(node) for node in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(value) for value in ast.walk(node) if value is not node}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value, False
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, _pattern(node), True


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)  # of a lambda it is an expression
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement.value


def _pattern(node: ast.JoinedStr) -> str:
    """An f-string with a name in place of each value; a second one of a name gets a number."""
    names: dict[str, int] = {}
    parts = []
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value))
            continue
        name = _name(value.value)
        names[name] = names.get(name, 0) + 1
        parts.append(f"{{{name}{names[name] if names[name] > 1 else ''}}}")
    return "".join(parts)


def _name(node: ast.AST) -> str:
    """The last word of an expression, which is what it stands for: ``result.request.prompt`` is a prompt."""
    match node:
        case ast.Attribute(value=inner, attr="__name__"):
            return _name(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name.strip("_").lower() or "value"
        case ast.Subscript(value=inner) | ast.FormattedValue(value=inner) | ast.BinOp(left=inner):
            return _name(inner)
        case ast.Call(func=ast.Name(id="len" | "str" | "type" | "min" | "max"), args=[inner, *_]):
            return _name(inner)
        case ast.Call(func=function):
            return _name(function)
        case ast.BoolOp(values=[first, *_]):
            return _name(first)
    return "value"
