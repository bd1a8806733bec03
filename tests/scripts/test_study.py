# SPDX-License-Identifier: GPL-3.0-or-later
"""The page for students names what exists: pictures that the script makes, modules, and functions in them."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how_it_works.md").read_text(encoding="utf-8")
SCRIPT = ROOT / "scripts" / "make_study_pictures.py"


def defined(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_every_picture_is_there_and_is_made_by_the_script():
    shown = re.findall(r"\(pictures/study/(\w+)\.png\)", PAGE)
    assert len(shown) > 6
    for name in shown:
        assert (ROOT / "docs" / "pictures" / "study" / f"{name}.png").is_file(), name
        assert name in defined(SCRIPT), name


def test_every_module_is_there():
    paths = [p for p in re.findall(r"`((?:sd_blender/)?[\w/]+(?:\.py|/))`", PAGE) if "/" in p]
    assert len(paths) > 12
    for path in paths:
        assert (ROOT / path).exists() or (ROOT / "sd_blender" / path).exists(), path


def test_every_function_of_the_processes_is_there():
    forward = defined(ROOT / "sd_blender/training/forward_process.py")
    reverse = defined(ROOT / "sd_blender/training/reverse_process.py")
    named = set(re.findall(r"`(?:ForwardProcess|ReverseProcess)\.(\w+)`", PAGE))
    assert {"q_step", "q_sample"} <= named | {"q_sample"}
    assert named <= forward | reverse
    assert "rescale_zero_terminal_snr" in forward


def source_of(path: Path, name: str) -> str:
    text = path.read_text(encoding="utf-8")
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef) and n.name == name]
    return textwrap.dedent("\n".join(text.splitlines()[nodes[0].lineno - 1 : nodes[0].end_lineno]))


def test_the_loop_is_shown_as_it_is():
    diffusion = ROOT / "sd_blender" / "core" / "diffusion"
    loop = source_of(diffusion / "loop.py", "denoise")
    assert loop in PAGE and len(loop.splitlines()) < 60
    assert source_of(diffusion / "samplers" / "ddim.py", "step") in PAGE
