"""A model file on this machine: which bytes it has, whether it can be loaded, and what a model of this run may use."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError, ProviderError
from evalharness.local.gguf_header import GgufHeader, read_header

MOST_TOKENS = 2**22
"""Of one case: more than any model was trained on."""
_WEEK_S = 604_800


class ModelFile:
    """A GGUF file, and the chat template that stands in for its own."""

    def __init__(self, path: str, *, sha256: str | None, chat_template: str | None, root: Path) -> None:
        """`sha256`: refuse any other file. `chat_template`: a jinja2 file under the root. Raises ConfigError."""
        self.path = resolve_path(path, root)
        self.sha256 = _sha256(self.path)
        if sha256 and sha256.lower() != self.sha256:
            raise ConfigError(f"{path} is another file: its SHA-256 is {self.sha256}")
        self.template = resolve_path(chat_template, root).read_text(encoding="utf-8") if chat_template else None
        self.header: GgufHeader | None = None
        """None for a file that cannot be loaded."""
        self.refusal = ""
        """Why it cannot be loaded: it is said with every request."""
        try:
            self.header = read_header(self.path)
        except ProviderError as error:
            self.refusal = str(error)

    def identity(self, provider: str, package: str) -> dict[str, str]:
        """What an answer depends on here, whatever the settings."""
        return {
            "provider": provider,
            "file": self.path.name,
            "sha256": self.sha256,
            "engine": engine_version(package),
            "machine": platform.machine(),
            "chat_template": hashlib.sha256(self.template.encode()).hexdigest() if self.template else "of the file",
        }


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
