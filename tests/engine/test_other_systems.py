# SPDX-License-Identifier: GPL-3.0-or-later
"""What other systems, drivers and cards say, as far as their words can be read here."""

from __future__ import annotations

import builtins
import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors import SafetensorError

from sd_blender.core.errors import EngineUnavailable, ErrorKind, OutOfMemory
from sd_blender.core.messages import Picture
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine import create_engine, memory, models
from sd_blender.engine.device import choose_device, is_supported, unused_card
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.guards import is_device_lost, is_device_unsupported, is_out_of_memory


def windows(code, message="Le fichier de pagination est insuffisant"):
    """As Python raises it on Windows, in the language of the system."""
    error = OSError(22, message)
    error.winerror = code
    return error


MEMORY = [
    RuntimeError("Invalid buffer size: 24.00 GiB"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1.2 GB"),
    windows(1455),
    windows(8, "Not enough storage"),
    OSError("Le fichier de pagination est insuffisant. (os error 1455)"),
    SafetensorError("Error while deserializing: I/O error: (os error 1455)"),
    ImportError("DLL load failed while importing _C: [WinError 1455] The paging file is too small"),
    OSError(12, "Cannot allocate memory"),
    RuntimeError("unable to mmap 4096 bytes from file </model>: Cannot allocate memory (12)"),
    RuntimeError("FIND was unable to find an engine to execute this computation"),
    RuntimeError("GET was unable to find an engine to execute this computation"),
    RuntimeError("Unable to find a valid cuDNN algorithm to run convolution"),
    RuntimeError("CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling hipblasCreate(handle)"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"),
    RuntimeError("hipErrorOutOfMemory"),
    RuntimeError("could not create a memory object"),
    RuntimeError("bad allocation"),
    RuntimeError("std::bad_alloc"),
    MemoryError(),
]
OTHERS = [
    OSError(28, "No space left on device"),
    FileNotFoundError(2, "No such file"),
    windows(5, "Access is denied"),
    OSError("The system cannot find the file specified. (os error 2)"),
    RuntimeError("expected scalar type Half but found Float"),
    ValueError("out of memory in another kind of exception"),
    OSError("(os error 14551)"),
]


@pytest.mark.fault("F02")
@pytest.mark.parametrize("error", MEMORY, ids=str)
def test_memory_that_ran_out_by_another_name(error):
    assert is_out_of_memory(error) and not is_device_lost(error)


@pytest.mark.fault("F02")
@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_what_is_not_memory(error):
    assert not is_out_of_memory(error)


@pytest.mark.fault("F02")
@pytest.mark.parametrize(
    "error",
    [windows(1455), SafetensorError("(os error 1455)"), RuntimeError("Invalid buffer size: 24.00 GiB")],
    ids=str,
)
def test_while_a_model_is_loaded(tiny, monkeypatch, error, run):
    def fail(*_):
        raise error

    engine = DiffusersEngine(device="cpu")
    sampling = Sampling(width=32, height=32, steps=1)
    task = TextToImage(prompt="a", model=str(tiny), sampling=sampling)
    monkeypatch.setattr(models, "_load_network", fail)
    with pytest.raises(
        OutOfMemory, match=r"^The memory ran out; close other programs or choose a smaller model"
    ):
        engine.generate("job", task, lambda message: None, lambda: False)
    monkeypatch.undo()
    assert run(task, engine).result.images


@pytest.mark.fault("F02")
def test_while_the_libraries_are_loaded(monkeypatch):
    load = builtins.__import__

    def fail(name, *arguments):
        if name == "diffusers_engine":
            raise ImportError("[WinError 1455] The paging file is too small. Error loading 'shm.dll'")
        return load(name, *arguments)

    monkeypatch.delitem(sys.modules, "sd_blender.engine.diffusers_engine")
    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(OutOfMemory, match="enlarge the paging file"):
        create_engine("cpu")


@pytest.mark.fault("F48")
def test_what_torch_keeps_on_a_mac_is_free(monkeypatch):
    fake = SimpleNamespace(
        recommended_max_memory=lambda: 12 * 10**9,
        driver_allocated_memory=lambda: 11 * 10**9,
        current_allocated_memory=lambda: 4 * 10**9,
    )
    monkeypatch.setattr(memory.torch, "mps", fake)
    assert memory.available_bytes(torch.device("mps")) == 8 * 10**9


def card(capability=(8, 6), name="Some Card"):
    return SimpleNamespace(capability=capability, name=name, gcnArchName="")


def amd(arch):
    return SimpleNamespace(capability=(11, 0), name="Some Radeon", gcnArchName=arch)


@pytest.fixture
def machine(monkeypatch):
    """A machine with cards, and a torch that was built for some."""

    def set_up(cards, built, hip=None):
        monkeypatch.setattr(torch.version, "hip", hip)
        for name, value in {
            "is_available": lambda: bool(cards),
            "device_count": lambda: len(cards),
            "get_arch_list": lambda: built,
            "get_device_capability": lambda index: cards[index].capability,
            "get_device_name": lambda index: cards[index].name,
            "get_device_properties": lambda index: cards[index],
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)

    return set_up


NEW = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]


@pytest.mark.fault("F47")
@pytest.mark.parametrize(
    ("capability", "built", "supported"),
    [
        ((8, 6), NEW, True),
        ((8, 9), NEW, True),  # Ada runs what was built for Ampere
        ((7, 5), NEW, True),
        ((7, 0), NEW, False),
        ((6, 1), NEW, False),
        ((3, 5), NEW, False),
        ((12, 1), NEW, True),
        ((13, 0), NEW, True),  # compiled by the driver
        ((13, 0), NEW[:-1], False),
        ((9, 0), ["sm_90a"], True),
        ((9, 1), ["sm_90a"], False),
        ((10, 3), ["sm_100f"], True),
        ((6, 1), ["sm_50", "sm_60", "sm_70"], True),
        ((8, 6), [], True),  # nobody knows
        ((8, 6), ["nonsense"], False),
    ],
)
def test_which_cards_a_torch_was_built_for(machine, capability, built, supported):
    machine([card(capability)], built)
    assert is_supported(0) is supported


@pytest.mark.fault("F47")
@pytest.mark.parametrize(
    ("arch", "supported"), [("gfx1100", True), ("gfx90a:sramecc+:xnack-", True), ("gfx803", False)]
)
def test_of_amd_too(machine, arch, supported):
    machine([amd(arch)], ["gfx90a", "gfx1030", "gfx1100"], hip="6.4")
    assert is_supported(0) is supported


@pytest.mark.fault("F47")
def test_a_card_that_torch_cannot_use_leaves_the_processor_and_a_sentence(machine):
    machine([card((6, 1), "GeForce GTX 1080")], NEW)
    device = choose_device("auto")
    assert device.type == "cpu"
    assert "GeForce GTX 1080 (compute capability 6.1), so the processor was used" in unused_card(device)
    with pytest.raises(
        EngineUnavailable, match=r"GTX 1080 \(compute capability 6\.1\); press Install Engine"
    ):
        choose_device("cuda")
    assert not unused_card(torch.device("cuda"))


@pytest.mark.fault("F47")
def test_of_several_cards_the_first_that_torch_can_use(machine):
    machine([card((6, 1)), card((8, 6))], NEW)
    assert choose_device("auto") == torch.device("cuda", 1) == choose_device("cuda:1")
    assert not unused_card(torch.device("cpu")), "the processor was chosen, then"


def test_a_machine_without_a_card_has_none_unused():
    assert torch.cuda.is_available() or not unused_card(torch.device("cpu"))


@pytest.mark.fault("F47")
def test_each_picture_says_so(tiny, run, monkeypatch):
    sentence = "The installed torch cannot use it."
    monkeypatch.setattr("sd_blender.engine.diffusers_engine.unused_card", lambda device: sentence)
    monkeypatch.setattr(
        "sd_blender.engine.diffusers_engine.choose_device", lambda wanted: torch.device("cpu")
    )
    sampling = Sampling(width=32, height=32, steps=1, count=2)
    done = run(TextToImage(prompt="a", model=str(tiny), sampling=sampling), DiffusersEngine())
    assert [message.image.warnings for message in done.of(Picture)] == [(sentence,)] * 2


@pytest.mark.fault("F47")
@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device"),
        RuntimeError("HIP error: invalid device function"),
        RuntimeError("CUDA error: invalid device function"),
    ],
    ids=str,
)
def test_a_card_without_code_is_no_lost_device(tiny, run, error):
    assert is_device_unsupported(error) and not is_device_lost(error) and not is_out_of_memory(error)
    engine = DiffusersEngine(device="cpu")
    model = engine._models.get(tiny, lambda *_: None, lambda: False)

    def fail(module, inputs):
        raise error

    hook = model.unet.conv_in.register_forward_pre_hook(fail)
    task = TextToImage(prompt="a", model=str(tiny), sampling=Sampling(width=32, height=32, steps=1))
    with pytest.raises(EngineUnavailable, match="cannot use this graphics card") as caught:
        run(task, engine)
    assert caught.value.kind is ErrorKind.ENGINE_UNAVAILABLE and caught.value.details == str(error)
    hook.remove()
    assert run(task, engine).result.images
