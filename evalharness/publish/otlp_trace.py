"""A run as a trace: a span for the run, one for each request below it, and an event for each score and verdict.

A record keeps how long a request took and not when it started: each span starts with the run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.publish import semconv
from evalharness.publish.otlp_json import attributes, nanoseconds, span_id, trace_id
from evalharness.records import Sample, Verdict
from evalharness.report import Outcome
from evalharness.report.encode import one_line
from evalharness.report.gate_data import gate_data

_INTERNAL, _CLIENT = 1, 3
_OK, _ERROR = 1, 2
_INFO = 9
_TEXT_CHARS = 20_000
_OF_GATE = ("before", "after", "change", "low", "high", "margin", "p_value", "cases", "unit", "level_unit", "gating")
_ERRORS = ("FAIL", "ERROR")


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of an outcome. `content`: with the texts of messages, answers and explanations."""

    outcome: Outcome
    content: bool
    start: int
    """In nanoseconds since 1970."""

    @property
    def id(self) -> str:
        """The same for the same run, so that publishing it again adds no trace."""
        header = self.outcome.run.header
        return trace_id(header.suite, header.id, header.started_at)

    @property
    def root(self) -> str:
        """The id of the run's span."""
        return span_id(self.id)

    def spans(self) -> Iterator[dict[str, Any]]:
        """The span of the run, then one for each sample."""
        header, samples = self.outcome.run.header, self.outcome.run.samples
        git = header.environment.get("git")
        yield self._span(
            self.root,
            one_line(f"evaluate {header.suite}"),
            _INTERNAL,
            max((_duration_ns(sample) for sample in samples), default=0),
            {
                **self._names(),
                **_own(status=self.outcome.word.lower(), headline=one_line(self.outcome.headline)),
                **_own(commit=git.get("commit") if isinstance(git, dict) else None, samples=len(samples)),
            },
            _ERROR if self.outcome.word in _ERRORS else _OK,
        )
        for sample in samples:
            yield self._of_sample(sample)

    def events(self) -> Iterator[dict[str, Any]]:
        """The event of each score and broken assertion, then of each verdict."""
        for sample in self.outcome.run.samples:
            yield from self._of_scores(sample)
        for verdict in self.outcome.verdicts:
            yield self._event(self.root, 0, self._of_verdict(verdict))

    def _span(
        self, span: str, name: str, kind: int, duration_ns: int, values: Mapping[str, Any], status: int
    ) -> dict[str, Any]:
        parent = {} if span == self.root else {"parentSpanId": self.root}
        return {
            "traceId": self.id,
            "spanId": span,
            **parent,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(self.start),
            "endTimeUnixNano": str(self.start + duration_ns),
            "attributes": attributes(values),
            "status": {"code": status},
        }

    def _event(self, span: str, after_ns: int, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "timeUnixNano": str(self.start + after_ns),
            "observedTimeUnixNano": str(self.start + after_ns),
            "severityNumber": _INFO,
            "eventName": semconv.EVALUATION_EVENT,
            "traceId": self.id,
            "spanId": span,
            "attributes": attributes(values),
        }

    def _names(self) -> dict[str, Any]:
        header = self.outcome.run.header
        return _own(suite=one_line(header.suite), run=one_line(header.id))

    def _of_sample(self, sample: Sample) -> dict[str, Any]:
        values = {**self._names(), **_key(sample), **self._request(sample), **_response(sample)}
        if self.content:
            values |= _texts(sample)
        model = one_line(sample.key.model)
        status = _ERROR if sample.error else _OK
        return self._span(_id(self, sample), f"chat {model}", _CLIENT, _duration_ns(sample), values, status)

    def _request(self, sample: Sample) -> dict[str, Any]:
        header = self.outcome.run.header
        identity = header.models.get(sample.key.model, {})
        params = {attribute: header.params.get(name) for name, attribute in semconv.REQUEST.items()}
        return {
            semconv.OPERATION_NAME: "chat",
            semconv.PROVIDER_NAME: one_line(str(identity.get("provider") or "unknown")),
            semconv.REQUEST_MODEL: one_line(str(identity.get("model") or sample.key.model)),
            **{name: value for name, value in params.items() if isinstance(value, int | float) or value},
        }

    def _of_scores(self, sample: Sample) -> Iterator[dict[str, Any]]:
        span, after = _id(self, sample), _duration_ns(sample)
        for score in sample.scores:
            values = {
                semconv.EVALUATION_NAME: one_line(score.metric),
                semconv.SCORE_VALUE: float(score.value),
                **_own(**{"evaluation.version": one_line(score.signature, 500)}),
                **_key(sample),
            }
            if self.content:
                values[semconv.EXPLANATION] = one_line(score.explanation, 2000)
            yield self._event(span, after, values)
        if sample.failed_checks:
            values = {semconv.EVALUATION_NAME: "assertions", semconv.SCORE_LABEL: "fail", **_key(sample)}
            yield self._event(span, after, {**values, **_own(**{"assertions.failed": len(sample.failed_checks)})})

    def _of_verdict(self, verdict: Verdict) -> dict[str, Any]:
        data, signatures = gate_data(verdict), self.outcome.run.header.signatures
        numbers = {f"verdict.{name}": data[name] for name in _OF_GATE}
        return {
            semconv.EVALUATION_NAME: one_line(verdict.metric),
            semconv.SCORE_LABEL: verdict.status,
            **self._names(),
            **_own(**{"evaluation.version": one_line(signatures.get(verdict.metric, ""), 500)}),
            **_own(model=one_line(verdict.model), prompt=one_line(verdict.prompt), tag=one_line(verdict.tag)),
            **_own(**{"verdict.status": verdict.status, "verdict.reason": one_line(verdict.reason, 500)}, **numbers),
        }


