# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets: the bundled ones, files of one's own, and hostile files."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from sd_blender.core import named_files
from sd_blender.core import presets as presets_of_today
from sd_blender.core.errors import InvalidRequest
from sd_blender.core.presets import (
    Preset,
    available_presets,
    bundled_presets,
    export_presets,
    import_presets,
)
from sd_blender.core.request import SCHEDULERS, SPACINGS, Sampling, TextToImage
from sd_blender.core.validation import check_sampling, validate

ROOT = Path(__file__).resolve().parents[2]
OWN = Preset("Über 🧱", width=640, steps=12, guidance_scale=0.0)


def test_the_bundled_presets_go_from_fast_to_careful():
    presets = bundled_presets()
    assert [preset.name for preset in presets] == ["Draft", "Standard", "Final"]
    steps = [preset.steps for preset in presets]
    assert steps == sorted(steps) and steps[0] < steps[-1]
    for preset in presets:
        validate(TextToImage(prompt="moss", sampling=preset.apply(Sampling())))


def test_a_preset_sets_what_it_names_and_nothing_else():
    before = Sampling(width=128, seed=9, count=3, scheduler="Euler a")
    after = OWN.apply(before)
    assert after == dataclasses.replace(before, width=640, steps=12, guidance_scale=0.0)
    assert Preset.of("All", before).apply(Sampling(seed=1)) == dataclasses.replace(before, seed=1, count=1)


def test_what_is_exported_is_imported(tmp_path):
    path = tmp_path / "presets.json"
    presets = (*bundled_presets(), OWN, Preset.of("All", Sampling()), Preset("Nothing"))
    export_presets(path, presets)
    assert import_presets(path) == presets and os.listdir(tmp_path) == ["presets.json"]


def test_a_file_that_cannot_be_written_is_told_and_the_old_one_stays(tmp_path):
    path = tmp_path / "presets.json"
    export_presets(path, [OWN])
    (tmp_path / "presets.json.part").mkdir()
    with pytest.raises(InvalidRequest, match="cannot be written"):
        export_presets(path, bundled_presets())
    assert import_presets(path) == (OWN,)


def test_own_presets_join_the_bundled_ones_and_replace_their_namesakes(tmp_path):
    path = tmp_path / "presets.json"
    draft = Preset("Draft", steps=3)
    export_presets(path, [OWN, draft])
    assert available_presets(path) == ((draft, *bundled_presets()[1:], OWN), "")
    assert available_presets() == available_presets(tmp_path / "none.json") == (bundled_presets(), "")


def document(**preset):
    return json.dumps({"version": 1, "presets": [{"name": "Good", "steps": 5}, {"name": "A"} | preset]})


def with_number(text):
    return document(steps=12345).replace("12345", text)


HOSTILE = {
    "empty": "",
    "no JSON": "steps = 5",
    "binary": b"\xff\xfe\x00\xd8\x80",
    "a list": "[]",
    "null": "null",
    "another file": '{"name": "package", "version": "1.0.0"}',
    "no version": '{"presets": []}',
    "version of tomorrow": '{"version": 3, "presets": []}',
    "version as text": '{"version": "1", "presets": []}',
    "version true": '{"version": true, "presets": []}',
    "huge version": '{"version": ' + "9" * 4000 + ', "presets": []}',
    "unknown part": '{"version": 1, "presets": [], "scripts": []}',
    "prototype": '{"version": 1, "presets": [], "__proto__": {"polluted": true}}',
    "presets in an object": '{"version": 1, "presets": {"Draft": {}}}',
    "presets of text": '{"version": 1, "presets": ["Draft"]}',
    "too many": json.dumps({"version": 1, "presets": [{"name": str(n)} for n in range(501)]}),
    "deep": "[" * 100_000 + "]" * 100_000,
    "deep inside": with_number("[" * 100_000 + "]" * 100_000),
    "deep objects": '{"version": 1, "presets": ' + '{"a":' * 100_000,
    "deep, but readable": with_number("[" * 400 + "]" * 400),
    "the same name twice": '{"version": 1, "version": 1, "presets": []}',
    "the same setting twice": with_number('5, "steps": 6'),
    "the same preset twice": document(name="Good"),
    "no name": '{"version": 1, "presets": [{"steps": 5}]}',
    "blank name": document(name="  "),
    "name of megabytes": document(name="x" * 2_000_000),
    "name of many lines": document(name="a\nb"),
    "name with half a character": document(name="\ud800"),
    "name in a list": document(name=["A"]),
    "unknown setting": document(eta=0.5),
    "prototype in a preset": document(**{"__proto__": {"steps": 5}}),
    "class": document(**{"__class__": "os.system"}),
    "long unknown setting": document(**{"x" * 100_000: 1}),
    "a seed": document(seed=1),
    "steps as text": document(steps="5"),
    "steps in a list": document(steps=[5]),
    "steps null": document(steps=None),
    "steps true": document(steps=True),
    "steps and a half": document(steps=5.5),
    "too many steps": document(steps=10**9),
    "huge steps": with_number("9" * 4000),
    "steps too long to read": with_number("9" * 10_000),
    "infinite guidance": document(guidance_scale=1).replace('scale": 1', 'scale": 1e999'),
    "NaN": document(guidance_scale=float("nan")),
    "Infinity": document(guidance_scale=float("inf")),
    "negative guidance": document(guidance_scale=-1),
    "unknown scheduler": document(scheduler="rm -rf"),
    "scheduler in an object": document(scheduler={"a": 1}),
    "narrow": document(width=8),
}


