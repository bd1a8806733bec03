# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads of the engine that stall, break off or change while they are on their way."""

from __future__ import annotations

import http.server
import os
import shutil
import threading
import time
from dataclasses import replace
from urllib.parse import quote, unquote

import pytest

from sd_blender.core.errors import EngineUnavailable
from sd_blender.worker.environment import build, current_python
from sd_blender.worker.environment.build import Source
from sd_blender.worker.environment.find import PARTIAL, read_record
from sd_blender.worker.environment.install import install
from sd_blender.worker.environment.processes import InstallCancelled
from tests.worker.fake_index import TORCH, make_fake_plan, make_wheel


class Index(http.server.BaseHTTPRequestHandler):
    """Serves the wheels of a folder by name as a package index does; ``trouble`` befalls the wheel of torch."""

    folder = None
    address = ""
    trouble = ""
    released = threading.Event()

    def do_GET(self):
        place, _, name = unquote(self.path).rstrip("/").rpartition("/")
        folder = self.folder / "vendor" if place.startswith("/whl") else self.folder
        if name.endswith(".whl"):
            self.send_wheel((folder / name).read_bytes(), name.startswith("torch") and self.trouble)
        else:
            files = [path.name for path in folder.glob(f"{name}-*.whl")]
            links = "".join(f'<a href="{place}/files/{quote(file)}">{file}</a>' for file in files)
            self.send_all(f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), "text/html")

    def send_wheel(self, data, trouble):
        if not trouble:
            self.send_all(data, "application/octet-stream")
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        if trouble == "stalls":
            self.released.wait(60)

    def send_all(self, data, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def plan(tmp_path):
    return make_fake_plan(tmp_path)


@pytest.fixture
def index(monkeypatch, tmp_path):
    """An index on this machine, the only one that pip asks; it gives up on a connection after a second, once.

    Below /simple it has the wheels of the folder ``index``, as PyPI, and below /whl/cpu those of ``index/vendor``.
    """
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    quick = tuple(part for part in build.PIP if not part.startswith(("--retries", "--timeout")))
    monkeypatch.setattr(build, "PIP", (*quick, "--retries=1", "--timeout=1"))
    kind = type("ThisIndex", (Index,), {"folder": tmp_path / "index", "released": threading.Event()})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kind.address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("PIP_INDEX_URL", f"{kind.address}/simple")
        yield kind
        kind.released.set()
        server.shutdown()


def with_a_build_of_the_vendor(plan, address, folder):
    """The plan with a build of torch that only another index has, as the processor's for Linux."""
    (folder / "index" / "vendor").mkdir()
    source = TORCH.replace("{version}", "2.13.0+cpu")
    wheel = make_wheel(folder / "index" / "vendor", "torch", "2.13.0+cpu", source, "torch")
    others = [wheel for wheel in plan.lock.wheels if wheel.name != "torch"]
    wheels = (replace(wheel, index=f"{address}/whl/cpu"), *others)
    return replace(plan, lock=replace(plan.lock, wheels=wheels))


def test_a_build_that_pypi_does_not_have_comes_from_the_vendors_index(plan, index, tmp_path):
    """With no setting of pip's but the address of the one index, as on a new machine; PyPI has a plain 2.13.0."""
    plan = with_a_build_of_the_vendor(plan, index.address, tmp_path)
    python = install(plan, Source(online=True))
    assert python == current_python(plan.folder)
    assert read_record(plan.folder / plan.lock.name).torch == "2.13.0+cpu"


def test_a_mirror_that_has_the_build_serves_where_the_vendors_index_cannot_be_reached(plan, index, tmp_path):
    plan = with_a_build_of_the_vendor(plan, index.address, tmp_path)
    wheels = tuple(replace(w, index=w.index and "http://127.0.0.1:9/whl/cpu") for w in plan.lock.wheels)
    plan = replace(plan, lock=replace(plan.lock, wheels=wheels))
    mirror = Source(online=True, index=f"{index.address}/whl/cpu")
    assert install(plan, mirror) == current_python(plan.folder)


def test_pip_gives_up_on_a_silent_connection_within_half_a_minute():
    """The tests below shorten this; the figure that ships is pip's own option."""
    assert "--timeout=30" in build.PIP


@pytest.mark.fault("F41")
@pytest.mark.parametrize("trouble", ["stalls", "breaks off"])
def test_a_download_that_ends_half_way_says_so_and_goes_on_when_it_is_repeated(plan, index, trouble):
    index.trouble = trouble
    with pytest.raises(EngineUnavailable, match="install again"):
        install(plan, Source(online=True))
    assert current_python(plan.folder) is None
    index.trouble = ""
    index.released.set()
    assert install(plan, Source(online=True)) == current_python(plan.folder)


@pytest.mark.fault("F41")
def test_a_stalled_download_is_cancelled_at_once(plan, index, monkeypatch):
    monkeypatch.setattr(build, "PIP", (*build.PIP, "--timeout=60"))
    index.trouble = "stalls"
    cancelled = threading.Event()
    reached = []

    def report(progress):
        if progress.text.startswith("Downloading") and not reached:
            reached.append(time.monotonic())
            threading.Timer(3, cancelled.set).start()

    with pytest.raises(InstallCancelled):
        install(plan, Source(online=True), report, cancelled.is_set)
    assert time.monotonic() - reached[0] < 3 + 5


@pytest.mark.fault("F42")
def test_a_file_that_changed_on_the_server_is_never_glued_to_half_of_the_old_one(plan, index, tmp_path):
    index.trouble = "breaks off"
    with pytest.raises(EngineUnavailable):
        install(plan, Source(online=True))
    index.trouble = ""
    tested = next((tmp_path / "index").glob("torch-*.whl")).read_bytes()
    make_wheel(tmp_path / "index", "torch", "2.13.0", "print('another build')" * 9, "torch")
    with pytest.raises(EngineUnavailable, match="not the one that was tested"):
        install(plan, Source(online=True))
    assert current_python(plan.folder) is None
    next((tmp_path / "index").glob("torch-*.whl")).write_bytes(tested)
    assert install(plan, Source(online=True)) == current_python(plan.folder)


@pytest.mark.fault("F42")
def test_half_a_wheel_under_a_final_name_is_downloaded_anew(plan, index, tmp_path):
    """What a power cut may leave: the right name and size, and other bytes."""
    wheels = plan.folder / (plan.lock.name + PARTIAL) / build.WHEELS
    wheels.mkdir(parents=True)
    wheel = next(wheel for wheel in plan.lock.wheels if wheel.name == "torch")
    right = (tmp_path / "index" / wheel.file).read_bytes()
    (wheels / wheel.file).write_bytes(right[: len(right) // 2] + bytes(len(right) - len(right) // 2))
    assert install(plan, Source(online=True)) == current_python(plan.folder)


def test_folders_that_go_away_while_they_are_measured_count_nothing(tmp_path):
    """pip removes its temporary folders while the size of what it downloads is looked at."""
    for number in range(300):
        (tmp_path / f"{number}" / "a").mkdir(parents=True)
        (tmp_path / f"{number}" / "a" / "file").write_bytes(b"12345")
    assert build._size(tmp_path) == 1500
    remover = threading.Thread(target=lambda: [shutil.rmtree(path) for path in sorted(tmp_path.iterdir())])
    remover.start()
    while remover.is_alive():
        build._size(tmp_path)
    assert build._size(tmp_path) == 0
