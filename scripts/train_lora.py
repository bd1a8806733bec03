# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains a LoRA, or a textual inversion, on a folder of images: the same job that the add-on's worker runs.

    python3 scripts/train_lora.py IMAGES OUTPUT.safetensors [--model FOLDER] [--trigger WORDS] [--tiling both] ...

Captions are read from metadata.jsonl or text files beside the images, else from their names; --captions writes them to
metadata.jsonl to be edited, and stops. Ctrl+C pauses: the same command goes on from there.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import _environment

ROOT = Path(__file__).resolve().parent.parent
_environment.enter("main")
sys.path.insert(0, str(ROOT))

from sd_blender.core.captions import read_captions, write_captions  # noqa: E402
from sd_blender.core.choices import STARTER_MODEL, Tiling  # noqa: E402
from sd_blender.core.errors import JobCancelled, SDBlenderError  # noqa: E402
from sd_blender.core.loss_curve import moving_mean  # noqa: E402
from sd_blender.core.messages import Loading, Losses, Message, Progress, Sample, TrainingResult  # noqa: E402
from sd_blender.core.request import Sampling  # noqa: E402
from sd_blender.core.suited_training import OTHERS, STARTER, suited  # noqa: E402
from sd_blender.core.training_request import LAYERS, TextualInversion, Training, TrainLora  # noqa: E402
from sd_blender.core.work import check  # noqa: E402


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        if options.captions:
            return show_captions(options.images)
        request = make_request(options)
        check(request)
        result = run(request, options)
    except JobCancelled:
        print("\nPaused; the same command goes on from here.")
        return 130
    except SDBlenderError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"\n{result.path}: {result.steps} steps, loss {result.loss:.4f}, {result.seconds:.0f} s")
    for note in result.notes:
        print(note)
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What is not given suits the model."""
    parser = argparse.ArgumentParser(description="Train a LoRA or a textual inversion on a folder of images.")
    parser.add_argument("images", type=Path)
    parser.add_argument("output", nargs="?", default="", help="the .safetensors file to make")
    parser.add_argument("--captions", action="store_true", help="write metadata.jsonl to be edited, and stop")
    parser.add_argument(
        "--word", action="store_true", help="textual inversion: learn the trigger as one new word"
    )
    parser.add_argument(
        "--model", default=STARTER_MODEL, help="a diffusers folder; the starter model by default"
    )
    parser.add_argument("--trigger", default="", help="words put before every caption")
    parser.add_argument("--tiling", choices=[t.value for t in Tiling], default=Tiling.OFF.value)
    parser.add_argument("--size", type=int, help=f"pixels per side; {usual('size')}")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, help=f"learning rate; of a LoRA {usual('learning_rate')}")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--layers", choices=LAYERS, help=f"of a LoRA; {usual('layers')}")
    parser.add_argument("--text-encoder", action="store_true")
    parser.add_argument("--vectors", type=int, default=4)
    parser.add_argument("--initializer", default="", help="words a textual inversion starts from")
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint-every", type=int, default=50)
    parser.add_argument("--sample-every", type=int, default=100)
    parser.add_argument("--sample-prompt", default="")
    parser.add_argument("--guidance", type=float, help=f"of the sample pictures; {usual('guidance_scale')}")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args(arguments)
    best = suited(options.model)
    options.size = options.size or best.size
    options.layers = options.layers or best.layers
    if options.guidance is None:
        options.guidance = best.guidance_scale
    if options.rate is None and not options.word:
        options.rate = best.learning_rate
    return options


def usual(name: str) -> str:
    """For the help: what is taken where nothing is given."""
    return f"{getattr(STARTER, name)} for the starter model, {getattr(OTHERS, name)} for others"


def make_request(options: argparse.Namespace) -> Training:
    side = options.size
    values = {
        "images": str(options.images),
        "output": options.output,
        "model": options.model,
        "trigger": options.trigger,
        "tiling": Tiling(options.tiling),
        "size": side,
        "steps": options.steps,
        "batch": options.batch,
        "flip": options.flip,
        "seed": options.seed,
        "checkpoint_every": options.checkpoint_every,
        "sample_every": options.sample_every,
        "sample_prompt": options.sample_prompt,
        "sampling": Sampling(width=side, height=side, guidance_scale=options.guidance),
    }
    if options.rate is not None:
        values["learning_rate"] = options.rate
    if options.word:
        return TextualInversion(**values, vectors=options.vectors, initializer=options.initializer)
    return TrainLora(**values, rank=options.rank, layers=options.layers, text_encoder=options.text_encoder)


def show_captions(folder: Path) -> int:
    captions = read_captions(folder)
    write_captions(folder, {name: caption.text for name, caption in captions.items()})
    for name, caption in captions.items():
        print(f"{name}: {caption.text or '(none)'}")
    return 0


def run(request: Training, options: argparse.Namespace) -> TrainingResult:
    from sd_blender.engine import create_engine
    from sd_blender.training.engine import with_training

    stopped = []
    signal.signal(signal.SIGINT, lambda *_: stopped.append(True))
    engine = with_training(create_engine(options.device, options.dtype), options.device, options.dtype)
    return engine.train("command line", request, Printer(), lambda: bool(stopped))


class Printer:
    """One line on the terminal that tells how far it is."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def __call__(self, message: Message) -> None:
        match message:
            case Loading(text=text):
                self._say(text)
            case Losses(points=points):
                self.losses += [loss for _, loss in points]
            case Progress(step=step, steps=steps):
                mean = moving_mean(self.losses, 50)[-1] if self.losses else float("nan")
                self._say(f"step {step} of {steps}, loss {mean:.4f}")
            case Sample(step=step):
                self._say(f"sample of step {step}")
                print()

    def _say(self, text: str) -> None:
        print(f"\r{text:<70}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
