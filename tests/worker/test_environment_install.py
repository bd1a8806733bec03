# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing the engine: whatever interrupts it, what worked before still works and it can be repeated."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sd_blender.core.errors import EngineUnavailable
from sd_blender.worker.environment import build, current_python
from sd_blender.worker.environment.build import Source
from sd_blender.worker.environment.find import (
    PARTIAL,
    Installed,
    environments,
    python_of,
    read_record,
    set_current,
    write_record,
)
from sd_blender.worker.environment.install import install
from sd_blender.worker.environment.processes import InstallCancelled
from sd_blender.worker.environment.progress import Phase
from tests.worker.fake_index import make_fake_plan, make_wheel

ROOT = Path(__file__).parents[2]
OLD = "engine-00000000abcd"


def pretend_environment(folder, name=OLD):
    """What an earlier installation has left, as far as anyone looks at it."""
    environment = folder / name
    python_of(environment).parent.mkdir(parents=True)
    python_of(environment).symlink_to(sys.executable)
    write_record(environment, Installed(name, "cpu", "3.11.7", "2.12.0", "0.40.0", "5.9.0", 1))
    return environment


@pytest.fixture
def plan(tmp_path):
    return make_fake_plan(tmp_path)


@pytest.fixture
def source(tmp_path):
    return Source(online=False, folder=tmp_path / "index")


@pytest.fixture
def old(plan):
    """An engine that is installed and current."""
    environment = pretend_environment(plan.folder)
    set_current(plan.folder, environment.name)
    return environment


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def start(tmp_path, torch="2.13.0", phase=""):
    command = [sys.executable, "-m", "tests.worker.install_driver", str(tmp_path), torch, phase]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def hold(tmp_path, phase):
    """An installer that stands at the beginning of a phase."""
    process = start(tmp_path, phase=phase)
    assert "HELD\n" in process.stdout
    return process


def kill(process):
    process.kill()
    process.wait()
    process.stdout.close()


