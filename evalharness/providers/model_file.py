"""A model file on this machine: which bytes it has, and how many threads a model of this run may use."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError

MOST_TOKENS = 2**22
"""Of one case: more than any model was trained on."""
_WEEK_S = 604_800


def checked_file(path: str, sha256: str | None, root: Path) -> tuple[Path, str]:
    """Where the file is, and its SHA-256. `sha256`: refuse any other. Raises ConfigError."""
    file = resolve_path(path, root)
    found = _sha256(file)
    if sha256 and sha256.lower() != found:
        raise ConfigError(f"{path} is another file: its SHA-256 is {found}")
    return file, found


def check_counts(most: int, *, least: int = 1, **counts: Any) -> None:
    """Raises ConfigError unless each is a whole number from `least` to `most`, or left out."""
    for name, count in counts.items():
        if count is not None and (type(count) is not int or not least <= count <= most):
            raise ConfigError(f"'{name}' is a whole number from {least} to {most:,}, not {count!r}")


def check_seconds(**seconds: Any) -> None:
    """Raises ConfigError unless each is a number from 1 to a week's."""
    for name, value in seconds.items():
        if type(value) not in (int, float) or not 1 <= value <= _WEEK_S:
            raise ConfigError(f"'{name}' is a number of seconds from 1 to {_WEEK_S:,}, not {value!r}")


def fair_threads(config: Config) -> int:
    """One for each core that this process may use, 8 at most; a share of them where the run has several processes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, cores // config.processes))


@cache
def engine_version(package: str) -> str:
    """The package and its version."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} unknown"


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
