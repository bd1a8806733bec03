# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows that training teaches: a LoRA on the starter model, from twelve images of a material that it does not know.

    python3 scripts/evaluate_lora.py [--folder build/lora] [--steps 300] [--word] ...
    python3 scripts/evaluate_lora.py --steps 1000 --batch 4 --count 8 --guidance 3 --docs docs    # those of the docs

Agate, banded stone, is made here and is not among the textures the starter model was trained on. Pictures of the same
seeds before and after are told apart by their nearest class: the mean colour statistics and spectra of agate and of
every material that the starter model knows, from other samples. The LoRA is opened by plain diffusers, too, and its
pictures compared. Writes images, LoRA, sheet-lora.png and evaluation-lora.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import _environment

ROOT = Path(__file__).resolve().parent.parent
_environment.enter("main")
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from diffusers import StableDiffusionPipeline  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from PIL import Image  # noqa: E402

from sd_blender.core.messages import Losses, Message, Progress  # noqa: E402
from sd_blender.core.request import Lora, Sampling, TextToImage, Tiling  # noqa: E402
from sd_blender.core.suited_training import STARTER  # noqa: E402
from sd_blender.core.training_request import LAYERS, TextualInversion, TrainLora  # noqa: E402
from sd_blender.engine import create_engine  # noqa: E402
from sd_blender.training.engine import with_training  # noqa: E402
from sd_blender.training.export import generate, save_sheet  # noqa: E402
from sd_blender.training.textures import MATERIALS, make_sample  # noqa: E402
from sd_blender.training.textures.canvas import Canvas  # noqa: E402

MODEL = ROOT / "sd_blender" / "starter_model"
NAME, SIZE, IMAGES = "agate", STARTER.size, 12
BANDS = np.array(
    [[0.93, 0.90, 0.82], [0.10, 0.36, 0.40], [0.72, 0.84, 0.80], [0.62, 0.28, 0.14], [0.95, 0.80, 0.62]]
)
Picture = NDArray[np.uint8]


def agate(seed: int, size: int = SIZE) -> Picture:
    """A seamless tile, size x size x 3: bands of five colours along the level lines of smooth noise."""
    canvas = Canvas(size, np.random.default_rng((2024, seed)))
    level = canvas.fractal(70, 3.2) * 2.6 + 0.12 * canvas.fractal(12, 2.0)
    place = level % len(BANDS)
    low = place.astype(int) % len(BANDS)
    mix = np.clip((place - np.floor(place) - 0.7) / 0.3, 0, 1)[..., None]
    colour = BANDS[low] * (1 - mix) + BANDS[(low + 1) % len(BANDS)] * mix
    colour += 0.02 * canvas.fractal(3, 1.0)[..., None]
    return (np.clip(colour, 0, 1) * 255).round().astype(np.uint8)


def describe(pixels: Picture) -> NDArray[np.float64]:
    """What a texture is like wherever it begins: quantiles of its colours and the energy of six scales, by channel."""
    values = pixels.astype(np.float64) / 255
    grey = values.mean(2)
    channels = np.stack([grey, values[..., 0] - values[..., 1], values[..., 2] - values[..., 1]])
    quantiles = np.quantile(channels, [0.05, 0.25, 0.5, 0.75, 0.95], axis=(1, 2)).T.ravel()
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(len(grey)), np.fft.fftfreq(len(grey))))
    energies = []
    for channel in channels:
        power = np.abs(np.fft.fft2(channel - channel.mean())) ** 2 / channel.size
        for octave in range(6):
            ring = (frequency > 2.0 ** -(octave + 2)) & (frequency <= 2.0 ** -(octave + 1))
            energies.append(np.log10(power[ring].mean() + 1e-8))
    return np.concatenate([quantiles * 4, energies])


class NearestClass:
    """Classes by the means of their descriptions, on axes of equal spread within the classes."""

    def __init__(self, samples: dict[str, list[Picture]]) -> None:
        self.names = list(samples)
        described = [np.stack([describe(p) for p in pictures]) for pictures in samples.values()]
        self.spread = np.sqrt(np.mean([d.var(0) for d in described], axis=0)) + 0.05
        self.means = np.stack([d.mean(0) for d in described])

    def distances(self, picture: Picture) -> NDArray[np.float64]:
        return np.linalg.norm((self.means - describe(picture)) / self.spread, axis=1)

    def name(self, picture: Picture) -> str:
        return self.names[int(self.distances(picture).argmin())]


def known_classes(per_class: int = 8) -> dict[str, list[Picture]]:
    """Samples of every material of the starter model as it paints them by itself, and of agate."""
    samples = {
        material.name: [make_sample(99, index + k * len(MATERIALS), SIZE).pixels for k in range(per_class)]
        for index, material in enumerate(MATERIALS)
    }
    return samples | {NAME: [agate(1000 + k) for k in range(per_class)]}


STEPS, SEED = 20, 1


