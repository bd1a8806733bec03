# SPDX-License-Identifier: GPL-3.0-or-later
"""A row counts as survived only where a test of it ran and none failed, whatever a process does on its way."""

from __future__ import annotations

import json
import re
from pathlib import Path

import faults
import pytest
from _fault_table import FAULTS, Check, as_json, as_text, make_rows, score

SUITE = """
import pytest
@pytest.mark.fault("F01")
def test_one(): pass

@pytest.mark.fault("F01")
@pytest.mark.fault("F02")
@pytest.mark.parametrize("n", [1, 2])
def test_two(n): assert n == 1

@pytest.mark.fault("F03", "F04")
def test_three(): pass

@pytest.mark.fault("F05")
@pytest.mark.skip(reason="needs a GPU")
def test_four(): pass

@pytest.mark.fault("F06")
@pytest.mark.xfail(strict=True)
def test_five(): assert False

@pytest.fixture
def broken_at_the_end():
    yield
    assert False

@pytest.mark.fault("F07")
def test_six(broken_at_the_end): pass

def test_without_a_row(): assert False
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The rows that came of a file of tests, by their ids."""
    monkeypatch.setattr(faults, "BUILD", tmp_path / "build")

    def run(source: str, rows: tuple[str, ...] = (), missing: str = ""):
        (tmp_path / "tests").mkdir(exist_ok=True)
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = fault(row): a row\n")
        (tmp_path / "tests" / "test_sample.py").write_text(source)
        monkeypatch.setattr(faults, "ROOT", tmp_path)
        level = faults.Level("core", "tests", missing)
        return {row.id: row for row in make_rows(faults.run_level(level, list(rows)))}

    return run


def outcomes(rows):
    return {row.id: row.outcome for row in rows.values() if row.checks}


def test_what_came_of_each_row(run):
    rows = run(SUITE)
    assert outcomes(rows) == {
        "F01": "NOT survived",
        "F02": "NOT survived",
        "F03": "survived",
        "F04": "survived",
        "F05": "not run",
        "F06": "NOT survived",
        "F07": "NOT survived",
    }
    assert rows["F01"].reason == "test_sample.py::test_two[2]" and len(rows["F01"].ran) == 3
    assert rows["F05"].reason == "needs a GPU"
    assert rows["F08"].outcome == "not run" and rows["F08"].reason == "no test yet"
    assert score(list(rows.values())) == f"survived 2 of 6 run, {len(FAULTS) - 6} not run"


def test_what_a_test_starts_is_not_recorded(run):
    """A test that runs pytest itself, as those of the scripts do, must not write into its own report."""
    inner = "import os, pytest\n@pytest.mark.fault('F01')\ndef test_a():\n"
    inner += "    assert not {'PYTEST_ADDOPTS', 'PYTHONPATH', 'SD_BLENDER_FAULTS'} & set(os.environ)\n"
    assert outcomes(run(inner)) == {"F01": "survived"}


def test_some_rows_only(run):
    assert outcomes(run(SUITE, rows=("F03", "F05"))) == {"F03": "survived", "F05": "not run"}
    assert outcomes(run(SUITE, rows=("F60",))) == {}


@pytest.mark.parametrize(
    "last",
    ["import os\n    os.abort()", "import os\n    os._exit(0)", "import sys\n    sys.exit(3)"],
    ids=["crashes", "quits with code 0", "exits"],
)
def test_a_process_that_dies_in_a_test(run, last):
    rows = run(
        "import pytest\n@pytest.mark.fault('F01')\ndef test_a(): pass\n"
        f"@pytest.mark.fault('F02')\ndef test_b():\n    {last}\n"
        "@pytest.mark.fault('F03')\ndef test_c(): pass\n"
    )
    found = outcomes(rows)
    assert found["F02"] == "NOT survived"
    assert found["F01"] == "survived"


@pytest.mark.parametrize(
    "source",
    [
        "import nothing_of_this_name\nimport pytest\n@pytest.mark.fault('F01')\ndef test_a(): pass\n",
        "import atexit, os, pytest\natexit.register(os.abort)\n@pytest.mark.fault('F01')\ndef test_a(): pass\n",
    ],
    ids=["does not import", "crashes at exit"],
)
def test_a_file_that_cannot_be_believed(run, source):
    assert outcomes(run(source)) == {"F01": "NOT survived"}


def test_a_level_that_is_missing_says_why(run):
    rows = run(SUITE, missing="needs a window")
    assert set(outcomes(rows)) == {"F01", "F02", "F03", "F04", "F05", "F06", "F07"}
    assert all(row.outcome == "not run" for row in rows.values())


def test_skipped_at_one_level_and_passed_at_another_is_survived():
    (row, *_) = make_rows(
        [Check("F01", "a", "core", "passed"), Check("F01", "b", "engine", "skipped", "needs a GPU")]
    )
    assert row.outcome == "survived" and row.levels == "core" and len(row.ran) == 1 and row.reason == ""


def test_a_row_that_is_not_in_the_table_is_a_mistake_that_shows():
    rows = make_rows([Check("F99", "test_x", "core", "passed")])
    assert rows[-1].id == "F99" and rows[-1].outcome == "NOT survived"


def test_the_table_as_text_and_as_json():
    rows = make_rows([Check("F01", "a", "core", "passed"), Check("F02", "test_b", "engine", "failed")])
    text = as_text(rows)
    assert re.search(r"^F01 .* core +1  survived$", text, re.M)
    assert re.search(r"^F02 .* engine +1  NOT survived: test_b$", text, re.M)
    assert re.search(r"^F03 .* 0  not run: no test yet$", text, re.M)
    assert text.endswith(f"survived 1 of 2 run, {len(FAULTS) - 2} not run")
    stored = json.loads(json.dumps(as_json(rows)))
    assert stored["score"] == score(rows) and len(stored["rows"]) == len(FAULTS)
    assert stored["rows"][1]["reason"] == "test_b"


def test_the_rows_are_numbered_without_a_gap():
    assert list(FAULTS) == [f"F{number:02}" for number in range(1, len(FAULTS) + 1)]


def test_every_mark_in_the_repository_names_a_row():
    root = Path(__file__).parents[2]
    for path in sorted((root / "tests").rglob("test_*.py")):
        unknown = set(faults.marked_rows(path)) - set(FAULTS)
        assert not unknown, f"{path} names {unknown}"


def test_marks_are_read_from_code_and_not_from_text(tmp_path):
    source = """
import pytest
pytestmark = [pytest.mark.fault("F01"), pytest.mark.gpu]
TEXT = '@pytest.mark.fault("F02")'  # @pytest.mark.fault("F03")
@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.fault("F04", "F05"))])
def test_a(n): pass
"""
    (tmp_path / "test_a.py").write_text(source)
    assert faults.marked_rows(tmp_path / "test_a.py") == ["F01", "F04", "F05"]
    assert faults.marked_rows(Path(__file__)) == []
