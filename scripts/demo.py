# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the main job in Blender without a window and leaves a .blend and pictures in demo/.

A scene gets seamless textures from prompts, its render is restyled, and the part of a texture under a painted mask is
made anew: all with the add-on's own settings and operators, and the model that ships with it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback

from _environment import ROOT, enter

if __name__ == "__main__":
    enter("blender" if "--no-engine" in sys.argv else "main")

import _demo_scene as stage
import bpy
import numpy as np

import sd_blender
from sd_blender.blender import session
from sd_blender.core import png
from sd_blender.numpy_engine.engine import NumpyEngine

DEMO = ROOT / "demo"
PROMPTS = {
    "floor": "mossy grey cobblestone",
    "crate": "light brown wooden planks",
    "ball": "polished green marble",
}
RESTYLE_PROMPT = "rusty orange metal"
INPAINT_PROMPT = "green moss"
STROKES = ([(0.15, 0.3), (0.4, 0.55), (0.75, 0.5)], [(0.7, 0.8), (0.85, 0.7)])
SEAM_LIMIT = 2.0  # about 1 is seamless, a hard seam is well above 2


class Demo:
    """The steps, in order; ``measured`` is what demo/measured.json will say of each."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.measured: dict[str, dict] = {}

    def run(self) -> None:
        self.things = stage.build()
        self.texture_the_scene()
        self.say("Rendering the scene")
        stage.render(DEMO / "2-render.png")
        self.restyle_the_render()
        self.repaint_under_a_mask()
        self.say("Rendering the scene again")
        stage.render(DEMO / "7-render-after-inpainting.png")
        bpy.ops.wm.save_as_mainfile(filepath=str(DEMO / "demo.blend"), compress=True)
        self.check_the_file()
        self.write_report()

    def texture_the_scene(self) -> None:
        """Text to image: a seamless texture on the material of each object."""
        prompts = PROMPTS | ({"floor": self.options.prompt} if self.options.prompt else {})
        settings = self.settings
        settings.task, settings.tiling, settings.destination = "TEXT_TO_IMAGE", "BOTH", "MATERIAL"
        settings.width = settings.height = self.options.size
        for number, (name, prompt) in enumerate(prompts.items()):
            self.activate(name)
            settings.seed = self.options.seed + number
            self.generate(f"texture of the {name}", prompt)
            image = stage.texture_of(self.things[name])
            pixels = self.keep(image, f"1-texture-{name}.png")
            write(f"1-texture-{name}-2x2.png", np.tile(pixels, (2, 2, 1)))
            self.check_seam(image)

    def restyle_the_render(self) -> None:
        """Image to image: the render of the scene, as it is displayed, into another material."""
        settings = self.settings
        settings.task, settings.source, settings.destination = "IMAGE_TO_IMAGE", "RENDER_RESULT", "IMAGE"
        settings.use_source_size, settings.strength, settings.tiling = True, 0.3, "OFF"
        settings.seed = self.options.seed
        self.keep(self.generate("restyled render", RESTYLE_PROMPT), "3-render-restyled.png")

    def repaint_under_a_mask(self) -> None:
        """Inpainting: strokes on a mask of the crate's texture; outside them the texture stays as it is."""
        settings = self.settings
        self.activate("crate")
        before = stage.texture_of(self.things["crate"])
        settings.source, settings.destination, settings.tiling = "TEXTURE", "MATERIAL", "BOTH"
        bpy.ops.sdb.new_mask()
        for stroke in STROKES:
            stage.paint(settings.mask_image, stroke, width=0.16)
        mask = stage.pixels_of(settings.mask_image)
        write("4-mask.png", mask)
        settings.seed = self.options.seed
        self.generate("inpainted texture", INPAINT_PROMPT)
        bpy.ops.object.mode_set(mode="OBJECT")  # New Mask has set up painting
        after = stage.texture_of(self.things["crate"])
        write("5-before-inpainting.png", stage.pixels_of(before))
        self.keep(after, "6-inpainted.png")
        self.check_kept(before, after, mask[..., 0], settings.feather)

    # What each step is made of -----------------------------------------------------------------------------------

    @property
    def settings(self):
        return bpy.context.scene.sd_blender

    def activate(self, name: str) -> None:
        bpy.context.view_layer.objects.active = self.things[name]

    def generate(self, what: str, prompt: str) -> bpy.types.Image:
        """Press Generate and wait, as Blender does where it has no window; the new image."""
        settings = self.settings
        settings.prompt, settings.lock_seed = prompt, True
        settings.steps, settings.model = self.options.steps, self.options.model
        self.say(f'Generating the {what}: "{prompt}", seed {settings.seed}')
        there = set(bpy.data.images.keys())
        started = time.monotonic()
        bpy.ops.sdb.generate()
        seconds = time.monotonic() - started
        (name,) = set(bpy.data.images.keys()) - there - {"Render Result"}
        image = bpy.data.images[name]
        made = json.loads(image["sd_blender"])
        self.measured[what] = {
            "prompt": prompt,
            "task": made["task"],
            "seed": made["result"]["seed"],
            "steps": made["sampling"]["steps"],
            "size": list(image.size),
            "seconds": round(seconds, 1),
            "seam error": made["result"]["seam"],
        }
        self.say(f"  {image.size[0]} x {image.size[1]} pixels in {seconds:.1f} s")
        return image

    def keep(self, image: bpy.types.Image, name: str) -> np.ndarray:
        """The image's own PNG, settings inside, as a file of demo/; its pixels."""
        (DEMO / name).write_bytes(image.packed_file.data)
        return stage.pixels_of(image)

    def check_seam(self, image: bpy.types.Image) -> None:
        seam = json.loads(image["sd_blender"])["result"]["seam"]
        self.say(f"  seam error {seam['x']:.2f} across, {seam['y']:.2f} down (1 is seamless)")
        if max(seam.values()) > SEAM_LIMIT:
            raise AssertionError(f"The texture has a seam: {seam}.")

    def check_kept(
        self, before: bpy.types.Image, after: bpy.types.Image, mask: np.ndarray, feather: int
    ) -> None:
        """Outside the mask and its feather the texture must be the same to the last bit, and inside it must not."""
        changed = (stage.pixels_of(before) != stage.pixels_of(after)).any(axis=2)
        near = _grown(mask > 0, feather)
        self.measured["inpainted texture"] |= {
            "pixels under the mask": int((mask > 127).sum()),
            "of them changed": int((changed & (mask > 127)).sum()),
            "pixels outside mask and feather": int((~near).sum()),
            "of those changed": int((changed & ~near).sum()),
        }
        if (changed & ~near).any():
            raise AssertionError("Inpainting has changed pixels that it had to keep.")
        if changed[mask > 127].mean() < 0.5:
            raise AssertionError("Inpainting has left the masked pixels as they were.")
        self.say(f"  all {int((~near).sum())} pixels outside the mask and its feather are equal to the bit")

    def check_the_file(self) -> None:
        """Open what was saved: every texture must still be there."""
        wanted = {name: stage.pixels_of(stage.texture_of(thing)) for name, thing in self.things.items()}
        bpy.ops.wm.open_mainfile(filepath=str(DEMO / "demo.blend"))
        for name, pixels in wanted.items():
            thing = bpy.data.objects[name.title()]
            if not np.array_equal(stage.pixels_of(stage.texture_of(thing)), pixels):
                raise AssertionError(f"The texture of the {name} was not saved with the file.")
        self.say("demo.blend opens again with every texture in it")

    def write_report(self) -> None:
        (DEMO / "measured.json").write_text(json.dumps(self.measured, indent=2) + "\n", encoding="utf-8")
        names = sorted(path.name for path in DEMO.iterdir())
        self.say(f"Done; {DEMO.relative_to(ROOT)}/ holds " + ", ".join(names))

    def say(self, text: str) -> None:
        print(text, flush=True)


