"""Small records with sensible defaults: name what a test is about, and leave the rest.

    slow = sample("refund", timing=Timing(9.0))
    cut_off = response("You have 30", finish_reason="length")
    stopped = run([slow], gates={"latency": 0.1}, stopped=True)

The result is the frozen record itself, so `dataclasses.replace` works on it. A keyword that the record lacks raises
TypeError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from evalharness.records import (
    AcceptedRun,
    Baseline,
    BaselineSample,
    Case,
    GateRule,
    KeyList,
    Location,
    Message,
    Params,
    Request,
    Response,
    Run,
    RunHeader,
    Sample,
    SampleError,
    SampleKey,
    Score,
    Timing,
    Usage,
)
from evalharness.store.baselines import baseline_of, baseline_path

SUITE, PROMPT, MODEL = "demo", "plain", "scripted"
_HEADER = {field.name for field in fields(RunHeader)}
_OF_SAMPLE = {field.name for field in fields(Sample)} | {"text", "model"}
_RESPONSE = {field.name for record in (Response, Usage, Timing) for field in fields(record)} - _OF_SAMPLE


def case(name: str = "case-0", **changes: Any) -> Case:
    """A case of the suite file `suites/demo.yaml` whose golden answer is "Yes."."""
    made = Case(name, {}, (), ("Yes.",), (), f"digest-{name}", Location(f"suites/{SUITE}.yaml", 3))
    return replace(made, **changes)


def request(
    text: str = "",
    *,
    case: str = "case-0",
    prompt: str = PROMPT,
    model: str = MODEL,
    repeat: int = 0,
    params: Params | None = None,
    **changes: Any,
) -> Request:
    """A request of one user message; the text defaults to the case's name."""
    key = SampleKey(case, prompt, model, repeat)
    made = Request(key, (Message("user", text or case),), 0, params or Params(max_tokens=50))
    return replace(made, **changes)


def response(text: str = "Yes.", **changes: Any) -> Response:
    """A complete response of 90 + 10 tokens after half a second.

    Fields of `Usage` and `Timing` are keywords too: `response(completion_tokens=3, total_s=0.1)`.
    """
    usage, timing = Usage(90, 10), Timing(0.5)
    usage = changes.pop("usage", replace(usage, **_taken(changes, usage)))
    timing = changes.pop("timing", replace(timing, **_taken(changes, timing)))
    return replace(Response(text, "stop", usage, timing), **changes)


def sample(
    case: str = "case-0",
    text: str = "Yes.",
    *,
    scores: Mapping[str, float] | Iterable[Score] | None = None,
    prompt: str = PROMPT,
    model: str = MODEL,
    repeat: int = 0,
    **changes: Any,
) -> Sample:
    """A response that was scored, by default `{"exact": 1.0}`; with `error`, a sample without response and scores.

    The signature of a score given by its value is `METRIC|v:1`. The keywords of `response` are keywords here too.
    """
    lost = isinstance(changes.get("error"), SampleError)
    given = ({} if lost else {"exact": 1.0}) if scores is None else scores
    answer = response(text, **{name: changes.pop(name) for name in _RESPONSE & changes.keys()})
    made = Sample(
        key=SampleKey(case, prompt, model, repeat),
        digest=f"digest-{case}",
        tags=(),
        messages=(Message("user", f"{case}?"),),
        golden=("Yes.",),
        response=None if lost else answer,
        scores=_scores(given),
    )
    return replace(made, **changes)


def run(
    samples: Iterable[Sample] | None = None,
    *,
    gates: Mapping[str, float] | Iterable[GateRule] | None = None,
    **changes: Any,
) -> Run:
    """A run that planned, selected and got these samples, by default two good ones.

    `gates` are margins by metric, or rules; the default is `{"exact": 0.05}`. `changes` are fields of the run or of
    its header.
    """
    gates = {"exact": 0.05} if gates is None else gates
    rules = [GateRule(*gate) for gate in (gates.items() if isinstance(gates, Mapping) else gates)]
    made = tuple((sample("case-0"), sample("case-1")) if samples is None else samples)
    if "planned" in changes:
        changes["planned"] = KeyList(changes["planned"])
    header = replace(_header(made, tuple(rules)), **{name: changes.pop(name) for name in _HEADER & changes.keys()})
    return replace(Run(header, made, header.planned), **changes)


def baseline(of: Run | None = None, **changes: Any) -> Baseline:
    """The baseline after this run was accepted, for the run's first model and prompt.

    Raises ValueError for a run without samples.
    """
    of = of or run(id="accepted")
    if not of.samples:
        raise ValueError("baseline: expected a run with samples, got none")
    key = of.samples[0].key
    made = baseline_of(of, key.model, key.prompt)
    file = baseline_path(Path(), of.header.suite, key.model, key.prompt).as_posix()
    cases = {name: replace(stored, line=line) for line, (name, stored) in enumerate(sorted(made.cases.items()), 2)}
    runs = tuple(replace(one, request_digest="digest") for one in made.runs)  # "": not accepted
    return replace(made, **{"file": file, "cases": cases, "runs": runs} | changes)


def accepted_run(name: str = "accepted", **changes: Any) -> AcceptedRun:
    """A run of a baseline's header, on the machine and with the metric of a default run."""
    made = AcceptedRun(name, "2026-01-02T00:00:00+00:00", "here", {"exact": "exact|v:1"}, "digest")
    return replace(made, **changes)


def baseline_sample(run: str = "accepted", **changes: Any) -> BaselineSample:
    """What a baseline keeps of a default sample."""
    return replace(BaselineSample(run, "Yes.", {"exact": 1.0}, 90, 10, 0.5), **changes)


def _header(samples: tuple[Sample, ...], gates: tuple[GateRule, ...]) -> RunHeader:
    signatures = {score.metric: score.signature for sample in samples for score in sample.scores}
    return RunHeader(
        id="run-1",
        suite=SUITE,
        file=f"suites/{SUITE}.yaml",
        started_at="2026-01-01T00:00:00+00:00",
        models={sample.key.model: {"provider": "scripted"} for sample in samples},
        prompts={sample.key.prompt: "digest" for sample in samples},
        params={},
        metrics=tuple(signatures),
        signatures=signatures,
        gates=gates,
        planned=KeyList(sample.key for sample in samples),
        machine_class="here",
        environment={},
    )


def _scores(given: Mapping[str, float] | Iterable[Score]) -> tuple[Score, ...]:
    if isinstance(given, Mapping):
        return tuple(Score(metric, value, f"{metric}|v:1") for metric, value in given.items())
    return tuple(given)


def _taken(changes: dict[str, Any], record: Usage | Timing) -> dict[str, Any]:
    """The changes of this record's fields, removed from the others."""
    return {field.name: changes.pop(field.name) for field in fields(record) if field.name in changes}
