# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker process as its parent holds it: frames in and out without ever blocking, and a sure end."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy

from ..core.errors import EngineUnavailable
from ..core.sentence import Sentence
from .frames import Frame, WireError, read_frame, write_frame
from .log_file import WorkerLog


class Ended:
    """Comes in place of a frame when there will be no more; ``reason`` says what the worker did or could not be done
    with it, "" when it just ended."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason


class Child:
    """A started worker. Raises EngineUnavailable when the command cannot be started."""

    def __init__(self, command: Sequence[str], log: WorkerLog) -> None:
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=worker_environ(),
                pipesize=1 << 20,  # where the system lets it be chosen; a picture crosses in fewer turns
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, ValueError) as error:
            raise EngineUnavailable(
                Sentence(
                    "The engine's Python {command} cannot be started; install the engine in the preferences.",
                    command=command[0],
                ),
                details=repr(error),
            ) from error
        self._stdin = cast(BinaryIO, self._process.stdin)
        self._received: queue.SimpleQueue[Frame | Ended] = queue.SimpleQueue()
        self._outgoing: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._threads = [log.follow(cast(BinaryIO, self._process.stderr))]
        for work in (self._read, self._write):
            name = f"SD Blender worker {work.__name__[1:]}"
            self._threads.append(threading.Thread(target=work, name=name, daemon=True))
            self._threads[-1].start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, frame: Frame) -> None:
        """Queue a frame; a worker that does not read its pipe must not hold up who writes to it."""
        self._outgoing.put(frame)

    def receive(self, timeout: float) -> Frame | Ended | None:
        """The next frame, Ended when the worker is gone or talks nonsense, None when nothing came in time."""
        try:
            return self._received.get(timeout=timeout)
        except queue.Empty:
            return None

    def end(self, grace: float = 1.0) -> None:
        """Have the process gone when this returns: by closing its pipe, then by a signal, then by force."""
        self._outgoing.put(None)
        for harder in (self._process.terminate, self._process.kill, None):
            try:
                self._process.wait(grace)
                break
            except subprocess.TimeoutExpired:
                if harder is not None:
                    harder()
        for thread in self._threads:
            thread.join(grace)

    def exit_code(self) -> int | None:
        """None while it runs; waits a moment for a process that is ending."""
        try:
            return self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return None

    def how_it_ended(self) -> str:
        """The exit in words: "signal 9, killed" or "exit code 3"; waits a moment for a process that is ending."""
        code = self.exit_code()
        if code is None:
            return "it is still running"
        if code >= 0:
            return Sentence("exit code {value}", value=code if code < 256 else hex(code))
        try:
            return Sentence(
                "signal {value}, {strsignal}", value=-code, strsignal=signal.strsignal(-code) or "unknown"
            ).lower()
        except ValueError:
            return Sentence("signal {value}", value=-code)

    def _read(self) -> None:
        reason = ""
        stream = cast(BinaryIO, self._process.stdout)
        try:
            with stream:
                while (frame := read_frame(stream)) is not None:
                    self._received.put(frame)
        except WireError as error:
            reason = Sentence("sent what is no answer ({error})", error=error)
        except MemoryError:
            reason = "sent more than Blender has memory for"
        except Exception as error:  # noqa: BLE001 - a worker that is not heard must not be waited for
            reason = Sentence("could not be heard ({error})", error=repr(error))
        finally:
            self._received.put(Ended(reason))

    def _write(self) -> None:
        try:
            while (frame := self._outgoing.get()) is not None:
                write_frame(self._stdin, frame)
        except OSError:
            pass  # the reader tells of a worker that is gone
        except MemoryError:
            self._received.put(Ended("could not be sent the job, for which Blender has too little memory"))
        except Exception as error:  # noqa: BLE001 - such as a job that is too large for the wire
            self._received.put(Ended(Sentence("could not be sent the job ({error})", error=error)))
        finally:
            with contextlib.suppress(OSError):
                self._stdin.close()


def worker_command(python: Path | str, device: str = "auto", dtype: str = "auto") -> list[str]:
    """Starts this add-on's worker with another Python, isolated from its user's and this process's packages."""
    return [*_main(python), "--device", device, "--dtype", dtype]


def numpy_worker_command(python: Path | str) -> list[str]:
    """The same with the engine that needs nothing but NumPy, which it takes from where this process has it."""
    return [*_main(python), "--numpy", str(_packages())]


def runs_numpy(python: Path | str) -> bool:
    """Whether :func:`numpy_worker_command` would start: this Python exists and can import this process's NumPy.

    Waits some seconds at most, since nothing can be cancelled meanwhile.
    """
    ask = "import sys; sys.path.append(sys.argv[1]); import numpy; print(numpy.__version__)"
    try:
        run = subprocess.run(
            [str(python), "-I", "-c", ask, str(_packages())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            env=worker_environ(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0 and run.stdout.strip() == numpy.__version__.encode()


def _packages() -> Path:
    """The folder that this process imports NumPy from, which an isolated Python may not look into."""
    return Path(numpy.__file__).parent.parent


def _main(python: Path | str) -> list[str]:
    main = Path(__file__).resolve().with_name("__main__.py")
    return [str(python), "-I", "-X", "utf8", str(main)]


def worker_environ() -> dict[str, str]:
    """This process's environment without Python's variables, quiet towards the network and good to its neighbours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        # Threads that wait must sleep: beside a busy Blender, spinning ones make generation many times slower.
        # The second is what GCC's OpenMP makes of the first, unless the user's own says otherwise; the third is for
        # Intel's and LLVM's.
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "KMP_BLOCKTIME": "0",
    }


def same_python() -> Path:
    """The Python that runs this, for a worker without an environment of its own (scripts, tests)."""
    return Path(sys.executable)
