"""Logs of Inspect 0.3: `.json`, and `.eval`, a zip archive with a header and a file for each sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalharness.errors import StoreError
from evalharness.records import FinishReason, Run, SampleError, SampleKey, Score, Timing, Usage
from evalharness.store.results.foreign_run import ForeignRun, Result
from evalharness.store.results.values import amount, content_text, count, mapping, messages, name, sequence, text

_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Correct, incorrect, partial and no answer, with the values of Inspect's `value_to_float`."""
_CUT = ("max_tokens", "model_length")


def is_inspect(value: Any) -> bool:
    """Whether a JSON value is a log of Inspect."""
    return isinstance(value, dict) and isinstance(value.get("eval"), dict) and "status" in value and "version" in value


def inspect_run(log: Mapping[str, Any], found: ForeignRun) -> Run:
    """The run of a log. Raises StoreError for a log without samples."""
    spec, samples = mapping(log["eval"]), sequence(log.get("samples"))
    if not samples:
        raise StoreError(f"{found.path}: a log of Inspect without samples: expected a whole log, not its header")
    task, model = name(spec.get("task")) or "task", name(spec.get("model")) or "model"
    settings = _settings(log, spec)
    for sample in samples:
        if isinstance(sample, dict) and name(sample.get("id")):
            found.add(_result(sample, task, model, settings, found))
        else:
            found.left_out["sample without an id"] += 1
    return found.run(
        id=name(spec.get("run_id"), spec.get("eval_id")),
        suite=task,
        started_at=name(spec.get("created")),
        prompts={task: name(spec.get("task_version"))},
        planned=_planned(spec, task, model),
        stopped=log.get("status") != "success",
        commit=name(mapping(spec.get("revision")).get("commit")),
    )


def _planned(spec: Mapping[str, Any], task: str, model: str) -> Iterator[SampleKey]:
    ids = [name(one) for one in sequence(mapping(spec.get("dataset")).get("sample_ids"))]
    epochs = count(mapping(spec.get("config")).get("epochs")) or 1
    if len(ids) * epochs <= 1_000_000:
        yield from (SampleKey(one, task, model, epoch) for one in ids if one for epoch in range(epochs))


def _settings(log: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The options of each scorer, which make its scores comparable."""
    known = {name(one.get("name")): one.get("options") for one in map(mapping, sequence(spec.get("scorers")))}
    results = map(mapping, sequence(mapping(log.get("results")).get("scores")))
    return {name(one.get("scorer"), one.get("name")): one.get("params") for one in results} | known


def _result(sample: Mapping[str, Any], task: str, model: str, settings: Mapping[str, Any], found: ForeignRun) -> Result:
    output, target = mapping(sample.get("output")), sample.get("target")
    error = mapping(sample.get("error"))
    return Result(
        name(sample["id"]),
        {key: sample.get(key) for key in ("input", "target", "choices")},
        task,
        model,
        _text(output),
        messages(sample.get("input")),
        tuple(one for one in (target if isinstance(target, list) else [target]) if isinstance(one, str) and one),
        tuple(_scores(mapping(sample.get("scores")), settings, found)),
        error=SampleError("error", text(error.get("message")) or "the sample failed") if error else None,
        usage=_usage(sample, output, model),
        timing=_timing(sample, output),
        cost_usd=amount(mapping(mapping(sample.get("model_usage")).get(model)).get("total_cost")),
        finish_reason=_finish_reason(output),
        repeat=max(0, count(sample.get("epoch")) - 1),
    )


def _message(output: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = sequence(output.get("choices"))
    return mapping(mapping(choices[0]).get("message")) if choices else {}


def _text(output: Mapping[str, Any]) -> str | None:
    if not sequence(output.get("choices")):
        return text(output.get("completion")) or None
    return text(output.get("completion")) or content_text(_message(output).get("content")) or ""


def _finish_reason(output: Mapping[str, Any]) -> FinishReason:
    choices = sequence(output.get("choices"))
    return "length" if choices and mapping(choices[0]).get("stop_reason") in _CUT else "stop"


def _scores(scores: Mapping[str, Any], settings: Mapping[str, Any], found: ForeignRun) -> Iterator[Score]:
    for scorer, score in scores.items():
        value, why = mapping(score).get("value"), text(mapping(score).get("explanation"))
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, one in parts:
            metric = name(f"{scorer}.{part}" if part else scorer)
            yield from found.score(metric, _number(one), settings.get(scorer), why)


def _number(value: Any) -> Any:
    """The number of a value as Inspect's `value_to_float` gives it, for the values that scorers write."""
    if not isinstance(value, str):
        return value
    if value in _GRADES:
        return _GRADES[value]
    if value.lower() in ("yes", "true", "no", "false"):
        return float(value.lower() in ("yes", "true"))
    try:
        return float(value)
    except ValueError:
        return None


def _usage(sample: Mapping[str, Any], output: Mapping[str, Any], model: str) -> Usage | None:
    used = mapping(mapping(sample.get("model_usage")).get(model)) or mapping(output.get("usage"))
    if not used:
        return None
    given, made, total = (count(used.get(key)) for key in ("input_tokens", "output_tokens", "total_tokens"))
    cached, written = count(used.get("input_tokens_cache_read")), count(used.get("input_tokens_cache_write"))
    return Usage(max(given, total - made), made, cached, False, count(used.get("reasoning_tokens")), written)


def _timing(sample: Mapping[str, Any], output: Mapping[str, Any]) -> Timing | None:
    """Seconds of the model's call; of the whole sample, without waits, if there are several calls."""
    turns = [one for one in map(mapping, sequence(sample.get("messages"))) if one.get("role") == "assistant"]
    seconds = amount(output.get("time")) if len(turns) < 2 else amount(sample.get("working_time"))
    return None if seconds is None else Timing(seconds)
