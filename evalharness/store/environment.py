"""The environment of a run: versions, machine, commit and CI."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evalharness import __version__
from evalharness.errors import GitError
from evalharness.store.ci import in_ci
from evalharness.store.git import head

_PACKAGES = (
    "llama-cpp-python",
    "xllamacpp",
    "sentence-transformers",
    "torch",
    "rouge-score",
    "sacrebleu",
    "rapidfuzz",
    "jinja2",
    "pytest",
)


@cache
def machine_class() -> str:
    """Processor, number of usable cores and system.

    Latency is compared only within one class.
    """
    return f"{_processor()}, {_cores()} cores, {platform.system()} {platform.machine()}"


def environment(root: Path) -> dict[str, Any]:
    """Versions, machine and commit, for the header of a run."""
    return {
        "evalharness": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine_class": machine_class(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "git": _git(root),
        "ci": in_ci(),
    }


def work_s() -> float:
    """Seconds for a fixed piece of work: the speed of the machine now.

    The work is JSON, regular expressions and hashes. Takes about 40 ms.
    """
    started = time.perf_counter()
    text = json.dumps([{"id": number, "text": f"case {number} of the suite"} for number in range(8_000)])
    words = re.findall(r"\w+", text)
    for start in range(0, len(words), 50):
        hashlib.sha256(" ".join(words[start : start + 50]).encode()).hexdigest()
    json.loads(text)
    return time.perf_counter() - started


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or "unknown processor"


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(root: Path) -> dict[str, Any] | None:
    """The commit, and whether tracked files differ from it; None outside of a repository."""
    try:
        commit = head(root)
    except GitError:  # no git here, as in a container with a copy of a repository
        return None
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(run_git(root, "status", "--porcelain", "--untracked-files=no"))}


def run_git(root: Path, *words: str) -> str | None:
    """The output of a git command in this folder; None if it fails."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
