"""Closeness in meaning: cosine similarity of two texts' vectors (Reimers & Gurevych 2019, arXiv:1908.10084).

texts ── in memory? ── in the file? ── encode the rest in one call ── keep ── max(0, cosine)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from evalharness.config import Config, EmbedderConfig, resolve_path
from evalharness.errors import ConfigError, MetricError, MissingExtraError
from evalharness.scoring.metrics.base import Metric, SampleView, signature
from evalharness.scoring.metrics.local_embedder import LocalModel
from evalharness.scoring.metrics.remote_embedder import RemoteModel
from evalharness.scoring.metrics.vectors import VectorFile

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[tuple[int], np.dtype[np.float32]]

VECTORS_IN_MEMORY = 20_000
"""About 30 MB at 384 numbers each; beyond it the memory is emptied, and the file still has them."""
DECIMALS = 4
"""A vector differs in its last bits with the texts that share its batch (cosines by up to 1e-6, measured), and a score
must not say which these were."""


def embedding(model: str, *, config: Config) -> Metric:
    """Cosine similarity of answer and golden, below 0 counted as 0, rounded to four decimals; the best golden counts.

    `model` names a table `[tool.evalharness.embedders.NAME]`: a sentence-transformers model in a folder, or one behind
    an endpoint. It reads as far as its own limit (256 tokens for all-MiniLM-L6-v2); what comes after does not count.
    Raises ConfigError when there is no such embedder or folder, MissingExtraError without sentence-transformers.
    """
    settings = config.embedder(model)
    try:
        embedder = _opened(settings, config)
    except ConfigError as error:
        raise ConfigError(f"[tool.evalharness.embedders.{model}]: {error}") from None
    written = signature("embedding", model=embedder.fingerprint[:12], v=1)

    def score_batch(answers: Sequence[SampleView]) -> list[float | MetricError]:
        vectors = embedder.vectors(text for answer in answers for text in (answer.text, *answer.golden))
        return [_closest(answer, vectors) for answer in answers]

    return Metric("embedding", written, score_batch, warm_up=embedder.load)


def _closest(answer: SampleView, vectors: Mapping[str, Vector]) -> float:
    ours = vectors[answer.text]
    return max(0.0, *(round(float(ours @ vectors[golden]), DECIMALS) for golden in answer.golden))


def _opened(settings: EmbedderConfig, config: Config) -> Embedder:
    if (settings.path is None) == (settings.base_url is None):
        raise ConfigError("it takes either 'path', a folder, or 'base_url', an endpoint")
    if settings.path is None:
        return Embedder(RemoteModel(settings, offline=config.offline), config.cache_dir / "vectors.sqlite")
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("the embedding metric", "sentence-transformers", "embeddings")
    return _shared(resolve_path(settings.path, config.root).resolve(), settings, config.cache_dir)


@cache
def _shared(folder: Path, settings: EmbedderConfig, cache_dir: Path) -> Embedder:
    """One model in memory, however often a suite is opened."""
    return Embedder(LocalModel(folder, settings.batch_size), cache_dir / "vectors.sqlite")


class TextModel(Protocol):
    """What turns texts into vectors."""

    fingerprint: str
    """Two models with the same one give the same vectors."""

    def load(self) -> None:
        """Do what takes long."""
        ...

    def encode(self, texts: Sequence[str]) -> Sequence[np.ndarray[Any, Any]]:
        """A vector of length 1 for each text."""
        ...


class Embedder:
    """Texts to vectors of length 1, each computed once and kept."""

    def __init__(self, model: TextModel, file: Path) -> None:
        self._model = model
        self.fingerprint = model.fingerprint
        self._file = VectorFile(file, self.fingerprint)
        self._memory: dict[str, Vector] = {}
        self._reading = Lock()

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
        """Do what takes long before the first text comes."""
        self._model.load()

    def _encoded(self, texts: list[str]) -> dict[str, Vector]:
        if not texts:
            return {}
        # A lone surrogate, which a model can write, would make the tokeniser refuse the whole batch.
        rows = self._model.encode([text.encode("utf-8", "replace").decode() for text in texts])
        vectors = dict(zip(texts, rows, strict=True))
        self._file.write({text: row.astype("<f4").tobytes() for text, row in vectors.items()})
        return vectors


def _unpacked(rows: Mapping[str, bytes]) -> dict[str, Vector]:
    """Rows that are vectors of length 1; any other is computed anew."""
    import numpy as np

    vectors = {text: np.frombuffer(row, dtype="<f4") for text, row in rows.items() if len(row) % 4 == 0}
    return {text: vector for text, vector in vectors.items() if abs(float(vector @ vector) - 1) < 1e-3}
