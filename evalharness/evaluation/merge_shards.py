"""Merges the runs of all shards into the run that one job would have had. Calls no model.

    headers agree -> samples in the order of the plan -> one header, one reference run

The result does not depend on the order of the shards. Fresh samples for open gates need models, so a merged run is
decided by the planned samples and the reruns of single cases, as a run with `--llm-settle=1` is.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalharness.errors import StoreError
from evalharness.evaluation.merged_samples import MergedSamples, first_place
from evalharness.evaluation.shard_records import ShardRecord
from evalharness.gate.assertions import doubtful_cases
from evalharness.gate.reruns import key_of
from evalharness.records import JudgedAgain, Run, RunHeader, SampleKey
from evalharness.records.marks import Mark, marked, marked_keys
from evalharness.records.planned import PlannedKeys
from evalharness.records.run import CLASSES

_ID_CHARS = 6
_SHOWN_CHARS = 60
_SAME = (
    *("file", "prompts", "params", "metrics", "signatures", "questions", "gates", "models", "planned"),
    *("prices", "deterministic", "fixed", "max_stages", "against"),
)
"""Fields of the header that are equal in all shards of one run."""


@dataclass(frozen=True)
class Merged:
    """A merged run, with that of the other version."""

    run: Run
    reference: Run | None = None


def merged(records: Sequence[ShardRecord]) -> Merged:
    """The run of these shards, which are the whole set of one suite.

    Raises StoreError: shards of different runs, a case in two shards, a shard without its reference run.
    """
    if len(records) == 1 and records[0].run.header.shard is None:
        return Merged(records[0].run, records[0].reference)
    _refuse_different(records)
    _refuse_strange(records)
    run = _merged_run(records)
    if needless := _needless_reruns(run):
        samples = MergedSamples([one.run.samples for one in records], run.header.planned, needless)
        run = replace(run, samples=samples)
    return Merged(run, _merged_reference(records, run))


def _refuse_different(records: Sequence[ShardRecord]) -> None:
    first, *others = records
    for other in others:
        for name, value in _identity(first.run.header).items():
            if (theirs := _identity(other.run.header)[name]) != value:
                raise StoreError(
                    f"suite {first.run.header.suite}: {other.place} is of another run than {first.place}: different "
                    f"{name}{_difference(value, theirs)}: merge the shards of one commit with equal options"
                )


def _identity(header: RunHeader) -> dict[str, Any]:
    """What the shards of a run share, by the name in messages."""
    git = header.environment.get("git")
    return {
        "commit": git.get("commit") if isinstance(git, dict) else None,
        "version of evalharness": header.environment.get("evalharness"),
        "cases": header.shard.cases if header.shard else "",
        **{name: getattr(header, name) for name in _SAME},
    }


def _difference(one: object, other: object) -> str:
    """The two values, if they are short."""
    shown = [str(value) for value in (one, other)]
    return f" ({shown[0]}, {shown[1]})" if max(map(len, shown)) <= _SHOWN_CHARS else ""


def _refuse_strange(records: Sequence[ShardRecord]) -> None:
    """Raise StoreError for samples that a shard cannot have."""
    owners = array("I", bytes(4 * len(records[0].run.header.planned)))
    for number, one in enumerate(records, start=1):
        for case, cluster in _cases(one.run):
            if not one.shard.has(case, cluster):
                raise StoreError(f"{one.place}: the case {case} belongs to another shard: damaged or edited")
        for key in one.run.selected:
            place = one.run.header.planned.place(key)
            if place is None:
                raise StoreError(f"{one.place}: the case {key.case} is not planned: damaged or edited")
            if owners[place]:
                other = records[owners[place] - 1]
                raise StoreError(f"{one.place}: the case {key.case} is in {other.place} too: damaged or edited")
            owners[place] = number


def _cases(run: Run) -> Iterator[tuple[str, str]]:
    """The case of each sample, with its cluster."""
    yield from ((key.case, "") for key in marked_keys(run.samples, Mark.ANY, without=Mark.CLUSTERED))
    yield from ((one.key.case, one.cluster) for one in marked(run.samples, Mark.CLUSTERED))


def _merged_run(records: Sequence[ShardRecord]) -> Run:
    runs = [one.run for one in records]
    planned = runs[0].header.planned
    stability = (one for run in runs for one in run.stability)
    return Run(
        _header([run.header for run in runs]),
        MergedSamples([run.samples for run in runs], planned),
        _selected(runs, planned),
        any(run.stopped for run in runs),
        _calibration_s(runs),
        tuple(
            sorted(stability, key=lambda one: (first_place(planned, one.case, one.prompt, one.model), one.assertion))
        ),
        tuple(_judged_again(runs)),
    )


def _selected(runs: Sequence[Run], planned: PlannedKeys) -> Sequence[SampleKey]:
    """The selected samples of all shards, in the order of the plan."""
    if planned.are_in(key for run in runs for key in run.selected):
        return planned
    return tuple(sorted((key for run in runs for key in run.selected), key=lambda key: planned.place(key) or 0))


def _header(headers: Sequence[RunHeader]) -> RunHeader:
    ids = sorted(header.id for header in headers)
    digest = hashlib.sha256("\n".join(ids).encode(errors="surrogatepass")).hexdigest()
    return replace(
        headers[0],
        id=f"{ids[0].rpartition('-')[0]}-{digest[:_ID_CHARS]}",
        started_at=min(header.started_at for header in headers),
        machine_class=CLASSES.join(sorted({one for header in headers for one in header.machine_classes})),
        environment=_joined([header.environment for header in headers]),
        shard=None,
    )


def _joined(values: Sequence[Any]) -> Any:
    """A value of the environment: the common one, field by field; several texts one after the other."""
    if all(isinstance(value, dict) for value in values):
        names = sorted({name for value in values for name in value})
        return {name: _joined([value.get(name) for value in values]) for name in names}
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, bool) for value in values):  # such as `dirty`
        return any(values)
    return CLASSES.join(sorted({str(value) for value in values if value is not None}))


def _calibration_s(runs: Sequence[Run]) -> float | None:
    """The speed of the machines: the geometric mean over the samples, as gates compare logarithms of seconds."""
    measured = [(run.calibration_s, len(run.samples)) for run in runs if run.samples]
    if not measured or not all(seconds for seconds, _ in measured):
        return None
    if len({seconds for seconds, _ in measured}) == 1:
        return measured[0][0]
    total = math.fsum(count * math.log(seconds) for seconds, count in measured if seconds)
    return math.exp(total / sum(count for _, count in measured))


def _judged_again(runs: Iterable[Run]) -> Iterator[JudgedAgain]:
    """The scores of accepted answers by metric and baseline, of all shards."""
    found: dict[JudgedAgain, list[JudgedAgain]] = {}
    for run in runs:
        for one in run.judged_again:
            found.setdefault(replace(one, answers=(), sent=0, cost_usd=0.0, error=""), []).append(one)
    for about, parts in sorted(found.items(), key=repr):
        yield replace(
            about,
            answers=tuple(answer for part in parts for answer in part.answers),
            sent=sum(part.sent for part in parts),
            cost_usd=math.fsum(part.cost_usd for part in parts),
            error=next((part.error for part in parts if part.error), ""),
        )


def _needless_reruns(run: Run) -> set[SampleKey]:
    """The reruns that only a shard needed.

    A shard reruns each case that breaks an assertion with a share, as others may break it too. One run reruns them only
    if too few cases keep it.
    """
    if any(rule.worst is not None for rule in run.header.gates):  # cases that lost too much are rerun too
        return set()
    doubtful = set(doubtful_cases(run))
    return {one.key for one in marked(run.samples, Mark.RERUN) if key_of(one) not in doubtful}


def _merged_reference(records: Sequence[ShardRecord], run: Run) -> Run | None:
    """The run of the other version. Raises StoreError if a shard lacks its part."""
    references = [replace(one, run=one.reference) for one in records if one.reference]
    if not references:
        return None
    _refuse_different(references)
    runs = [one.run for one in references]
    planned = runs[0].header.planned
    samples = MergedSamples([one.samples for one in runs], planned)
    keys = tuple(key for one in runs for key in marked_keys(one.samples))
    _refuse_unpaired(records, planned, {key[:4] for key in keys})
    header, stopped = _header([one.header for one in runs]), any(one.stopped for one in runs)
    return Run(header, samples, keys, run.stopped or stopped)


def _refuse_unpaired(records: Sequence[ShardRecord], known: PlannedKeys, found: set[tuple[str, str, str, int]]) -> None:
    """Raise StoreError for samples whose case the other version has, and without a sample of it."""
    for one in records:
        if one.run.stopped:
            continue
        if lost := [key for key in one.run.selected if first_place(known, *key[:3]) >= 0 and key[:4] not in found]:
            raise StoreError(
                f"{one.place}: reference.jsonl lacks {len(lost)} samples of the other version, such as {lost[0].case}: "
                "give the whole folder of the run"
            )
