"""Collect the accepted runs of a suite from git, and the newest run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from evalharness.errors import StoreError
from evalharness.records import AcceptedRun, Baseline, BaselineSample, Run
from evalharness.store import read_baseline, read_run
from evalharness.store.acceptances import read_acceptances
from evalharness.store.baselines import BASELINE_FOLDER, baseline_of
from evalharness.store.files import read_regular
from evalharness.store.git import LoggedCommit, commits_that_changed, has_whole_history

MAX_COMMITS = 1_000
"""The latest commits that changed the baselines of a suite."""
_MAX_NOTES = 3
Pair = tuple[str, str]
"""Model and prompt."""


@dataclass(frozen=True, slots=True)
class HistoryRun:
    """A run of one model and prompt, and the first commit with it."""

    run: AcceptedRun
    samples: Mapping[str, tuple[BaselineSample, ...]]
    """By case."""
    digests: Mapping[str, str]
    """By case."""
    commit: str = ""
    committed_at: str = ""
    accepted: bool = True
    subject: str = ""
    """Of the commit."""
    because: str = ""
    """The reason of the acceptance."""


@dataclass(slots=True)
class CollectedRuns:
    """The runs of a suite, and notes about what could not be read."""

    runs: dict[Pair, dict[str, HistoryRun]] = field(default_factory=dict)
    """By model and prompt, then by run id in commit order."""
    damaged: list[str] = field(default_factory=list)
    """Baselines that could not be read, and why."""
    notes: list[str] = field(default_factory=list)
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why runs were accepted, by run id."""

    def add(self, baseline: Baseline, logged: LoggedCommit | None = None, *, accepted: bool = True) -> None:
        """Add the runs of a baseline that no earlier commit has."""
        known = self.runs.setdefault((baseline.model, baseline.prompt), {})
        sha, date, subject = (logged.commit.sha, logged.date, logged.subject) if logged else ("", "", "")
        for run in baseline.runs:
            if run.id not in known:
                because = self.reasons.get(run.id, "")
                known[run.id] = HistoryRun(run, *_samples(baseline, run), sha, date, accepted, subject, because)


def _samples(
    baseline: Baseline, run: AcceptedRun
) -> tuple[Mapping[str, tuple[BaselineSample, ...]], Mapping[str, str]]:
    """The samples of one run in a baseline, and the digests of their cases, each by case."""
    by_case = {name: tuple(d for d in case.samples if d.run == run.id) for name, case in baseline.cases.items()}
    samples = {name: found for name, found in by_case.items() if found}
    return samples, {name: baseline.cases[name].digest for name in samples}


def accepted_runs(root: Path, suite: str, newest: Path | None = None) -> CollectedRuns:
    """The accepted runs of a suite in commit order, then the run at `newest`.

    Baselines that cannot be read are skipped with a note. Raises GitError.
    """
    reasons, unread = _reasons(root, suite)
    found, folder = CollectedRuns(reasons=reasons, notes=unread), f"{BASELINE_FOLDER}/{suite}"
    commits = commits_that_changed(root, folder, MAX_COMMITS)
    known: set[str] = set()
    for logged in commits:
        _add(found, _stored(logged.commit.contents(folder, known), folder), logged)
    _add(found, _on_disk(found, root, folder))
    found.notes += [*_about_git(root, len(commits)), *_about_damage(found.damaged)]
    if newest is not None and newest.exists():
        _add_newest(found, newest, suite)
    return found


def _reasons(root: Path, suite: str) -> tuple[dict[str, str], list[str]]:
    """Run id -> why the run was accepted into a baseline, and notes about lines that cannot be read."""
    try:
        acceptances, problems = read_acceptances(root)
    except StoreError as error:
        return {}, [f"no reasons of acceptances: {error}"]
    given = {one.run: one.because for one in acceptances if one.suite == suite and one.baselines and one.because}
    return given, [f"skipped: {problem}" for problem in problems[:_MAX_NOTES]]


def _stored(files: Iterable[tuple[str, bytes]], folder: str) -> Iterator[tuple[str, bytes]]:
    """The baseline files, without the pinned copies."""
    for path, content in files:
        place = PurePosixPath(path)
        if str(place.parent) == folder and place.suffix == ".jsonl":
            yield path, content


def _on_disk(found: CollectedRuns, root: Path, folder: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted((root / folder).glob("*.jsonl")):
        try:
            content = read_regular(path)
        except OSError as error:  # a folder, a dangling link
            reason = f"{folder}/{path.name}: cannot be read: {error.strerror or error}"
            found.damaged.append(f"the work tree: {reason}")
        else:
            yield f"{folder}/{path.name}", content


def _add(found: CollectedRuns, files: Iterable[tuple[str, bytes]], logged: LoggedCommit | None = None) -> None:
    """Add the baselines of one commit or of the work tree."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for path, content in files:
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            try:
                baseline = read_baseline(place, root)
            except StoreError as error:
                where = f"commit {logged.commit.sha[:7]}" if logged else "the work tree"
                found.damaged.append(f"{where}: {error}")
            else:
                assert baseline
                found.add(baseline, logged)


def _about_git(root: Path, commits: int) -> Iterator[str]:
    if not has_whole_history(root):
        yield "this clone is shallow: run `git fetch --unshallow` to get the earlier commits"
    if commits == MAX_COMMITS:
        yield f"only the latest {MAX_COMMITS} commits of the baselines are shown"
    if not commits:
        yield "git has no commit of these baselines: only the current files are shown"


def _about_damage(damaged: list[str]) -> Iterator[str]:
    """Notes about the latest damaged baselines."""
    yield from (f"skipped: {reason}" for reason in damaged[::-1][:_MAX_NOTES])
    if len(damaged) > _MAX_NOTES:
        yield f"skipped: {len(damaged) - _MAX_NOTES} earlier baselines that cannot be read"


def _add_newest(found: CollectedRuns, path: Path, suite: str) -> None:
    """Add the newest run for each of its models and prompts, if it is complete."""
    try:
        run = read_run(path)
    except StoreError as error:
        found.notes.append(f"the newest run is skipped: {error}")
        return
    if run.header.suite != suite:
        found.notes.append(f"the newest run is skipped: it belongs to the suite {run.header.suite!r}")
    elif not run.complete:
        found.notes.append("the newest run is skipped: it is incomplete")
    else:
        for model, prompt in _pairs(run):
            found.add(baseline_of(run, model, prompt), accepted=False)


def _pairs(run: Run) -> list[Pair]:
    return run.header.planned.pairs
