# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner counts what happened, not what a process says about itself."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import _tests
import pytest

PASSES = "def test_a(): pass\n"


@pytest.fixture
def run(tmp_path):
    def run(source: str, seconds: float = 60) -> tuple[int, int, int]:
        path = tmp_path / "test_sample.py"
        path.write_text(source)
        environ = dict(os.environ)
        outcome = _tests.run_pytest(Path(sys.executable), path, tmp_path / "report.xml", environ, seconds)
        return outcome.passed, outcome.failed, outcome.skipped

    return run


@pytest.mark.parametrize(
    "source, counts",
    [
        (PASSES + "def test_b(): pass\n", (2, 0, 0)),
        (PASSES + "def test_b(): assert False\n", (1, 1, 0)),
        (PASSES + "import pytest\n@pytest.mark.skip\ndef test_b(): pass\n", (1, 0, 1)),
    ],
)
def test_what_the_report_says_is_counted(run, source, counts):
    assert run(source) == counts


@pytest.mark.parametrize(
    "source",
    [
        "import os\ndef test_a(): os._exit(0)\n",
        "import os\ndef test_a(): os.abort()\n",
        "import nothing_of_this_name\n",
        "# no test\n",
        PASSES + "import atexit, os\natexit.register(os.abort)\n",
    ],
    ids=["quits in the middle with code 0", "crashes", "does not import", "is empty", "crashes at exit"],
)
def test_a_process_that_ends_badly_has_failed(run, source):
    assert run(source)[1] > 0


def test_a_process_that_hangs_at_exit_is_ended_and_has_failed(run):
    started = time.monotonic()
    assert run(PASSES + "import atexit, time\natexit.register(time.sleep, 60)\n", seconds=5) == (1, 1, 0)
    assert time.monotonic() - started < 30


def test_a_suite_that_cannot_run_is_skipped_or_failed():
    outcome = _tests.Outcome.not_run("no such Blender")
    assert (outcome.skipped, outcome.failed) == (1, 0)
    assert (outcome.required().skipped, outcome.required().failed) == (0, 1)


def test_no_run_is_disturbed_by_what_others_leave_in_the_folder_for_temporary_files(
    run, tmp_path, monkeypatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    source = "def test_a(tmp_path): assert 'pytest-of-' not in str(tmp_path)\n"
    before = set(tmp_path.iterdir())
    assert run(source) == (1, 0, 0)
    left = {path.name for path in set(tmp_path.iterdir()) - before}
    assert not [name for name in left if name.startswith(("pytest-of-", "sd_blender-tests-"))]
