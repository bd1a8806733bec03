# SPDX-License-Identifier: GPL-3.0-or-later
"""The count of tokens beside the engine is the engine's own, for the shipped tokenizer and for one as CLIP has it."""

from __future__ import annotations

import json
import random

import pytest
from transformers import CLIPTokenizer

from sd_blender.core.clip_tokens import TokenCounter
from sd_blender.core.known_models import STARTER_FOLDER
from sd_blender.engine.prompt_encoding import count_tokens

from .tiny_model import _tokenizer

PROMPTS = (
    "",
    "moss",
    "mossy grey cobblestone, wet, (large:1.3) and [worn] planks",
    "it's the artist's wall; they'll say 4K, 1024px, 50% rust!!! ... (really:0.5)",
    "Ziegel, rötlich - größer? ПОЛ из камня 石の壁 🪨🪨 café naïve _under_score__ a\tb\nc",
    "<|startoftext|> bricks <|endoftext|>",
    "<|STARTOFTEXT|>'S 'Ll don'T",
    "xqzjk" * 60,
    "supercalifragilistic " * 120,
    "red brick wall, " * 300 + "the last words (of:1.2) it",
    "\\(brackets\\) that are text",
    "mossy BREAK stone",
    "BREAK a BREAK BREAK (b BREAK c:1.2) BREAK",
    "a BREAK " * 12 + "b",
)


@pytest.fixture(scope="module", params=["shipped", "tiny", "as two files"])
def pair(request, tmp_path_factory):
    """The tokenizer of transformers, and the counter that reads the same files."""
    folder = tmp_path_factory.mktemp("tokenizer")
    if request.param == "shipped":
        folder = STARTER_FOLDER / "tokenizer"
    elif request.param == "tiny":
        _tokenizer().save_pretrained(folder)
    else:
        whole = json.loads((STARTER_FOLDER / "tokenizer" / "tokenizer.json").read_text())["model"]
        lines = [m if isinstance(m, str) else " ".join(m) for m in whole["merges"]]
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n")
        (folder / "vocab.json").write_text(json.dumps(whole["vocab"]))
        return CLIPTokenizer.from_pretrained(STARTER_FOLDER / "tokenizer"), TokenCounter.of_folder(folder)
    return CLIPTokenizer.from_pretrained(folder), TokenCounter.of_folder(folder)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_it_counts_what_the_engine_counts(pair, prompt):
    tokenizer, counter = pair
    tokenizer.model_max_length = 77
    assert counter.count(prompt) == tuple(count_tokens(tokenizer, prompt))


def test_any_text_counts_alike(pair):
    tokenizer, counter = pair
    tokenizer.model_max_length = 77
    draw = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyz ABC 0123456789 ,.;:-_'()[]\\ äöüßéñ \t\n"
    for _ in range(300):
        prompt = "".join(draw.choice(letters) for _ in range(draw.randrange(400)))
        assert counter.count(prompt) == tuple(count_tokens(tokenizer, prompt)), prompt


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"model": {"merges": [1]}}', '{"model": {"merges": [["a"]]}}', "no"]
)
def test_a_file_that_is_no_tokenizers(tmp_path, text):
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises((ValueError, KeyError, TypeError)):
        TokenCounter.of_folder(tmp_path)
    with pytest.raises(OSError):
        TokenCounter.of_folder(tmp_path / "gone")