def write(name: str, pixels: np.ndarray) -> None:
    (DEMO / name).write_bytes(png.encode(np.ascontiguousarray(pixels)))


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask and every pixel at most ``by`` away from it along an axis, around the edges of a tile too."""
    for axis in (0, 1):
        mask = np.any([np.roll(mask, offset, axis) for offset in range(-by, by + 1)], axis=0)
    return mask


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompt", default="", help=f'of the floor; default "{PROMPTS["floor"]}"')
    parser.add_argument("--seed", type=int, default=1, help="of the first texture; default %(default)s")
    parser.add_argument("--size", type=int, default=256, help="of a texture in pixels; default %(default)s")
    parser.add_argument("--steps", type=int, default=20, help="denoising steps; default %(default)s")
    parser.add_argument(
        "--model", default="", help="model folder; default: the one that ships with the add-on"
    )
    parser.add_argument(
        "--no-engine",
        action="store_true",
        help="with nothing but Blender and its NumPy: torch is not installed",
    )
    return parser.parse_args()


def main() -> int:
    options = parse_options()
    DEMO.mkdir(exist_ok=True)
    for path in DEMO.iterdir():
        path.unlink()
    sd_blender.register()
    if options.no_engine:
        # It would be chosen by itself, unless an engine is installed on this machine for other work.
        session.set_engine_factory(NumpyEngine)
    try:
        Demo(options).run()
        return 0
    except RuntimeError as error:
        # What an operator refuses is for people, as it would be in the panel.
        print(str(error).strip(), file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001 - the process ends here, without Blender's own exit
        traceback.print_exc()
        return 1
    finally:
        sd_blender.unregister()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # Blender's own exit may hang or crash where Python classes were once registered
