# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way of an artist through the add-on in one script: each button of the panels has its operator."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender.history import history
from sd_blender.core.request import ImageToImage, Inpaint, TextToImage
from tests.blender.conftest import base_color_image, change, generate, new_image, pixels_of
from tests.fakes import picture

pytestmark = pytest.mark.every_version

DONE = {"FINISHED"}
WIDTH, HEIGHT, FEATHER = 48, 32, 2


@pytest.fixture
def flow(plane, settings, engine, tmp_path):
    return Flow(engine, str(tmp_path / "flow.blend"))


class Flow:
    """The steps, in the order in which each needs what came before. After a load, everything is looked up again."""

    def __init__(self, engine, file):
        self.engine, self.file = engine, file

    @property
    def settings(self):
        return bpy.context.scene.sd_blender

    @property
    def entries(self):
        return bpy.context.scene.sd_blender_history.entries

    @property
    def texture(self):
        return base_color_image(bpy.context.view_layer.objects.active.active_material)

    @property
    def request(self):
        return self.engine.requests[-1]

    def text_to_image(self):
        assert bpy.ops.sdb.set_style(style="Seamless Material") == DONE
        assert bpy.ops.sdb.apply_preset(preset="Draft") == DONE
        generate()
        assert type(self.request) is TextToImage
        assert self.request.prompt.startswith("seamless texture of mossy stone")
        assert self.request.sampling.steps == 8
        np.testing.assert_array_equal(pixels_of(self.texture)[..., :3], picture(7, WIDTH, HEIGHT))

    def variants(self):
        """The blocking path uses the first, as a script would have it, and offers all of them."""
        assert bpy.ops.sdb.set_style(style="") == DONE
        generate(count=3, seed=20, prompt="sand")
        assert bpy.ops.sdb.preview_variant(index=1) == DONE
        assert self.seed_shown() == "21"
        assert bpy.ops.sdb.cancel_variants() == DONE
        assert self.seed_shown() == "20"
        generate(seed=30)
        assert bpy.ops.sdb.more_like_variant(index=2) == DONE
        assert type(self.request) is ImageToImage
        assert bpy.ops.sdb.reroll_variants(index=0) == DONE
        assert bpy.ops.sdb.apply_variant(index=2) == DONE
        assert self.seed_shown() == "32"
        self.settings.count = 1

    def seed_shown(self):
        (entry,) = [entry for entry in self.entries if history.find_image(entry) == self.texture]
        return entry.seed

    def inpaint(self):
        """On the texture that the variants left: its upper half is kept to the last bit."""
        change(self.settings, task="INPAINT", source="TEXTURE", feather=FEATHER, seed=40, prompt="rust")
        self.mask_upper_half()
        before = pixels_of(self.texture)
        mask = pixels_of(self.settings.mask_image)[..., 0] > 0
        generate()
        assert type(self.request) is Inpaint
        after = pixels_of(self.texture)
        assert (after != before)[mask].any(axis=1).mean() > 0.9
        kept = ~grown(mask, FEATHER + 1)
        assert kept.any()
        np.testing.assert_array_equal(after[kept], before[kept])

    def mask_upper_half(self):
        """New, cleared, filled, inverted; the half comes from an image, as a stroke would in a window."""
        assert bpy.ops.sdb.new_mask() == DONE
        if bpy.context.mode != "OBJECT":  # it begins to paint where that can be done
            bpy.ops.object.mode_set(mode="OBJECT")
        half = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        half[: HEIGHT // 2] = 255
        self.settings.mask_image.pixels.foreach_set(new_image("Stroke", half).pixels[:])
        assert bpy.ops.sdb.mask_invert() == DONE
        assert self.rows_of_mask() == (16, 32)
        assert bpy.ops.sdb.mask_expand(pixels=4) == DONE
        assert self.rows_of_mask() == (12, 32)
        assert bpy.ops.sdb.mask_expand(pixels=-6) == DONE
        assert self.rows_of_mask() == (18, 32)

    def rows_of_mask(self):
        """The first row that is masked, and the first after them that is not."""
        rows = np.flatnonzero(pixels_of(self.settings.mask_image)[..., 0].all(axis=1))
        assert len(rows) == rows[-1] - rows[0] + 1
        return rows[0], rows[-1] + 1

    def outpaint(self):
        before = pixels_of(self.texture)
        assert bpy.ops.sdb.outpaint(pixels=16, sides={"RIGHT"}, overlap=4) == DONE
        assert tuple(self.settings.source_image.size) == (WIDTH + 16, HEIGHT)
        generate(seed=50)
        after = pixels_of(self.texture)
        assert after.shape == (HEIGHT, WIDTH + 16, 4)
        kept = WIDTH - 4 - FEATHER - 1
        np.testing.assert_array_equal(after[:, :kept], before[:, :kept])
        np.testing.assert_array_equal(
            after[:, WIDTH + 4 :, :3], picture(50, WIDTH + 16, HEIGHT)[:, WIDTH + 4 :]
        )

    def image_to_image(self):
        source = pixels_of(self.texture)
        generate(task="IMAGE_TO_IMAGE", source="TEXTURE", strength=0.4, seed=60, prompt="brick")
        assert (type(self.request), self.request.strength) == (ImageToImage, pytest.approx(0.4))
        np.testing.assert_array_equal(self.request.image[..., :3], source[..., :3])
        assert tuple(self.texture.size) == (WIDTH + 16, HEIGHT)  # that of its source

    def restore_from_history(self):
        """The texture of the very beginning, whose style and preset are long gone from the settings."""
        bpy.context.scene.sd_blender_history.active = 0
        assert bpy.ops.sdb.restore_settings() == DONE
        settings = self.settings
        assert (settings.task, settings.seed, settings.steps, settings.width) == (
            "TEXT_TO_IMAGE",
            7,
            8,
            WIDTH,
        )
        assert bpy.ops.sdb.use_from_history() == DONE
        assert self.seed_shown() == "7"
        first = self.engine.requests[0]
        generate()
        assert self.request == first

    def delete_from_history(self):
        seeds = [entry.seed for entry in self.entries]
        bpy.context.scene.sd_blender_history.active = seeds.index("21")
        image = history.find_image(self.entries[seeds.index("21")]).name
        assert bpy.ops.sdb.delete_from_history() == DONE
        assert "21" not in [entry.seed for entry in self.entries]
        assert image not in bpy.data.images

    def save_and_open(self):
        def seen():
            told = [(entry.prompt, entry.seed, entry.settings, entry.thumbnail) for entry in self.entries]
            return told, self.texture.name, pixels_of(self.texture).tobytes()

        before = seen()
        bpy.ops.wm.save_as_mainfile(filepath=self.file)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        assert not len(self.entries)
        bpy.ops.wm.open_mainfile(filepath=self.file)
        assert seen() == before

    def restore_from_image(self, folder):
        (brick,) = [entry for entry in self.entries if entry.seed == "60"]
        image = history.find_image(brick)
        assert bpy.ops.sdb.restore_from_image(image=image.name) == DONE
        assert (self.settings.task, self.settings.seed, self.settings.prompt) == (
            "IMAGE_TO_IMAGE",
            60,
            "brick",
        )
        (sand,) = [entry for entry in self.entries if entry.seed == "22"]
        file = folder / "sand.png"
        file.write_bytes(history.find_image(sand).packed_file.data)
        assert bpy.ops.sdb.restore_from_file(filepath=str(file)) == DONE
        assert (self.settings.task, self.settings.seed, self.settings.prompt) == ("TEXT_TO_IMAGE", 22, "sand")
        generate(seed=70)
        assert self.seed_shown() == "70"


def grown(mask, pixels):
    """A mask with all that is so near to it."""
    return np.any(
        [
            np.roll(mask, (y, x), (0, 1))
            for y in range(-pixels, pixels + 1)
            for x in range(-pixels, pixels + 1)
        ],
        axis=0,
    )


def test_the_whole_flow_runs_from_a_script(flow, tmp_path):
    flow.text_to_image()
    flow.variants()
    flow.inpaint()
    flow.outpaint()
    flow.image_to_image()
    flow.restore_from_history()
    flow.delete_from_history()
    flow.save_and_open()
    flow.restore_from_image(tmp_path)
