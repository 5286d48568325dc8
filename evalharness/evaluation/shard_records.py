"""Finds the records of shards, and groups them by suite: each shard once, and none missing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import StoreError
from evalharness.evaluation.stored_run import reference_of, refuse_paths
from evalharness.records import Run, Shard
from evalharness.store import canonical_run, read_run
from evalharness.store.runs import PART, RECORD, record_in

WHOLE = Shard(1, 1)
"""The shard of a run without shards."""
_MOST_NAMED = 10


@dataclass(frozen=True)
class ShardRecord:
    """One run of one shard."""

    path: Path
    run: Run
    reference: Run | None = None
    """The run of the version in `against`."""

    @property
    def shard(self) -> Shard:
        """The part of the suite that it ran."""
        return self.run.header.shard or WHOLE

    @property
    def place(self) -> str:
        """What a message calls it."""
        return f"{self.path} ({self.shard})" if self.run.header.shard else str(self.path)


def find_records(paths: Iterable[Path]) -> list[Path]:
    """The run records among these files, and in and below these folders, sorted, each once.

    Raises StoreError for a folder without one. Links to folders are not followed.
    """
    found: list[Path] = []
    for path in paths:
        mine = list(_below(path)) if path.is_dir() else [path]
        if not mine:
            raise StoreError(f"{path}: no record of a run found: expected {RECORD} in it or in a folder below it")
        found += mine
    return sorted({os.path.realpath(path): path for path in sorted(found)}.values())


def _below(folder: Path) -> Iterator[Path]:
    for where, _, files in os.walk(folder):
        if {RECORD, f"{RECORD}{PART}"} & set(files):
            yield record_in(Path(where))


def read_shards(paths: Iterable[Path]) -> dict[str, list[ShardRecord]]:
    """The records by suite, sorted by name. Raises StoreError: a damaged file."""
    found: dict[str, list[ShardRecord]] = {}
    for path in paths:
        run = read_run(path)
        refuse_paths(path, run)
        found.setdefault(run.header.suite, []).append(ShardRecord(path, run, reference_of(path)))
    return dict(sorted(found.items()))


def whole_set(suite: str, records: Sequence[ShardRecord]) -> list[ShardRecord]:
    """The records of one suite in the order of their shards, each shard once.

    Raises StoreError: a missing shard, a shard with two results, shards of different divisions.
    """
    by_number: dict[int, list[ShardRecord]] = {}
    divisions = sorted({one.shard.of for one in records})
    if len(divisions) > 1:
        first, second = (next(one for one in records if one.shard.of == of) for of in divisions[:2])
        raise StoreError(
            f"suite {suite}: expected the shards of one run, got {first.place} and {second.place}: leave out the "
            "records of other runs"
        )
    for one in records:
        by_number.setdefault(one.shard.number, []).append(one)
    _refuse_missing(suite, divisions[0], by_number)
    return [_only(suite, by_number[number]) for number in sorted(by_number)]


def _refuse_missing(suite: str, of: int, found: Iterable[int]) -> None:
    missing = [number for number in range(1, of + 1) if number not in found]
    if not missing:
        return
    named = ", ".join(map(str, missing[:_MOST_NAMED])) + (", ..." if len(missing) > _MOST_NAMED else "")
    subject = f"shard {named} of {of} is missing" if len(missing) == 1 else f"shards {named} of {of} are missing"
    raise StoreError(
        f"suite {suite}: {subject}: run pytest --llm-suite={suite} --llm-shard={missing[0]}/{of}, and give its reports "
        "too"
    )


def _only(suite: str, same: Sequence[ShardRecord]) -> ShardRecord:
    """The record of a shard. Of several with the same result, the earliest."""
    first, *others = sorted(same, key=lambda one: (one.run.header.started_at, one.run.header.id))
    for other in others:
        if _result(other) != _result(first):
            what = "two results of one shard" if first.run.header.shard else "two runs of the whole suite"
            raise StoreError(
                f"suite {suite}: {what}: {first.place} and {other.place} have different samples: leave out one of them"
            )
    return first


def _result(one: ShardRecord) -> tuple[object, ...]:
    run = one.run
    reference = canonical_run(one.reference) if one.reference else b""
    return canonical_run(run), sorted(run.selected), run.stopped, sorted(map(repr, run.stability)), reference
