# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs and embeddings of a scene: into the request, and back from a picture."""

from __future__ import annotations

import json
import os

import bpy
import pytest

from sd_blender.blender.adapters import adapters
from sd_blender.blender.adapters import panel as adapters_panel
from sd_blender.blender.properties import status
from sd_blender.blender.variants import requests as variant_requests
from sd_blender.core.serialization import KEYWORD
from sd_blender.core.wildcards import prompts_of
from tests.blender.conftest import generate
from tests.blender.test_panels import draw
from tests.fake_trainer import write_lora, write_tensor

NETWORK = "\\\\server\\share\\evil.safetensors"


@pytest.fixture
def files(tmp_path):
    """A LoRA and an embedding."""
    write_lora(tmp_path / "moss.safetensors", "zx moss")
    write_tensor(tmp_path / "rusty.safetensors", "rst")
    return [str(tmp_path / name) for name in ("moss.safetensors", "rusty.safetensors")]


@pytest.fixture
def listed(plane, settings, files):
    for file in files:
        assert bpy.ops.sdb.add_lora(filepath=file) == {"FINISHED"}
    return bpy.context.scene.sd_blender_adapters


def used(engine):
    request = engine.requests[-1]
    return [(lora.path, round(lora.weight, 3)) for lora in request.loras], list(request.embeddings)


def test_files_are_told_apart_and_say_how_they_are_called(listed):
    assert [(entry.kind, entry.trigger) for entry in listed.entries] == [
        ("LORA", "zx moss"),
        ("EMBEDDING", "rst"),
    ]
    drawn = draw(adapters_panel.classes[1])
    assert {"sdb.add_lora", "sdb.remove_lora", "path", "kind"} <= set(drawn)


def test_those_in_use_are_in_the_request(listed, files, engine):
    listed.entries[0].weight = 0.8
    generate()
    assert used(engine) == ([(files[0], 0.8)], [files[1]])
    listed.entries[0].use = False
    generate()
    assert used(engine) == ([], [files[1]])
    listed.active = 1
    bpy.ops.sdb.remove_lora()
    generate()
    assert used(engine) == ([], [])


def test_a_file_is_added_once(listed, files):
    listed.entries[0].use = False
    bpy.ops.sdb.add_lora(filepath=files[0])
    assert len(listed.entries) == 2 and listed.entries[0].use


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff" * 16, (4).to_bytes(8, "little") + b"nope"])
def test_what_is_no_such_file_is_refused(plane, settings, tmp_path, content):
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        RuntimeError, match=r"x.safetensors cannot be read \(.+\); choose a LoRA or an embedding"
    ):
        bpy.ops.sdb.add_lora(filepath=str(path))
    assert not len(bpy.context.scene.sd_blender_adapters.entries)


def test_one_on_the_network_is_refused_before_it_is_looked_at(plane, settings, engine):
    entry = bpy.context.scene.sd_blender_adapters.entries.add()
    entry.path = NETWORK
    with pytest.raises(RuntimeError, match='"evil" of this scene is on the network'):
        bpy.ops.sdb.generate()
    entry.use = False
    generate()


def test_an_entry_without_a_file_is_refused(plane, settings, engine):
    bpy.context.scene.sd_blender_adapters.entries.add()
    with pytest.raises(RuntimeError, match="has no file; choose one or remove it"):
        bpy.ops.sdb.generate()


def test_a_picture_brings_back_its_own(listed, files, engine, tmp_path):
    listed.entries[0].weight = 0.6
    generate()
    listed.entries[0].weight = 1.0
    listed.entries[1].use = False
    write_lora(tmp_path / "other.safetensors")
    bpy.ops.sdb.add_lora(filepath=str(tmp_path / "other.safetensors"))
    bpy.ops.sdb.restore_settings()
    assert [entry.use for entry in listed.entries] == [True, True, False]
    generate()
    assert used(engine) == ([(files[0], 0.6)], [files[1]])
    os.unlink(files[0])
    listed.entries.clear()
    bpy.ops.sdb.restore_settings()
    assert "except for: LoRA moss" in status.note
    assert [(entry.kind, entry.trigger) for entry in listed.entries] == [("EMBEDDING", "rst")]


def test_a_strangers_picture_names_no_file_on_the_network(listed, engine, monkeypatch):
    generate()
    image = next(image for image in bpy.data.images if KEYWORD in image)
    story = json.loads(image[KEYWORD])
    story["loras"] = [{"path": NETWORK, "weight": 1.0}]
    image[KEYWORD] = json.dumps(story)
    looked = []
    monkeypatch.setattr(os.path, "isfile", lambda path: looked.append(path) or False)
    bpy.ops.sdb.restore_from_image(image=image.name)
    assert NETWORK not in looked and "LoRA evil" in status.note


def test_nor_does_a_strangers_variant(listed, engine, settings):
    generate(count=2)
    item = bpy.context.scene.sd_blender_variants[0]
    story = json.loads(item.settings)
    story["embeddings"] = [NETWORK]
    item.settings, item.batch = json.dumps(story), "another"
    with pytest.raises(Exception, match="A LoRA of this variant is on the network"):
        variant_requests._stored(item)


def test_paths_of_a_malformed_story():
    assert adapters.paths_in({"loras": [1, {"path": "a"}, {}], "embeddings": "b"}) == ["a"]


def test_a_prompt_calls_a_lora_beside_those_of_the_list(listed, files, engine, settings, tmp_path):
    write_lora(tmp_path / "wall.safetensors")
    listed.entries[0].use = False
    generate(prompt="stone <lora:Wall:0.8>", count=2)
    request = engine.requests[-1]
    assert request.lora_folders == (str(tmp_path),)
    (words, _) = prompts_of(request)
    assert (words.prompt, [(lora.path, lora.weight) for lora in words.loras]) == (
        "stone ",
        [(str(tmp_path / "wall.safetensors"), 0.8)],
    )
    item = bpy.context.scene.sd_blender_variants.add()
    item.settings, item.batch = bpy.context.scene.sd_blender_history.entries[-1].settings, "another"
    assert variant_requests._stored(item)[0]["lora_folders"] == [str(tmp_path)]
    bpy.ops.sdb.restore_settings()
    assert (status.note, settings.prompt) == ("", "stone <lora:Wall:0.8>")
    os.unlink(tmp_path / "wall.safetensors")
    bpy.ops.sdb.restore_settings()
    assert status.note == "The settings are restored except for: LoRA Wall; set these yourself."
    with pytest.raises(
        RuntimeError, match='The prompt calls the LoRA "Wall", which is neither in the LoRA folder'
    ):
        generate(prompt="stone <lora:Wall:0.8>")


def test_a_prompt_that_calls_none_tells_no_folders(listed, engine):
    generate(prompt="stone")
    assert engine.requests[-1].lora_folders == ()
    assert "lora_folders" not in json.loads(bpy.context.scene.sd_blender_history.entries[-1].settings)
