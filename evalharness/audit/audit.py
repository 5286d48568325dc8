"""Reads what was accepted, relaxed, labelled and calibrated, from files alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from evalharness.audit.judges import judges_and_labels
from evalharness.audit.since import Since, since, time_of
from evalharness.records.audit import Audit, AuditedAcceptance
from evalharness.store.acceptances import ACCEPTANCES, Acceptance, numbered_acceptances
from evalharness.store.lines import MOST_PROBLEMS

_ALL = frozenset[str]()


def audit_of(root: Path, suites: Collection[str] = _ALL, start: str = "") -> Audit:
    """The audit of a project, or of some suites, from a commit or a date on.

    Raises StoreError for a history that cannot be read at all, and for an impossible date; GitError.
    """
    with since(root, start) as point:
        entries, damaged = numbered_acceptances(root)
        chosen = [one for one in _counted(entries, point) if not suites or one[1].suite in suites]
        judges, labels, problems = judges_and_labels(root, suites, point)
        timeless = (_timeless(*one) for one in chosen if time_of(one[1].at) is None)
        return Audit(
            since=point.name,
            suites=tuple(sorted(suites)),
            acceptances=tuple(_audited(*one) for one in chosen),
            judges=judges,
            labels=labels,
            problems=(*damaged, *list(timeless)[:MOST_PROBLEMS], *_lost(root, point), *problems),
        )


def _counted(entries: list[tuple[int, Acceptance]], point: Since) -> Iterator[tuple[int, Acceptance]]:
    """The entries after the point: a commit has the older ones."""
    older = {one.model_dump_json() for _, one in numbered_acceptances(point.folder)[0]} if point.folder else set()
    for number, one in entries:
        if point.is_later(one.at) and (not older or one.model_dump_json() not in older):
            yield number, one


def _lost(root: Path, point: Since) -> Iterator[str]:
    """A message if lines of the commit are gone or edited: lines may only be added."""
    if point.folder is None:
        return
    then, now = ((folder / ACCEPTANCES) for folder in (point.folder, root))
    lines = [set(path.read_bytes().splitlines()) if path.is_file() else set() for path in (then, now)]
    if lost := len(lines[0] - lines[1]):
        count = "1 line" if lost == 1 else f"{lost} lines"
        yield f"{ACCEPTANCES}: {count} of {point.name} removed or edited: lines may only be added; restore from git"


def _timeless(number: int, one: Acceptance) -> str:
    return f"{ACCEPTANCES}:{number}: at: expected a time (ISO 8601), got {one.at[:40]!r}"


def _audited(number: int, one: Acceptance) -> AuditedAcceptance:
    return AuditedAcceptance(
        line=number,
        at=one.at,
        by=one.by,
        because=one.because,
        suite=one.suite,
        run=one.run,
        commit=one.commit,
        dirty=one.dirty,
        models=tuple(one.models),
        prompts=tuple(one.prompts),
        files=tuple(one.baselines) or ((one.goldens,) if one.goldens else ()),
        cases=tuple(one.cases),
        replaced=one.replaced,
        overrode=one.overrode,
        verdicts=one.verdicts,
        relaxed=None if one.relaxed is None else tuple(one.relaxed),
    )
