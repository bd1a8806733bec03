# SPDX-License-Identifier: GPL-3.0-or-later
"""Phrases as people type them, by hand and by grammar, each with what it means.

An entry of the tables is what is looked at; the grammar lays colours, states, parts, uses and words that say nothing
around it. What is meant is a :class:`~..textures.captions.Description`, and :func:`plain` writes it as the plain
caption of which the denoiser knows how it looks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ...core.prompt_styles import bundled_styles
from ..textures import MATERIALS
from ..textures.captions import SHADES, SIZES, Description
from ..textures.colours import COLOURS
from .german import (
    GERMAN_COLOURS,
    GERMAN_ENDINGS,
    GERMAN_FILLERS,
    GERMAN_NAMES,
    GERMAN_STATES,
    UNDECLINED,
)
from .names import NAMES
from .things import PLACES, THINGS

NAMED, THING, PLACE, GERMAN = "named", "thing", "place", "German"
STATES = {material.name: material.states for material in MATERIALS}

SHADES_OF_COLOURS: dict[str, tuple[str, str | None]] = {
    "gray": ("grey", None), "silver": ("grey", "pale"), "charcoal": ("grey", "dark"), "golden": ("yellow", None),
    "ochre": ("yellow", None), "mustard": ("yellow", None), "sand coloured": ("yellow", "pale"),
    "amber": ("orange", None), "crimson": ("red", None), "scarlet": ("red", None), "blood red": ("red", "dark"),
    "burgundy": ("red", "dark"), "maroon": ("red", "dark"), "wine red": ("red", "dark"),
    "bright red": ("red", None), "navy": ("blue", "dark"), "navy blue": ("blue", "dark"),
    "sky blue": ("blue", "pale"), "azure": ("blue", None), "light blue": ("blue", "pale"),
    "royal blue": ("blue", None), "bright blue": ("blue", None), "olive": ("green", "dark"),
    "mint": ("green", "pale"), "emerald": ("green", None), "lime": ("green", None), "bright green": ("green", None),
    "light green": ("green", "pale"), "forest green": ("green", "dark"), "cyan": ("teal", None),
    "turquoise": ("teal", None), "aqua": ("teal", "pale"), "violet": ("purple", None),
    "lavender": ("purple", "pale"), "lilac": ("purple", "pale"), "magenta": ("pink", None),
    "salmon": ("pink", None), "coral": ("orange", None), "rose": ("pink", None), "cream": ("white", None),
    "ivory": ("white", None), "off-white": ("white", None), "snow white": ("white", None),
    "jet black": ("black", None), "pitch black": ("black", None), "tan": ("brown", "pale"),
    "beige": ("brown", "pale"), "chocolate": ("brown", None), "brownish": ("brown", None), "reddish": ("red", None),
    "greenish": ("green", None), "bluish": ("blue", None), "grayish": ("grey", None), "greyish": ("grey", None),
    "yellowish": ("yellow", None), "whitish": ("white", None),
}  # fmt: skip
BEFORE = {
    "mossy": ("mossy", "moss covered", "overgrown", "moss grown", "moss-covered"),
    "rusty": ("rusty", "rusted", "corroded", "oxidised", "rusting", "oxidized"),
    "wet": ("wet", "rainy", "damp", "soaked", "moist", "dripping", "rain-soaked"),
    "cracked": ("cracked", "broken", "fractured", "crumbling", "shattered", "damaged"),
    "polished": ("polished", "shiny", "glossy", "varnished", "lacquered", "gleaming", "reflective"),
    "dirty": ("dirty", "grimy", "filthy", "stained", "muddy", "grungy", "sooty", "unclean"),
    "dusty": ("dusty", "dust covered", "dust-covered"),
    "worn": (
        "worn",
        "weathered",
        "aged",
        "old",
        "faded",
        "battered",
        "used",
        "abandoned",
        "worn out",
        "distressed",
    ),
    "scratched": ("scratched", "scuffed", "scraped"),
    "snowy": ("snowy", "snow covered", "snow-covered", "wintry"),
    "rough": ("rough", "coarse", "rugged", "uneven"),
    "smooth": ("smooth", "even", "sleek"),
}
AFTER = {
    "mossy": (
        "with moss",
        "overgrown with moss",
        "covered in moss",
        "with green moss",
        "with patches of moss",
    ),
    "rusty": ("with rust", "covered in rust", "with rust stains", "with rust spots", "eaten by rust"),
    "wet": (
        "in the rain",
        "after rain",
        "with puddles",
        "covered in water",
        "with water drops",
        "after the rain",
    ),
    "cracked": (
        "with cracks",
        "full of cracks",
        "with deep cracks",
        "with fine cracks",
        "after an earthquake",
    ),
    "polished": ("with a shiny finish", "with reflections", "with a gloss finish", "freshly polished"),
    "dirty": (
        "with dirt",
        "covered in dirt",
        "with stains",
        "covered in mud",
        "with oil stains",
        "with grime",
    ),
    "dusty": ("covered in dust", "with dust", "under a layer of dust"),
    "worn": ("worn by time", "with worn edges", "with peeling paint", "after many years", "from long ago"),
    "scratched": ("with scratches", "full of scratches", "with scuff marks", "with deep scratches"),
    "snowy": ("covered in snow", "in winter", "with snow", "under snow", "with a layer of snow"),
    "rough": ("with a rough surface", "with bumps"),
    "smooth": ("with a smooth surface", "with a smooth finish"),
}
NOTHING_BEFORE = """
detailed realistic beautiful nice pretty simple medieval ancient fantasy modern victorian rustic vintage antique
gothic futuristic cyberpunk magical spooky cosy elegant luxurious cheap plain typical traditional classic rural
urban nordic japanese european american italian french german british natural authentic stylized stylised cartoon
cool epic mysterious lowpoly hand-made handmade rustic-looking high-quality seamless tileable photorealistic generic
ordinary steampunk cinematic dramatic my the our some historic roman celtic egyptian oriental baroque renaissance
dystopian alien enchanted cursed royal heavy light strong thick thin solid sturdy new fresh clean real original
perfect
""".split()  # noqa: SIM905
"""Words of which the surface is none the wiser. Heavy, thick and the like speak of weight."""
NOTHING_AFTER = (
    "in a castle", "in a house", "in a game", "for a game", "for my game", "in the sun", "in sunlight", "at night",
    "in a fantasy world", "in a film", "for a video game", "in an old house", "in the garden", "in the city",
    "in a village", "in daylight", "in the background", "from above", "seen from above", "up close",
    "in high resolution", "for blender", "for a character", "for a level", "in a movie scene", "on a sunny day",
    "in autumn light", "in the style of a game", "in a workshop", "of a fantasy game", "in Paris", "in London",
    "in Tokyo", "from the middle ages", "of a rich man", "for a render", "with soft shadows", "with nice light",
    "with lots of detail", "with fine detail", "in the evening", "for an interior", "for an exterior",
    "as a background", "on an old building", "on the floor", "on the wall",
)  # fmt: skip
QUALITY = (
    "seamless", "tileable", "4k", "8k", "pbr", "high detail", "highly detailed", "photorealistic", "realistic",
    "sharp", "top view", "close up", "close-up", "texture", "seamless texture", "masterpiece", "best quality",
    "game texture", "ultra detailed", "uhd", "photo", "game asset", "unreal engine", "octane render", "albedo",
    "material", "high quality", "top-down view", "flat lighting", "trending on artstation", "hd", "2k",
    "ray tracing", "professional photo", "scan",
)  # fmt: skip
FRAMES = (
    "{}", "{}", "{}", "{}", "{}", "{} texture", "seamless {} texture", "texture of {}", "a {}", "the {}",
    "{} pattern", "photo of {}", "a photo of {}", "surface of {}", "{} surface", "{} material", "close up of {}",
    "{} background", "seamless texture of {}", "pbr {}", "a picture of {}", "an image of {}", "macro shot of {}",
    "tileable {}", "a wall of {}", "lots of {}", "a piece of {}", "old photo of {}", "i want {}", "please make {}",
    "some {}", "very {}",
)  # fmt: skip
STYLES: dict[str, str | None] = {
    "Seamless Material": None, "Albedo": None, "Photo Scan": None, "Macro Photo": None, "Aerial Ground": None,
    "Hand Painted": None, "Stylised": None, "Toon": None, "Pixel Art": None, "Watercolour": None, "Engraving": None,
    "Pristine": None, "Ornate": None, "Worn": "worn", "Weathered": "worn", "Overgrown": "mossy", "Wet": "wet",
}  # fmt: skip
"""The bundled styles and the state that they bring; of those that bring a material nothing can be said here."""
DETAILS = """
ivy flowers footprints knots stitching rivets holes tracks veins graffiti nails bolts weeds shells seams grout
mortar joints spots patterns ornaments carvings scales bumps screws lines tyre-marks paint roots twigs leaves
pebbles grass bubbles dents edges fibres threads buttons straps tiles bricks panels lights shadows splinters rings
wrinkles folds drops droplets
""".split()  # noqa: SIM905
"""What is seen on a surface and is not what it is of: "with" one of these, it is still the same."""
OBJECTS = """
wall floor table door roof ceiling ground panel column pillar bag chair sofa cover plate box path street stairs
bench counter shelf gate tower house bridge statue bowl cup jacket dress shirt curtain blanket armour boots helmet
ship car surface sculpture frame block slab sheet piece facade corridor room hall lamp pot coat hat glove case
handle sign monument
""".split()  # noqa: SIM905
"""What a material may be made into; the word before them says how it looks."""
SYLLABLES = "ba ka zor lin mek tu ver nol gri sha pel dro fen qui xu ol ar eth is um rak vel ni to".split()  # noqa: SIM905


@dataclass(frozen=True)
class Entry:
    """text: what is typed. means: what it shows. kind: it names its material, or is a thing, or a part of a place."""

    text: str
    means: Description
    kind: str


@dataclass(frozen=True)
class Phrase:
    """A whole prompt and what it shows."""

    text: str
    means: Description
    kind: str


def plain(described: Description) -> str:
    """The caption from which the denoiser learned how this looks."""
    words = [described.size, *described.states, described.shade, described.colour, described.noun]
    return " ".join(word for word in words if word)


def meaning(words: str) -> Description:
    """A plain caption of the tables, such as "brick wall; white; worn"."""
    material, *rest = (word.strip() for word in words.split(";"))
    if material not in STATES:
        raise ValueError(f"{material} is no material")
    found = Description(material, material)
    for word in rest:
        if word in COLOURS:
            found = replace(found, colour=word)
        elif word in SHADES:
            found = replace(found, shade=word)
        elif word in SIZES:
            found = replace(found, size=word)
        elif word in STATES[material]:
            found = replace(found, states=(*found.states, word))
        else:
            raise ValueError(f"{word} says nothing of {material}")
    return found


def _lines(table: str) -> Iterator[str]:
    """Each line with those that go on with it."""
    yield from table.strip().replace("\n  ", " ").splitlines()


def _listed(table: str, kind: str) -> Iterator[Entry]:
    for line in _lines(table):
        means, _, texts = line.partition(": ")
        for text in texts.split(","):
            yield Entry(text.strip(), meaning(means), kind)


def _placed() -> Iterator[Entry]:
    for line in _lines(PLACES):
        places, _, parts = line.partition(": ")
        for place in places.split(","):
            for part in parts.split(";"):
                what, _, means = (word.strip() for word in part.partition("="))
                yield Entry(f"{place.strip()} {what}", meaning(means), PLACE)


@cache
def all_entries() -> tuple[Entry, ...]:
    """Every entry of the tables, each text once; what stands by itself goes before what a place implies."""
    tables = (*_listed(NAMES, NAMED), *_listed(THINGS, THING), *_placed(), *_listed(GERMAN_NAMES, GERMAN))
    return tuple({entry.text.lower(): entry for entry in reversed(tables)}.values())[::-1]


def is_held_out(entry: Entry) -> bool:
    """A tenth of what is more than one word, always the same: never trained on, but by their words."""
    return " " in entry.text and zlib.crc32(entry.text.lower().encode()) % 10 == 0


@cache
def entries(kind: str, held_out: bool) -> tuple[Entry, ...]:
    return tuple(e for e in all_entries() if e.kind == kind and is_held_out(e) == held_out)


def write_phrase(entry: Entry, rng: np.random.Generator, much: float = 1.0) -> Phrase:
    """One of many prompts around an entry. much: how much is said beyond it, 0 nothing .. 1 as people do."""
    if entry.kind == GERMAN:
        return _write_german(entry, rng, much)
    means, before, after = entry.means, [], []
    if rng.random() < 0.3 * much:
        means, words = _add_state(means, rng)
        if words:
            (before if words in BEFORE[means.states[-1]] else after).append(words)
    if rng.random() < 0.12 * much and means.size is None:
        size = ("large", "small")[int(rng.integers(2))]
        means = replace(means, size=size)
        before.append(_one(SIZES[size], rng))
    if rng.random() < 0.3 * much and not (means.colour or means.shade):
        means, words = _add_colour(means, rng)
        if rng.random() < 0.85:
            before.insert(len(before) if rng.random() < 0.8 else 0, words)
        else:
            after.append(_one(("in {}", "painted {}", "{}", "of {} colour"), rng).format(words))
    for _ in range(int(rng.integers(3)) if rng.random() < 0.35 * much else 0):
        before.insert(int(rng.integers(len(before) + 1)), _nothing(rng))
    if rng.random() < 0.2 * much:
        after.append(_one(NOTHING_AFTER, rng))
    if rng.random() < 0.15 * much:
        after.append(_detail(rng))
    text = " ".join([*before, _worded(entry, rng, much)])
    text = _one(FRAMES, rng).format(text) if rng.random() < 0.6 * much else text
    joint = ", " if rng.random() < 0.25 else " "
    text = joint.join([text, *rng.permutation(after)])
    if rng.random() < 0.2 * much:
        text = ", ".join([text, *rng.choice(QUALITY, int(rng.integers(1, 4)), replace=False)])
    elif rng.random() < 0.1 * much:
        style = _one([s for s in bundled_styles() if s.name in STYLES], rng)
        text, state = style.apply(text)[0], STYLES[style.name]
        if state in STATES[means.material] and state not in means.states:
            means = replace(means, states=(*means.states, state))
    return Phrase(_case(text, rng), means, entry.kind)


def _add_state(means: Description, rng: np.random.Generator) -> tuple[Description, str]:
    states = [s for s in STATES[means.material] if s in BEFORE and s not in means.states]
    if not states or {"rough", "smooth"} & set(means.states):
        return means, ""
    state = states[int(rng.integers(len(states)))]
    words = _one((BEFORE if rng.random() < 0.6 else AFTER)[state], rng)
    return replace(means, states=(*means.states, state)), words


def _add_colour(means: Description, rng: np.random.Generator) -> tuple[Description, str]:
    if rng.random() < 0.3:
        words = list(SHADES_OF_COLOURS)[int(rng.integers(len(SHADES_OF_COLOURS)))]
        colour, shade = SHADES_OF_COLOURS[words]
        return replace(means, colour=colour, shade=shade), words
    colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
    return replace(means, colour=colour), colour


def _worded(entry: Entry, rng: np.random.Generator, much: float) -> str:
    """The entry, at times in the plural, or as what an object is made of."""
    if entry.kind == NAMED and rng.random() < 0.2 * much:
        frame = _one(("{0} {1}", "{0} {1}", "{1} made of {0}", "{1} of {0}"), rng)
        return frame.format(entry.text, _one(OBJECTS, rng))
    if entry.kind == THING and rng.random() < 0.12 * much and not entry.text.endswith("s"):
        return f"{entry.text}es" if entry.text.endswith(("ch", "sh", "x")) else f"{entry.text}s"
    return entry.text


def _detail(rng: np.random.Generator) -> str:
    """Something on the surface, at times with a colour of its own."""
    colour = f"{_one(list(COLOURS), rng)} " if rng.random() < 0.4 else ""
    return f"with {colour}{_one(DETAILS, rng)}"


def _nothing(rng: np.random.Generator) -> str:
    """A word that says nothing of the surface, at times one that nobody knows."""
    if rng.random() < 0.75:
        return _one(NOTHING_BEFORE, rng)
    return "".join(rng.choice(SYLLABLES, int(rng.integers(2, 4))))


def _write_german(entry: Entry, rng: np.random.Generator, much: float) -> Phrase:
    means, words = entry.means, [entry.text]
    if rng.random() < 0.4 * much and not means.colour:
        colour = list(GERMAN_COLOURS)[int(rng.integers(len(GERMAN_COLOURS)))]
        means = replace(means, colour=colour)
        word = GERMAN_COLOURS[colour]
        words.insert(0, word if word in UNDECLINED else word + _one(GERMAN_ENDINGS, rng))
    states = [s for s in STATES[means.material] if s in GERMAN_STATES and s in BEFORE]
    if rng.random() < 0.3 * much and states and not means.states:
        state = states[int(rng.integers(len(states)))]
        means = replace(means, states=(state,))
        words.insert(0, GERMAN_STATES[state] + _one(GERMAN_ENDINGS, rng))
    text = " ".join(words)
    text = _one(GERMAN_FILLERS, rng).format(text) if rng.random() < 0.3 * much else text
    return Phrase(_case(text, rng), means, entry.kind)


def _one(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _case(text: str, rng: np.random.Generator) -> str:
    return text.capitalize() if rng.random() < 0.15 else text
