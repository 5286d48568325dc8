"""Traces or observations of Langfuse 3: responses of its API, and exports as JSON or JSON Lines.

A trace or a generation is a sample. Its case is its input, so that two exports compare where their inputs are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalharness.records import Run, SampleError, Score, Timing, Usage
from evalharness.store.results.foreign_run import ForeignRun, Result
from evalharness.store.results.values import (
    amount,
    content_text,
    count,
    digest,
    json_text,
    mapping,
    messages,
    name,
    seconds_between,
    sequence,
    text,
)

Row = Mapping[str, Any]
_OF_TRACES = {"timestamp"}
_OF_OBSERVATIONS = {"starttime", "type"}
_KNOWN = {
    *("sessionid", "userid", "projectid", "totalcost", "latency", "htmlpath", "environment", "observations", "scores"),
    *("traceid", "endtime", "usage", "usagedetails", "costdetails", "parentobservationid", "level"),
}


def _plain(row: Any) -> Row:
    """The fields by their names without case and underscores: `trace_id` and `traceId` are equal."""
    return {str(key).replace("_", "").lower(): value for key, value in mapping(row).items()}


def rows_of_langfuse(value: Any) -> Sequence[Row] | None:
    """The traces or observations in a JSON value; None if it has none."""
    rows = value.get("data") if isinstance(value, dict) else value
    if isinstance(value, dict) and not isinstance(rows, list):
        rows = [value]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        return None
    found = [_plain(row) for row in rows]
    return found if all(_is_row(row) for row in found) else None


def _is_row(row: Row) -> bool:
    has_time = row.keys() >= _OF_TRACES or row.keys() >= _OF_OBSERVATIONS
    return has_time and "id" in row and len(row.keys() & _KNOWN) >= 2


def langfuse_run(rows: Sequence[Row], found: ForeignRun) -> Run:
    """The run of traces or observations. Observations that are not generations are left out."""
    rows = sorted(rows, key=lambda row: name(row.get("timestamp"), row.get("starttime")))
    prompts: dict[str, str] = {}
    for row in rows:
        is_trace = row.keys() >= _OF_TRACES
        if not is_trace and text(row["type"]).upper() != "GENERATION":
            found.left_out["observation that is not a generation"] += 1
        elif row.get("input") in (None, "", [], {}):
            found.left_out["trace or generation without an input"] += 1
        else:
            result = _trace(row, found) if is_trace else _generation(row, found)
            prompts.setdefault(result.prompt, "")
            found.add(result)
    started = name(rows[0].get("timestamp"), rows[0].get("starttime"))
    return found.run(id="", suite="", started_at=started, prompts=prompts)


def _trace(row: Row, found: ForeignRun) -> Result:
    inner = [_plain(one) for one in sequence(row.get("observations")) if isinstance(one, dict)]
    made = [one for one in inner if text(one.get("type")).upper() == "GENERATION"]
    models = {model for one in made if (model := _model(one))}
    used = [usage for one in made if (usage := _usage(one))]
    usage = Usage(sum(u.prompt_tokens for u in used), sum(u.completion_tokens for u in used)) if used else None
    seconds = amount(row.get("latency"))
    return Result(
        **_asked(row),
        prompt=name(row.get("name")) or "trace",
        model=models.pop() if len(models) == 1 else "application",
        scores=tuple(_scores(row.get("scores"), found)),
        usage=usage,
        timing=Timing(seconds) if seconds else None,
        cost_usd=amount(row.get("totalcost")),
    )


def _generation(row: Row, found: ForeignRun) -> Result:
    seconds = seconds_between(row.get("starttime"), row.get("endtime"))
    first = seconds_between(row.get("starttime"), row.get("completionstarttime"))
    cost = (row.get("calculatedtotalcost"), row.get("totalcost"), mapping(row.get("costdetails")).get("total"))
    is_error = text(row.get("level")).upper() == "ERROR"
    message = text(row.get("statusmessage")) or "the generation failed"
    return Result(
        **_asked(row),
        prompt=name(row.get("promptname"), row.get("name")) or "generation",
        model=_model(row) or "model",
        scores=tuple(_scores(row.get("scores"), found)),
        error=SampleError("error", message) if is_error else None,
        usage=_usage(row),
        timing=Timing(seconds, first) if seconds else None,
        cost_usd=next((known for one in cost if (known := amount(one)) is not None), None),
    )


def _asked(row: Row) -> dict[str, Any]:
    """The case, which is the input, and the answer."""
    asked, content = messages(row["input"]), row["input"]
    words = "-".join(asked[-1].content.split()[:6])[:40]
    return {
        "case": f"{words}-{digest(content)[:8]}",
        "content": content,
        "text": _text(row.get("output")),
        "messages": asked,
    }


def _text(output: Any) -> str | None:
    """The answer: a text, the text of a message, or JSON."""
    if output is None or isinstance(output, str):
        return output
    if isinstance(output, dict) and "role" in output and (found := content_text(output.get("content"))) is not None:
        return found
    return json_text(output)


def _model(row: Row) -> str:
    return name(row.get("model"), row.get("providedmodelname"))


def _usage(row: Row) -> Usage | None:
    details, used = _plain(row.get("usagedetails")), _plain(row.get("usage"))
    given = count(details.get("input"), used.get("input"), row.get("prompttokens"), row.get("inputusage"))
    made = count(details.get("output"), used.get("output"), row.get("completiontokens"), row.get("outputusage"))
    return Usage(given, made) if given or made else None


def _scores(scores: Any, found: ForeignRun) -> Iterator[Score]:
    """The scores: a list of objects with name and value, or an object of numbers. The last of a name counts."""
    last: dict[str, Score] = {}
    for metric, value, kind, comment in _named(scores):
        for score in found.score(metric, value, kind, comment):
            last[metric] = score
    yield from last.values()


def _named(scores: Any) -> Iterator[tuple[str, Any, str, str]]:
    for score in sequence(scores):
        one = _plain(score)
        kind = text(one.get("datatype")).upper() or "NUMERIC"
        if metric := name(one.get("name")):
            yield metric, one.get("value") if kind != "CATEGORICAL" else None, kind, text(one.get("comment"))
    for metric, value in mapping(scores).items():
        only = value[0] if isinstance(value, list) and len(value) == 1 else value
        if name(metric):
            yield name(metric), only, "NUMERIC", ""
