"""Replayed answers, retries and cost of a run, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalharness.records import JudgedAgain, Run, Usage


def usage_lines(run: Run) -> Iterator[str]:
    """A line on fresh answers, retries and cost, one on replayed answers, and one on accepted answers judged again.

    A line without content is left out.
    """
    answered = [sample for sample in run.samples if sample.response is not None]
    fresh = [sample for sample in answered if not sample.recorded_at]
    retried = sum(sample.attempts > 1 for sample in run.samples)
    costs = [sample.cost_usd for sample in fresh if sample.cost_usd is not None]
    parts = [f"{len(fresh)} of {len(run.samples)} answers"]
    parts += [f"{retried} after a retry"] if retried else []
    usages = [sample.response.usage for sample in fresh if sample.response]
    tokens = sum(usage.prompt_tokens + usage.completion_tokens for usage in usages)
    parts += [f"{dollars(sum(costs))} for {tokens:,} tokens{_estimated(usages)}"] if costs else []
    of_metrics = sum(sample.metrics_cost_usd for sample in run.samples)
    parts += [f"{dollars(of_metrics)} for metrics"] if of_metrics else []
    if retried or costs or of_metrics:
        yield f"fresh     {', '.join(parts)}"
    if old := sorted(sample.recorded_at for sample in answered if sample.recorded_at):
        days = f"on {old[0][:10]}" if old[0][:10] == old[-1][:10] else f"from {old[0][:10]} to {old[-1][:10]}"
        yield f"replayed  {len(old)} of {len(run.samples)} answers, recorded {days}; --llm-record=all runs them again"
    if judged := [one for one in run.judged_again if one.answers]:
        yield f"judged    {judged_text(judged)}"


def judged_text(judged: Sequence[JudgedAgain]) -> str:
    """How many accepted answers changed judges have judged, the requests that were sent, and what they cost."""
    answers, sent = sum(len(one.answers) for one in judged), sum(one.sent for one in judged)
    cost = sum(one.cost_usd for one in judged)
    effort = f"{_count(sent, 'request')} sent" + (f", {dollars(cost)}" if cost else "")
    return f"{_count(answers, 'accepted answer')} judged again ({effort})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _estimated(usages: Sequence[Usage]) -> str:
    """A note on the answers without token counts, whose cost is an estimate."""
    count = sum(usage.estimated for usage in usages)
    return f" (estimated for {count} answer{'s' if count > 1 else ''} without token counts)" if count else ""


def dollars(amount: float) -> str:
    """An amount with two significant digits below one dollar, and with cents above."""
    return (
        f"${amount:.2f}" if amount >= 1 or amount == 0 else f"${amount:.2g}" if amount >= 0.0001 else f"${amount:.1e}"
    )
