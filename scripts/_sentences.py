# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the sentences that the add-on may show, in its source: for the guide, and for the translations."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


# --- What can stand in the places of a sentence -----------------------------------------------------------------------

MOST = 16
"""Sentences that one pattern is written out to; with more, what differs stays a place."""
SAYING = {"Sentence", "refuse", "report", "draw_sentence", "poll_message_set"}
"""Functions whose texts are shown, with a full stop or without one."""

Known = dict[str, tuple[str, ...]]
"""What the names in some code can stand for, as far as that can be read from the source."""


def filled_in() -> tuple[set[tuple[Path, str]], list[tuple[Path, str]]]:
    """The texts that are shown, with the constants in their places; and before that the patterns that they are of.

    A place that only known texts can stand in gives a sentence for each of them; any other one stays. With each stands
    the file that says it: where a function says it in the words of its callers, that of the caller.
    """
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for layer in LAYERS for file in _files(layer)}
    code = _Code(trees)
    patterns: set[tuple[Path, str]] = set()
    found: list[tuple[Path, str]] = []
    for file, tree in trees.items():
        for function in [tree, *(node for node in ast.walk(tree) if isinstance(node, _FUNCTION))]:
            says = [node for node in _own(function) if isinstance(node, ast.Call) and _called(node) in SAYING]
            for caller, scope in code.scopes(function, file) if says else ():
                for call in says:
                    for pattern in {text for part in call.args for text in _possible(part, scope)}:
                        if len(pattern.split()) > 3 and pattern[:1] in '"{' + _CAPITALS:
                            patterns.add((file, pattern))
                            found += [(caller, text) for text in _fill(pattern, call, scope)]
    return patterns, found


_FUNCTION = (ast.FunctionDef, ast.Lambda)
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _files(layer: str) -> list[Path]:
    return sorted((PACKAGE / layer).rglob("*.py"))


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, or of a module, without those of functions within."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, _FUNCTION):
            yield child
            yield from _own(child)


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


class _Code:
    """What is known of all files together: their constants, and who calls which function."""

    def __init__(self, trees: dict[Path, ast.Module]) -> None:
        constants = {file: _constants(tree) for file, tree in trees.items()}
        everywhere = _agreed(constants.values())
        by_module = {file.stem: known for file, known in constants.items()}
        self._known = {
            file: everywhere | _imported(tree, by_module) | constants[file] for file, tree in trees.items()
        }
        self._calls: dict[str, list[tuple[Path, ast.Call]]] = {}
        defined: dict[str, int] = {}
        for file, tree in trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    self._calls.setdefault(_called(node), []).append((file, node))
                elif isinstance(node, ast.FunctionDef):
                    defined[node.name] = defined.get(node.name, 0) + 1
        self._is_shared = {name for name, times in defined.items() if times > 1}

    def scopes(self, function: ast.AST, file: Path) -> list[tuple[Path, Known]]:
        """What the names in a function can stand for, once for each call of it that says so, with the caller's file."""
        known = self._known[file]
        if not isinstance(function, ast.FunctionDef):
            return [(file, known)]
        stored = [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and _is_stored(node)]
        names = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
        known = known | dict.fromkeys([*stored, *names], ()) | _loops(function, known)
        scopes = []
        for caller, call in self._calls.get(function.name, ()):
            # A name that is given twice, or in the manner of a method, may be that of another function.
            is_this = isinstance(call.func, ast.Name) and function.name not in self._is_shared
            if not (is_this or caller == file):
                continue
            given = dict(zip(names, call.args, strict=False)) | {k.arg: k.value for k in call.keywords}
            said = {name: _possible(given[name], self._known[caller]) for name in names if name in given}
            scopes.append((caller, known | said) if any(said.values()) else (file, known))
        return scopes or [(file, known)]


