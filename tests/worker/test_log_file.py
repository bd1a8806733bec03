# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's log: never large, never raising."""

import io
import os

import pytest

from sd_blender.worker import log_file, user_folder
from sd_blender.worker.log_file import WorkerLog


def follow(log: WorkerLog, data: bytes) -> None:
    log.follow(io.BytesIO(data)).join(60)


def test_lines_arrive_in_the_file_and_the_last_ones_are_at_hand(tmp_path):
    log = WorkerLog(tmp_path)
    follow(log, b"first\n" + b"more\n" * 100 + b"last, \xff\n")
    log.close()
    assert log.last_lines.splitlines()[-1] == "last, \N{REPLACEMENT CHARACTER}"
    assert len(log.last_lines.splitlines()) == log_file.LAST_LINES
    assert log.path.read_text(encoding="utf-8").startswith("first\n")


@pytest.mark.fault("F60")
def test_many_lines_do_not_fill_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(log_file, "MAX_BYTES", 10_000)
    log = WorkerLog(tmp_path)
    follow(log, b"0123456789" * 10 * 1000 + b"\n" + b"a line of some length\n" * 100_000)
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 40_000


@pytest.mark.fault("F60")
def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").touch()
    log = WorkerLog(tmp_path / "file" / "logs")
    follow(log, b"still heard\n")
    assert log.last_lines == "still heard"


@pytest.mark.fault("F60")
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_no_error(tmp_path):
    log = WorkerLog(tmp_path)
    log.path.symlink_to("/dev/full")
    follow(log, b"nowhere to go\n" * 10)
    log.close()
    assert log.last_lines.endswith("nowhere to go")


def test_only_the_newest_logs_are_kept(tmp_path):
    for number in range(12):
        path = tmp_path / f"worker-{number}.log"
        path.touch()
        os.utime(path, (number, number))
    log = WorkerLog(tmp_path)
    log.write("new")
    log.close()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {log.path.name, *(f"worker-{n}.log" for n in range(8, 12))}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An own folder of the user that is below ``tmp_path``."""
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    return user_folder.user_folder()


@pytest.mark.skipif(os.name != "posix", reason="looks at the mode of a folder")
@pytest.mark.parametrize("prepared", [None, 0o777, 0o755])
def test_nobody_else_can_read_or_write_the_logs(home, prepared):
    if prepared:
        (home / "logs").mkdir(parents=True)
        (home / "logs").chmod(prepared)
    log = WorkerLog()
    log.write("private")
    log.close()
    assert log.path.parent == home / "logs"
    assert log.path.read_text() == "private\n"
    assert log.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix", reason="another user is one by number")
@pytest.mark.parametrize("foreign", ["a link", "another user's"])
def test_a_folder_that_another_user_prepared_is_not_written_to(home, tmp_path, monkeypatch, foreign):
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    home.mkdir(parents=True)
    if foreign == "a link":
        (home / "logs").symlink_to(prepared)
    else:
        prepared.rename(home / "logs")
        prepared = home / "logs"
        monkeypatch.setattr(os, "getuid", lambda: prepared.stat().st_uid + 1)
    log = WorkerLog()
    log.write("still heard")
    log.close()
    assert log.last_lines == "still heard"
    assert not list(prepared.iterdir())


def test_the_folder_of_the_user_leaves_room_for_the_paths_of_torch(monkeypatch):
    """On Windows: the folder, that of an environment half built, and what torch has below Lib\\site-packages."""
    monkeypatch.setattr(user_folder.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "C:/Users/eighteen-letters-x/AppData/Local")
    deepest = 167 + len("\\engine-0123456789ab.partial\\Lib\\site-packages\\")
    assert len(str(user_folder.user_folder())) + deepest <= 259
