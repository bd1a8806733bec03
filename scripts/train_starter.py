# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the starter model: textures, autoencoder, denoiser with text encoder, export.

    python3 scripts/train_starter.py --stage all                     # two hours and a half on two CPU cores
    python3 scripts/train_starter.py --stage unet --minutes 300      # resumes the checkpoint in build/starter
    python3 scripts/train_starter.py --vae-from sd_blender/starter_model   # a new denoiser for the shipped autoencoder
    python3 scripts/train_starter.py --batch 64 --tiles 60000      # with a GPU

Minutes count over all runs of a stage: to continue a finished one, give it more. Needs the packages of the
`training` extra; a GPU is used when torch finds one.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

# Before torch is imported: threads that wait must sleep, or they starve the ones that compute.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sd_blender.training.recipe import Recipe  # noqa: E402
from sd_blender.training.schedule import Budget  # noqa: E402
from sd_blender.training.train_unet import UnetOptions  # noqa: E402
from sd_blender.training.train_vae import VaeOptions  # noqa: E402

STAGES = ("data", "vae", "text", "unet", "export")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", choices=(*STAGES, "all"), default="all")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "starter", help="caches, checkpoints, sheets"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "sd_blender" / "starter_model")
    parser.add_argument(
        "--vae-from", type=Path, metavar="MODEL", help="take this model's autoencoder, train none"
    )
    parser.add_argument("--minutes", type=float, help="of this stage; default: 28 for vae, 100 for unet")
    parser.add_argument("--tiles", type=int, default=20_000, help="textures of 128 px")
    parser.add_argument("--large-tiles", type=int, default=5_000, help="textures of 256 px")
    parser.add_argument("--batch", type=int, help="crops (vae) or tiles (unet) per step; default 8 and 32")
    parser.add_argument(
        "--unet-widths", type=int, nargs="+", metavar="N", help="channels per level, highest first"
    )
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


def make_recipe(args: argparse.Namespace) -> Recipe:
    vae = VaeOptions(budget=Budget(args.minutes or 28), device=args.device)
    unet = UnetOptions(budget=Budget(args.minutes or 100), device=args.device)
    if args.batch:
        vae, unet = replace(vae, batch=args.batch), replace(unet, batch=args.batch)
    if args.unet_widths:
        unet = replace(unet, widths=replace(unet.widths, unet=tuple(args.unet_widths)))
    return Recipe(
        args.work,
        args.output,
        args.tiles,
        args.large_tiles,
        vae_from=args.vae_from,
        vae_options=vae,
        unet_options=unet,
    )


def main() -> None:
    args = arguments()
    recipe = make_recipe(args)
    run = {
        "data": lambda: recipe.textures,
        "vae": recipe.train_vae,
        "text": recipe.train_text,
        "unet": recipe.train_unet,
        "export": recipe.export,
    }
    for stage in STAGES if args.stage == "all" else (args.stage,):
        if stage == "vae" and args.vae_from:
            continue
        print(f"stage {stage}", flush=True)
        run[stage]()


if __name__ == "__main__":
    main()