def _is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _constants(tree: ast.Module) -> Known:
    known: Known = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                pairs = list(zip(targets, values, strict=False))
            case (
                ast.Assign(targets=[target], value=value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
            ):
                pairs = [(target, value)]
            case _:
                continue
        for target, value in pairs:
            if isinstance(target, ast.Name):
                known[target.id] = _possible(value, known)
    return known


def _imported(tree: ast.Module, by_module: dict[str, Known]) -> Known:
    """``from ..core.named_files import MAX_ENTRIES``, which other files may have as well with another value."""
    found: Known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            known = by_module.get(node.module.split(".")[-1], {})
            found |= {alias.name: known[alias.name] for alias in node.names if known.get(alias.name)}
    return found


def _agreed(all_known: Iterable[Known]) -> Known:
    """The names that stand for the same wherever they are."""
    agreed: Known = {}
    for known in all_known:
        for name, values in known.items():
            agreed[name] = values if agreed.get(name, values) == values else ()
    return agreed


def _loops(function: ast.AST, known: Known) -> Known:
    """``for scale, label in ((x, "CLIP"), (y, "Classifier")):`` says what a label can be."""
    found: Known = {}
    for loop in _own(function):
        if not (isinstance(loop, ast.For) and isinstance(loop.target, ast.Tuple)):
            continue
        rows = [row.elts for row in getattr(loop.iter, "elts", ()) if isinstance(row, ast.Tuple)]
        for place, target in enumerate(loop.target.elts):
            values = [_possible(row[place], known) for row in rows if place < len(row)]
            if isinstance(target, ast.Name) and values and all(values):
                found[target.id] = tuple(dict.fromkeys(text for some in values for text in some))
    return found


def _fill(pattern: str, call: ast.Call, scope: Known) -> list[str]:
    sentences = [pattern]
    for keyword in call.keywords:
        values = _possible(keyword.value, scope)
        if keyword.arg and values and len(values) * len(sentences) <= MOST:
            sentences = [text.replace(f"{{{keyword.arg}}}", value) for text in sentences for value in values]
    return sentences


_ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Pow: operator.pow}


def _calculated(
    calculate: Callable[[Any, Any], Any], left: tuple[str, ...], right: tuple[str, ...]
) -> tuple[str, ...]:
    try:
        numbers = [ast.literal_eval(text) for text in (*left, *right)]
        return (str(calculate(*numbers)),)
    except (ValueError, SyntaxError, TypeError):  # no numbers, or not one of each
        return ()


def _possible(node: ast.AST, known: Known) -> tuple[str, ...]:
    """The texts that an expression can be; () where that cannot be said."""
    match node:
        case ast.Constant(value=str() | int() | float() as value) if not isinstance(value, bool):
            return (str(value),)
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name) if (
            name.isupper() or name in known
        ):
            return known.get(name, ())
        case ast.BinOp(left=left, right=right) if type(node.op) in _ARITHMETIC:
            return _calculated(_ARITHMETIC[type(node.op)], _possible(left, known), _possible(right, known))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _calculated(operator.mul, ("-1",), _possible(operand, known))
        case ast.Dict(values=values) | ast.Tuple(elts=values):
            each = [_possible(value, known) for value in values]
            return tuple(dict.fromkeys(text for some in each for text in some)) if all(each) else ()
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Name() | ast.Attribute()):
            return known.get(name, ())
        case ast.IfExp(body=one, orelse=other):
            both = _possible(one, known), _possible(other, known)
            return tuple(dict.fromkeys([*both[0], *both[1]])) if all(both) else ()
        case ast.JoinedStr(values=[ast.FormattedValue(value=value, format_spec=ast.JoinedStr())]):
            return tuple(text.removesuffix(".0") for text in _possible(value, known))
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str() as between), attr="join"), args=[parts]
        ):
            texts = _possible(parts, known)
            return (between.join(texts),) if texts else ()
        case ast.Call(func=ast.Name(id="Sentence"), args=[ast.Constant(value=str() as pattern)]):
            return tuple(_fill(pattern, node, known))
    return ()
