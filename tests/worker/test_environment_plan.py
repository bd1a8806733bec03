# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be installed on a machine, the locks it comes from, and which environment is the current one."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from sd_blender.core.errors import EngineUnavailable
from sd_blender.worker.environment import advice, current_python, health, pythons
from sd_blender.worker.environment.find import POINTER, RECORD, python_of, set_current
from sd_blender.worker.environment.locks import Lock, read_locks, this_system
from sd_blender.worker.environment.plan import make_plan, size_text
from sd_blender.worker.environment.variants import Machine, choose
from tests.worker.fake_index import PYTHON, make_lock
from tests.worker.test_environment_install import OLD, pretend_environment

ROOT = Path(__file__).parents[2]


def machine(system, paths=(), programs=(), processor="x86_64"):
    return Machine(
        system, processor, lambda path: path.replace("\\", "/") in paths, lambda name: name in programs
    )


@pytest.mark.fault("F47")
@pytest.mark.parametrize(
    ("given", "variant"),
    [
        (machine("linux"), "cpu"),
        (machine("linux", ["/proc/driver/nvidia/version"]), "cuda"),
        (machine("linux", ["/usr/lib/wsl/lib/libcuda.so.1"]), "cuda"),
        (machine("linux", programs=["nvidia-smi"]), "cuda"),
        (machine("linux", ["/dev/kfd", "/opt/rocm"]), "rocm"),
        (machine("linux", ["/dev/kfd"]), "cpu"),
        (machine("linux", ["/dev/kfd", "/opt/rocm", "/dev/nvidiactl"]), "cuda"),
        (machine("win32", ["C:/Windows/System32/nvcuda.dll"]), "cuda"),
        (machine("win32", ["/proc/driver/nvidia/version"]), "cpu"),
        (machine("darwin", processor="arm64"), "mps"),
        (machine("darwin"), "cpu"),
    ],
)
def test_the_build_for_a_machine(given, variant, monkeypatch):
    monkeypatch.setenv("SYSTEMROOT", "C:/Windows")
    assert choose(given) == variant


def locks():
    return [
        pytest.param(lock, id=f"{lock.system}-{lock.python}-{lock.variant}{lock.cuda}")
        for lock in read_locks()
    ]


@pytest.mark.parametrize("lock", locks())
def test_a_lock_is_whole(lock: Lock):
    names = [wheel.name for wheel in lock.wheels]
    assert names[0] == "torch", "its build is the one that may not be there, which is known before a download"
    assert len(set(names)) == len(names)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.match(r"[\w-]+", r)[0].lower() for r in project["optional-dependencies"]["engine"]}
    assert wanted <= set(names)
    for wheel in lock.wheels:
        assert re.fullmatch(r"[0-9a-f]{64}", wheel.sha256)
        assert wheel.size > 1000
        assert fits(wheel.file, lock), wheel.file
    for name, oldest in health.OLDEST.items():
        assert tuple(int(part) for part in lock.version_of(name).split(".")[:2]) >= oldest
    # On Windows the libraries of CUDA are inside of torch's wheel.
    assert any(name.startswith("nvidia-") for name in names) == (
        lock.variant == "cuda" and lock.system.startswith("linux")
    )
    assert 1 < lock.unpacked / lock.download < 6
    assert 100 < lock.longest < 220


@pytest.mark.parametrize("lock", locks())
def test_a_wheel_comes_from_pypi_or_says_from_where(lock: Lock):
    """PyPI admits no local version such as +cpu, and a plain one is never looked for elsewhere."""
    for wheel in lock.wheels:
        assert ("+" in wheel.version) == bool(wheel.index)
        if wheel.index:
            assert wheel.index == f"https://download.pytorch.org/whl/{wheel.version.partition('+')[2]}"


def fits(file, lock):
    """Whether the tags at the end of a wheel's name are for the lock's Python and system."""
    python, abi, system = file.removesuffix(".whl").split("-")[-3:]
    own = "cp" + lock.python.replace(".", "")
    fits_python = (
        "py3" in python.split(".") or python == own or (abi == "abi3" and int(python[3:]) <= int(own[3:]))
    )
    systems = {
        "linux-x86_64": "manylinux.*x86_64",
        "linux-arm64": "manylinux.*aarch64",
        "windows-x86_64": "win_amd64",
        "macos-arm64": "macosx.*(arm64|universal2)",
    }
    return fits_python and (system == "any" or re.search(systems[lock.system], system))


def test_locks_for_every_blender():
    have = {(lock.system, lock.python, lock.variant) for lock in read_locks()}
    for system, variants in {
        "linux-x86_64": ("cpu", "cuda"),
        "linux-arm64": ("cpu", "cuda"),
        "windows-x86_64": ("cpu", "cuda"),
        "macos-arm64": ("mps",),
    }.items():
        for python in (
            "3.11",
            "3.13",
            "3.14",
        ):  # of Blender 4.2 to 5.0, of 5.1 and 5.2, of 5.2 in distributions
            for variant in variants:
                assert (system, python, variant) in have