def processes_of(folder):
    """The processes with a folder in their command, by what Linux tells of them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_from_nothing_to_an_engine_and_again_in_no_time(plan, source):
    phases = []
    python = install(plan, source, lambda progress: phases.append(progress))
    assert python == current_python(plan.folder) == plan.folder / plan.lock.name / "bin" / "python"
    assert (
        subprocess.check_output([python, "-I", "-c", "import torch; print(torch.__version__)"]) == b"2.13.0\n"
    )
    record = read_record(plan.folder / plan.lock.name)
    assert (record.torch, record.diffusers, record.variant) == ("2.13.0", "0.40.0", "cpu")
    assert record.size > 1e6
    order = [Phase.CREATE, Phase.DOWNLOAD, Phase.INSTALL, Phase.CHECK, Phase.PUBLISH]
    assert [p for p in order if p in {progress.phase for progress in phases}] == order
    factors = [progress.factor for progress in phases]
    assert factors == sorted(factors) and factors[-1] == 1.0
    assert names(plan.folder) == [plan.lock.name]
    assert not [p for p in (plan.folder / plan.lock.name).iterdir() if p.name in ("wheels", "tmp")]

    started = time.monotonic()
    phases.clear()
    assert install(plan, Source(online=False), lambda progress: phases.append(progress)) == python
    assert time.monotonic() - started < 0.5
    assert not phases


@pytest.mark.fault("F44")
@pytest.mark.skipif(sys.platform != "linux", reason="needs signals and /proc")
@pytest.mark.parametrize("phase", ["create", "download", "install", "check", "publish"])
def test_killed_in_a_phase_it_leaves_the_old_engine_and_can_be_repeated(tmp_path, plan, source, old, phase):
    kill(hold(tmp_path, phase))
    assert current_python(plan.folder) == python_of(old)
    assert names(plan.folder) == [OLD, plan.lock.name + PARTIAL]
    python = install(plan, source)
    assert current_python(plan.folder) == python
    assert names(plan.folder) == [OLD, plan.lock.name]


@pytest.mark.fault("F44")
@pytest.mark.skipif(sys.platform != "linux", reason="needs signals and /proc")
@pytest.mark.parametrize("delay", [0.3, 1.0, 2.0, 3.5, 5.0])
def test_killed_at_any_moment_no_process_of_it_goes_on(tmp_path, plan, old, delay):
    process = start(tmp_path)
    time.sleep(delay)
    kill(process)
    deadline = time.monotonic() + 2
    while (left := processes_of(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left
    python = current_python(plan.folder)
    assert python in (python_of(old), python_of(plan.folder / plan.lock.name))
    assert python.exists()


def test_wheels_that_are_whole_are_not_downloaded_again(plan, source, monkeypatch):
    with pytest.raises(InstallCancelled):
        install(plan, source, is_cancelled=cancel_at(Phase.INSTALL, holder := []), report=holder.append)
    wheels = plan.folder / (plan.lock.name + PARTIAL) / "wheels"
    assert len(list(wheels.iterdir())) == len(plan.lock.wheels)
    broken = plan.lock.wheels[0]
    (wheels / broken.file).write_bytes(b"x" * broken.size)  # cut off and filled up
    (wheels / "stranger.whl").write_bytes(b"")
    downloads = []
    run = build.run_module

    def watched(python, arguments, **options):
        if "download" in arguments:
            downloads.append(Path(arguments[-1]).read_text())
        return run(python, arguments, **options)

    monkeypatch.setattr(build, "run_module", watched)
    install(plan, source)
    assert downloads == [broken.requirement]


def cancel_at(phase, reports):
    """An is_cancelled that is true once a report of the phase has come."""
    return lambda: bool(reports) and reports[-1].phase is phase


@pytest.mark.parametrize("phase", [Phase.CREATE, Phase.DOWNLOAD, Phase.INSTALL, Phase.CHECK])
def test_cancelled_in_a_phase(plan, source, old, phase):
    reports = []
    with pytest.raises(InstallCancelled):
        install(plan, source, reports.append, cancel_at(phase, reports))
    assert current_python(plan.folder) == python_of(old)
    assert not processes_of(plan.folder) or sys.platform != "linux"


@pytest.mark.fault("F43")
def test_two_at_once_build_it_once(tmp_path, plan):
    first = start(tmp_path)
    second = start(tmp_path)
    outputs = [process.communicate(timeout=120)[0].split() for process in (first, second)]
    assert first.returncode == second.returncode == 0
    assert outputs[0][-1] == outputs[1][-1] == str(current_python(plan.folder))
    builders = [output for output in outputs if "create" in output]
    assert len(builders) == 1
    waiters = [output for output in outputs if "wait" in output]
    assert len(waiters) == 1


@pytest.mark.fault("F43")
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_the_second_says_who_is_first_can_give_up_and_takes_over_from_a_dead_one(tmp_path, plan, source):
    first = hold(tmp_path, "download")
    reports = []
    with pytest.raises(InstallCancelled):
        install(plan, source, reports.append, cancel_at(Phase.WAIT, reports))
    assert f"(process {first.pid})" in reports[-1].text
    kill(first)
    assert install(plan, source) == current_python(plan.folder)


@pytest.mark.fault("F29")
def test_a_disk_that_is_too_small_is_refused_before_anything_is_downloaded(plan, source, old, monkeypatch):
    usage = type(shutil.disk_usage(plan.folder))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 5_000_000))
    monkeypatch.setattr(build, "run_module", lambda *a, **k: pytest.fail("it began all the same"))
    big = replace(plan, lock=replace(plan.lock, unpacked=1_500_000_000))
    with pytest.raises(EngineUnavailable) as caught:
        install(big, source)
    assert "needs 1.7 GB" in str(caught.value) and "5 MB are free" in str(caught.value)
    assert current_python(plan.folder) == python_of(old)


@pytest.mark.fault("F39")
def test_offline_nothing_is_tried_and_the_switch_is_named(plan, old, monkeypatch):
    monkeypatch.setattr(build, "run_module", lambda *a, **k: pytest.fail("it went to the network"))
    with pytest.raises(EngineUnavailable, match="Allow Online Access"):
        install(plan, Source(online=False))
    assert current_python(plan.folder) == python_of(old)


class Index(http.server.BaseHTTPRequestHandler):
    """An index that gives the same answer to everything."""

    status = 200
    body = b"<html><body>Please log in to this network</body></html>"

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args):
        pass


def borrow_python(self):
    """In place of an environment of its own, where it is pip's answer that matters."""
    python_of(self.partial).parent.mkdir()
    python_of(self.partial).symlink_to(sys._base_executable)


