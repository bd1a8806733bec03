# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender shows of ours is in the catalogue of each language; sentences are translated where they are shown."""

from __future__ import annotations

import ast
from pathlib import Path

import bpy
import pytest

import sd_blender
from sd_blender.blender import operators, translation
from sd_blender.blender.properties import status
from sd_blender.blender.source.panel import in_words
from sd_blender.core.choices import SCHEDULERS
from sd_blender.core.errors import InvalidRequest, WorkerDied
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.core.sentence import Sentence
from sd_blender.core.validation import validate
from sd_blender.worker.protocol import error_frame, error_of

SAME_EVERYWHERE = {
    "Brain (16 Bit)", "CUDA", "Metal", "ROCm", "SD Textures", "Stable Diffusion Textures", "X", "XY", "Y",
    *SCHEDULERS,
}  # fmt: skip
"""Names of things and terms of the field, which no language of Blender translates."""

KINDS = (
    bpy.types.AddonPreferences,
    bpy.types.Menu,
    bpy.types.Operator,
    bpy.types.Panel,
    bpy.types.PropertyGroup,
    bpy.types.UIList,
)


class View:
    """Stands for the preferences, whose language cannot be set without Blender's own catalogues."""

    def __init__(self, **switches: bool) -> None:
        for kind in ("interface", "reports", "tooltips"):
            setattr(self, f"use_translate_{kind}", switches.get(kind, True))


@pytest.fixture
def german(monkeypatch):
    speak(monkeypatch)


def speak(monkeypatch, locale="de_DE", **switches):
    def shown(sentence, kind="interface", wanted=translation.shown):
        class Bpy:
            class app:
                class translations:
                    pass

            class context:
                class preferences:
                    view = View(**switches)

        Bpy.app.translations.locale = locale
        with monkeypatch.context() as patch:
            patch.setattr(translation, "bpy", Bpy)
            return wanted(sentence, kind)

    monkeypatch.setattr(translation, "shown", shown)


@pytest.fixture(params=sorted(translation.locales()))
def language(request):
    return translation.entries(request.param)


def classes():
    for kind in KINDS:
        for cls in descendants(kind):
            if cls.__module__.startswith("sd_blender.") and "bl_rna" in cls.__dict__:
                yield kind, cls


def descendants(cls):
    for child in cls.__subclasses__():
        yield child
        yield from descendants(child)


def texts_of(kind, cls):
    """Label, tooltip, and those of the properties and of what there is to choose from."""
    rna = cls.bl_rna
    if kind is bpy.types.Operator:
        module, _, name = cls.bl_idname.partition(".")
        rna = getattr(getattr(bpy.ops, module), name).get_rna_type()
    if kind in (bpy.types.Operator, bpy.types.Menu, bpy.types.Panel):
        yield cls.bl_label
    if kind is bpy.types.Operator:
        yield rna.description
    elif kind is bpy.types.Menu:
        yield getattr(cls, "bl_description", "")
    for prop in rna.properties:
        if prop.identifier in kind.bl_rna.properties or prop.is_hidden or prop.identifier == "rna_type":
            continue
        yield from (prop.name, prop.description)
        if prop.type == "ENUM":
            for item in prop.enum_items_static:
                yield from (item.name, item.description)


def test_every_label_and_tooltip_has_an_entry(language):
    wanted = {text for kind, cls in classes() for text in texts_of(kind, cls) if text}
    assert len(wanted) > 200
    assert not sorted(wanted - language.keys() - SAME_EVERYWHERE)
    assert not sorted(SAME_EVERYWHERE & language.keys())


def test_every_text_that_a_layout_is_given_has_an_entry(language):
    """``text="Apply"``, ``placeholder="Prompt"``, also where one of two is chosen."""
    wanted = set()
    for file in Path(sd_blender.__file__).parent.joinpath("blender").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("text", "placeholder", "heading"):
                parts = [node.value]
                if isinstance(node.value, ast.IfExp):
                    parts = [node.value.body, node.value.orelse]
                wanted |= {part.value for part in parts if isinstance(part, ast.Constant) and part.value}
    assert "Apply" in wanted
    assert not sorted(wanted - language.keys())


