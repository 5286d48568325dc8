"""A sentence-transformers model in a folder: on the CPU, offline, without running code from the folder."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from evalharness.errors import ConfigError, MissingExtraError
from evalharness.scoring.metrics.telemetry import switch_off
from evalharness.scoring.metrics.windows import Embedded, pooled, spans

if TYPE_CHECKING:
    import numpy as np

_NOT_THE_MODEL = {".md", ".gitattributes", ".gitignore", ".lock", ".metadata"}
_SAFE_MAJOR = 6
"""The major version of sentence-transformers that runs no code of a folder."""
_ROOM = 8
"""Tokens that a window leaves free: the end of a word can have more tokens alone than within its word."""


class LocalModel:
    """Loads with the first new text, or by `load`, from any thread. Raises MissingExtraError: an old package."""

    unit = "tokens"

    def __init__(self, folder: Path, batch_size: int) -> None:
        check_version()
        self.folder, self.batch_size = folder, batch_size
        self.fingerprint = fingerprint(folder)
        self._model: Any = None
        self._loading = Lock()

    def load(self) -> None:
        """Import sentence-transformers and read the model once; a second thread waits for the first."""
        with self._loading:
            if self._model is None:
                self._model = _open_model(self.folder)

    def encode(self, texts: Sequence[str], *, windows: bool) -> list[Embedded]:
        """Return a vector of length 1 for each text. With `windows` for the whole text, else for its start."""
        self.load()
        limit = self._model.max_seq_length
        if limit is None or math.isinf(limit):
            return [Embedded(vector, 0, 0) for vector in self._vectors(texts)]
        lengths = self._token_counts(texts)
        if not windows:
            vectors = self._vectors(texts)
            return [Embedded(v, n, min(n, limit)) for v, n in zip(vectors, lengths, strict=True)]
        return self._in_windows(texts, lengths, limit)

    def _in_windows(self, texts: Sequence[str], lengths: Sequence[int], limit: int) -> list[Embedded]:
        parts = [
            [Part(text, n, n)] if n <= limit else list(self._parts(text, limit))
            for text, n in zip(texts, lengths, strict=True)
        ]
        vectors = iter(self._vectors([part.text for of_text in parts for part in of_text]))
        return [
            Embedded(pooled([next(vectors) for _ in of_text], [part.tokens for part in of_text]), n, of_text[-1].end)
            for of_text, n in zip(parts, lengths, strict=True)
        ]

    def _parts(self, text: str, limit: int) -> Iterator[Part]:
        """The windows of a long text."""
        around = self._token_counts([""])[0]
        places = self._tokenised([text], add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"][0]
        for start, end in spans(len(places), max(1, limit - around - _ROOM)):
            part = text[places[start][0] : places[end - 1][1]]
            yield Part(part, end - start, end + around)

    def _token_counts(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text, with those that the model adds around it: its limit counts them too."""
        prompt = self._model.prompts.get(self._model.default_prompt_name or "") or ""
        return [len(ids) for ids in self._tokenised([prompt + text for text in texts])["input_ids"]]

    def _tokenised(self, texts: list[str], **options: Any) -> Any:
        # Not verbose: else transformers warns about each text that is longer than the model reads.
        return self._model.tokenizer(texts, truncation=False, padding=False, verbose=False, **options)

    def _vectors(self, texts: Sequence[str]) -> Sequence[np.ndarray[Any, Any]]:
        rows: Sequence[np.ndarray[Any, Any]] = self._model.encode(
            list(texts), batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        return rows


class Part(NamedTuple):
    """A window of a text."""

    text: str
    tokens: int
    end: int
    """The tokens of the text up to here."""


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


def check_version(feature: str = "the embedding metric") -> None:
    """Earlier versions import a class that `modules.json` names from the folder, in spite of `trust_remote_code`."""
    if int(version("sentence-transformers").partition(".")[0]) < _SAFE_MAJOR:
        raise MissingExtraError(feature, f"sentence-transformers>={_SAFE_MAJOR}.0", "embeddings")


def _open_model(folder: Path) -> Any:
    switch_off()
    from sentence_transformers import SentenceTransformer

    with no_progress_bar():
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Hide the bar that transformers writes to stderr while it reads weights: no argument turns it off."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