def pictures(
    engine: object, options: argparse.Namespace, loras: tuple[Lora, ...], embeddings: tuple[str, ...]
) -> list[Picture]:
    request = TextToImage(
        prompt=NAME,
        tiling=Tiling.BOTH,
        sampling=sampling(options, steps=STEPS, count=options.count),
        loras=loras,
        embeddings=embeddings,
    )
    result = engine.generate("pictures", request, lambda message: None, lambda: False)
    return [image.pixels for image in result.images]


def sampling(options: argparse.Namespace, **changes: int) -> Sampling:
    return Sampling(width=SIZE, height=SIZE, guidance_scale=options.guidance, seed=SEED, **changes)


def in_plain_diffusers(path: str, options: argparse.Namespace) -> list[Picture]:
    """The same pictures, without anything of the add-on's engine."""
    pipeline = StableDiffusionPipeline.from_pretrained(MODEL, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(path)
    return list(generate(pipeline, [NAME] * options.count, SIZE, SEED, STEPS, options.guidance))


def measure(classes: NearestClass, made: list[Picture]) -> dict[str, object]:
    seen = [classes.name(picture) for picture in made]
    near = np.mean([classes.distances(picture)[classes.names.index(NAME)] for picture in made])
    return {"named agate": seen.count(NAME) / len(seen), "mean distance to agate": float(near), "seen": seen}


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Train a LoRA on an unknown material and measure what it learned."
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "lora")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rate", type=float, default=STARTER.learning_rate)
    parser.add_argument("--layers", choices=LAYERS, default=STARTER.layers)
    parser.add_argument("--word", action="store_true", help="a textual inversion instead")
    parser.add_argument("--guidance", type=float, default=STARTER.guidance_scale)
    parser.add_argument("--docs", type=Path, help="also write picture and figures there")
    parser.add_argument("--count", type=int, default=16, help="pictures to measure")
    options = parser.parse_args()
    images = options.folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for index in range(IMAGES):
        Image.fromarray(agate(index)).save(images / f"{NAME}_{index:02}.png")
    classes = NearestClass(known_classes())
    held_out = measure(classes, [agate(5000 + k) for k in range(32)])
    print(f"held-out agate named agate: {held_out['named agate']:.0%}", flush=True)
    engine = with_training(create_engine())
    before = pictures(engine, options, (), ())
    print(f"before: {summary(measure(classes, before))}", flush=True)
    began = time.monotonic()
    path = train(engine, options, images)
    seconds = time.monotonic() - began
    after = pictures(engine, options, *(((), (path,)) if options.word else ((Lora(path=path),), ())))
    print(f"after: {summary(measure(classes, after))}, trained in {seconds:.0f} s", flush=True)
    report = {
        "held out": held_out,
        "before": measure(classes, before),
        "after": measure(classes, after),
        "seconds": round(seconds),
        "options": {k: v for k, v in vars(options).items() if k not in ("folder", "docs")},
    }
    if not options.word:
        plain = in_plain_diffusers(path, options)
        apart = np.abs(np.stack(plain).astype(int) - np.stack(after)).mean()
        report["plain diffusers"] = measure(classes, plain) | {"levels of 255 apart": float(apart)}
        print(f"in plain diffusers: {summary(report['plain diffusers'])}, {apart:.2f} levels of 255 apart")
    rows = [[agate(k) for k in range(8)], before[:8], after[:8]]
    write(options, report, [picture for row in rows for picture in row])
    return 0


def write(options: argparse.Namespace, report: dict[str, object], sheet: list[Picture]) -> None:
    stem = "word" if options.word else "lora"
    places = [(options.folder / f"sheet-{stem}.png", options.folder / f"evaluation-{stem}.json")]
    if options.docs:
        places.append((options.docs / "pictures" / f"{stem}.png", options.docs / f"{stem}.json"))
    for picture, figures in places:
        save_sheet(picture, sheet, 8)
        figures.write_text(json.dumps(report, indent=1) + "\n")


def summary(measured: dict[str, object]) -> str:
    return f"{measured['named agate']:.0%} named agate, distance {measured['mean distance to agate']:.1f}"


def train(engine: object, options: argparse.Namespace, images: Path) -> str:
    common = {
        "images": str(images),
        "trigger": NAME,
        "tiling": Tiling.BOTH,
        "size": SIZE,
        "steps": options.steps,
        "batch": options.batch,
        "sampling": sampling(options),
        "learning_rate": options.rate,
    }
    if options.word:
        output = options.folder / "agate-word.safetensors"
        request = TextualInversion(**common, output=str(output))
    else:
        output = options.folder / "agate.safetensors"
        request = TrainLora(**common, output=str(output), rank=options.rank, layers=options.layers)
    losses: list[float] = []

    def report(message: Message) -> None:
        if isinstance(message, Losses):
            losses.extend(loss for _, loss in message.points)
        if isinstance(message, Progress) and message.step % 25 == 0:
            print(f"step {message.step} of {message.steps}, loss {np.mean(losses[-50:]):.4f}", flush=True)

    return engine.train("training", request, report, lambda: False).path


if __name__ == "__main__":
    sys.exit(main())