@pytest.mark.parametrize(
    ("english", "shown"),
    [
        ("Cancelled.", "Abgebrochen."),
        (Sentence.joined(", ", [
            Sentence("Step {step} of {steps}", step=3, steps=8),
            Sentence("{images} of {count} done", images=1, count=2),
            Sentence("{in_words} left", in_words="12 s"), Sentence("{jobs} more in queue", jobs=2)]),
         "Schritt 3 von 8, 1 von 2 fertig, noch 12 s, 2 weitere in Warteschlange"),
        (Sentence("Waiting, Blender is {busy}", busy="rendering"), "Wartet, Blender ist mit Rendern beschäftigt"),
        (Sentence('{reason}; the texture is kept as image "{name}".',
                  reason=Sentence('Object "{name}" is gone', name="Image"), name="Step 1 of 2"),
         'Das Objekt "Image" ist nicht mehr da; die Textur bleibt als Bild "Step 1 of 2" erhalten.'),
        ("rusty metal, a red door left open", "rusty metal, a red door left open"),
    ],
)  # fmt: skip
def test_sentences_as_they_are_made(german, english, shown):
    assert translation.shown(english) == shown


def test_sentences_that_the_code_makes(german):
    with pytest.raises(InvalidRequest) as wrong:
        validate(TextToImage(prompt="moss", sampling=Sampling(steps=0)))
    assert translation.shown(str(wrong.value)) == "Schritte: 0 geht nicht; 1 bis 1000 einstellen."
    assert translation.shown(in_words(0.6)) == "Behält die Hauptformen"


def test_what_a_worker_says_is_told_too(german):
    """Over the wire and out of an error."""
    said = WorkerDied(Sentence("The {what} failed ({error}: {reason}); the log has the details.",
                               what="generation", error="ValueError", reason="odd"))  # fmt: skip
    told = error_of(error_frame("1", said, "details"))
    assert str(told) == "The generation failed (ValueError: odd); the log has the details."
    assert "Näheres steht im Protokoll" in translation.shown(str(told))


def test_what_the_preferences_leave_in_english_stays_english(monkeypatch):
    speak(monkeypatch, tooltips=False)
    assert translation.shown("Cancelled.") == "Abgebrochen."
    assert translation.shown("Cancelled.", "tooltips") == "Cancelled."


@pytest.mark.parametrize("locale", ["", "en_US", "fr_FR"])
def test_a_language_that_there_is_not(monkeypatch, locale):
    speak(monkeypatch, locale)
    assert translation.shown("Cancelled.") == "Cancelled."


def test_a_report_and_the_reason_of_a_greyed_button_are_shown(german, engine):
    with pytest.raises(RuntimeError, match="Kein Objekt ist aktiv; eines auswählen"):
        bpy.ops.sdb.generate()
    bpy.context.scene.sd_blender.destination = "IMAGE"
    with pytest.raises(RuntimeError, match="Der Prompt ist leer; die gewünschte Textur beschreiben"):
        bpy.ops.sdb.generate()
    bpy.context.scene.sd_blender.prompt = "moss"
    engine.error = ValueError("odd")
    with pytest.raises(
        RuntimeError, match=r"Erzeugen fehlgeschlagen \(ValueError: odd\); Näheres steht im Protokoll"
    ):
        bpy.ops.sdb.generate()


def test_what_is_copied_for_a_report_of_a_bug_is_english(german, monkeypatch):
    copied = {}

    class Context:
        class window_manager:
            def __setattr__(self, name, value):
                copied[name] = value

    Context.window_manager = Context.window_manager()
    status.error = "The mask is empty; paint white where the image should change."
    assert "Maske" in operators.SDB_OT_show_error.description(bpy.context, None)
    operators.SDB_OT_show_error.execute(None, Context)
    assert copied == {"clipboard": status.error}


def test_blender_is_given_every_entry_and_forgets_it(monkeypatch, language):
    """The builds of bpy that tests run in have no languages; tests/gui sees it in one that has."""
    given = {}

    class Bpy:
        class app:
            class translations:
                register = staticmethod(given.__setitem__)
                unregister = staticmethod(given.__delitem__)

    monkeypatch.setattr(translation, "bpy", Bpy)
    translation.register()
    (told,) = given.values()
    assert any(
        {(c, k): v for k, v in language.items() for c in translation.CONTEXTS} == entries
        for entries in told.values()
    )
    translation.unregister()
    assert not given


@pytest.mark.parametrize("word", ["Error", "Fehler"])
def test_the_word_error_is_taken_off_in_both_languages(monkeypatch, word):
    class Bpy:
        class app:
            class translations:
                pgettext_rpt = staticmethod({"Error": "Fehler"}.get)

    monkeypatch.setattr(translation, "bpy", Bpy)
    assert translation.reported(RuntimeError(f"{word}: No image.\n")) == "No image."
