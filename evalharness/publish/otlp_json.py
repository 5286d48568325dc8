"""OTLP's JSON encoding: attributes, identifiers and times.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from evalharness import __version__
from evalharness.publish import semconv

_SCOPE = {"name": "evalharness", "version": __version__}


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes of scalars and lists of scalars; None, empty texts and NaN are left out."""
    return [{"key": key, "value": _value(value)} for key, value in values.items() if _is_known(value)]


def _is_known(value: Any) -> bool:
    return value is not None and value != "" and not (isinstance(value, float) and not math.isfinite(value))


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(inner) for inner in value]}}
    return {"stringValue": str(value)}


def trace_id(*parts: object) -> str:
    """An identifier of 16 bytes as hexadecimal digits: the same for the same parts."""
    return _digest(parts)[:32]


def span_id(*parts: object) -> str:
    """An identifier of 8 bytes as hexadecimal digits: the same for the same parts."""
    return _digest(parts)[32:48]


def _digest(parts: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()


def nanoseconds(iso: str, otherwise: int) -> int:
    """A time in nanoseconds since 1970; `otherwise` for another text, because records are untrusted."""
    try:
        return max(0, int(1e9 * datetime.fromisoformat(iso).timestamp()))
    except (ValueError, OverflowError):
        return otherwise


def spans_body(resource: Mapping[str, Any], spans: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The body of a request to `/v1/traces`."""
    scope = {"scope": _SCOPE, "spans": list(spans), "schemaUrl": semconv.SCHEMA_URL}
    return {"resourceSpans": [{**_resource(resource), "scopeSpans": [scope]}]}


def logs_body(resource: Mapping[str, Any], records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The body of a request to `/v1/logs`."""
    scope = {"scope": _SCOPE, "logRecords": list(records), "schemaUrl": semconv.SCHEMA_URL}
    return {"resourceLogs": [{**_resource(resource), "scopeLogs": [scope]}]}


def _resource(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {"resource": {"attributes": attributes(resource)}, "schemaUrl": semconv.SCHEMA_URL}
