"""An embedding model behind OpenAI's `/embeddings`: OpenAI, Azure, vLLM, llama-server, Ollama."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalharness.config import EmbedderConfig
from evalharness.errors import ConfigError, MetricError, ModelUnavailableError, ProviderError
from evalharness.modules import import_modules
from evalharness.redaction import scrub, shortened
from evalharness.scoring.metrics.windows import Embedded, pooled, spans
from evalharness.wire import MODULES, Endpoint, EndpointError
from evalharness.wire.retry import Tries

if TYPE_CHECKING:
    import numpy as np

_RETRIES = 2
_LONG_CHARS = 1_000
"""A shorter text fits into 512 tokens, the smallest limit of the usual endpoints."""


class RemoteModel:
    """Sends texts in batches, one after another; `offline`: never, so a text without a stored vector is an error."""

    unit = "characters"

    def __init__(self, settings: EmbedderConfig, *, offline: bool) -> None:
        """Raises ConfigError."""
        if settings.model is None:
            raise ConfigError("'model' is missing: the endpoint's name of the model")
        assert settings.base_url is not None
        self._settings, self._offline = settings, offline
        self._endpoint = Endpoint([settings.base_url], api_key_env=settings.api_key_env, key_header=settings.key_header)
        limit = [] if settings.max_chars is None else [settings.max_chars]
        identity = json.dumps([*self._endpoint.base_urls, settings.model, *limit])
        self.fingerprint = hashlib.sha256(identity.encode()).hexdigest()

    def load(self) -> None:
        """Import the HTTP client; the model runs elsewhere."""
        import_modules([] if self._offline else MODULES)

    def encode(self, texts: Sequence[str], *, windows: bool) -> list[Embedded]:
        """Return a vector of length 1 for each text. With `windows` for the whole text, else for its start.

        Raises MetricError.
        """
        if self._offline:
            raise MetricError(f"{len(texts)} texts have no stored vector, and --llm-record=none forbids model calls")
        parts = [self._parts(text, windows) for text in texts]
        sent = [text[start:end] for text, at in zip(texts, parts, strict=True) for start, end in at]
        vectors = iter(asyncio.run(self._encode(sent)))
        return [
            Embedded(pooled([next(vectors) for _ in at], [b - a for a, b in at]), len(text), at[-1][1])
            for text, at in zip(texts, parts, strict=True)
        ]

    def _parts(self, text: str, windows: bool) -> list[tuple[int, int]]:
        """The start and end of each part of a text that is sent."""
        limit = self._settings.max_chars or max(1, len(text))
        return list(spans(len(text), limit)) if windows else [(0, min(len(text), limit))]

    async def _encode(self, texts: Sequence[str]) -> list[np.ndarray[Any, Any]]:
        size = self._settings.batch_size
        try:
            async with asyncio.timeout(self._settings.deadline_s * -(-len(texts) // size)):
                batches = [await self._batch(texts[start : start + size]) for start in range(0, len(texts), size)]
        except TimeoutError:
            raise MetricError(f"no vectors within deadline_s = {self._settings.deadline_s:g}") from None
        except ProviderError as error:
            raise MetricError(scrub(f"{error.kind}: {error}{_length_hint(texts, error)}")) from None
        finally:
            await self._endpoint.close()  # connections belong to this event loop
        return [vector for batch in batches for vector in batch]

    async def _batch(self, texts: Sequence[str]) -> list[np.ndarray[Any, Any]]:
        body, tries = {"model": self._settings.model, "input": list(texts)}, Tries(_RETRIES)
        while True:
            try:
                async with self._endpoint.post("/embeddings", body, attempt=secrets.token_hex(8)) as answer:
                    return _vectors(await answer.json(), len(texts))
            except ProviderError as error:
                wait_s = tries.wait_s(error)
                if wait_s is None:
                    raise
                await asyncio.sleep(wait_s)


def _length_hint(texts: Sequence[str], error: ProviderError) -> str:
    """Endpoints reject a text beyond their limit, each in its own words."""
    longest = max(map(len, texts))
    if longest < _LONG_CHARS or isinstance(error, ModelUnavailableError):
        return ""
    return f" (the longest text has {longest:,} characters: if the model reads fewer, set 'max_chars' of the embedder)"


def _vectors(value: Any, expected: int) -> list[np.ndarray[Any, Any]]:
    """In the order of the texts. Raises EndpointError for anything but `expected` vectors that have a direction."""
    import numpy as np

    rows = value.get("data") if isinstance(value, Mapping) else None
    try:
        by_index = {row["index"]: np.asarray(row["embedding"], dtype="<f4") for row in rows or []}
        vectors = [by_index[index] for index in range(expected)]
        lengths = [float(np.linalg.norm(vector)) for vector in vectors]
    except (KeyError, TypeError, ValueError):
        raise EndpointError(f"expected {expected} embeddings, got {shortened(value)}") from None
    sound = all(vector.ndim == 1 and 0 < length < np.inf for vector, length in zip(vectors, lengths, strict=True))
    if not sound or len({len(vector) for vector in vectors}) > 1:
        raise EndpointError("got a vector without a direction, or vectors of different sizes")
    return [vector / length for vector, length in zip(vectors, lengths, strict=True)]