@pytest.fixture
def index(monkeypatch):
    """The address of an index on this machine that pip asks and no other."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(build.Build, "_create", borrow_python)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        yield server
        server.shutdown()


@pytest.mark.fault("F40")
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "has no numpy 2.1"),
        (404, "has no numpy 2.1"),
        (401, "refused access"),
        (403, "refused access"),
        (429, "is busy"),
        (503, "is busy"),
        (0, "connection to the package index failed"),
        (407, "proxy refused"),
    ],
)
def test_an_index_that_does_not_serve(plan, old, index, monkeypatch, status, words):
    monkeypatch.setattr(Index, "status", status)
    if status == 0:
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    if status == 407:
        monkeypatch.setenv("PIP_PROXY", f"http://127.0.0.1:{index.server_port}")
        monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    with pytest.raises(EngineUnavailable, match=words) as caught:
        install(plan, Source(online=True))
    assert "exit code" in caught.value.details
    assert current_python(plan.folder) == python_of(old)


def test_a_wheel_that_is_not_the_one_that_was_tested_is_refused(plan, source, tmp_path, old):
    """Same name, same version, another content: what an index that was broken into would serve."""
    make_wheel(tmp_path / "index", "torch", "2.13.0", "print('not what you think')", "torch")
    with pytest.raises(EngineUnavailable, match="not the one that was tested"):
        install(plan, source)
    assert current_python(plan.folder) == python_of(old)


@pytest.mark.fault("F45")
def test_an_engine_that_cannot_be_imported_never_becomes_current(tmp_path, old):
    plan = make_fake_plan(tmp_path, "2.13.1", "raise ImportError('libcudart.so.13: cannot open')")
    with pytest.raises(EngineUnavailable, match=r"torch cannot be imported .*libcudart"):
        install(plan, Source(online=False, folder=tmp_path / "index"))
    assert current_python(plan.folder) == python_of(old)
    assert names(plan.folder) == [OLD, plan.lock.name + PARTIAL]


def test_the_one_before_is_kept_and_older_ones_go(plan, source, old):
    older = pretend_environment(plan.folder, "engine-00000000aaaa")
    os.utime(older / "environment.json", (1, 1))
    (plan.folder / ("engine-00000000bbbb" + PARTIAL)).mkdir()
    (plan.folder / "models").mkdir()  # the user's own folder, and something of the user's in it
    install(plan, source)
    assert names(plan.folder) == [OLD, plan.lock.name, "models"]
    install(plan, source)
    assert names(plan.folder) == [OLD, plan.lock.name, "models"]
    assert [path.name for path in environments(plan.folder)] == [plan.lock.name, OLD]


def test_repair_builds_what_seems_complete_anew(plan, source):
    python = install(plan, source)
    torch = next((plan.folder / plan.lock.name / "lib").glob("python*/site-packages/torch/__init__.py"))
    torch.write_text("raise OSError")
    install(plan, source)
    assert torch.read_text() == "raise OSError"
    assert install(plan, source, repair=True) == python
    assert "__version__" in torch.read_text()
    assert names(plan.folder) == [plan.lock.name]


@pytest.mark.fault("F46")
def test_settings_of_python_and_pip_do_not_reach_it(plan, source, tmp_path, monkeypatch):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in ("pip", "torch", "numpy", "venv", "runpy"):
        (foreign / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.setenv("PYTHONPATH", str(foreign))
    monkeypatch.setenv("PYTHONSTARTUP", str(foreign / "pip.py"))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_REQUIRE_HASHES", "0")
    install(plan, source)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_made(plan, source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineUnavailable, match="choose another engine folder"):
        install(replace(plan, folder=tmp_path / "file" / "engine"), source)


@pytest.mark.fault("F31")
def test_a_folder_with_any_name(source, tmp_path):
    plan = make_fake_plan(tmp_path)
    plan = replace(plan, folder=tmp_path / "Mein Ordner – 模型 ö")
    python = install(plan, source)
    assert current_python(plan.folder) == python
