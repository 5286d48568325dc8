"""The accepted runs of a suite, from each commit that changed its baselines, and the newest run from `reports/`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from evalharness.errors import StoreError
from evalharness.records import AcceptedRun, Baseline, BaselineSample, Run
from evalharness.store import read_baseline, read_run
from evalharness.store.baselines import BASELINE_FOLDER, baseline_of
from evalharness.store.git import commits_that_changed, has_whole_history

MOST_COMMITS = 1_000
"""Of each suite's baselines, the latest ones."""
_MOST_NOTES = 3
Pair = tuple[str, str]
"""Model and prompt."""


@dataclass(frozen=True, slots=True)
class Told:
    """A run of one model and prompt, and where it was first found."""

    run: AcceptedRun
    samples: Mapping[str, tuple[BaselineSample, ...]]
    """By case."""
    digests: Mapping[str, str]
    """By case."""
    commit: str = ""
    committed_at: str = ""
    accepted: bool = True


@dataclass(slots=True)
class Found:
    """What was read so far."""

    runs: dict[Pair, dict[str, Told]] = field(default_factory=dict)
    """By model and prompt, then by the run's id, in the order of the commits."""
    damaged: list[str] = field(default_factory=list)
    """Why a stored state could not be read."""
    notes: list[str] = field(default_factory=list)

    def add(self, baseline: Baseline, commit: str = "", committed_at: str = "", *, accepted: bool = True) -> None:
        """The runs of a baseline that are not known from an earlier commit."""
        known = self.runs.setdefault((baseline.model, baseline.prompt), {})
        for run in baseline.runs:
            if run.id not in known:
                known[run.id] = _told(baseline, run, commit, committed_at, accepted)


def _told(baseline: Baseline, run: AcceptedRun, commit: str, committed_at: str, accepted: bool) -> Told:
    draws = {name: tuple(d for d in case.samples if d.run == run.id) for name, case in baseline.cases.items()}
    draws = {name: found for name, found in draws.items() if found}
    return Told(run, draws, {name: baseline.cases[name].digest for name in draws}, commit, committed_at, accepted)


def accepted_runs(root: Path, suite: str, newest: Path | None = None) -> Found:
    """All accepted runs of a suite, those of its work tree last, and then the newest run, if its record is there.

    Raises StoreError when git fails. A state that cannot be read is left out, and noted.
    """
    found, folder = Found(), f"{BASELINE_FOLDER}/{suite}"
    commits = commits_that_changed(root, folder, MOST_COMMITS)
    known: set[str] = set()
    for commit, date in commits:
        _add(found, _stored(commit.contents(folder, known), folder), commit.sha, date)
    _add(found, _on_disk(found, root, folder))
    found.notes += [*_about_git(root, len(commits)), *_about_damage(found.damaged)]
    if newest is not None and newest.exists():
        _add_newest(found, newest, suite)
    return found


def _stored(files: Iterable[tuple[str, bytes]], folder: str) -> Iterator[tuple[str, bytes]]:
    """Baselines only, and not the pinned copies."""
    for path, content in files:
        place = PurePosixPath(path)
        if str(place.parent) == folder and place.suffix == ".jsonl":
            yield path, content


def _on_disk(found: Found, root: Path, folder: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted((root / folder).glob("*.jsonl")):
        try:
            content = path.read_bytes()
        except OSError as error:  # a folder of this name, a link to nothing
            reason = f"{folder}/{path.name}: cannot be read: {error.strerror or error}"
            found.damaged.append(f"the work tree: {reason}")
        else:
            yield f"{folder}/{path.name}", content


def _add(found: Found, files: Iterable[tuple[str, bytes]], commit: str = "", date: str = "") -> None:
    """One state of the files."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for path, content in files:
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            try:
                baseline = read_baseline(place, root)
            except StoreError as error:
                found.damaged.append(f"{f'commit {commit[:7]}' if commit else 'the work tree'}: {error}")
            else:
                assert baseline
                found.add(baseline, commit, date)


def _about_git(root: Path, commits: int) -> Iterator[str]:
    if not has_whole_history(root):
        yield "this clone is shallow, and earlier commits are missing: `git fetch --unshallow` brings them"
    if commits == MOST_COMMITS:
        yield f"only the latest {MOST_COMMITS} commits that changed the baselines were read"
    if not commits:
        yield "git has no commit of these baselines here: only what the files hold now is shown"


def _about_damage(damaged: list[str]) -> Iterator[str]:
    """The latest ones."""
    yield from (f"left out, {reason}" for reason in damaged[::-1][:_MOST_NOTES])
    if len(damaged) > _MOST_NOTES:
        yield f"left out as well: {len(damaged) - _MOST_NOTES} earlier states that cannot be read"


def _add_newest(found: Found, path: Path, suite: str) -> None:
    """The newest run, for each model and prompt that it asked, if it is whole."""
    try:
        run = read_run(path)
    except StoreError as error:
        found.notes.append(f"the newest run is left out: {error}")
        return
    if run.header.suite != suite:
        found.notes.append(f"the newest run is left out: it is of the suite {run.header.suite!r}")
    elif not run.complete:
        found.notes.append("the newest run is left out: it is not complete")
    else:
        for model, prompt in _pairs(run):
            found.add(baseline_of(run, model, prompt), accepted=False)


def _pairs(run: Run) -> list[Pair]:
    return list(dict.fromkeys((key.model, key.prompt) for key in run.header.planned))
