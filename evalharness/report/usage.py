"""What the asking was like: how much was replayed, tried again, spent. For the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness.records import Run


def usage_lines(run: Run) -> Iterator[str]:
    """A line on cost and tries, and one on what was replayed; none where there is nothing to say."""
    answered = [sample for sample in run.samples if sample.response is not None]
    fresh = [sample for sample in answered if not sample.recorded_at]
    again = sum(sample.attempts > 1 for sample in run.samples)
    costs = [sample.cost_usd for sample in fresh if sample.cost_usd is not None]
    parts = [f"{len(fresh)} of {len(run.samples)} answers"]
    parts += [f"{again} after another try"] if again else []
    usages = [sample.response.usage for sample in fresh if sample.response]
    tokens = sum(usage.prompt_tokens + usage.completion_tokens for usage in usages)
    parts += [f"{dollars(sum(costs))} for {tokens:,} tokens"] if costs else []
    of_metrics = sum(sample.metrics_cost_usd for sample in run.samples)
    parts += [f"{dollars(of_metrics)} for metrics"] if of_metrics else []
    if again or costs or of_metrics:
        yield f"asked     {', '.join(parts)}"
    if old := sorted(sample.recorded_at for sample in answered if sample.recorded_at):
        days = f"on {old[0][:10]}" if old[0][:10] == old[-1][:10] else f"from {old[0][:10]} to {old[-1][:10]}"
        yield f"replayed  {len(old)} of {len(run.samples)} answers, recorded {days}; --llm-record=all asks anew"


def dollars(amount: float) -> str:
    """Two digits that say something, however small."""
    return (
        f"${amount:.2f}" if amount >= 1 or amount == 0 else f"${amount:.2g}" if amount >= 0.0001 else f"${amount:.1e}"
    )
