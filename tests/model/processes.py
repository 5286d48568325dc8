"""Processes: wait for a condition, kill, and check for life."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HANG_S = 60.0
"""Seconds after which a condition that has not come true counts as a hang."""


def until(condition: Callable[[], object], hang_s: float = HANG_S) -> None:
    """Wait until the condition is true. Raises TimeoutError after `hang_s` seconds."""
    end = time.monotonic() + hang_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"the condition was not true within {hang_s:g} s")
        time.sleep(0.005)


def lives(pid: int) -> bool:
    """Whether the process runs and is not a zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def kill(pid: int | None) -> None:
    """Kill a child with SIGKILL and wait until all of its threads are gone."""
    assert pid
    os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # another thread has waited for it
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def once(condition: Callable[[], object], act: Callable[[], object]) -> None:
    """Act from another thread when the condition becomes true."""

    def watch() -> None:
        with suppress(TimeoutError):  # the test then finds the effect missing
            until(condition)
            act()

    threading.Thread(target=watch, daemon=True).start()
