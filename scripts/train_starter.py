# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the starter model: textures, autoencoder, denoiser with text encoder, export.

    python3 scripts/train_starter.py --stage all                     # two hours and a half on two CPU cores
    python3 scripts/train_starter.py --stage unet --minutes 300      # resumes the checkpoint in build/starter
    python3 scripts/train_starter.py --vae-from sd_blender/starter_model   # a new denoiser for the shipped autoencoder
    python3 scripts/train_starter.py --stage unet --start-from sd_blender/starter_model   # trains the shipped one on
    python3 scripts/train_starter.py --stage guidance --minutes 45    # builds guidance in; then export-guidance
    python3 scripts/train_starter.py --stage language --start-from sd_blender/starter_model    # how people write
    python3 scripts/train_starter.py --batch 256 --tiles 100000 --large-tiles 20000      # with a GPU
    python3 scripts/train_starter.py --vae-widths 24 48 64 96 --latents 32               # factor 8, 32 channels

The shipped model has guidance built in; that stage, begun with --start-from it, builds in more.

Minutes count over all runs of a stage: to continue a finished one, give it more. Needs the packages of the
`training` extra; a GPU is used when torch finds one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

# Before torch is imported: threads that wait must sleep, or they starve the ones that compute.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sd_blender.training.models import Widths  # noqa: E402
from sd_blender.training.recipe import Recipe  # noqa: E402
from sd_blender.training.schedule import Budget  # noqa: E402
from sd_blender.training.train_clip import ClipOptions  # noqa: E402
from sd_blender.training.train_few_steps import FewSteps  # noqa: E402
from sd_blender.training.train_guidance import BuiltInGuidance  # noqa: E402
from sd_blender.training.train_language import LanguageOptions  # noqa: E402
from sd_blender.training.train_noisy_classifier import ClassifierOptions  # noqa: E402
from sd_blender.training.train_unet import UnetOptions  # noqa: E402
from sd_blender.training.train_vae import VaeOptions  # noqa: E402

