"""A command in a terminal of its own: its screen, and keys for it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CLEAR = "\x1b[2J"
_PATIENCE_S = 60


class Terminal:
    """`evalharness ARGUMENTS`, or `pytest ARGUMENTS`, in a pseudo-terminal; a context manager that ends it."""

    def __init__(
        self, root: Path, *arguments: str, columns: int = 80, rows: int = 24, program: str = "evalharness"
    ) -> None:
        self.raw = ""
        sized, size_it = os.pipe()
        self.pid, self.handle = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", COLUMNS="", LINES="")
            script = "from evalharness.cli import main; main()"
            os.close(size_it)
            os.read(sized, 1)  # until the size is set
            if program == "pytest":
                os.chdir(root)
                os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])
            os.execv(sys.executable, [sys.executable, "-c", script, "--root", str(root), *arguments])
        self.resize(columns, rows)
        os.close(sized)
        os.close(size_it)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.handle)

    def resize(self, columns: int, rows: int) -> None:
        """Resize the terminal's window."""
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str, then: str) -> str:
        """Type, and wait for a text in the output after it; the screen then."""
        start = len(self.raw)
        os.write(self.handle, keys.encode())
        return self.wait(then, start)

    def wait(self, text: str, start: int = 0) -> str:
        """Read until the output contains the text; the screen then."""
        end = time.monotonic() + _PATIENCE_S
        while text not in _ESCAPES.sub("", self.raw[start:]):
            assert time.monotonic() < end, f"expected {text!r}, got:\n{self.raw[start:]}"
            assert self._read(), f"the command ended before {text!r}:\n{self.raw[start:]}"
        while select.select([self.handle], [], [], 0.05)[0] and self._read():
            pass
        return self.screen

    @property
    def screen(self) -> str:
        """The output since the screen was cleared, without colours."""
        return _ESCAPES.sub("", self.raw.rpartition(_CLEAR)[2]).replace("\r\n", "\n")

    def status(self) -> int:
        """Wait for the command's end; its exit status."""
        while self._read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        if not select.select([self.handle], [], [], 1)[0]:
            return True
        try:
            data = os.read(self.handle, 65536)
        except OSError:
            return False
        self.raw += data.decode(errors="replace")
        return bool(data)
