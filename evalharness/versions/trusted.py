"""What a pull request cannot change for itself: baselines and rules count as they stand at the merge base."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from evalharness.config import Config
from evalharness.errors import EvalHarnessError, StoreError
from evalharness.records import Baseline, Change, GateRule, Suite
from evalharness.store import Commit, baseline_path, commit_at
from evalharness.store.baselines import BASELINE_FOLDER
from evalharness.versions.exams import exam_changes, read_one
from evalharness.versions.reference import suite_at

Pair = tuple[str, str]
"""Model and prompt."""
Baselines = Mapping[Pair, Baseline | StoreError | None]
"""The baseline, why it cannot be read, or None when there is none."""


@dataclass
class Trusted:
    """The project as it stands at a commit; without one, as it stands now."""

    config: Config
    commit: Commit | None
    _suites: dict[str, Suite | None] = field(default_factory=dict)

    def suite(self, name: str) -> Suite | None:
        """The suite at the commit; None when it was not there, or could not be read then."""
        if name not in self._suites:
            try:
                self._suites[name] = suite_at(self.commit, name, self.config) if self.commit else None
            except EvalHarnessError:
                self._suites[name] = None
        return self._suites[name]

    @cached_property
    def exam(self) -> dict[str, list[Change]]:
        """By suite: what this change does to its own exam. A version that cannot be read is itself such a change."""
        if self.commit is None:
            return {}
        try:
            return exam_changes(self.commit, self.config.root)
        except EvalHarnessError as error:
            told = f"cannot be compared with that of {self.commit.sha[:12]}: {str(error).splitlines()[0][:200]}"
            return {"": [Change("the exam", "", told, weakens=True)]}

    def changes(self, name: str) -> tuple[Change, ...]:
        """What this change does to the exam of a suite; and which suites it takes away altogether."""
        others = [change for other, found in self.exam.items() if other not in ("", name) for change in found]
        gone = [change for change in others if change.now == "deleted" and change.what.startswith("suite ")]
        return (*self.exam.get(name, []), *self.exam.get("", []), *gone)

    def rules(self, name: str, today: Sequence[GateRule]) -> tuple[GateRule, ...]:
        """The gates at the commit, and those that are new since: a margin that was widened, or a gate that was taken
        away, counts as it was.
        """
        old = self.suite(name)
        known = {(gate.rule.metric, gate.rule.tag): gate.rule for gate in old.gates} if old else {}
        new = {(rule.metric, rule.tag): rule for rule in today}
        return tuple({**new, **known}.values())

    def pinned(self, name: str, pairs: Collection[Pair]) -> Baselines:
        """The pinned ones, as of the commit; where it has none, as they are."""
        found = baselines_at(self.config.root, name, pairs, pinned=True)
        if self.commit is not None:
            there = baselines_of(self.commit, name, pairs, pinned=True)
            found |= {pair: baseline for pair, baseline in there.items() if baseline is not None}
        return found

    def baselines(self, name: str, pairs: Collection[Pair], given: str | None = None) -> Baselines:
        """As accepted at the commit, and where it has none, as accepted since. `given` chooses others: the path of a
        file or folder, `git:REF`, or `none`. Raises StoreError for a commit that is not there.
        """
        if given == "none":
            return dict.fromkeys(pairs)
        if given is not None and given.startswith("git:"):
            return baselines_of(commit_at(self.config.root, given.removeprefix("git:")), name, pairs)
        if given is not None:
            return {pair: self._at(given, *pair) for pair in pairs}
        found = baselines_at(self.config.root, name, pairs)
        if self.commit is not None:
            there = baselines_of(self.commit, name, pairs)
            found |= {pair: baseline for pair, baseline in there.items() if baseline is not None}
        return found

    def _at(self, given: str, model: str, prompt: str) -> Baseline | StoreError | None:
        path = self.config.root / given
        path = path / f"{model}.{prompt}.jsonl" if path.is_dir() else path
        return read_one(path, self.config.root) if path.exists() else StoreError(f"{given}: there is no {path}")


def baselines_of(commit: Commit, name: str, pairs: Iterable[Pair], *, pinned: bool = False) -> Baselines:
    """The committed ones. Raises StoreError."""
    with tempfile.TemporaryDirectory(prefix="evalharness-") as folder:
        commit.write_to(Path(folder), f"{BASELINE_FOLDER}/{name}")
        return baselines_at(Path(folder), name, pairs, pinned=pinned)


def baselines_at(
    root: Path, name: str, pairs: Iterable[Pair], *, pinned: bool = False
) -> dict[Pair, Baseline | StoreError | None]:
    """Those below a folder."""
    return {pair: read_one(baseline_path(root, name, *pair, pinned=pinned), root) for pair in pairs}
