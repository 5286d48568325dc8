"""The sentences about a load test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalharness.load.quantities import duration_text, rate_text
from evalharness.records.load import LoadHeader, Stopped
from evalharness.records.load_result import Capacity, Interval, LoadResult, ObjectiveResult, VersionResult

_STOPPED: dict[Stopped, str] = {
    "interrupt": "it was interrupted",
    "budget": "the budget was used up",
    "deadline": "its deadline was over",
    "unavailable": "the model is unavailable",
    "killed": "it was killed",
}


def headline_of(header: LoadHeader, result: LoadResult) -> str:
    """The verdict in one or two sentences."""
    candidate = result.versions[0]
    if result.status == "invalid":
        return f"INVALID: {_invalid(header, result)}"
    texts = [_objective(one) for one in candidate.objectives if one.status == result.status] or [
        _objective(one) for one in candidate.objectives[:1]
    ]
    compared = result.comparison
    if compared and (compared.status == result.status or not candidate.objectives):
        texts.append(
            f"attainment {points(compared.difference)} points against {compared.against} "
            f"(p = {compared.p_worse:.2g}, {len(compared.pairs)} pairs of blocks)"
        )
    if result.status == "inconclusive" and (reason := _STOPPED.get(result.stopped)):
        texts.append(f"the load ended early: {reason}")
    return f"{result.status.upper()}: {'; '.join(texts) or 'no request was counted'}."


def percent(share: float) -> str:
    """A share with a digit after the point: `97.3 %`."""
    return f"{100 * share:.1f} %"


def span(interval: Interval) -> str:
    """An interval of shares: `95.3 % to 98.6 %`."""
    return f"{percent(interval.low)} to {percent(interval.high)}"


def points(interval: Interval) -> str:
    """A difference of shares in points, with its interval: `-20.1 (-24.3 to -15.9)`."""
    value, low, high = (100 * one for one in (interval.value, interval.low, interval.high))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def _objective(one: ObjectiveResult) -> str:
    text = f"{one.objective.text}: {percent(one.share.value)} of {one.counted:,} requests ({span(one.share)})"
    if one.status == "inconclusive":
        text += f"; about {one.more:,} more would decide" if one.more else "; too close to the target to decide"
    return text


def _invalid(header: LoadHeader, result: LoadResult) -> str:
    for one in result.versions:
        if one.late > 0.01 * one.scheduled:
            share = percent(one.late / one.scheduled)
            return (
                f"this machine could not send {rate_text(header.rate_per_s)}: {share} of the sends were more than "
                f"{duration_text(header.late_s)} late."
            )
        if unsent := one.errors.get("in-flight", 0):
            return (
                f"{unsent:,} requests were not sent because {header.most_in_flight:,} were in flight: raise "
                "--max-in-flight, or lower the rate."
            )
        if one.scheduled and not one.answered:
            kind = next(iter(one.errors))
            return f"no request was answered: {one.messages[kind]}"
    return f"the model '{header.model}' reports no time that a bound needs: expected an endpoint that streams."


def warnings_of(
    header: LoadHeader, versions: Sequence[VersionResult], stopped: Stopped, unmeasured: int
) -> Iterator[str]:
    """What a reader of the result must know besides."""
    if reason := _STOPPED.get(stopped):
        yield f"the load ended early: {reason}"
    for one in versions:
        if one.late:
            yield f"{one.version}: {one.late:,} sends were late, the latest by {duration_text(one.latest_s)}"
        if unsent := one.errors.get("in-flight", 0):
            yield f"{one.version}: {unsent:,} requests were not sent: {header.most_in_flight:,} were in flight"
    if unmeasured:
        yield f"{unmeasured:,} answers lack a time that a bound needs"
    if any(one.scheduled and not one.counted for one in versions):
        yield "every request fell into the warm-up: lengthen --duration, or shorten --warmup"


def capacity_text(found: Capacity) -> str:
    """The result of a capacity search in a sentence."""
    if found.low_per_s is None and found.high_per_s is None:
        return "no rate was decided: lengthen --duration"
    if found.low_per_s is None and found.high_per_s is not None:
        return f"the capacity is below {rate_text(found.high_per_s)}: lower --from"
    if found.high_per_s is None and found.low_per_s is not None:
        return f"the capacity is at least {rate_text(found.low_per_s)}: raise --to"
    assert found.low_per_s is not None
    assert found.high_per_s is not None
    return f"the capacity is between {rate_text(found.low_per_s)} and {rate_text(found.high_per_s)}"
