"""Kill -9 at each system call that writes: one forked child per call, each in a fresh copy of a project.

    python killed.py ACTION TEMPLATE WORK BY

leaves WORK/1, WORK/2, ..., as the child left them that was killed at its first, second, ... call, and WORK/whole. BY is
`strace`, which kills at system calls, or `os`, which kills at calls of Python's module of that name.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalharness import evaluate
from evalharness.config import load_config
from evalharness.evaluation import acceptance, requests
from evalharness.evaluation.acceptance import Reason, accept_answers, accept_run
from evalharness.modules import LAST_STEPS, import_modules
from evalharness.store import read_run

SYSTEM_CALLS = ("write", "pwrite64", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat")
SYSTEM_CALLS += ("ftruncate", "fchmod")
PYTHON_CALLS = ("open", "write", "replace", "unlink", "mkdir", "ftruncate", "fchmod")
"""A kill before a call that changes no file, such as `close` or `fsync`, leaves what one at the next call leaves."""
RECORD = "reports/demo/run.jsonl"
MOST = 400


def accept_baselines(root: Path) -> None:
    """Accept the record of the project."""
    accept_run(read_run(root / RECORD), load_config(root), Reason("new", "pass", "me"))


def accept_golden(root: Path) -> None:
    """Make an answer of the record golden."""
    answers = {"case-0": ["Another answer."]}
    accept_answers(read_run(root / RECORD), load_config(root), answers, Reason("new", "pass", "me"))


def evaluate_suite(root: Path) -> None:
    """Run the suite over the reports of its last run. Samples arrive one by one."""
    requests.MOST_TOGETHER = 1
    evaluate("demo", config=load_config(root))


ACTIONS: dict[str, Callable[[Path], None]] = {
    "baselines": accept_baselines,
    "golden": accept_golden,
    "run": evaluate_suite,
}


def main(action: str, template: Path, work: Path, by: str) -> None:
    """Kill one child after the other at each call, until one ends before its call."""
    acceptance._now = lambda: "2026-01-02T03:04:05+00:00"  # the same bytes in each child
    import_modules(LAST_STEPS)
    rehearse(ACTIONS[action], template, work / "rehearsal")
    numbers = itertools.count(1)
    for calls in SYSTEM_CALLS if by == "strace" else ("",):  # strace counts each system call separately
        for nth in range(1, MOST):
            root = work / str(next(numbers))
            shutil.copytree(template, root, symlinks=True)
            status = killed_at(nth, lambda root=root: ACTIONS[action](root), calls)
            if not os.WIFSIGNALED(status):
                assert status == 0, status
                shutil.rmtree(work / "whole", ignore_errors=True)
                root.rename(work / "whole")
                break


def rehearse(act: Callable[[Path], None], template: Path, copy: Path) -> None:
    """Act once in this process: each of the forked children would import and compile the same things again."""
    shutil.copytree(template, copy, symlinks=True)
    act(copy)
    shutil.rmtree(copy)
    assert threading.active_count() == 1  # a child has no other threads


def killed_at(number: int, act: Callable[[], None], call: str) -> int:
    """The exit status of a child that is killed at the nth system call of this name, or of `os` without a name."""
    begin, attached = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if not call:
                patch(number)
            else:
                os.read(begin, 1)
            act()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if call:
        trace(child, call, number)
        os.write(attached, b"x")
    os.close(begin)
    os.close(attached)
    return os.waitpid(child, 0)[1]


def trace(child: int, call: str, number: int) -> None:
    """Attach strace to a process."""
    options = ["-e", f"trace=?{call}", "-e", f"inject=?{call}:signal=SIGKILL:when={number}"]
    subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-p", str(child), *options])
    until = time.monotonic() + 30
    while "\nTracerPid:\t0\n" in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < until, "strace is not attached"
        time.sleep(0.002)


def patch(number: int) -> None:
    """Kill this process when it calls functions of `os` that write, or could, so many times."""
    left = [number]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return call

    for name in PYTHON_CALLS:
        setattr(os, name, counted(getattr(os, name)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
