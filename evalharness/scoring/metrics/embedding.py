"""Closeness in meaning: cosine similarity of two texts' vectors (Reimers & Gurevych 2019, arXiv:1908.10084).

texts ── in memory? ── in the file? ── encode the rest in one call ── keep ── max(0, cosine)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from struct import Struct
from threading import Lock
from typing import TYPE_CHECKING, Literal, Protocol

from evalharness.config import Config, EmbedderConfig, resolve_path
from evalharness.errors import ConfigError, MetricError, MissingExtraError
from evalharness.modules import import_modules
from evalharness.records import Score
from evalharness.scoring.metrics.base import Metric, Responses, Result, SampleView, signature
from evalharness.scoring.metrics.local_embedder import LocalModel
from evalharness.scoring.metrics.remote_embedder import RemoteModel
from evalharness.scoring.metrics.vectors import VectorFile
from evalharness.scoring.metrics.windows import Embedded

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[tuple[int], np.dtype[np.float32]]

VECTORS_IN_MEMORY = 20_000
"""About 30 MB at 384 numbers each; beyond it the memory is emptied, and the file still has them."""
DECIMALS = 4
"""The last bits of a vector depend on the texts that share its batch (cosines by up to 1e-6, measured), and a score
must not."""
_COUNTS = Struct("<II")
"""Before each stored vector: the length of its text, and how much of it was read."""


def embedding(model: str, *, long: Literal["cut", "window", "error"] = "cut", config: Config) -> Metric:
    """Return a metric: the cosine similarity of response and golden, at least 0; the best golden counts.

    Scores are rounded to four decimals. `model` names a table `[tool.evalharness.embedders.NAME]`: a
    sentence-transformers model in a folder, or one behind an endpoint. `long`: a text that is longer than the model
    reads (256 tokens for all-MiniLM-L6-v2) is cut and gets a note, is read in windows, or gives an error. Raises
    ConfigError for an unknown embedder or folder, MissingExtraError without sentence-transformers.
    """
    windows = long == "window"
    embedder = open_embedder(model, config, windows=windows)
    options = {"long": long} if windows else {}  # where nothing is cut, the other two give the same score
    written = signature("embedding", model=embedder.fingerprint[:12], **options, v=1)

    def score(views: Sequence[SampleView], responses: Sequence[Responses]) -> list[Result]:
        texts = embedder.embed(text for view in views for text in (view.text, *view.golden))
        return [_result(view, texts, written, embedder.unit, fail=long == "error") for view in views]

    return Metric("embedding", written, score, warm_up=embedder.load)


def open_embedder(model: str, config: Config, *, windows: bool = False) -> Embedder:
    """Return the embedder of a table of the configuration. Raises ConfigError, MissingExtraError."""
    try:
        return _opened(config.embedder(model), config, windows)
    except ConfigError as error:
        place = f"[tool.evalharness.embedders.{model}]: " if model in config.embedders else ""
        raise ConfigError(f"{place}{error}") from None


def _result(view: SampleView, texts: Mapping[str, Embedded], signature: str, unit: str, *, fail: bool) -> Result:
    note = _unread(view, texts, unit)
    if note and fail:
        return MetricError(f"{note} (option long: error)")
    return Score("embedding", closeness(texts, view.text, view.golden), signature, note=note)


def closeness(texts: Mapping[str, Embedded], answer: str, others: Sequence[str]) -> float:
    """Return the largest cosine of an answer and the others, at least 0, rounded to four decimals."""
    ours = texts[answer].vector
    return max(0.0, *(round(float(ours @ texts[other].vector), DECIMALS) for other in others))


def _unread(view: SampleView, texts: Mapping[str, Embedded], unit: str) -> str:
    """How much of the answer and of the longest golden was read; empty if the model read all."""
    golden = max((texts[one] for one in view.golden), key=lambda text: text.length)
    named = {"the answer": texts[view.text], "the golden answer": golden}
    cut = [f"{one.read:,} of {one.length:,} {unit} of {name}" for name, one in named.items() if one.read < one.length]
    return f"the model read {' and '.join(cut)}" if cut else ""


def _opened(settings: EmbedderConfig, config: Config, windows: bool) -> Embedder:
    if (settings.path is None) == (settings.base_url is None):
        raise ConfigError("expected either 'path' (a folder) or 'base_url' (an endpoint)")
    file = config.cache_dir / "vectors.sqlite"
    if settings.path is None:
        if windows and settings.max_chars is None:
            raise ConfigError("long: window needs 'max_chars', the size of a window: the model's limit is unknown")
        return Embedder(RemoteModel(settings, offline=config.offline), file, windows=windows)
    if settings.max_chars is not None:
        raise ConfigError("'max_chars' is for endpoints: a model in a folder states how many tokens it reads")
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("the embedding metric", "sentence-transformers", "embeddings")
    return _shared(resolve_path(settings.path, config.root).resolve(), settings.batch_size, file, windows)


@cache
def _shared(folder: Path, batch_size: int, file: Path, windows: bool) -> Embedder:
    """One embedder, even if several suites use it."""
    return Embedder(_loaded_once(folder, batch_size), file, windows=windows)


@cache
def _loaded_once(folder: Path, batch_size: int) -> LocalModel:
    return LocalModel(folder, batch_size)


class TextModel(Protocol):
    """A model that turns texts into vectors."""

    fingerprint: str
    """Equal fingerprints mean equal vectors."""
    unit: str
    """The unit of its limit: tokens or characters."""

    def load(self) -> None:
        """Do the slow part in advance."""
        ...

    def encode(self, texts: Sequence[str], *, windows: bool) -> Sequence[Embedded]:
        """Return a vector of length 1 for each text. With `windows` for the whole text, else for its start."""
        ...


class Embedder:
    """Turns texts into vectors of length 1; computes each once and stores it."""

    def __init__(self, model: TextModel, file: Path, *, windows: bool = False) -> None:
        self._model, self._windows = model, windows
        self.fingerprint, self.unit = model.fingerprint, model.unit
        self._file = VectorFile(file, f"{self.fingerprint}:{'window' if windows else 'cut'}:2")
        self._memory: dict[str, Embedded] = {}
        self._reading = Lock()

    def embed(self, texts: Iterable[str]) -> dict[str, Embedded]:
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
        """Load the model, and numpy, before the first text."""
        import_modules(["numpy"])
        self._model.load()

    def _encoded(self, texts: list[str]) -> dict[str, Embedded]:
        if not texts:
            return {}
        # A lone surrogate, which a model can write, would make the tokeniser refuse the whole batch.
        rows = self._model.encode([text.encode("utf-8", "replace").decode() for text in texts], windows=self._windows)
        if not all(_has_length_1(row.vector) for row in rows):
            raise MetricError("the embedding model returned a vector that is not finite or has no direction")
        found = dict(zip(texts, rows, strict=True))
        self._file.write({text: _COUNTS.pack(row.length, row.read) + _bytes(row.vector) for text, row in found.items()})
        return found


def _bytes(vector: Vector) -> bytes:
    return vector.astype("<f4").tobytes()


def _unpacked(rows: Mapping[str, bytes]) -> dict[str, Embedded]:
    """Rows that are counts and a vector of length 1; all others are computed again."""
    import numpy as np

    found = {}
    for text, row in rows.items():
        if len(row) > _COUNTS.size and len(row) % 4 == 0:
            vector = np.frombuffer(row, dtype="<f4", offset=_COUNTS.size)
            if _has_length_1(vector):
                found[text] = Embedded(vector, *_COUNTS.unpack_from(row))
    return found


def _has_length_1(vector: Vector) -> bool:
    return abs(float(vector @ vector) - 1) < 1e-3
