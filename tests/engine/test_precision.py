# SPDX-License-Identifier: GPL-3.0-or-later
"""In which precision and layout each network runs, that the choice is told, and that it stays what it was."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn.attention import SDPBackend

from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine import precision
from sd_blender.engine.diffusers_engine import STARTER_FOLDER, DiffusersEngine
from sd_blender.engine.families import STABLE_DIFFUSION, STABLE_DIFFUSION_XL
from sd_blender.engine.model_files import check_model
from sd_blender.engine.precision import Precision, attention_kernels, quick_kernels, told
from sd_blender.engine.processor_probe import HALF, KEPT_FILE, LAST, PLAIN, ProcessorProbe, seconds

CPU, CARD = torch.device("cpu"), torch.device("cuda")
WIDTHS = (320, 640, 1280, 1280)


@dataclass
class Clock:
    """Stands for a processor: says how long each way takes, and counts how often it was asked."""

    plain: float = 1.0
    last: float = 1.0
    half: float = 1.0
    asked: list = field(default_factory=list)

    def __call__(self, way, width):
        def timed():
            self.asked.append((way, width))
            return {PLAIN: self.plain, LAST: self.last, HALF: self.half}[way]

        return timed


def probe(kept=None, units="amx", **times):
    return ProcessorProbe(kept, units=lambda: units, timer=Clock(**times))


@dataclass
class Files:
    """A model that passed its checks, with nothing but what the choice looks at."""

    folder: Path
    family: object = STABLE_DIFFUSION
    parameters: dict = field(default_factory=lambda: {"unet": 860_000_000, "vae": 84_000_000})


@pytest.fixture
def files(tmp_path):
    def make(family=STABLE_DIFFUSION, **vae):
        for name, config in {"unet": {"block_out_channels": WIDTHS}, "vae": vae}.items():
            (tmp_path / name).mkdir()
            config = {"block_out_channels": [128, 256, 512, 512], **config}
            (tmp_path / name / "config.json").write_text(json.dumps(config))
        return Files(tmp_path, family)

    return make


@pytest.mark.parametrize(
    ("units", "times", "way"),
    [
        ("amx", {"half": 0.3}, HALF),
        ("amx", {"half": 0.75}, HALF),
        ("amx", {"half": 0.8}, LAST),  # faster, and not clearly
        ("amx", {"plain": 0.6, "half": 0.5}, PLAIN),  # than the better of the two
        ("", {"half": 0.01}, LAST),
        ("", {"last": 1.2}, LAST),
        ("", {"last": 1.5}, PLAIN),
    ],
)
def test_the_faster_way_is_taken_where_it_is_clearly_so(units, times, way):
    assert probe(units=units, **times).best(WIDTHS).way == way


def test_half_precision_is_not_even_tried_without_units_for_it():
    tried = probe(units="")
    tried.best(WIDTHS)
    assert {way for way, _ in tried._timer.asked} == {PLAIN, LAST}


def test_ways_are_timed_in_turn_and_the_width_is_the_networks_own():
    tried = probe()
    tried.best(WIDTHS)
    assert [way for way, _ in tried._timer.asked[:6]] == [PLAIN, LAST, HALF] * 2
    assert {width for _, width in tried._timer.asked} == {640}


def test_what_was_found_is_kept_whatever_the_next_measurement_would_say(tmp_path):
    folder = tmp_path / "not there yet"
    assert probe(folder, half=0.5).best(WIDTHS).bfloat16
    again = probe(folder, half=2.0)
    assert again.best(WIDTHS).way == HALF and again.best(WIDTHS).gain == 2.0
    assert not again._timer.asked
    assert not probe(folder, half=2.0).best((128, 256)).bfloat16, "of other widths nothing is known"
    assert probe(folder, half=2.0).best(WIDTHS).bfloat16, "and that did not push the first one out"
    assert not probe(folder, units="", half=0.1).best(WIDTHS).bfloat16, "as on another machine"
    assert [path.name for path in folder.iterdir()] == [KEPT_FILE]


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "{", "[" * 100_000, None])
def test_a_file_that_holds_nothing_is_measured_again_and_mended(tmp_path, text):
    probe(tmp_path, half=0.5).best(WIDTHS)
    path = tmp_path / KEPT_FILE
    (key,) = json.loads(path.read_text())
    path.write_text(json.dumps({key: {"bfloat16": 1}}) if text is None else text)
    assert not probe(tmp_path, half=1.0).best(WIDTHS).bfloat16
    assert not probe(tmp_path, half=0.5).best(WIDTHS).bfloat16


def test_a_folder_that_cannot_be_written_costs_only_the_keeping(tmp_path):
    (tmp_path / "file").write_text("")
    tried = probe(tmp_path / "file", half=0.5)
    assert tried.best(WIDTHS).bfloat16
    asked = len(tried._timer.asked)
    assert tried.best(WIDTHS).bfloat16 and len(tried._timer.asked) == asked


@pytest.mark.parametrize("way", [PLAIN, LAST, HALF])
def test_the_real_timer_times_and_draws_no_random_numbers(way):
    state = torch.random.get_rng_state()
    assert 0 < seconds(way, 64)() < 60
    assert torch.equal(torch.random.get_rng_state(), state)


def test_on_a_processor_each_network_is_measured(files):
    chosen = Precision(CPU, None, probe(half=0.4))
    model = files()
    for name in ("unet", "vae"):
        choice = chosen.of(model, name)
        assert (choice.dtype, choice.layout) == (torch.bfloat16, torch.channels_last)
        assert choice.reason == "2.5 times as fast here as float32"
    assert chosen.of(model, "text_encoder").dtype == torch.float32
    without = Precision(CPU, None, probe(units="")).of(model, "unet")
    assert without.dtype == torch.float32 and "no units for bfloat16" in without.reason


@pytest.mark.parametrize("device", [CPU, CARD, torch.device("mps")])
def test_a_small_network_stays_in_float32(files, device):
    model = files()
    model.parameters = {"unet": 49_000_000, "vae": 84_000_000}
    choice = Precision(device, None, probe(half=0.1)).of(model, "unet")
    assert choice.dtype == torch.float32 and choice.reason == "since it is small"


def test_the_starter_model_is_small(monkeypatch):
    files = check_model(STARTER_FOLDER)
    asked = Precision(CPU, None, probe(half=0.1))
    assert {asked.of(files, name).dtype for name in ("unet", "vae", "text_encoder")} == {torch.float32}
    assert asked.of(files, "unet").layout == torch.channels_last


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_card_takes_bfloat16_where_it_computes_it(files, monkeypatch, native, dtype):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    chosen = Precision(CARD, None)
    assert chosen.of(files(), "unet").dtype == dtype


@pytest.mark.parametrize("upcast", [True, False])
def test_an_autoencoder_of_xl_is_in_float32_if_it_says_so(files, upcast):
    model = files(STABLE_DIFFUSION_XL, force_upcast=upcast)
    choice = Precision(CPU, torch.float16).of(model, "vae")
    assert (choice.dtype == torch.float32) == upcast
    assert (choice.reason == "which its configuration asks for") == upcast


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_artist_decides(files, dtype):
    model = files(STABLE_DIFFUSION_XL, force_upcast=False)
    asked = probe(half=0.1)
    assert {
        Precision(CPU, dtype, asked).of(model, name).dtype for name in ("unet", "vae", "text_encoder")
    } == {dtype}
    assert not asked._timer.asked


@pytest.mark.parametrize("widths", [None, [], "320", [320, "640"]])
def test_a_configuration_without_widths_is_left_to_whoever_loads_it(files, widths):
    model = files()
    (model.folder / "unet" / "config.json").write_text(json.dumps({"block_out_channels": widths}))
    assert Precision(CPU, None, probe(half=0.1)).of(model, "unet").dtype == torch.float32


def test_what_was_used_is_told_and_why(files):
    model = files(STABLE_DIFFUSION_XL, force_upcast=True)
    chosen = Precision(CPU, None, probe(half=0.25))
    choices = {name: chosen.of(model, name) for name in ("unet", "vae")}
    networks = {name: torch.nn.Conv2d(1, 1, 1).to(choice.dtype) for name, choice in choices.items()}
    assert told(networks, choices, CPU) == (
        "U-Net in bfloat16, channels last, 4.0 times as fast here as float32; "
        "autoencoder in float32, channels last, which its configuration asks for (CPU)."
    )
    networks["unet"].to(torch.float32)
    assert "U-Net in float32, channels last, since it overflowed in half" in told(networks, choices, CPU)


def test_a_result_says_what_it_was_computed_in(tiny, run):
    task = TextToImage(prompt="stone", model=str(tiny), sampling=Sampling(width=32, height=32, steps=1))
    said = run(task, DiffusersEngine(device="cpu")).result.precision
    assert said == (
        "U-Net in float32, channels last, since it is small; "
        "autoencoder in float32, channels last, since it is small (CPU)."
    )


def test_a_large_network_in_bfloat16_gives_nearly_the_same_picture(tiny, run, monkeypatch):
    """The whole way of "auto", with a model that is taken to be large and a processor that is quick in bfloat16."""
    monkeypatch.setattr(precision, "SMALL", 0)
    quick = DiffusersEngine(device="cpu", preview_interval=0.0, probe=probe(half=0.5))
    task = TextToImage(
        prompt="stone", model=str(tiny), sampling=Sampling(width=64, height=64, steps=2, scheduler="DDIM")
    )
    found = run(task, quick)
    assert "U-Net in bfloat16" in found.result.precision
    off = abs(found.pixels.astype(int) - run(task).pixels.astype(int)).mean()
    assert 0 < off < 4


@torch.no_grad()
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_convolution_of_the_decoder_gets_its_channels_last(tiny, dtype):
    """From latents in torch's own layout: no layer but attention, which looks at rows of places, changes it."""
    engine = DiffusersEngine(device="cpu", dtype=dtype)
    model = engine._models.get(tiny, lambda *_: None, lambda: False)
    sorted_so = []
    for module in model.vae.decoder.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(
                lambda module, inputs, output: sorted_so.append(
                    inputs[0].is_contiguous(memory_format=torch.channels_last)
                )
            )
    model.vae.decode(torch.ones(1, 4, 8, 8))
    assert all(sorted_so[1:]) and len(sorted_so) > 5


