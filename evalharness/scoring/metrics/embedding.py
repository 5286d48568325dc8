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
from evalharness.errors import ConfigError, MissingExtraError
from evalharness.scoring.metrics.base import Metric, Responses, Result, SampleView, signature
from evalharness.scoring.metrics.local_embedder import LocalModel
from evalharness.scoring.metrics.remote_embedder import RemoteModel
from evalharness.scoring.metrics.vectors import VectorFile

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[tuple[int], np.dtype[np.float32]]

VECTORS_IN_MEMORY = 20_000
"""About 30 MB at 384 numbers each; beyond it the memory is emptied, and the file still has them."""
DECIMALS = 4
"""The last bits of a vector depend on the texts that share its batch (cosines by up to 1e-6, measured), and a score
must not."""


def embedding(model: str, *, config: Config) -> Metric:
    """Return a metric: the cosine similarity of response and golden, at least 0; the best golden counts.

    Scores are rounded to four decimals. `model` names a table `[tool.evalharness.embedders.NAME]`: a
    sentence-transformers model in a folder, or one behind an endpoint. It ignores text beyond its own limit (256 tokens
    for all-MiniLM-L6-v2). Raises ConfigError for an unknown embedder or folder, MissingExtraError without
    sentence-transformers.
    """
    settings = config.embedder(model)
    try:
        embedder = _opened(settings, config)
    except ConfigError as error:
        raise ConfigError(f"[tool.evalharness.embedders.{model}]: {error}") from None
    written = signature("embedding", model=embedder.fingerprint[:12], v=1)

    def score(views: Sequence[SampleView], responses: Sequence[Responses]) -> list[Result]:
        vectors = embedder.vectors(text for view in views for text in (view.text, *view.golden))
        return [_closest(view, vectors) for view in views]

    return Metric("embedding", written, score, warm_up=embedder.load)


def _closest(view: SampleView, vectors: Mapping[str, Vector]) -> float:
    ours = vectors[view.text]
    return max(0.0, *(round(float(ours @ vectors[golden]), DECIMALS) for golden in view.golden))


def _opened(settings: EmbedderConfig, config: Config) -> Embedder:
    if (settings.path is None) == (settings.base_url is None):
        raise ConfigError("expected either 'path' (a folder) or 'base_url' (an endpoint)")
    if settings.path is None:
        return Embedder(RemoteModel(settings, offline=config.offline), config.cache_dir / "vectors.sqlite")
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("the embedding metric", "sentence-transformers", "embeddings")
    return _shared(resolve_path(settings.path, config.root).resolve(), settings, config.cache_dir)


@cache
def _shared(folder: Path, settings: EmbedderConfig, cache_dir: Path) -> Embedder:
    """One model in memory, even if several suites use it."""
    return Embedder(LocalModel(folder, settings.batch_size), cache_dir / "vectors.sqlite")


class TextModel(Protocol):
    """A model that turns texts into vectors."""

    fingerprint: str
    """Equal fingerprints mean equal vectors."""

    def load(self) -> None:
        """Do the slow part in advance."""
        ...

    def encode(self, texts: Sequence[str]) -> Sequence[np.ndarray[Any, Any]]:
        """Return a vector of length 1 for each text."""
        ...


class Embedder:
    """Turns texts into vectors of length 1; computes each once and stores it."""

    def __init__(self, model: TextModel, file: Path) -> None:
        self._model = model
        self.fingerprint = model.fingerprint
        self._file = VectorFile(file, self.fingerprint)
        self._memory: dict[str, Vector] = {}
        self._reading = Lock()

    def vectors(self, texts: Iterable[str]) -> dict[str, Vector]:
        """Return a vector for each distinct text; those that neither memory nor file has are encoded in one call."""
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
        """Load the model before the first text."""
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
    """Rows that are vectors of length 1; all others are computed again."""
    import numpy as np

    vectors = {text: np.frombuffer(row, dtype="<f4") for text, row in rows.items() if len(row) % 4 == 0}
    return {text: vector for text, vector in vectors.items() if abs(float(vector @ vector) - 1) < 1e-3}
