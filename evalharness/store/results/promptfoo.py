"""Results of promptfoo: `promptfoo eval -o output.json` in the versions 2 and 3 of its summary, and `output.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from evalharness.records import Message, Run, SampleError, Score, Timing, Usage
from evalharness.store.results.foreign_run import ForeignRun, Result
from evalharness.store.results.values import amount, count, digest, json_text, mapping, messages, name, sequence, text

_ERROR = 2
"""`failureReason` of a result that has an error and no verdict."""
_MAX_LABEL = 60


def is_promptfoo(value: Any) -> bool:
    """Whether a JSON value is a result file of promptfoo."""
    return _summary(value) is not None


def _summary(value: Any) -> Mapping[str, Any] | None:
    """The summary: in a file of the command, or alone as the Node package returns it; or a list of its results."""
    if isinstance(value, list) and value and all({"promptIdx", "testIdx"} <= {*mapping(row)} for row in value):
        return {"results": value}
    for one in (mapping(value).get("results"), value):
        if isinstance(one, dict) and isinstance(one.get("results"), list) and ("stats" in one or "version" in one):
            return one
    return None


def promptfoo_run(value: Any, found: ForeignRun) -> Run:
    """The run of a result file."""
    summary, whole = mapping(_summary(value)), mapping(value)
    config = mapping(whole.get("config"))
    prompts: dict[str, str] = {}
    for row in sequence(summary["results"]):
        if not isinstance(row, dict) or not row.keys() & {"response", "error"}:
            found.left_out["result without a response"] += 1
            continue
        result = _result(row, found)
        prompts.setdefault(result.prompt, "")
        found.add(result)
    return found.run(
        id=name(whole.get("evalId")),
        suite=name(config.get("description"), whole.get("evalId")) or "promptfoo",
        started_at=name(summary.get("timestamp"), whole.get("createdAt")),
        prompts=prompts,
    )


def _result(row: Mapping[str, Any], found: ForeignRun) -> Result:
    test, response = mapping(row.get("testCase")), mapping(row.get("response"))
    content = {"vars": mapping(test.get("vars")) or mapping(row.get("vars")), "assert": test.get("assert")}
    answer, error = _answer(response), text(row.get("error"))
    is_error = row.get("failureReason") == _ERROR or (bool(error) and answer is None)
    label = name(test.get("description"), row.get("description")) or "test"
    return Result(
        f"{label[:_MAX_LABEL]} {digest(content)[:8]}",
        content,
        _prompt_name(row),
        _model(row.get("provider")),
        answer,
        _messages(mapping(row.get("prompt")).get("raw")),
        scores=() if is_error else tuple(_scores(row, found)),
        failed=() if is_error else tuple(_failed(row)),
        error=SampleError("error", error or "no answer") if is_error else None,
        usage=_usage(mapping(response.get("tokenUsage")) or mapping(row.get("tokenUsage"))),
        timing=_timing(row, response),
        cost_usd=amount(row.get("cost")) if response.get("cached") is not True else None,
    )


def _answer(response: Mapping[str, Any]) -> str | None:
    output = response.get("output")
    return output if output is None or isinstance(output, str) else json_text(output)


def _prompt_name(row: Mapping[str, Any]) -> str:
    """The label; the number of a prompt that has its own text as the label."""
    label = text(mapping(row.get("prompt")).get("label"))
    is_short = 0 < len(label) <= _MAX_LABEL and "\n" not in label and "{{" not in label
    return label if is_short else f"prompt-{count(row.get('promptIdx')) + 1}"


def _model(provider: Any) -> str:
    given = mapping(provider)
    return name(given.get("label"), given.get("id"), provider) or "provider"


def _messages(raw: Any) -> tuple[Message, ...]:
    """The prompt as it was sent: a text, or a conversation in JSON or YAML, of which JSON is read."""
    if isinstance(raw, str) and raw.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            return messages(json.loads(raw))
    return messages(raw) if isinstance(raw, str) else ()


def _scores(row: Mapping[str, Any], found: ForeignRun) -> Iterator[Score]:
    graded = mapping(row.get("gradingResult"))
    reason = text(graded.get("reason"))
    success = row.get("success")
    yield from found.score("pass", success if isinstance(success, bool) else None, explanation=reason)
    if "score" in row:  # null stands for NaN
        yield from found.score("score", row["score"], explanation=reason)
    for metric, value in mapping(row.get("namedScores")).items():
        if name(metric) not in ("", "pass", "score"):
            yield from found.score(name(metric), value)


def _failed(row: Mapping[str, Any]) -> Iterator[str]:
    """A message for each assertion that fails."""
    if row.get("success") is not False:
        return
    graded = mapping(row.get("gradingResult"))
    parts = [one for one in map(mapping, sequence(graded.get("componentResults"))) if one.get("pass") is False]
    for part in parts or [graded]:
        kind = name(mapping(part.get("assertion")).get("type"))
        reason = text(part.get("reason")) or text(row.get("error")) or "failed"
        yield f"{kind}: {reason}" if kind else reason


def _usage(used: Mapping[str, Any]) -> Usage | None:
    given, made, cached = (count(used.get(key)) for key in ("prompt", "completion", "cached"))
    return Usage(given, made, min(cached, given)) if given or made else None


def _timing(row: Mapping[str, Any], response: Mapping[str, Any]) -> Timing | None:
    """Seconds of the request; None for an answer of promptfoo's cache."""
    latency = amount(row.get("latencyMs"))
    return None if not latency or response.get("cached") is True else Timing(latency / 1000)