def test_a_folder_whose_paths_windows_does_not_admit_is_refused_before_anything_is_done(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(pythons, "find", lambda versions, own: (Path("python"), "3.11"))
    locks = [lock for lock in read_locks() if lock.system == "windows-x86_64"]

    def plan(folder, has_long_paths):
        windows = machine("win32", processor="AMD64")
        return make_plan(folder, locks=locks, machine=replace(windows, has_long_paths=lambda: has_long_paths))

    deep = Path(
        "C:/Users/someone/AppData/Roaming/Blender Foundation/Blender/5.2/extensions/.user/user_default/x"
    )
    with pytest.raises(EngineUnavailable, match="choose a shorter engine folder"):
        plan(deep, False)
    assert plan(deep, True).folder == deep
    assert plan(Path("C:/Users/someone/AppData/Local/SDB"), False)


def test_another_set_of_wheels_has_another_name(tmp_path):
    lock = make_lock(tmp_path)
    assert lock.name == make_lock(tmp_path).name
    assert lock.name != make_lock(tmp_path, "2.13.1").name
    assert lock.name != replace(lock, variant="cuda").name
    assert lock.name == replace(lock, unpacked=1).name


def test_the_plan_for_this_machine(tmp_path):
    lock = make_lock(tmp_path / "index")
    plan = make_plan(tmp_path, "cpu", locks=[replace(lock, variant="cuda"), lock])
    assert plan.lock is lock
    assert pythons.version_of(str(plan.python)) == PYTHON
    assert plan.summary == "torch 2.13.0 for the processor, 0 MB to download, 20 MB on the disk"
    assert plan.offer == "One download: 0 MB, 20 MB on disk"
    assert make_plan(tmp_path, locks=[lock], machine=machine("linux")).lock is lock


def test_a_build_that_cannot_be_installed_says_what_to_do(tmp_path):
    lock = make_lock(tmp_path)
    with pytest.raises(
        EngineUnavailable, match=r"build of torch for ROCm .* under Own Python, or choose another"
    ):
        make_plan(tmp_path, "rocm", locks=[lock])
    with pytest.raises(EngineUnavailable, match="for CUDA"):
        make_plan(tmp_path, locks=[lock], machine=machine(sys.platform, programs=["nvidia-smi"]))


def test_no_python_that_fits_says_which_would(tmp_path):
    lock = replace(make_lock(tmp_path), python="3.99")
    with pytest.raises(EngineUnavailable, match=r"needs Python 3\.99.* put it on PATH"):
        make_plan(tmp_path, "cpu", locks=[lock])


def test_blenders_python_comes_first_and_blender_itself_is_never_asked(tmp_path, monkeypatch):
    assert pythons.find(["3.99", PYTHON], sys.executable) == (Path(sys.executable), PYTHON)
    blender = tmp_path / "blender"
    blender.write_text(f"#!/bin/sh\ntouch {tmp_path}/opened\n")
    blender.chmod(0o755)
    assert pythons.find(["3.99"], str(blender)) is None
    assert not (tmp_path / "opened").exists()
    # A Python that cannot make environments, as Debian's without its venv package, is none.
    fake = tmp_path / "python3.99"
    fake.write_text("#!/bin/sh\necho 3.99\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert pythons.find(["3.99"]) is None


def test_the_current_environment(tmp_path):
    assert current_python(tmp_path / "nothing") is None
    environment = pretend_environment(tmp_path)
    assert current_python(tmp_path) is None  # complete, and nobody has said that it is to be used
    set_current(tmp_path, OLD)
    assert current_python(tmp_path) == python_of(environment)
    (environment / RECORD).write_text("{")
    assert current_python(tmp_path) is None


@pytest.mark.parametrize(
    "pointer",
    [b"", b"\xff\xfe", b"../own", b"engine-00000000abcd.partial", b"engine-0000\0000abcd", b"x" * 5000],
)
def test_a_pointer_that_leads_elsewhere(tmp_path, pointer):
    pretend_environment(tmp_path / "folder")
    pretend_environment(tmp_path, "own")
    pretend_environment(tmp_path / "folder", OLD + ".partial")
    (tmp_path / "folder" / POINTER).write_bytes(pointer)
    assert current_python(tmp_path / "folder") is None


@pytest.mark.fault("F40")
@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("NameResolutionError: Failed to resolve 'x' ([Errno -3] Temporary failure in name resolution)\n"
         "ERROR: No matching distribution found for torch===2.13.0", "was not found on the network"),
        ("NewConnectionError: Failed to establish a new connection: [Errno 111] Connection refused", "connection to"),
        ("ReadTimeoutError(HTTPSConnectionPool: Read timed out.", "go on where it stopped"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy", "proxy"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
        ("ERROR: HTTP error 403 while getting https://x/torch.whl", "refused access"),
        ("401 Client Error: Unauthorized for url: https://x", "refused access"),
        ("ERROR: HTTP error 503 while getting https://x", "busy"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one that was tested"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk"),
        ("ERROR: No matching distribution found for torch===2.13.0+cpu", "no torch 2.13.0+cpu for this machine"),
        ("PermissionError: [WinError 5] Access is denied", "cannot be written to"),
        ("something new", "the details say why"),
    ],
)  # fmt: skip
def test_what_pip_says_becomes_one_sentence(log, words):
    sentence = advice.sentence(log)
    assert words in sentence
    assert sentence.endswith(".") and ". " not in sentence


def test_sizes_for_people():
    assert [size_text(n) for n in (0, 297_900_000, 999_499_999, 999_500_000, 2_837_000_000)] == [
        "0 MB", "298 MB", "999 MB", "1.0 GB", "2.8 GB",
    ]  # fmt: skip


def test_this_system_is_one_of_the_locks():
    assert re.fullmatch(r"(linux|windows|macos)-(x86_64|arm64)", this_system())
