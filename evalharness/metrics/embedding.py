"""Closeness in meaning: cosine similarity of sentence-transformers vectors (Reimers & Gurevych 2019, arXiv:1908.10084).

texts ── in memory? ── in the file? ── encode the rest in one call ── keep ── max(0, cosine)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from evalharness.config import Config, EmbedderConfig, resolve_path
from evalharness.errors import ConfigError, MetricError, MissingExtraError
from evalharness.metrics.base import Answer, Metric, signature
from evalharness.metrics.vectors import VectorFile

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[tuple[int], np.dtype[np.float32]]

VECTORS_IN_MEMORY = 20_000
"""About 30 MB at 384 numbers each; beyond it the memory is emptied, and the file still has them."""
DECIMALS = 4
"""A vector differs in its last bits with the texts that share its batch (cosines by up to 1e-6, measured), and a score
must not say which these were."""

_NOT_THE_MODEL = {".md", ".gitattributes", ".gitignore", ".lock", ".metadata"}


def embedding(model: str, *, config: Config) -> Metric:
    """Cosine similarity of answer and golden, below 0 counted as 0, rounded to four decimals; the best golden counts.

    `model` names a table `[tool.evalharness.embedders.NAME]`. The model reads as far as its own limit (256 tokens for
    all-MiniLM-L6-v2); what comes after does not count. It runs on the CPU, offline, and no code of its folder is run.
    Raises ConfigError when there is no such embedder or folder, MissingExtraError without sentence-transformers.
    """
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("the embedding metric", "sentence-transformers", "embeddings")
    settings = config.embedder(model)
    embedder = _shared(resolve_path(settings.path, config.root).resolve(), settings, config.cache_dir)
    written = signature("embedding", model=embedder.fingerprint[:12], v=1)

    def score_batch(answers: Sequence[Answer]) -> list[float | MetricError]:
        vectors = embedder.vectors(text for answer in answers for text in (answer.text, *answer.golden))
        return [_closest(answer, vectors) for answer in answers]

    return Metric("embedding", written, score_batch, warm_up=embedder.load)


def _closest(answer: Answer, vectors: Mapping[str, Vector]) -> float:
    ours = vectors[answer.text]
    return max(0.0, *(round(float(ours @ vectors[golden]), DECIMALS) for golden in answer.golden))


@cache
def _shared(folder: Path, settings: EmbedderConfig, cache_dir: Path) -> Embedder:
    """One model in memory, however often a suite is opened."""
    return Embedder(folder, settings.batch_size, cache_dir / "vectors.sqlite")


class Embedder:
    """Texts to vectors of length 1. The model loads when the first text is new, or by `load`, from any thread."""

    def __init__(self, folder: Path, batch_size: int, file: Path) -> None:
        self.folder, self.batch_size = folder, batch_size
        self.fingerprint = fingerprint(folder)
        self._file = VectorFile(file, self.fingerprint)
        self._memory: dict[str, Vector] = {}
        self._model: Any = None
        self._loading, self._reading = Lock(), Lock()

    def vectors(self, texts: Iterable[str]) -> dict[str, Vector]:
        """A vector for each distinct text; all that neither memory nor file has are encoded in one call."""
        wanted = set(texts)
        with self._reading:
            found = {text: self._memory[text] for text in wanted & self._memory.keys()}
            found |= _unpacked(self._file.read(wanted - found.keys()))
            found |= self._encoded(sorted(wanted - found.keys()))
            if len(self._memory) + len(found) > VECTORS_IN_MEMORY:
                self._memory.clear()
            self._memory |= found
        return found

    def load(self) -> None:
        """Import sentence-transformers and read the model, once; a second thread waits for the first."""
        with self._loading:
            if self._model is None:
                self._model = _open_model(self.folder)

    def _encoded(self, texts: list[str]) -> dict[str, Vector]:
        if not texts:
            return {}
        self.load()
        # A lone surrogate, which a model can write, would make the tokeniser refuse the whole batch.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        rows = self._model.encode(clean, batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False)
        vectors = dict(zip(texts, rows, strict=True))
        self._file.write({text: row.astype("<f4").tobytes() for text, row in vectors.items()})
        return vectors


def fingerprint(folder: Path) -> str:
    """SHA-256 over names and contents of every file that can change a vector.

    That is weights, tokeniser, configuration and pooling, but no documentation. Raises ConfigError for a folder
    without such files.
    """
    total = hashlib.sha256()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and _counts(path.relative_to(folder))]
    if not files:
        raise ConfigError(f"{folder}: there is no model in this folder")
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return total.hexdigest()


def _counts(path: Path) -> bool:
    return path.suffix not in _NOT_THE_MODEL and not any(part.startswith(".") for part in path.parts)


def _unpacked(rows: Mapping[str, bytes]) -> dict[str, Vector]:
    """Rows that are vectors of length 1; any other is computed anew."""
    import numpy as np

    vectors = {text: np.frombuffer(row, dtype="<f4") for text, row in rows.items() if len(row) % 4 == 0}
    return {text: vector for text, vector in vectors.items() if abs(float(vector @ vector) - 1) < 1e-3}


def _open_model(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    with _no_progress_bar():
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """For the while: transformers draws a bar on stderr while it reads weights, and has no argument against it."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
