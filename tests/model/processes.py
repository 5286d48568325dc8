"""Processes, and what happens to them: waited for, never slept for."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HANG_S = 60.0
"""Nothing that comes takes so long: who still waits then waits for what never comes."""


def until(come: Callable[[], object], hang_s: float = HANG_S) -> None:
    """Wait until it has come. Raises TimeoutError where it never does."""
    end = time.monotonic() + hang_s
    while not come():
        if time.monotonic() > end:
            raise TimeoutError(f"did not come within {hang_s:g} s")
        time.sleep(0.005)


def lives(pid: int) -> bool:
    """Whether there is such a process, and not only its remains."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def kill(pid: int | None) -> None:
    """A child of ours, with SIGKILL, and wait until all of its threads are dead."""
    assert pid
    os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # somebody else has waited for it
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def once(come: Callable[[], object], act: Callable[[], object]) -> None:
    """Act from another thread, once it has come."""

    def watch() -> None:
        with suppress(TimeoutError):  # what should have been done is missing then, and its test says so
            until(come)
            act()

    threading.Thread(target=watch, daemon=True).start()
