"""Spans and events of a run as OTLP sends them, by a reading of its specification that shares no code with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback import Asked, Loopback, answer
from publishing import failed, send

from evalharness.publish import semconv
from evalharness.publish.otlp_trace import trace_of
from evalharness.records import Score
from evalharness.report import Outcome
from evalharness.testing import outcome, run, sample

SEMCONV = Path(semconv.__file__).read_text()
PAGE = (Path(__file__).parents[2] / "docs/publish.md").read_text(encoding="utf-8")
SECRET_TEXT = "the words of the answer"


def plain(values: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes as a dict of Python values; each has one value of a known type."""
    found = {}
    for one in values:
        assert one.keys() == {"key", "value"}
        ((kind, value),) = one["value"].items()
        read = {
            "stringValue": str,
            "intValue": int,
            "doubleValue": float,
            "boolValue": bool,
            "arrayValue": lambda array: [next(iter(inner.values())) for inner in array["values"]],
        }[kind]
        assert kind != "intValue" or isinstance(value, str), "64-bit integers are texts in JSON"
        found[one["key"]] = read(value)
    assert len(found) == len(values)
    return found


def sent(made: Outcome, **options: Any) -> list[Asked]:
    """The requests that publish an outcome."""
    with Loopback(lambda _: answer({})) as server:
        (delivery,) = send([made], otlp={"url": f"{server.url}/otel", **options})
    assert delivery.problem == ""
    return server.asked


def spans(asked: list[Asked]) -> Iterator[dict[str, Any]]:
    """The spans of all requests."""
    for one in asked:
        if one.path == "/otel/v1/traces":
            yield from one.json()["resourceSpans"][0]["scopeSpans"][0]["spans"]


def events(asked: list[Asked]) -> Iterator[dict[str, Any]]:
    """The events of all requests."""
    for one in asked:
        if one.path == "/otel/v1/logs":
            yield from one.json()["resourceLogs"][0]["scopeLogs"][0]["logRecords"]


def test_a_span_for_each_request() -> None:
    """The run's span has one below it for each sample, in one trace, with tokens, model and duration."""
    asked = sent(failed())
    root, *others = spans(asked)
    assert len(others) == 40
    assert {span["traceId"] for span in (root, *others)} == {root["traceId"]}
    assert re.fullmatch("[0-9a-f]{32}", root["traceId"])
    assert len({span["spanId"] for span in (root, *others)}) == 41
    assert all(re.fullmatch("[0-9a-f]{16}", span["spanId"]) for span in (root, *others))
    assert "parentSpanId" not in root
    assert {span["parentSpanId"] for span in others} == {root["spanId"]}
    found = plain(others[0]["attributes"])
    assert (found["gen_ai.operation.name"], found["gen_ai.request.model"]) == ("chat", "scripted")
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (90, 10)
    assert found["gen_ai.response.finish_reasons"] == ["stop"]
    assert found["evalharness.case"] == "case-0"
    assert int(others[0]["endTimeUnixNano"]) - int(others[0]["startTimeUnixNano"]) == 500_000_000
    about = plain(root["attributes"])
    assert (about["evalharness.status"], root["status"]["code"]) == ("fail", 2)
    assert asked[0].headers["content-type"] == "application/json"


def test_an_event_for_each_score_and_verdict() -> None:
    """Each score is an event of its span, with the metric's signature; each verdict one of the run's span."""
    asked = sent(failed())
    root, first, *_ = spans(asked)
    *scores, verdict = events(asked)
    assert {event["eventName"] for event in (*scores, verdict)} == {"gen_ai.evaluation.result"}
    assert (len(scores), scores[0]["spanId"], verdict["spanId"]) == (40, first["spanId"], root["spanId"])
    found = plain(scores[0]["attributes"])
    assert (found["gen_ai.evaluation.name"], found["gen_ai.evaluation.score.value"]) == ("exact", 0.0)
    assert found["evalharness.evaluation.version"] == "exact|v:1"
    decided = plain(verdict["attributes"])
    assert (decided["gen_ai.evaluation.score.label"], decided["evalharness.verdict.status"]) == ("fail", "fail")
    assert decided["evalharness.verdict.change"] == -100.0


def test_content_is_off_by_default() -> None:
    """Texts of messages, answers and explanations are sent with `content = true` alone."""
    score = Score("exact", 0.5, "exact|v:1", explanation=f"because of {SECRET_TEXT}")
    made = outcome(run([sample("case-0", SECRET_TEXT, scores=[score])]))
    assert SECRET_TEXT not in "".join(one.body.decode() for one in sent(made))
    asked = sent(made, content=True)
    _, span = spans(asked)
    found = plain(span["attributes"])
    assert json.loads(found["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "case-0?"}]}
    ]
    (message,) = json.loads(found["gen_ai.output.messages"])
    assert message["parts"] == [{"type": "text", "content": SECRET_TEXT}]
    assert plain(next(events(asked))["attributes"])["gen_ai.evaluation.explanation"] == f"because of {SECRET_TEXT}"


def test_every_name_is_in_one_file() -> None:
    """Each attribute is a literal of semconv.py, or has the prefix of evalharness and is in docs/publish.md."""
    asked = sent(failed(), content=True)
    names = {one["key"] for span in (*spans(asked), *events(asked)) for one in span["attributes"]}
    for part in asked:
        (top,) = part.json().values()
        names |= {one["key"] for one in top[0]["resource"]["attributes"]}
        assert top[0]["schemaUrl"] == "https://opentelemetry.io/schemas/1.40.0"
    own = {name.removeprefix("evalharness.") for name in names if name.startswith("evalharness.")}
    assert [name for name in names if f'"{name}"' not in SEMCONV and not name.startswith("evalharness.")] == []
    assert [name for name in own if f"`{name}`" not in PAGE] == []


def test_many_samples_go_in_batches() -> None:
    """No request has more than 200 spans, and none is lost; publishing again gives the same ids."""
    made = outcome(run([sample(f"case-{number}") for number in range(450)]))
    asked = sent(made)
    sizes = [len(list(spans([one]))) for one in asked if one.path.endswith("traces")]
    assert sizes == [200, 200, 51]
    assert [span["spanId"] for span in spans(sent(made))] == [span["spanId"] for span in spans(asked)]


def test_a_partial_success_is_a_problem() -> None:
    """A collector that refuses a part says so in a response with the status 200."""
    reply = answer({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}})
    with Loopback(lambda _: reply) as server:
        (delivery,) = send([failed()], otlp={"url": server.url})
    assert delivery.problem == "a part of /v1/traces was refused: 3 entries: too old"


@pytest.mark.parametrize("text", ["\udfff\x1b[2J\n", "x" * 100_000])
def test_hostile_records(text: str) -> None:
    """A hostile record gives valid JSON of bounded size, and times and ids of the right form."""
    samples = [sample(text, text, model=text, prompt=text, scores={text: float("nan")})]
    made = outcome(run(samples, suite=text, started_at=text, signatures={text: text}), baselines={}, verdicts=())
    trace = trace_of(replace(made), content=True)
    for one in (*trace.spans(), *trace.events()):
        json.dumps(one, allow_nan=False)
        assert re.fullmatch("[0-9a-f]{32}", one["traceId"])
        assert len(json.dumps(one)) < 200_000
