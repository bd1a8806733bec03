# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure which guidance suits which material, for the training that builds it in.

    python3 scripts/choose_guidance.py --work build/starter --output build/starter/guidance.json
    python3 scripts/train_starter.py --stage guidance --guidance-of build/starter/guidance.json

Needs the judge that scripts/evaluate_starter.py leaves in --work. Its pictures start from other noise than those of
that script, so that what is chosen here is not chosen for what is measured there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must sleep
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from diffusers import StableDiffusionPipeline  # noqa: E402

from sd_blender.training.evaluation import measures  # noqa: E402
from sd_blender.training.evaluation.classifier import NAMES, Classifier  # noqa: E402
from sd_blender.training.export import STEPS  # noqa: E402
from sd_blender.training.models import use_device  # noqa: E402
from sd_blender.training.train_guidance import BuiltInGuidance, by_material  # noqa: E402

SEED = 50_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=ROOT / "sd_blender" / "starter_model")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "starter", help="where the judge lies")
    parser.add_argument("--output", type=Path, required=True, metavar="JSON")
    parser.add_argument("--pictures", type=int, default=16, help="of each material at each guidance")
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 1.5, 2.5], metavar="W")
    parser.add_argument("--usual", type=float, default=BuiltInGuidance.guidance, metavar="W")
    parser.add_argument(
        "--margin", type=float, default=0.12, help="by how much another one must be better than the usual one"
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    device = use_device()
    pipeline = StableDiffusionPipeline.from_pretrained(args.model, use_safetensors=True).to(device)
    pipeline.set_progress_bar_config(disable=True)
    judge = Classifier()
    judge.load_state_dict(torch.load(args.work / "classifier.pt", weights_only=True))
    prompts = measures.make_prompts(args.pictures * len(NAMES))
    shares = {}
    for w in sorted({*args.guidance, args.usual}):
        pictures = measures.generate_all(pipeline, prompts, steps=args.steps, guidance=w, seed=SEED)
        found = measures.adherence(pictures, prompts, judge.eval())
        shares[w] = found["by_material"]
        print(f"guidance {w}: material as asked in {found['material']:.1%}", flush=True)
    chosen = by_material(shares, args.usual, args.margin)
    args.output.write_text(json.dumps(chosen, indent=2) + "\n")
    print(f"{args.usual} suits all but", ", ".join(f"{name}: {w}" for name, w in chosen.items()) or "none")


if __name__ == "__main__":
    main()
