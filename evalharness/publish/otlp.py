"""OpenTelemetry over OTLP/HTTP with JSON: to a collector, or to a backend that takes it. Needs no SDK.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness import __version__
from evalharness.config import Config
from evalharness.publish import semconv
from evalharness.publish.destination import PublishError
from evalharness.publish.http_target import MODULES, Answer, HttpTarget
from evalharness.publish.otlp_json import logs_body, spans_body
from evalharness.publish.otlp_trace import trace_of
from evalharness.publish_config import When
from evalharness.redaction import scrubbed
from evalharness.report import Outcome
from evalharness.report.encode import one_line
from evalharness.wire import json_bytes

_BATCH = 200
"""Spans or events in one request."""


@dataclass(frozen=True, slots=True)
class Otlp:
    """Sends spans to `/v1/traces` and events to `/v1/logs`."""

    target: HttpTarget
    service: str
    content: bool
    when: When = "always"
    modules: Sequence[str] = MODULES
    remote: bool = True

    def publish(self, outcome: Outcome) -> None:
        """Send the trace of the run. Raises PublishError: not taken, or only a part of it."""
        trace = trace_of(outcome, content=self.content)
        resource = {semconv.SERVICE_NAME: self.service, semconv.SERVICE_VERSION: __version__}
        for spans in _batches(trace.spans()):
            self._send("/v1/traces", spans_body(resource, spans))
        for events in _batches(trace.events()):
            self._send("/v1/logs", logs_body(resource, events))

    def _send(self, path: str, body: Mapping[str, Any]) -> None:
        refused = _refused(self.target.send("POST", json_bytes(scrubbed(body)), path=path))
        if refused:
            raise PublishError(f"a part of {path} was refused: {one_line(refused)}")


def otlp(
    config: Config,
    *,
    url: str | None = None,
    url_env: str | None = None,
    service: str = "evalharness",
    content: bool = False,
    token_env: str | None = None,
    headers: dict[str, str] | None = None,
    headers_env: dict[str, str] | None = None,
    ca_file: str | None = None,
    proxy_env: str | None = None,
) -> Otlp:
    """The destination `otlp`. `url`: before `/v1/traces`. `content`: send the texts of messages and answers too."""
    target = HttpTarget(
        config=config,
        url=url,
        url_env=url_env,
        token_env=token_env,
        headers=headers or {},
        headers_env=headers_env or {},
        ca_file=ca_file,
        proxy_env=proxy_env,
    )
    return Otlp(target, service, content)


def _batches(found: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    everything = list(found)
    return [everything[start : start + _BATCH] for start in range(0, len(everything), _BATCH)]


def _refused(answer: Answer) -> str:
    """What a partial success says was refused; empty if everything was taken."""
    try:
        partial = json.loads(answer.body)["partialSuccess"]
        count = int(partial.get("rejectedSpans") or partial.get("rejectedLogRecords") or 0)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ""  # the status has said that it was taken
    return f"{count} entries: {partial.get('errorMessage') or 'no reason given'}" if count else ""
