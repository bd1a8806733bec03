# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds one environment under a name that nobody uses yet: create, download, install, check.

Killed at any moment, it leaves a ``.partial`` folder. The next build keeps the wheels in it whose hash is right and
makes everything else anew, since nothing can be said of a half installed package.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import EngineUnavailable
from ...core.sentence import Sentence
from . import advice, health
from .find import PARTIAL, Installed, python_of, write_record
from .locks import Wheel
from .plan import Plan, check_space, size_text
from .processes import InstallCancelled, clean_environ, run_module
from .progress import Phase, Progress, Report

WHEELS, TEMPORARY, REQUIREMENTS, LOG = "wheels", "tmp", "requirements.txt", "install.log"
BATCH = 30_000_000
"""Bytes: larger wheels are handled one by one, so that each is kept once it is there; the others go together."""

# Told at length: pip keeps why it could not read an index to itself otherwise.
PIP = ("pip", "-vv", "--no-input", "--no-cache-dir", "--retries=3", "--timeout=30")
# Nothing but the wheels of the lock: no other version, no other file, and no code of a package that is built here.
PINNED = ("--no-deps", "--require-hashes", "--only-binary=:all:", "--progress-bar=off")

LOG_TAIL = 6000


@dataclass(frozen=True)
class Source:
    """Where wheels come from.

    online: whether the network may be used. folder: one with wheels, used instead of any index. index: the address of a
    further index; pip's own settings hold in any case, and a wheel's own index is asked for that wheel.
    """

    online: bool
    folder: Path | None = None
    index: str = ""


