"""An outcome with a hostile text in every untrusted field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from outcomes import a_sample, an_outcome, broken

from evalharness.records import (
    AcceptedRun,
    Baseline,
    BaselineCase,
    BaselineSample,
    Citation,
    Context,
    CriteriaChange,
    Message,
    PromptChange,
    Response,
    Sample,
    Score,
    Timing,
    ToolCall,
    Usage,
)
from evalharness.report import Outcome

ONE = an_outcome([a_sample(n, 0.4 if n % 3 == 0 else 0.8) for n in range(60)])
"""A failed run: a third of the scores dropped by half."""


def hostile(text: str) -> Outcome:
    """An outcome with this text in every untrusted field."""
    samples = [
        _placed(a_sample(0, 0.1), text, text),
        _placed(a_sample(1, 0.95), text, "better"),
        _placed(a_sample(2), text, "other"),
        _placed(broken(3, text, text), text, "broken"),
        _placed(a_sample(4, failed_checks=(text, text)), text, "failed"),
    ]
    run = replace(ONE.run, samples=tuple(samples), selected=tuple(sample.key for sample in samples))
    models = {text: {"provider": text}}
    environment = {"git": {"commit": text, "dirty": True}, "python": text, "evalharness": text}
    header = replace(run.header, id=text, suite=text, file=text, started_at=text, models=models, machine_class=text)
    header = replace(header, environment=environment, signatures={text: text}, against=text)
    verdicts = [
        replace(verdict, reason=text, metric=text, model=text, prompt=text, tag=text, pinned=verdict.gating)
        for verdict in ONE.verdicts
    ]
    return replace(
        ONE,
        run=replace(run, header=header),
        verdicts=tuple(verdicts),
        baselines={(sample.key.model, sample.key.prompt): _baseline(sample, text) for sample in samples},
        accept_command=text,
        refusal=text,
        criteria=(CriteriaChange(text, text, text, relaxes=True), CriteriaChange(text, "", text, relaxes=False)),
        prompts=(PromptChange(text, text, f"{text} then", f"{text} now"),),
        base=text,
        command=text,
    )


def _placed(sample: Sample, text: str, prompt: str) -> Sample:
    contexts, calls = (Context(text, text),), (ToolCall(text, {text: text}, [text]),)
    added: dict[str, Any] = {
        "contexts": contexts,
        "tool_calls": calls,
        "data": {text: text},
        "turns": (Message(text, text, calls, text),),
        "citations": (Citation(text, text, text),),
    }
    answer = Response(f"{text}\nnow {text}", "stop", Usage(9, 9), Timing(0.5), reasoning=text, refusal=text, **added)
    response = answer if sample.response else None
    key = sample.key._replace(case=text, model=text, prompt=prompt)
    scores = tuple(Score(text, score.value, text, note=text) for score in sample.scores[:1])
    return replace(sample, key=key, tags=(text, text), golden=(text,), scores=scores, response=response)


def _baseline(sample: Sample, text: str) -> Baseline:
    draw = BaselineSample(text, f"{text}\nbefore {text}", {text: 0.8}, 9, 9, 0.5)
    runs = (AcceptedRun(text, text, text, {text: text}, text),)
    return Baseline(text, text, text, text, runs, {text: BaselineCase(sample.digest, (draw,), 2)})
