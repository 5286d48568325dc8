"""A sentence-transformers model in a folder: on the CPU, offline, without running code from the folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from evalharness.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

_NOT_THE_MODEL = {".md", ".gitattributes", ".gitignore", ".lock", ".metadata"}


class LocalModel:
    """Loads with the first new text, or by `load`, from any thread."""

    def __init__(self, folder: Path, batch_size: int) -> None:
        self.folder, self.batch_size = folder, batch_size
        self.fingerprint = fingerprint(folder)
        self._model: Any = None
        self._loading = Lock()

    def load(self) -> None:
        """Import sentence-transformers and read the model once; a second thread waits for the first."""
        with self._loading:
            if self._model is None:
                self._model = _open_model(self.folder)

    def encode(self, texts: Sequence[str]) -> Sequence[np.ndarray[Any, Any]]:
        """Return a vector of length 1 for each text."""
        self.load()
        rows: Sequence[np.ndarray[Any, Any]] = self._model.encode(
            list(texts), batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        return rows


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of names and contents of every file that can change a vector.

    These are weights, tokeniser, configuration and pooling; documentation is left out. Raises ConfigError for a folder
    without any.
    """
    total = hashlib.sha256()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and _counts(path.relative_to(folder))]
    if not files:
        raise ConfigError(f"{folder}: this folder has no model files")
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return total.hexdigest()


def _counts(path: Path) -> bool:
    return path.suffix not in _NOT_THE_MODEL and not any(part.startswith(".") for part in path.parts)


def _open_model(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    with _no_progress_bar():
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Hide the bar that transformers writes to stderr while it reads weights: no argument turns it off."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