class Build:
    """One environment on its way; :meth:`run` returns when it works, in the folder ``partial``."""

    def __init__(self, plan: Plan, source: Source, report: Report, is_cancelled: Callable[[], bool]) -> None:
        self.partial = plan.folder / (plan.lock.name + PARTIAL)
        self._plan = plan
        self._source = source
        self._report = report
        self._is_cancelled = is_cancelled
        self._wheels = self.partial / WHEELS
        self._log = plan.folder / LOG

    def run(self) -> None:
        """Raises EngineUnavailable when it cannot be built, InstallCancelled; what was downloaded is kept."""
        lock = self._plan.lock
        kept = self._clear()
        missing = [wheel for wheel in lock.wheels if wheel not in kept]
        check_space(self._plan, sum(wheel.size for wheel in kept))
        if missing and not self._source.online and self._source.folder is None:
            raise EngineUnavailable(
                "The engine has to be downloaded and Blender is offline; switch on Allow Online Access in the "
                "preferences under System, Network, or install from a folder of wheels."
            )
        self._log.write_bytes(b"")
        self._create()
        self._download(missing)
        self._install()
        self._check()

    def _clear(self) -> set[Wheel]:
        """Remove what an earlier build left except the wheels that are right, and return those."""
        self.partial.mkdir(exist_ok=True)
        for path in self.partial.iterdir():
            if path != self._wheels:
                remove(path)
        self._wheels.mkdir(exist_ok=True)
        kept = set()
        by_file = {wheel.file: wheel for wheel in self._plan.lock.wheels}
        for path in self._wheels.iterdir():
            self._stop_if_cancelled()
            wheel = by_file.get(path.name)
            if wheel is not None and _sha256(path) == wheel.sha256:
                kept.add(wheel)
            else:
                remove(path)
        return kept

    def _create(self) -> None:
        progress = Progress(
            Phase.CREATE,
            Sentence("Making an environment with Python {python}", python=self._plan.lock.python),
        )
        self._run(self._plan.python, ["venv", str(self.partial)], lambda: progress)

    def _download(self, wheels: Sequence[Wheel]) -> None:
        total = sum(wheel.size for wheel in self._plan.lock.wheels)

        def progress() -> Progress:
            done = min(_size(self._wheels) + _size(self.partial / TEMPORARY), total)
            text = Sentence(
                "Downloading, {size_text} of {size_text2}",
                size_text=size_text(done),
                size_text2=size_text(total),
            )
            return Progress(Phase.DOWNLOAD, text, done / max(total, 1))

        for batch in _batches(wheels):
            options = ["--dest", str(self._wheels), *self._places(batch)]
            self._pip("download", batch, options, progress)

    def _places(self, batch: Sequence[Wheel]) -> list[str]:
        """pip's options that say where wheels may come from."""
        if self._source.folder is not None:
            return ["--no-index", "--find-links", str(self._source.folder)]
        indexes = dict.fromkeys([self._source.index, *(wheel.index for wheel in batch)])
        return [option for index in indexes if index for option in ("--extra-index-url", index)]

    def _install(self) -> None:
        total = sum(wheel.size for wheel in self._plan.lock.wheels)
        done = 0
        for batch in _batches(self._plan.lock.wheels):
            first = batch[0].name if len(batch) == 1 else Sentence("{batch} packages", batch=len(batch))
            progress = Progress(
                Phase.INSTALL, Sentence("Installing {first}", first=first), done / max(total, 1)
            )
            self._pip(
                "install",
                batch,
                ["--no-index", "--find-links", str(self._wheels)],
                lambda progress=progress: progress,  # type: ignore[misc]
            )
            done += sum(wheel.size for wheel in batch)

    def _check(self) -> None:
        """Import what was installed, once, and write down what it is. Raises EngineUnavailable when it fails."""
        self._tell(Progress(Phase.CHECK, "Starting the engine for the first time"))
        found = health.require(python_of(self.partial), is_cancelled=self._is_cancelled)
        for name in (WHEELS, TEMPORARY, REQUIREMENTS):
            remove(self.partial / name)
        lock = self._plan.lock
        record = Installed(
            name=lock.name,
            variant=lock.variant,
            python=found.python,
            torch=found.version("torch"),
            diffusers=found.version("diffusers"),
            transformers=found.version("transformers"),
            size=_size(self.partial),
        )
        write_record(self.partial, record)

    def _pip(
        self, command: str, wheels: Sequence[Wheel], options: list[str], progress: Callable[[], Progress]
    ) -> None:
        """One run of the environment's pip for some wheels of the lock, and for no others: hashes decide."""
        requirements = self.partial / REQUIREMENTS
        requirements.write_text("\n".join(wheel.requirement for wheel in wheels), encoding="utf-8")
        self._run(
            python_of(self.partial),
            [*PIP, command, *PINNED, *options, "--requirement", str(requirements)],
            progress,
        )

    def _run(self, python: Path, arguments: list[str], progress: Callable[[], Progress]) -> None:
        temporary = self.partial / TEMPORARY
        temporary.mkdir(exist_ok=True)
        environ = clean_environ(**dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)))
        self._tell(progress())
        with _log_lines(self._log) as log, self._log.open("ab") as output:
            try:
                code = run_module(
                    python, arguments, log=output, environ=environ, on_tick=lambda: self._tell(progress())
                )
            except OSError as error:
                raise EngineUnavailable(
                    Sentence("{python} cannot be started; repair it.", python=python), details=repr(error)
                ) from error
            if code:
                details = log()
                raise EngineUnavailable(advice.sentence(details), details=f"exit code {code}\n{details}")

    def _tell(self, progress: Progress) -> None:
        self._report(progress)
        self._stop_if_cancelled()

    def _stop_if_cancelled(self) -> None:
        if self._is_cancelled():
            raise InstallCancelled


def remove(path: Path) -> None:
    """Delete a file or a folder as far as the system lets us; a folder loses its name first."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _batches(wheels: Iterable[Wheel]) -> Iterator[list[Wheel]]:
    rest = []
    for wheel in wheels:
        if wheel.size > BATCH or wheel.index:  # whose index is asked for it alone
            yield [wheel]
        else:
            rest.append(wheel)
    if rest:
        yield rest


@contextmanager
def _log_lines(path: Path) -> Iterator[Callable[[], str]]:
    """A function that returns the end of what was written to the log since now."""
    start = path.stat().st_size

    def tail() -> str:
        with path.open("rb") as file:
            file.seek(max(start, path.stat().st_size - LOG_TAIL))
            return file.read().decode("utf-8", "replace")

    yield tail


def _size(folder: Path) -> int:
    """Bytes of the files in a folder; files and folders that go away meanwhile count nothing."""
    total = 0
    for place, _, names in os.walk(folder):  # which passes over what it cannot list, unlike rglob
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
