"""A child process with a small environment, which ends with this process."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from evalharness.local.child_output import ChildOutput

STOPPED = "the model was stopped before it answered"
"""The error message of a request that `close` or `unload` ends."""
ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "GOMP_SPINCOUNT",
    "OMP_WAIT_POLICY",
)
"""The variables that a child inherits. None of them holds a key."""
SPIN_TURNS = "1000"
"""Turns that the child's OpenMP threads spin before they sleep.

With the default of 300,000, an answer takes more than ten times as long on two cores with one other busy process. On
idle cores there is no difference (`make bench` measures both).
"""
_TAIL_BYTES = 2000
_TAIL_LINES = 6
_TAIL_CHARS = 500
_LOG_STAMP = re.compile(r"[\d.]+ [A-Z] ")
"""Time and level before each line of llama.cpp's log."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What code of the project sees in a child."""

    folder: Path
    environment: Mapping[str, str]
    on_line: Callable[[str], None]
    """Called in a thread with each line that the code prints, up to a limit."""


class ChildError(Exception):
    """The child died, was too slow, or reported a failure."""


class ChildProcess:
    """A module of this package in a process of its own.

    The process ends when its input closes, so with this process. The end of its standard error is kept.
    """

    def __init__(self, module: str, what: str, surroundings: Surroundings | None = None) -> None:
        """Start the process. Raises OSError.

        `what`: its name in errors, such as "the model's server". `surroundings`: for code of the project.
        """
        self._what = what
        self._stderr: IO[bytes] | None = None
        if surroundings is None:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self.process = subprocess.Popen(  # noqa: S603 - a module of this package
            command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr or subprocess.PIPE,
            env=surroundings.environment if surroundings else _environment(),
            cwd=surroundings.folder if surroundings else None,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the child
        )
        self.pid = self.process.pid
        self._has_group = True
        """Whether processes that it has started may run. Later its id may be that of another group."""
        self._output: ChildOutput | None = None
        if surroundings and self.process.stderr:
            self._output = ChildOutput(self.process.stderr, surroundings.on_line)

    def start(self, request: dict[str, Any], *, within_s: float) -> dict[str, Any]:
        """The child's reply to its one request. Raises ChildError."""
        assert self.process.stdin
        assert self.process.stdout
        with suppress(OSError):  # the child has died, and its output has ended too
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], within_s)[0]:
            raise ChildError(f"{self._what} took longer than {within_s:g} s to start")
        line = self.process.stdout.readline()
        if not line:
            raise ChildError(self.exit_message())
        reply: dict[str, Any] = json.loads(line)
        if "failed" in reply:
            raise ChildError(f"{reply['failed']}{self._tail_in_brackets()}")
        return reply

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def ends_within(self, seconds: float) -> bool:
        """Whether the process ends within so many seconds.

        A connection may be lost just before its process ends.
        """
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return not self.alive

    def kill(self) -> None:
        """Kill the process with those that it has started, and wait until it is gone."""
        if self.process.poll() is None:
            self._kill_group()
            self.process.kill()
        self.process.wait()

    def _kill_group(self) -> None:
        if self._has_group:
            self._has_group = False
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def exit_message(self) -> str:
        """How the process ended, with the end of its standard error. Waits for the end, and kills what it has left."""
        code = self.process.wait()
        self._kill_group()
        how = f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with exit status {code}"
        return f"{self._what} {how}{self._tail_in_brackets()}"

    def stderr_tail(self) -> str:
        """The last lines of standard error, of which the first often names the cause."""
        if self._stderr is None:
            end = self._output.tail()[-_TAIL_BYTES:] if self._output else b""
        else:
            size = os.fstat(self._stderr.fileno()).st_size
            end = os.pread(self._stderr.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        lines = [_LOG_STAMP.sub("", line, count=1).strip() for line in end.decode("utf-8", "replace").splitlines()]
        return "; ".join([line for line in lines if line][-_TAIL_LINES:])[:_TAIL_CHARS]

    def forget_output(self) -> None:
        """Leave what code of the project has printed so far out of later messages."""
        if self._output:
            self._output.forget()

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self.kill()
        if self._output:
            self._output.close()
        for stream in (self.process.stdin, self.process.stdout, self._stderr):
            with suppress(OSError):  # unsent bytes to a dead child
                if stream:
                    stream.close()

    def _tail_in_brackets(self) -> str:
        tail = self.stderr_tail()
        return f" ({tail})" if tail else ""


def command(module: str) -> list[str]:
    """The command that runs a module of this package."""
    # -I: nothing in the folder or the environment of this run can change which code is imported
    return [sys.executable, "-I", "-m", module]


def _environment() -> dict[str, str]:
    return {
        "GOMP_SPINCOUNT": SPIN_TURNS,
        "GGML_NO_BACKTRACE": "1",  # a backtrace would push the cause out of the tail of standard error
        **{name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }


def _signal_name(signal_number: int) -> str:
    """The signal's name, or "signal 36" for a real-time signal, which has none."""
    with suppress(ValueError):
        return signal.Signals(signal_number).name
    return f"signal {signal_number}"
