# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the starter model and write its model card, sample sheet and confusion matrix.

python3 scripts/evaluate_starter.py            # about 25 minutes on two CPU cores
python3 scripts/evaluate_starter.py --quick    # a few prompts, a hasty classifier: shows that it runs
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must sleep
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import StableDiffusionPipeline  # noqa: E402

from sd_blender.training.cache import HELD_OUT_SEED  # noqa: E402
from sd_blender.training.curves import draw_curves  # noqa: E402
from sd_blender.training.evaluation import clip_measures, comparison, measures, natural, report  # noqa: E402
from sd_blender.training.evaluation.classifier import Classifier, Labelled, classify, train_classifier  # noqa: E402
from sd_blender.training.evaluation.frechet import distances  # noqa: E402
from sd_blender.training.export import GUIDANCE, SHEET_PROMPTS, STEPS, generate, save_sheet  # noqa: E402

LARGE_PROMPTS = ("red brick wall", "blue ceramic tiles", "mossy grey cobblestone", "wooden planks")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=ROOT / "sd_blender" / "starter_model")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs" / "starter_model")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "starter", help="training logs, for the curves"
    )
    parser.add_argument(
        "--training",
        help="what the card says of the training, where the logs in --work do not have all of it",
    )
    parser.add_argument(
        "--prompts", type=int, default=305, help="number of prompts; at least 240 for the record"
    )
    parser.add_argument(
        "--natural", type=int, default=122, metavar="N", help="prompts of each kind that people might type"
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument(
        "--best-of", type=int, default=0, metavar="N", help="also rank N pictures each of 61 prompts by CLIP"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small numbers everywhere; the card is written all the same"
    )
    return parser.parse_args()


def trained_classifier(pipeline: StableDiffusionPipeline, path: Path, quick: bool) -> Classifier:
    """Trained once and kept in the work folder, on held-out seeds, a part of them as the autoencoder shows them."""
    model = Classifier()
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()
    data = measures.labelled_textures(HELD_OUT_SEED + 1, 2 if quick else 240, pipeline.vae, share=0.35)
    model = train_classifier(data, epochs=1 if quick else 10)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), path)
    return model


def judge_accuracies(
    classifier: Classifier, pipeline: StableDiffusionPipeline, test: Labelled, quick: bool
) -> dict[str, float]:
    rendered = measures.round_trip(pipeline.vae, test.pixels)
    return {
        "classifier": float((classify(classifier, test.pixels) == test.labels).mean()),
        "classifier_after_vae": float((classify(classifier, rendered) == test.labels).mean()),
        "colour_rules": measures.colour_rule_accuracy(4 if quick else 61),
    }


def training_summary(work: Path) -> str:
    """One sentence per stage from the loss logs."""
    sentences = []
    for name, what in (
        ("vae", "autoencoder"),
        ("decoder", "decoder"),
        ("clip", "CLIP"),
        ("unet", "denoiser"),
        ("guidance", "denoiser with guidance built in"),
        ("noisy-classifier", "classifier of noisy latents"),
    ):
        log = work / f"{name}.jsonl"
        if log.exists():
            last = json.loads(log.read_text().splitlines()[-1])
            sentences.append(
                f"The {what} was trained for {last['step']:,} steps in {last['seconds'] / 60:.0f} minutes."
            )
    return " ".join(sentences)


def measure(args: argparse.Namespace, pipeline: StableDiffusionPipeline) -> tuple[dict[str, Any], np.ndarray]:
    """Every figure of the card, and the pictures of the prompts."""
    count = 16 if args.quick else args.prompts
    classifier = trained_classifier(
        pipeline, args.work / ("classifier-quick.pt" if args.quick else "classifier.pt"), args.quick
    )
    test = measures.labelled_textures(HELD_OUT_SEED, 1 if args.quick else 5)
    prompts = measures.make_prompts(count)
    sampling = {"steps": args.steps, "guidance": args.guidance}
    pictures = measures.generate_all(pipeline, prompts, **sampling)
    return {
        "prompts": count,
        **sampling,
        "adherence": measures.adherence(pictures, prompts, classifier),
        "natural": natural.measure(pipeline, classifier, 4 if args.quick else args.natural, **sampling),
        "judges": judge_accuracies(classifier, pipeline, test, args.quick),
        "psnr": measures.reconstruction_psnr(pipeline.vae, test.pixels),
        "seam_error": measures.seam_error(pictures),
        "seconds_per_image": measures.seconds_per_image(
            pipeline, (128, 256) if args.quick else (128, 256, 512), **sampling
        ),
        "frechet": distances(classifier, pictures, prompts, HELD_OUT_SEED + 2),
        "clip": clip_measures.measure(
            args.model, pipeline, classifier, test, pictures, prompts, args.best_of, **sampling
        ),
        "latents": measures.shape_of_latents(pipeline.vae),
        "millions_of_parameters": measures.millions_of_parameters(pipeline),
        "machine": f"{torch.get_num_threads()} CPU threads ({platform.machine()}), float32",
        "data": "procedural textures of 128 and 256 px",
        "training": args.training or training_summary(args.work),
    }, pictures


def main() -> None:
    args = arguments()
    pipeline = StableDiffusionPipeline.from_pretrained(args.model, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    figures, pictures = measure(args, pipeline)
    report.write_json(args.docs / "evaluation.json", figures)
    report.write_card(args.model / "README.md", figures)
    report.draw_confusion(args.docs / "confusion.png", figures["adherence"]["confusion"])
    beside = comparison.beside_originals(pictures, measures.make_prompts(len(pictures)), HELD_OUT_SEED + 2)
    save_sheet(args.docs / "beside-originals.png", beside, comparison.COLUMNS)
    save_sheet(args.docs / "samples.png", generate(pipeline, SHEET_PROMPTS, 128), 8)
    save_sheet(args.docs / "samples-256.png", generate(pipeline, LARGE_PROMPTS, 256), 4)
    for stage, names in (
        ("vae", ("psnr", "reconstruction")),
        ("decoder", ("psnr", "reconstruction")),
        ("clip", ("loss", "right")),
        ("unet", ("loss",)),
    ):
        draw_curves(args.work / f"{stage}.jsonl", args.docs / f"{stage}-curves.png", names)
    scores, typed = figures["adherence"], figures["natural"]
    print(
        f"typed as people do: {typed['named']['material']:.1%} with the material named, "
        f"{typed['not_named']['material']:.1%} without; "
        f"material {scores['material']:.1%}, colour {scores['colour']:.1%}, PSNR {figures['psnr']['mean']:.1f} dB, "
        f"seam {figures['seam_error']:.2f}"
    )


if __name__ == "__main__":
    main()
