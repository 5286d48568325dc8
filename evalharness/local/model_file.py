"""A model file on this machine, and checks of the options of local models."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError, MissingFileError, ProviderError
from evalharness.local.gguf_header import GgufHeader, read_header

MAX_TOKENS = 2**22
"""Tokens of one case: more than the context of any model."""
_WEEK_S = 604_800


class ModelFile:
    """A GGUF file, and the chat template that replaces its own."""

    def __init__(self, path: str, *, sha256: str | None, chat_template: str | None, root: Path) -> None:
        """Hash the file and read its header. Raises ConfigError.

        `sha256`: the expected hash. A pinned file may be missing: it gets no request, but its recorded responses are
        replayed. `chat_template`: a jinja2 file under the root.
        """
        self.template = resolve_path(chat_template, root).read_text(encoding="utf-8") if chat_template else None
        self.header: GgufHeader | None = None
        """None for a file that cannot be loaded."""
        self.refusal = ""
        """Why the file cannot be loaded: the error of every request. Empty for a sound file."""
        try:
            self.path = resolve_path(path, root)
        except MissingFileError as error:
            if not sha256:
                raise
            self.path, self.sha256, self.refusal = Path(path), sha256.lower(), str(error)
        else:
            self._read(path, sha256)

    def _read(self, path: str, sha256: str | None) -> None:
        self.sha256 = _sha256(self.path)
        if sha256 and sha256.lower() != self.sha256:
            raise ConfigError(f"{path}: SHA-256 mismatch: expected {sha256.lower()}, got {self.sha256}")
        try:
            self.header = read_header(self.path)
        except ProviderError as error:
            self.refusal = str(error)

    @property
    def template_source(self) -> str:
        """The chat template in use; "" if there is none."""
        return self.template or (self.header.chat_template if self.header else "")

    def identity(self, provider: str, package: str) -> dict[str, str]:
        """The part of a provider's identity that describes file, engine and machine."""
        return {
            "provider": provider,
            "file": self.path.name,
            "sha256": self.sha256,
            "engine": engine_version(package),
            "machine": platform.machine(),
            "chat_template": hashlib.sha256(self.template.encode()).hexdigest() if self.template else "of the file",
        }


def check_counts(most: int, *, least: int = 1, **counts: Any) -> None:
    """Check that each option is None or an integer from `least` to `most`.

    Raises ConfigError.
    """
    for name, count in counts.items():
        if count is not None and (type(count) is not int or not least <= count <= most):
            raise ConfigError(f"'{name}' must be an integer from {least} to {most:,}, got {count!r}")


def check_seconds(**seconds: Any) -> None:
    """Check that each option is a number of seconds from 1 to one week.

    Raises ConfigError.
    """
    for name, value in seconds.items():
        if type(value) not in (int, float) or not 1 <= value <= _WEEK_S:
            raise ConfigError(f"'{name}' must be a number of seconds from 1 to {_WEEK_S:,}, got {value!r}")


def fair_threads(config: Config) -> int:
    """One thread for each available core, at most 8.

    The processes of a run divide the cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, cores // config.processes))


@cache
def engine_version(package: str) -> str:
    """The package and its version, such as "xllamacpp 2.1"."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} unknown"


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
