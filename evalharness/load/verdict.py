"""The result of a load from its record: no clock, no model. The same record always gives the same verdict.

FAIL if the upper bound of a share is below its target, PASS if every lower bound reaches it, INCONCLUSIVE between:
never by the estimate alone. INVALID where this machine, not the server, decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from evalharness.load.dependence import ALPHA, share_of, times_more
from evalharness.load.pairs import compare_pairs
from evalharness.load.tally import Met, Tally, errors_of, met_of, window_s
from evalharness.load.wording import headline_of, warnings_of
from evalharness.records.load import (
    WORDS,
    LoadEnd,
    LoadHeader,
    LoadObjective,
    LoadRequest,
    LoadRun,
    LoadStatus,
    Stopped,
    Version,
)
from evalharness.records.load_result import (
    BlockPair,
    Interval,
    LoadComparison,
    LoadResult,
    ObjectiveResult,
    VersionResult,
)

MARGIN = 0.05
"""A drop of the attainment of this size must be ruled out for a candidate to be as good as the baseline."""
MOST_LATE = 0.01
"""A larger share of late or unsent requests makes the result invalid."""


def result_of(run: LoadRun, *, margin: float = MARGIN) -> LoadResult:
    """The result of a whole record."""
    tallies: dict[Version, Tally] = {version: Tally(version) for version in run.header.models}
    for request in run.requests:
        tallies[request.version].add(request)
    return conclude(run.header, tallies, run.end, margin=margin)


def conclude(
    header: LoadHeader, tallies: Mapping[Version, Tally], end: LoadEnd | None, *, margin: float = MARGIN
) -> LoadResult:
    """The result of a load. `end` is None for a record that was cut off."""
    counted = {version: tally.counted(header) for version, tally in tallies.items()}
    versions = tuple(
        _version(header, tallies[one], counted[one]) for one in ("candidate", "baseline") if one in tallies
    )
    stopped: Stopped = end.stopped if end else "killed"
    comparison = _comparison(header, counted, margin, stopped=stopped != "") if "baseline" in tallies else None
    unmeasured = sum(met_of(found, header.service_level.bounds).unmeasured for found in counted.values())
    status = _status(versions, comparison, unmeasured, stopped=stopped != "")
    warnings = tuple(warnings_of(header, versions, stopped, unmeasured))
    result = LoadResult(status, "", versions, comparison, None, warnings, stopped, 1 - 2 * ALPHA)
    return replace(result, headline=headline_of(header, result))


def _version(header: LoadHeader, tally: Tally, counted: Sequence[LoadRequest]) -> VersionResult:
    met = met_of(counted, header.service_level.bounds)
    attainment = share_of(met.surely, met.possibly, met.strain).interval
    per_s = len(counted) / window_s(counted, header.rate_per_s) if counted else 0.0
    errors, messages = errors_of(tally.requests)
    sent = [one for one in tally.requests if one.sent_s is not None]
    costs = [one.cost_usd for one in tally.requests if one.cost_usd is not None]
    return VersionResult(
        version=tally.version,
        scheduled=len(tally.requests),
        counted=len(counted),
        answered=sum(not one.error for one in tally.requests),
        errors=errors,
        messages=messages,
        late=sum(one.late_s > header.late_s for one in sent),
        latest_s=max((one.late_s for one in sent), default=0.0),
        latencies=tuple(tally.summary(counted, word) for word in WORDS),
        objectives=tuple(_objective(one, counted, header) for one in header.service_level.objectives),
        attainment=attainment,
        goodput_per_s=Interval(attainment.value * per_s, attainment.low * per_s, attainment.high * per_s),
        output_tokens_per_s=_tokens_per_s(counted, header.rate_per_s),
        cost_usd=sum(costs) if costs else None,
    )


def _objective(objective: LoadObjective, counted: Sequence[LoadRequest], header: LoadHeader) -> ObjectiveResult:
    met = met_of(counted, objective.bounds)
    alpha = ALPHA / len(header.service_level.objectives)
    share = share_of(met.surely, met.possibly, met.strain, alpha)
    found, target = share.interval, objective.target
    status: LoadStatus = "fail" if found.high < target else "pass" if found.low >= target else "inconclusive"
    more = None
    if status == "inconclusive" and counted:
        times = times_more(found, share.independent, target, alpha)
        more = None if times is None else max(1, round(len(counted) * (times - 1)))
    return ObjectiveResult(objective, status, len(counted), int(met.surely.sum()), found, share.independent, more)


def _tokens_per_s(counted: Sequence[LoadRequest], rate_per_s: float) -> float | None:
    tokens = [one.output_tokens for one in counted if one.output_tokens is not None and not one.error]
    return sum(tokens) / window_s(counted, rate_per_s) if tokens else None


def _comparison(
    header: LoadHeader, counted: Mapping[Version, Sequence[LoadRequest]], margin: float, *, stopped: bool
) -> LoadComparison:
    pairs = list(_pairs(header, counted))
    return compare_pairs(header.against, pairs, margin=margin, whole=not stopped and len(pairs) == header.blocks)


def _pairs(header: LoadHeader, counted: Mapping[Version, Sequence[LoadRequest]]) -> Iterator[BlockPair]:
    """The pairs of whole blocks: a stop may have cut the last ones."""
    bounds = header.service_level.bounds
    blocks = {version: _by_block(found) for version, found in counted.items()}
    for number in sorted(blocks["candidate"].keys() & blocks["baseline"].keys()):
        ours, theirs = blocks["candidate"][number], blocks["baseline"][number]
        if len(ours) == len(theirs) and not any(one.error == "stopped" for one in (*ours, *theirs)):
            met, before = _sure(met_of(ours, bounds)), _sure(met_of(theirs, bounds))
            yield BlockPair(number, len(ours), met, before, candidate_first=ours[0].index < theirs[0].index)


def _sure(met: Met) -> int:
    return int(met.surely.sum())


def _by_block(requests: Iterable[LoadRequest]) -> dict[int, list[LoadRequest]]:
    found: dict[int, list[LoadRequest]] = {}
    for one in requests:
        found.setdefault(one.block, []).append(one)
    return found


def _status(
    versions: Sequence[VersionResult], comparison: LoadComparison | None, unmeasured: int, *, stopped: bool
) -> LoadStatus:
    statuses = [one.status for one in versions[0].objectives] + ([comparison.status] if comparison else [])
    if unmeasured or any(one.late > MOST_LATE * one.scheduled for one in versions) or _is_unavailable(versions):
        return "invalid"
    if "fail" in statuses:
        return "fail"
    if any(one.errors.get("in-flight", 0) > MOST_LATE * one.scheduled for one in versions):
        return "invalid"
    return "inconclusive" if stopped or not statuses or "inconclusive" in statuses else "pass"


def _is_unavailable(versions: Sequence[VersionResult]) -> bool:
    """Whether no request was answered by a version: that is a wrong address or key, not a load."""
    return any(one.scheduled and not one.answered and one.errors.keys() <= _BEFORE for one in versions)


_BEFORE = {"connect", "auth", "tls", "load", "not found", "redirect"}
"""Kinds of errors before any work of the server."""
