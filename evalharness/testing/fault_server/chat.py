"""Healthy answers in OpenAI's formats: chat completions, streamed and whole, and embeddings."""

from __future__ import annotations

import base64
import json
import math
import random
import struct
from collections.abc import Iterable
from typing import Any

from evalharness.testing.fault_server.http_bytes import to_json

CREATED = 1_750_000_000
DONE = b"data: [DONE]\n\n"

Chunk = dict[str, Any]
"""One `chat.completion.chunk` as plain data."""


def answer_text(case: str) -> str:
    """The text of a healthy answer."""
    return f"You asked: {case}"


def usage(text: str) -> dict[str, Any]:
    """Plausible token counts of an answer: a token per word."""
    words = len(text.split())
    cached = {"cached_tokens": 0}
    return {
        "prompt_tokens": words + 7,
        "completion_tokens": words,
        "total_tokens": 2 * words + 7,
        "prompt_tokens_details": cached,
    }


def chunk(model: str, delta: dict[str, Any], finish_reason: str | None = None) -> Chunk:
    """One chunk of a streamed answer."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _completion("chat.completion.chunk", model, [choice])


def _completion(kind: str, model: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    named = {"id": "chatcmpl-test", "object": kind, "created": CREATED, "model": model}
    return {**named, "system_fingerprint": "fp_test", "choices": choices}


def chunks(text: str, model: str, pieces: int = 3) -> list[Chunk]:
    """A streamed answer: a role, the text in pieces, a finish reason, the usage."""
    size = max(1, math.ceil(len(text) / pieces))
    content = [chunk(model, {"content": text[at : at + size]}) for at in range(0, len(text), size)]
    role = chunk(model, {"role": "assistant", "content": None, "refusal": None})
    bill = {**chunk(model, {}), "choices": [], "usage": usage(text)}
    return [role, *content, chunk(model, {}, "stop"), bill]


def event(data: object) -> bytes:
    """One server-sent event with JSON as its data."""
    return b"data: " + to_json(data) + b"\n\n"


def sse_events(answer: Iterable[Chunk]) -> list[bytes]:
    """The events of a streamed answer, [DONE] included."""
    return [*map(event, answer), DONE]


def completion(text: str, model: str) -> dict[str, Any]:
    """A whole answer, not streamed."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_completion("chat.completion", model, [choice]), "usage": usage(text)}


def unit_vector(text: object) -> list[float]:
    """Eight numbers of length one that depend on the text alone."""
    numbers = random.Random(json.dumps(text))  # noqa: S311 - its seed goes through SHA-512: the same everywhere
    vector = [numbers.gauss(0, 1) for _ in range(8)]
    length = math.hypot(*vector)
    return [number / length for number in vector]


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request for embeddings, in floats or base64 as the request wants it."""
    given = body.get("input", [])
    texts = [given] if isinstance(given, str) else given
    vectors: list[Any] = [unit_vector(text) for text in texts]
    if body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack("<8f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    bill = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "data": data, "model": body.get("model", ""), "usage": bill}
