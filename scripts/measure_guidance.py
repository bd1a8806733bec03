# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what guidance by gradient does: is the prompt followed better at equal steps, and are pictures still varied?

    python3 scripts/measure_guidance.py                            # CLIP guidance on the starter model
    python3 scripts/measure_guidance.py --which classifier --scales 0 1 2 4
    python3 scripts/measure_guidance.py --clip path/to/clip --prompts 16 --seeds 2    # another CLIP, a short look

Every prompt is made with the same seeds at each scale. A guide is sure to please itself, so that others judge: the
material classifier of the evaluation and the rules for colours, which no guide has seen. Diversity is the mean
distance of pictures of one prompt in that classifier's features, and should not fall; with collapse, it would. The CLIP
score is told beside them. Writes one JSON file and prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must sleep
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from sd_blender.core.request import Sampling, TextToImage, Tiling  # noqa: E402
from sd_blender.engine.clip_files import CLIP_FOLDER, find_clip  # noqa: E402
from sd_blender.engine.clip_score import ClipScorer  # noqa: E402
from sd_blender.engine.diffusers_engine import DiffusersEngine  # noqa: E402
from sd_blender.engine.noisy_classifier import CLASSIFIER_FOLDER  # noqa: E402
from sd_blender.training.evaluation import measures  # noqa: E402
from sd_blender.training.evaluation.classifier import Classifier, classify  # noqa: E402
from sd_blender.training.evaluation.colour_names import name_colour  # noqa: E402
from sd_blender.training.evaluation.measures import Prompt  # noqa: E402
from sd_blender.training.export import GUIDANCE, STEPS  # noqa: E402
from sd_blender.training.schedule import to_tensor  # noqa: E402

Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Figures:
    """Means over all pictures of one scale. diversity, contrast: relative to those without guidance.

    clip_score: cosine of picture and prompt. material, colour: shares that the judges find as asked for. seconds: per
    picture.
    """

    scale: float
    clip_score: float | None
    material: float
    colour: float
    diversity: float
    contrast: float
    seconds: float


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=ROOT / "sd_blender" / "starter_model")
    parser.add_argument("--which", choices=("clip", "classifier"), default="clip")
    parser.add_argument(
        "--clip", type=Path, help="a CLIP folder to guide and score with, if the model has none"
    )
    parser.add_argument(
        "--classifier", type=Path, help="a folder of a noisy classifier, if the model has none"
    )
    parser.add_argument(
        "--judge",
        type=Path,
        default=ROOT / "build" / "starter" / "classifier.pt",
        help="of evaluate_starter.py",
    )
    parser.add_argument("--scales", type=float, nargs="+", default=[0, 1, 3, 10])
    parser.add_argument("--guidance", type=float, default=GUIDANCE, help="of classifier-free guidance")
    parser.add_argument("--prompts", type=int, default=61)
    parser.add_argument("--seeds", type=int, default=4, help="pictures per prompt, for the diversity")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "guidance" / "figures.json")
    return parser.parse_args()


def with_guides(args: argparse.Namespace, folder: Path) -> Path:
    """The model, or where it lacks a guide that was given, a copy of it in ``folder`` that has it."""
    extra = {CLIP_FOLDER: args.clip, CLASSIFIER_FOLDER: args.classifier}
    if not any(extra.values()):
        return args.model
    model = shutil.copytree(args.model, folder / "model")
    for name, source in extra.items():
        if source:
            shutil.copytree(source, model / name, dirs_exist_ok=True)
    return model


def make(
    engine: DiffusersEngine, model: Path, prompts: Sequence[Prompt], args: argparse.Namespace, scale: float
) -> tuple[Pictures, float]:
    """Pictures, prompts x seeds x H x W x 3, and the seconds that one took."""
    rows, began = [], time.perf_counter()
    for prompt in prompts:
        sampling = Sampling(
            width=args.size,
            height=args.size,
            steps=args.steps,
            guidance_scale=args.guidance,
            count=args.seeds,
            **{f"{args.which}_guidance_scale": scale},
        )
        request = TextToImage(prompt=prompt.text, model=str(model), tiling=Tiling.BOTH, sampling=sampling)
        result = engine.generate("measure", request, lambda message: None, lambda: False)
        rows.append(np.stack([image.pixels for image in result.images]))
    return np.stack(rows), (time.perf_counter() - began) / (len(prompts) * args.seeds)


@torch.no_grad()
def spread(judge: Classifier, pictures: Pictures) -> float:
    """The mean distance of two pictures of one prompt, in the judge's last features."""
    distances = []
    for row in pictures:
        features = judge.features(to_tensor(row)).flatten(2)
        vectors = torch.cat([features.mean(2), features.std(2)], 1)
        distances += [float((vectors[i] - vectors[j]).norm()) for i, j in combinations(range(len(row)), 2)]
    return float(np.mean(distances)) if distances else float("nan")


def look(
    pictures: Pictures, prompts: Sequence[Prompt], judge: Classifier, scorer: ClipScorer | None
) -> dict[str, float | None]:
    """What the judges say; diversity and contrast as they are."""
    flat = pictures.reshape(-1, *pictures.shape[2:])
    each = [prompt for prompt in prompts for _ in range(pictures.shape[1])]
    scores = (
        np.concatenate([scorer.scores(list(row), p.text) for row, p in zip(pictures, prompts, strict=True)])
        if scorer
        else None
    )
    return {
        "clip_score": None if scores is None else float(scores.mean()),
        "material": float((classify(judge, flat) == [p.material for p in each]).mean()),
        "colour": float(np.mean([name_colour(x) == p.colour for x, p in zip(flat, each, strict=True)])),
        "diversity": spread(judge, pictures),
        "contrast": float(flat.reshape(len(flat), -1).astype(np.float64).std(1).mean()),
    }


def measure(args: argparse.Namespace, model: Path) -> list[Figures]:
    judge = Classifier()
    judge.load_state_dict(torch.load(args.judge, weights_only=True))
    judge.eval()
    clip = find_clip(model)
    scorer = ClipScorer.load(clip) if clip else None
    engine, prompts = DiffusersEngine(), measures.make_prompts(args.prompts)
    make(engine, model, prompts[:1], args, max(args.scales))  # so that no scale pays for the loading
    figures: list[Figures] = []
    plain: dict[str, float | None] = {}
    for scale in sorted({0.0, *args.scales}):
        pictures, seconds = make(engine, model, prompts, args, scale)
        seen = look(pictures, prompts, judge, scorer)
        plain = plain or dict(seen)
        relative = {name: seen[name] / plain[name] for name in ("diversity", "contrast")}
        figures.append(Figures(scale=scale, seconds=seconds, **(seen | relative)))
        print(table(figures[-1:], header=len(figures) == 1), flush=True)
    return figures


def table(figures: Sequence[Figures], header: bool = True) -> str:
    names = ("scale", "clip_score", "material", "colour", "diversity", "contrast", "seconds")
    lines = ["".join(f"{name:>11}" for name in names)] if header else []
    for row in figures:
        values = asdict(row)
        lines.append("".join(f"{'-' if values[n] is None else format(values[n], '.3f'):>11}" for n in names))
    return "\n".join(lines)


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(args, with_guides(args, Path(folder)))
    told = {name: getattr(args, name) for name in ("which", "guidance", "prompts", "seeds", "steps", "size")}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(told | {"figures": [asdict(row) for row in figures]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