STAGES = ("data", "vae", "text", "clip", "unet", "export")
KEPT = {"vae_from": {"vae"}, "start_from": {"vae", "text", "clip"}, "words_from": {"text", "clip"}}
"""The stages whose result an option takes from a model: `all` leaves them out."""
EXTRA_STAGES = (
    "decoder",
    "language",
    "guidance",
    "export-guidance",
    "few-steps",
    "export-few-steps",
    "noisy-classifier",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", choices=(*STAGES, *EXTRA_STAGES, "all"), default="all")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "starter", help="caches, checkpoints, sheets"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "sd_blender" / "starter_model")
    parser.add_argument(
        "--vae-from", type=Path, metavar="MODEL", help="take this model's autoencoder, train none"
    )
    parser.add_argument(
        "--start-from",
        type=Path,
        metavar="MODEL",
        help="train this model's denoiser on, as if its checkpoint were still there",
    )
    parser.add_argument(
        "--words-from",
        type=Path,
        metavar="MODEL",
        help="take this model's tokenizer and CLIP; autoencoder and denoiser are new",
    )
    parser.add_argument(
        "--wanting",
        type=Path,
        metavar="JSON",
        help="an evaluation.json: draw what it says is weak more often",
    )
    parser.add_argument(
        "--guidance-of",
        type=Path,
        metavar="JSON",
        help="stage guidance: w by material, from scripts/choose_guidance.py (docs/starter_model/guidance.json)",
    )
    parser.add_argument("--minutes", type=float, help="of this stage; default: 28 for vae, 100 for unet")
    parser.add_argument(
        "--steps",
        type=int,
        help="end after so many steps instead: what else the machine does changes nothing",
    )
    parser.add_argument("--tiles", type=int, default=20_000, help="textures of 128 px")
    parser.add_argument("--large-tiles", type=int, default=5_000, help="textures of 256 px")
    parser.add_argument(
        "--batch", type=int, help="crops (vae), pairs (clip) or tiles (unet) per step; default 8, 256, 32"
    )
    parser.add_argument("--crop", type=int, help="pixels per side of vae's crops; default 64")
    parser.add_argument("--rate", type=float, help="highest learning rate of unet; default 1e-3")
    parser.add_argument("--crops", type=float, help="share of unet's steps on crops; default 1, then 0.5")
    parser.add_argument(
        "--large", type=float, help="share of unet's other steps on large textures; default 0.15"
    )
    parser.add_argument(
        "--vae-widths", type=int, nargs="+", metavar="N", help="channels per level; each level but one halves"
    )
    parser.add_argument("--latents", type=int, metavar="N", help="channels of the latents; default 4")
    parser.add_argument(
        "--unet-layers", type=int, metavar="N", help="blocks per level of the denoiser; default 1"
    )
    parser.add_argument(
        "--unet-widths", type=int, nargs="+", metavar="N", help="channels per level, highest first"
    )
    parser.add_argument(
        "--text-rate",
        type=float,
        help="share of the learning rate that CLIP's text tower gets; little, where a denoiser already reads it",
    )
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


def make_widths(args: argparse.Namespace) -> Widths:
    given = {
        "vae": args.vae_widths and tuple(args.vae_widths),
        "latents": args.latents,
        "unet": args.unet_widths and tuple(args.unet_widths),
        "unet_layers": args.unet_layers,
    }
    return replace(Widths(), **{name: value for name, value in given.items() if value})


def make_recipe(args: argparse.Namespace) -> Recipe:
    widths, device = make_widths(args), args.device
    vae = VaeOptions(widths, Budget(args.minutes or 28, args.steps), device=device)
    if args.stage == "decoder":
        vae = replace(vae, rate=5e-4)
    unet = UnetOptions(widths, Budget(args.minutes or 100, args.steps), device=device)
    clip = ClipOptions(widths, device=device)
    few_steps, guidance = (
        replace(kind, unet=replace(kind.unet, widths=widths, device=device))
        for kind in (FewSteps(), BuiltInGuidance())
    )
    if args.guidance_of:
        guidance = replace(guidance, of_material=json.loads(args.guidance_of.read_text()))
    classifier, language = ClassifierOptions(device=device), LanguageOptions()
    if args.text_rate is not None:
        clip = replace(clip, text_rate=args.text_rate)
    if args.minutes or args.steps:
        budget = Budget(args.minutes or 30, args.steps)
        clip, few_steps, guidance, classifier, language = (
            replace(options, budget=budget) for options in (clip, few_steps, guidance, classifier, language)
        )
    if args.batch:
        vae, clip, unet = (replace(options, batch=args.batch) for options in (vae, clip, unet))
    if args.crop:
        vae = replace(vae, crop=args.crop)
    crops = None if args.crops is None else (args.crops, args.crops)
    given = {"rate": args.rate, "crops": crops, "large": args.large}
    unet = replace(unet, **{name: value for name, value in given.items() if value is not None})
    return Recipe(
        args.work,
        args.output,
        args.tiles,
        args.large_tiles,
        vae_from=args.vae_from,
        start_from=args.start_from,
        words_from=args.words_from,
        wanting=args.wanting,
        vae_options=vae,
        clip_options=clip,
        language_options=language,
        unet_options=unet,
        few_steps=few_steps,
        guidance=guidance,
        classifier_options=classifier,
    )


def main() -> None:
    args = arguments()
    recipe = make_recipe(args)
    run = {
        "data": lambda: recipe.textures,
        "vae": recipe.train_vae,
        "decoder": recipe.train_decoder,
        "text": recipe.train_text,
        "clip": recipe.train_clip,
        "unet": recipe.train_unet,
        "language": recipe.train_language,
        "guidance": recipe.train_guidance,
        "export-guidance": partial(recipe.export, "guidance"),
        "few-steps": recipe.train_few_steps,
        "noisy-classifier": recipe.train_noisy_classifier,
        "export": recipe.export,
        "export-few-steps": partial(recipe.export, "few-steps"),
    }
    kept = {stage for option, stages in KEPT.items() if getattr(args, option) for stage in stages}
    for stage in [s for s in STAGES if s not in kept] if args.stage == "all" else [args.stage]:
        print(f"stage {stage}", flush=True)
        run[stage]()


if __name__ == "__main__":
    main()
