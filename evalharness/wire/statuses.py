"""HTTP status codes as errors. The reason phrase is ignored: HTTP/2 has none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalharness.errors import (
    BilledError,
    ModelUnavailableError,
    ProviderError,
    RetryableError,
    ThrottledError,
    UnknownOutcomeError,
)
from evalharness.redaction import shortened
from evalharness.wire.certain import FLAGGED, certain_error
from evalharness.wire.error_body import ErrorBody, error_body, error_fields
from evalharness.wire.response import EndpointError
from evalharness.wire.waits import LONGEST_WAIT_S, requested_wait_s

_NOTHING_DONE = {409, 425, 429, 498, 500, 503, 529}
"""498 is Groq's for a service tier at capacity."""
_OUTCOME_UNKNOWN = {408, 502, 504}
"""A gateway timed out, as with its private codes from 520 on: the model may have responded, and may bill it."""
_THROTTLED = {429, 529}
"""529 is Anthropic's "overloaded"."""
_CONTEXT_CODES = ("context_length_exceeded", "string_above_max_length", "exceed_context_size_error")
_CONTEXT = re.compile(
    r"(prompt|input) is too long|(maximum|available|exceeds? the) context|maximum (model|prompt) length"
    r"|input token count .{0,40}exceeds|`inputs` tokens \+ `max_new_tokens` must be",
    re.IGNORECASE,
)
_PARAMETER_CODES = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
_PARAMETER = re.compile(
    r"(?<!\w)(temperature|seed|top_p|top_k|min_p|max_tokens|repeat_penalty|stop|stop_sequences|stream_options)(?!\w)"
)
_NOT_TAKEN = re.compile(r"support|deprecat|permit|allow|unknown|unrecogni[sz]ed|cannot both|extra input", re.IGNORECASE)
_FILTER_CODES = ("content_filter", "content_policy_violation", "data_inspection_failed")


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error of a response whose status is not 200."""
    found = error_body(body.decode("utf-8", "replace"))
    code = f" {found.code}" if found.code else ""
    text = f"HTTP {status}{code}" + (f": {found.message}" if found.message else "")
    return _error(status, found, requested_wait_s(headers, found.raw), text, headers.get("location", "nowhere"))


def error_in_stream(value: Any, *, generated: bool) -> ProviderError:
    """Return the error for an error object in place of a chunk, in a response with status 200.

    `generated`: text arrived before it, and may be billed.
    """
    found = error_fields(value)
    text = " ".join(part for part in ("the endpoint broke off:", found.code, found.message) if part)
    if found.status is None:
        return EndpointError(text)
    error = _error(found.status, found, requested_wait_s({}, found.raw), text)
    if isinstance(error, ModelUnavailableError):
        return error
    if not isinstance(error, RetryableError):
        return BilledError(str(error), kind=error.kind) if generated else error
    if isinstance(error, ThrottledError) and not generated:
        return error
    return EndpointError(text, kind=error.kind, wait_s=error.wait_s)


def _error(status: int, found: ErrorBody, wait_s: float | None, text: str, location: str = "") -> ProviderError:
    if certain := certain_error(status, found.code, found.message, text):
        return certain
    if status in (501, 505):
        return ProviderError(text, kind="server")
    if status in _NOTHING_DONE | _OUTCOME_UNKNOWN or status >= 500:
        return _temporary(status, wait_s, text)
    if 300 <= status < 400:
        text = f"the endpoint redirects (HTTP {status}) to {shortened(location)}, and redirects are not followed"
        return ProviderError(f"{text}: configure the final address", kind="redirect")
    if 200 <= status < 300:
        return UnknownOutcomeError(f"expected HTTP 200, got HTTP {status}", kind="malformed")
    return ProviderError(text, kind=_rejection(found))


def _temporary(status: int, wait_s: float | None, text: str) -> ProviderError:
    """Return the error of a status that a retry may cure."""
    kind = "rate limit" if status == 429 else "server"
    is_unknown = status not in _NOTHING_DONE
    if wait_s is not None and wait_s > LONGEST_WAIT_S:
        final = BilledError if is_unknown else ProviderError
        text = f"{text}; the requested wait of {wait_s:.10g} s exceeds the limit of {LONGEST_WAIT_S:g} s"
        return final(text, kind=kind)
    if is_unknown:
        return UnknownOutcomeError(text, kind=kind, wait_s=wait_s)
    retryable = ThrottledError if status in _THROTTLED else RetryableError
    return retryable(text, kind=kind, wait_s=wait_s)


def _rejection(found: ErrorBody) -> str:
    """Return the kind of a request that the endpoint rejects."""
    if found.code in _CONTEXT_CODES or _CONTEXT.search(found.message):
        return "context"
    named = _PARAMETER.search(f"{found.parameter} {found.message}")
    if found.code in _PARAMETER_CODES or (named and _NOT_TAKEN.search(found.message)):
        return "parameter"
    if found.code in _FILTER_CODES or FLAGGED.search(found.message):
        return "filtered"
    return "request"