def trace_of(outcome: Outcome, *, content: bool) -> Trace:
    """The trace of an outcome; it starts when the run did."""
    return Trace(outcome, content, nanoseconds(outcome.run.header.started_at, time.time_ns()))


def _own(**values: Any) -> dict[str, Any]:
    """Attributes of evalharness."""
    return {semconv.OWN + name: value for name, value in values.items()}


def _id(trace: Trace, sample: Sample) -> str:
    return span_id(trace.id, *sample.key)


def _key(sample: Sample) -> dict[str, Any]:
    key = sample.key
    return _own(
        case=one_line(key.case), model=one_line(key.model), prompt=one_line(key.prompt), repeat=key.repeat,
        purpose=key.purpose,
    )  # fmt: skip


def _response(sample: Sample) -> dict[str, Any]:
    error = {semconv.ERROR_TYPE: one_line(sample.error.kind)} if sample.error else {}
    if sample.response is None:
        return error
    usage = sample.response.usage
    return {
        **error,
        semconv.RESPONSE_MODEL: one_line(sample.response.model),
        semconv.FINISH_REASONS: [sample.response.finish_reason],
        semconv.INPUT_TOKENS: usage.prompt_tokens,
        semconv.OUTPUT_TOKENS: usage.completion_tokens,
        semconv.CACHE_READ_TOKENS: usage.cached_tokens or None,
        semconv.CACHE_WRITE_TOKENS: usage.cache_write_tokens or None,
        **_own(cost_usd=sample.cost_usd, attempts=sample.attempts, recorded_at=one_line(sample.recorded_at)),
        **_own(tokens_estimated=usage.estimated or None),
    }


def _texts(sample: Sample) -> dict[str, Any]:
    """The messages and the answer as JSON texts."""
    asked = [_message(message.role, message.content) for message in sample.messages]
    found = {semconv.INPUT_MESSAGES: json.dumps(asked, ensure_ascii=False)}
    if sample.response:
        answer = _message("assistant", sample.response.text) | {"finish_reason": sample.response.finish_reason}
        found[semconv.OUTPUT_MESSAGES] = json.dumps([answer], ensure_ascii=False)
    return found


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text[:_TEXT_CHARS]}]}


def _duration_ns(sample: Sample) -> int:
    return int(1e9 * sample.response.timing.total_s) if sample.response else 0