@pytest.mark.fault("F54")
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_presets_are_refused_whole_and_the_defaults_kept(tmp_path, kind):
    content = HOSTILE[kind]
    path = tmp_path / "presets.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidRequest) as caught:
        import_presets(path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 400
    assert available_presets(path) == (bundled_presets(), sentence)


@pytest.mark.fault("F54")
def test_a_huge_file_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "presets.json"
    with path.open("wb") as file:
        file.write(document().encode())
        file.truncate(100 * 2**20)
    with pytest.raises(InvalidRequest, match="far too large"):
        import_presets(path)


@pytest.mark.fault("F54")
def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.json", tmp_path / "a\0b"):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            import_presets(path)
    assert available_presets(tmp_path)[0] == bundled_presets()


def test_the_refusal_says_which_preset_and_why(tmp_path):
    path = tmp_path / "presets.json"
    path.write_text(document(name="Mine", steps=0))
    with pytest.raises(InvalidRequest) as caught:
        import_presets(path)
    assert str(caught.value) == (
        "The preset 'Mine' cannot be used: the number of steps is 0; set it from 1 to 1000."
    )
    assert caught.value.field == "steps"


def test_the_schema_says_what_is_read():
    schema = json.loads((ROOT / "docs" / "presets.schema.json").read_text(encoding="utf-8"))
    presets = schema["properties"]["presets"]
    assert schema["properties"]["version"]["enum"] == [named_files.FIRST_VERSION, presets_of_today.VERSION]
    assert presets["maxItems"] == named_files.MAX_ENTRIES
    rules = presets["items"]["properties"]
    assert set(rules) == {field.name for field in dataclasses.fields(Preset)}
    assert rules.pop("name")["maxLength"] == named_files.MAX_NAME
    assert tuple(rules.pop("scheduler")["enum"]) == SCHEDULERS
    assert tuple(rules.pop("spacing")["enum"]) == SPACINGS
    for name, rule in rules.items():
        for bound, beyond in ((rule["minimum"], -1), (rule["maximum"], 1)):
            check_sampling(Sampling(**{name: bound}))
            with pytest.raises(InvalidRequest):
                check_sampling(Sampling(**{name: bound + beyond}))


def test_a_preset_of_an_earlier_version_finds_its_scheduler(tmp_path):
    path = tmp_path / "own.json"
    document = {"version": 1, "presets": [{"name": "Grainy", "scheduler": "DPM++ SDE"}]}
    path.write_text(json.dumps(document), encoding="utf-8")
    assert import_presets(path)[0].scheduler == "DPM++ 2M SDE"
    path.write_text(json.dumps(document | {"version": 2}), encoding="utf-8")
    assert import_presets(path)[0].scheduler == "DPM++ SDE"
    export_presets(path, [Preset("Grainy", scheduler="DPM++ SDE")])
    assert import_presets(path)[0].scheduler == "DPM++ SDE"


def test_a_preset_with_a_scheduler_has_its_spacing(tmp_path):
    """One of before there were any would else get what another scheduler was given."""
    path = tmp_path / "own.json"
    entries = [
        {"name": "Old", "scheduler": "LCM"},
        {"name": "Size", "width": 64},
        {"name": "Fast", "scheduler": "Euler", "spacing": "trailing", "clip_skip": 2},
    ]
    path.write_text(json.dumps({"version": 2, "presets": entries}), encoding="utf-8")
    assert [p.settings() for p in import_presets(path)] == [
        {"scheduler": "LCM", "spacing": "auto"},
        {"width": 64},
        {"scheduler": "Euler", "spacing": "trailing", "clip_skip": 2},
    ]


def test_a_preset_whose_spacing_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "own.json"
    path.write_text(document(name="Mine", scheduler="LCM", spacing="karras"))
    with pytest.raises(InvalidRequest, match="set Spacing to Model's Own, or choose another scheduler"):
        import_presets(path)