class TestKernels:
    def test_cudnn_comes_first_from_hopper_on(self):
        assert attention_kernels((9, 0))[0] == SDPBackend.CUDNN_ATTENTION
        assert attention_kernels((8, 9))[0] == SDPBackend.FLASH_ATTENTION
        for capability in ((7, 5), (8, 6), (9, 0), (12, 0)):
            kernels = attention_kernels(capability)
            assert len(set(kernels)) == 4 and kernels[-1] == SDPBackend.MATH

    @pytest.mark.parametrize(
        ("wanted", "expected"), [(None, "tf32"), (torch.float16, "tf32"), (torch.float32, "none")]
    )
    def test_tf32_for_what_falls_back_to_float32_and_afterwards_as_before(
        self, monkeypatch, wanted, expected
    ):
        products = SimpleNamespace(fp32_precision="none"), SimpleNamespace(fp32_precision="none")
        monkeypatch.setattr(torch.backends.cuda, "matmul", products[0])
        monkeypatch.setattr(torch.backends.cudnn, "conv", products[1])
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
        with pytest.raises(RuntimeError, match="on the way"), quick_kernels(CARD, wanted):
            assert {product.fp32_precision for product in products} == {expected}
            raise RuntimeError("on the way")
        assert {product.fp32_precision for product in products} == {"none"}

    def test_on_a_processor_nothing_is_set(self):
        before = torch.backends.cuda.matmul.fp32_precision
        with quick_kernels(CPU, None):
            assert torch.backends.cuda.matmul.fp32_precision == before
