"""A failed case or gate in full, for the terminal and for reports of test results."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nsmallest

from evalharness.amounts import score, scores
from evalharness.records import Location, Sample, SampleKey, Verdict
from evalharness.report.diffs import before, score_change
from evalharness.report.encode import no_command, one_line, quoted
from evalharness.report.outcome import Outcome

_MOST_DROPS = 3
"""Cases below a failed gate."""


def explain_sample(sample: Sample, where: Location) -> str:
    """A failed case in full: errors, messages, goldens, answer and scores.

    An error of the model is explained without them.
    """
    lines = [one_line(f"case {sample.key.case} ({where}), model {sample.key.model}, prompt {sample.key.prompt}", 1000)]
    if sample.error:
        lines += ["", f"error ({one_line(sample.error.kind)}):", *quoted(sample.error.message)]
    if sample.error and sample.error.of_model:
        return "\n".join(lines)
    lines += [f"- the answer {one_line(problem)}" for problem in sample.failed_checks]
    for message in sample.messages:
        lines += ["", f"{one_line(message.role)}:", *quoted(message.shown, lines=12)]
    for golden in sample.golden:
        lines += ["", "golden:", *quoted(golden, lines=12)]
    if sample.response:
        lines += ["", f"answer ({sample.response.finish_reason}):", *quoted(sample.response.text)]
        if calls := [call.shown for call in sample.response.tool_calls]:
            lines += ["", "tool calls:", *quoted("\n".join(calls), lines=12)]
    if sample.scores:
        lines += ["", one_line("scores: " + ", ".join(f"{s.metric} {score(s.value)}" for s in sample.scores), 1000)]
    return "\n".join(lines)


def explain_gate(verdict: Verdict, outcome: Outcome) -> str:
    """A failed gate: its reason, the largest drops, and the accept command."""
    lines = [f"{verdict.status.upper()} {one_line(verdict.reason, 1000)}"]
    for sample in _worst(verdict, outcome) if verdict.status == "fail" else []:
        lines += ["", *_drop(sample, outcome, verdict.metric)]
    if verdict.status in ("fail", "incomparable", "no baseline"):
        lines += ["", f"if this change is intended, accept it: {one_line(outcome.accept_command, 1000)}"]
    return "\n".join(lines)


def _worst(verdict: Verdict, outcome: Outcome) -> list[Sample]:
    """The worst samples of the cases that lost most."""
    worst: dict[str, tuple[float, SampleKey, int]] = {}
    for place, sample in enumerate(outcome.run.samples):
        change = score_change(sample, outcome.baselines, verdict.metric)
        if change < 0 and (sample.key.model, sample.key.prompt) == (verdict.model, verdict.prompt):
            found = (change, sample.key, place)
            worst[sample.key.case] = min(found, worst.get(sample.key.case, found))
    return [outcome.run.samples[place] for _, _, place in nsmallest(_MOST_DROPS, worst.values())]


def _drop(sample: Sample, outcome: Outcome, metric: str) -> Iterator[str]:
    then, found = before(sample, outcome.baselines), sample.score(metric)
    assert then, "a sample without a baseline has no change"
    assert found
    assert sample.response
    moved = scores(then.scores[metric], found.value)
    yield no_command(f"{one_line(sample.key.case)}  {one_line(metric)} {moved}")
    for word, texts in (("golden", sample.golden[:1]), ("was", (then.text,)), ("now", (sample.response.text,))):
        for text in texts:
            yield from (f"{word if i == 0 else '':<7}{line}" for i, line in enumerate(quoted(text, lines=4, width=300)))
