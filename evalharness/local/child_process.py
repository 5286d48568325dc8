"""A child process: started with little of this one's environment, ended with it, its last words kept."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO, Any

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
"""All that a child gets to see of this process's environment: no key is among it."""
SPIN_TURNS = "1000"
"""How long OpenMP threads of the child wait awake for one another. By default it is 300,000 turns: on two cores with
one other busy process an answer then takes more than ten times as long as with 1,000 turns; on quiet cores it makes no
difference (`make bench` measures both)."""
_LAST_BYTES = 2000
_LAST_LINES = 6
_LAST_CHARS = 500
_STAMP = re.compile(r"[\d.]+ [A-Z] ")
"""What llama.cpp puts before a line of its log: the time and how bad it is."""


class ChildError(Exception):
    """The child died, was too slow, or says that it cannot."""


class ChildProcess:
    """A module of this package in a process of its own. It ends when its input ends, so when this process does."""

    def __init__(self, module: str, what: str) -> None:
        """`what`: its name in errors, such as "the model's server". Raises OSError where none can be started."""
        self._what = what
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self.process = subprocess.Popen(  # noqa: S603 - a module of this package
            # -I: nothing in the folder or the environment of this run can change what is imported
            [sys.executable, "-I", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={
                "GOMP_SPINCOUNT": SPIN_TURNS,
                "GGML_NO_BACKTRACE": "1",  # a debugger would write the last words
                **{name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            },
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the child
        )
        self.pid = self.process.pid

    def start(self, request: dict[str, Any], *, within_s: float) -> dict[str, Any]:
        """What it says to the order. Raises ChildError."""
        assert self.process.stdin
        assert self.process.stdout
        with suppress(OSError):  # it has died: its output has ended too
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], within_s)[0]:
            raise ChildError(f"{self._what} took longer than {within_s:g} s to start")
        line = self.process.stdout.readline()
        if not line:
            raise ChildError(self.exit_message())
        said: dict[str, Any] = json.loads(line)
        if "failed" in said:
            words = self.stderr_tail()
            raise ChildError(f"{said['failed']}{f' ({words})' if words else ''}")
        return said

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def ends_within(self, seconds: float) -> bool:
        """Whether it is dead by then: a connection may be lost a moment before its process is gone."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return not self.alive

    def kill(self) -> None:
        """At once."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def exit_message(self) -> str:
        """How it died, with its last words."""
        code = self.process.wait()
        how = f"was killed by {_name(-code)}" if code < 0 else f"ended with exit status {code}"
        words = self.stderr_tail()
        return f"{self._what} {how}{f' ({words})' if words else ''}"

    def stderr_tail(self) -> str:
        """The last lines that it wrote to its standard error: the first of them often says why."""
        size = os.fstat(self._errors.fileno()).st_size
        end = os.pread(self._errors.fileno(), _LAST_BYTES, max(0, size - _LAST_BYTES))
        lines = [_STAMP.sub("", line, count=1).strip() for line in end.decode("utf-8", "replace").splitlines()]
        return "; ".join([line for line in lines if line][-_LAST_LINES:])[:_LAST_CHARS]

    def close(self) -> None:
        """End it, and give back what is held for it."""
        self.kill()
        for stream in (self.process.stdin, self.process.stdout, self._errors):
            with suppress(OSError):  # unsent bytes to a dead child
                if stream:
                    stream.close()


def _name(signal_number: int) -> str:
    """Real-time signals have none."""
    with suppress(ValueError):
        return signal.Signals(signal_number).name
    return f"signal {signal_number}"
