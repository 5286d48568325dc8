"""Baselines and gates as of the merge base, which a pull request cannot change for itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.config import Config, load_config
from evalharness.criteria.revisions import Revisions
from evalharness.criteria.snapshot import Snapshot
from evalharness.errors import EvalHarnessError, StoreError
from evalharness.evaluation.baselines import Pair, baseline_in, baselines_at, baselines_of
from evalharness.evaluation.judged import judge_labels, made_advisory, noted, with_todays_judges
from evalharness.evaluation.own_words import own_words
from evalharness.evaluation.sides import Sides, with_assertion_scores
from evalharness.logs import get_logger
from evalharness.records import (
    Baseline,
    Baselines,
    CriteriaChange,
    GateRule,
    Run,
    Sample,
    SampleKey,
    Suite,
    Verdict,
)
from evalharness.records.marks import Mark, marked
from evalharness.store import Commit, baseline_path, commit_at
from evalharness.store.origins import Origins, read_origins
from evalharness.suites import load_suite
from evalharness.suites.load import request_digest

if TYPE_CHECKING:  # brings numpy
    from evalharness.gate.families import Standing

_log = get_logger(__name__)


@dataclass
class MergeBase:
    """The project at a commit; without one, the working tree. Reads from git once."""

    config: Config
    commit: Commit | None
    loaded: Callable[[], Iterable[str]] = tuple
    """The files of the project that pytest has read settings from or loaded as plugins, relative to the root."""
    _changes: dict[str, tuple[CriteriaChange, ...]] = field(default_factory=dict)
    _known: dict[str, tuple[GateRule, ...]] = field(default_factory=dict)
    """The gates at the commit."""
    _rules: dict[str, tuple[GateRule, ...]] = field(default_factory=dict)
    _accepted: dict[tuple[str, str], Baselines] = field(default_factory=dict)
    _pinned: dict[str, Baselines] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.commit:
            _log.info("baselines and gates count as of the merge base %s", self.commit.sha[:12])

    @cached_property
    def snapshot(self) -> Snapshot:
        """The commit's files. Raises GitError, StoreError, ConfigError."""
        assert self.commit
        return Snapshot(self.commit, self.config.root)

    @cached_property
    def _revisions(self) -> Revisions:
        return Revisions(self.snapshot, self.config.root, lambda: self.loaded())

    @cached_property
    def _origins(self) -> Origins:
        return read_origins(self.snapshot.folder if self.commit else self.config.root)

    def decide(
        self,
        run: Run,
        *,
        accept_command: str,
        given: str | None = None,
        gates: Sequence[GateRule] | None = None,
        reference: Run | None = None,
        screening: bool = False,
        suite: Suite | None = None,
    ) -> list[Verdict]:
        """The verdicts on a run, by the baselines and gates as of the commit; none if it is stopped, empty or a shard.

        `given` chooses other baselines (see `baselines`), `gates` other rules. A gate on assertions needs the suite.
        """
        from evalharness.gate.decide import decide_run  # brings numpy

        if run.stopped or not run.selected or run.header.shard:
            return []
        name, pairs = run.header.suite, pairs_of(run)
        rules = self.rules(name, run.header.gates) if gates is None else gates
        baselines = with_todays_judges(self.baselines(name, pairs, given), run)
        pinned = with_todays_judges(self.pinned(name, pairs), run, pinned=True)
        sides = with_assertion_scores(Sides(run, baselines, rules, pinned, reference), suite, self.config)
        verdicts = decide_run(
            sides.run,
            sides.baselines,
            accept_command=accept_command,
            gates=sides.rules,
            pinned=sides.pinned,
            reference=sides.reference,
            screening=screening,
            standing=self._standing(name, pairs),
            own_words=own_words(sides, self._origins, suite, self.config),
            judge_labels=judge_labels(run.header, self.config.root),
        )
        return noted(verdicts, run)

    def criteria(
        self, run: Run, verdicts: Sequence[Verdict], given: str | None = None, reference: Run | None = None
    ) -> tuple[CriteriaChange, ...]:
        """The changes to the criteria of a decided run. Each door decides what relaxes with this function.

        `verdicts`, `given` and `reference` are those of `decide`.
        """
        changes = self.changes(run.header.suite)
        if any(change.accepts for change in changes):
            compared = given is None and not run.header.against
            changes = self._settled(changes, run, verdicts if compared else ())
        if self.commit is None:
            return (*changes, *self.replayed(run, reference))
        advisory = made_advisory(run, verdicts, self.baselines(run.header.suite, pairs_of(run)), self.snapshot.folder)
        return (*changes, *advisory, *self.replayed(run, reference))

    def _settled(
        self, changes: Sequence[CriteriaChange], run: Run, verdicts: Sequence[Verdict]
    ) -> tuple[CriteriaChange, ...]:
        """The changes; `verdicts` are those by the baselines at the commit."""
        from evalharness.evaluation.own_acceptances import OwnAcceptances

        name, pairs, root = run.header.suite, pairs_of(run), self.config.root
        then = with_todays_judges(self.baselines(name, pairs), run)
        now: Baselines = baselines_at(root, name, pairs)
        rules, suite = self.rules(name, run.header.gates), load_suite(name, self.config)
        sides = with_assertion_scores(Sides(run, then, rules), suite, self.config)
        now = with_assertion_scores(Sides(run, now, rules), suite, self.config).baselines
        found = OwnAcceptances(sides.run, verdicts, sides.baselines, now, rules, suite, self.config)
        return tuple(found.settled(changes))

    def changes(self, name: str) -> tuple[CriteriaChange, ...]:
        """The changes to the criteria of a suite. An unreadable version counts as a change."""
        if name not in self._changes:
            self._changes[name] = self._changed(name)
        return self._changes[name]

    def replayed(self, *runs: Run | None) -> tuple[CriteriaChange, ...]:
        """A relaxing change for each recording that these runs replay and that is not the commit's."""
        replayed = [(run, one) for run in runs if run for one in marked(run.samples, Mark.IMPORTED)]
        if self.commit is None or not replayed:
            return ()
        from evalharness.criteria.replayed import replayed_changes

        try:
            samples, accepted = [one for _, one in replayed], dict(_same_requests(self.snapshot.folder, replayed))
            return tuple(replayed_changes(self.commit, self.config.root, samples, accepted))
        except EvalHarnessError as error:
            message = f"cannot be compared: {str(error).splitlines()[0][:200]}"
            return (CriteriaChange("replayed answers", "", message, relaxes=True),)

    def _changed(self, name: str) -> tuple[CriteriaChange, ...]:
        if self.commit is None:
            return ()
        try:
            return tuple(self._revisions.changes(name))
        except EvalHarnessError as error:
            message = f"cannot be compared with those of {self.commit.sha[:12]}: {str(error).splitlines()[0][:200]}"
            return (CriteriaChange("criteria", "", message, relaxes=True),)

    def rules(self, name: str, today: Sequence[GateRule]) -> tuple[GateRule, ...]:
        """The gates at the commit and the gates added since. A widened margin or a removed gate counts as before."""
        if name not in self._rules:
            known = {(rule.metric, rule.tag): rule for rule in self._old_rules(name)}
            self._rules[name] = tuple({**{(rule.metric, rule.tag): rule for rule in today}, **known}.values())
        return self._rules[name]

    def _standing(self, name: str, pairs: Collection[Pair]) -> Standing | None:
        """The gates at the commit; None where nothing has changed since."""
        from evalharness.gate.families import Standing

        if self.commit is None or not self.changes(name):
            return None
        rules = frozenset((rule.metric, rule.tag) for rule in self._old_rules(name))

        def known(*, pinned: bool) -> frozenset[Pair]:
            folder = self.snapshot.folder
            return frozenset(pair for pair in pairs if baseline_path(folder, name, *pair, pinned=pinned).is_file())

        return Standing(rules, known(pinned=False), known(pinned=True))

    def _old_rules(self, name: str) -> tuple[GateRule, ...]:
        """Empty for a suite that did not exist or was invalid then, which `changes` reports."""
        if self.commit is None or not self.changes(name):
            return ()
        if name not in self._known:
            self._known[name] = _rules_in(self.snapshot.folder, self.config.root, name)
        return self._known[name]

    def pinned(self, name: str, pairs: Collection[Pair]) -> Baselines:
        """The pinned baselines at the commit; those of the working tree if the commit has none."""
        if name not in self._pinned:
            self._pinned[name] = self._committed(name, pairs, pinned=True)
        return self._pinned[name]

    def baselines(self, name: str, pairs: Collection[Pair], given: str | None = None) -> Baselines:
        """The baselines at the commit; if it has none, those accepted since.

        `given` chooses others: the path of a file or folder, `git:REF`, or `none`. Raises GitError: an unknown commit.
        """
        key = (name, given or "")
        if key not in self._accepted:
            self._accepted[key] = self._read(name, pairs, given)
            for (model, prompt), baseline in self._accepted[key].items():
                _log.info("suite %s: baseline of %s-%s: %s", name, model, prompt, _summary(baseline))
        return self._accepted[key]

    def shown(self, run: Run, given: str | None, reference: Run | None) -> Baselines:
        """The baselines for a report: the accepted ones, or the version that the run is compared with."""
        from evalharness.gate.pairings import with_reference

        if run.header.against and reference is not None:
            return {pair: with_reference(None, reference, *pair) for pair in pairs_of(run)}
        return with_todays_judges(self.baselines(run.header.suite, pairs_of(run), given), run)

    def _read(self, name: str, pairs: Collection[Pair], given: str | None) -> Baselines:
        if given == "none":
            return dict.fromkeys(pairs)
        if given is not None and given.startswith("git:"):
            return baselines_of(commit_at(self.config.root, given.removeprefix("git:")), name, pairs)
        if given is not None:
            return {pair: baseline_in(given, self.config.root, *pair) for pair in pairs}
        return self._committed(name, pairs)

    def _committed(self, name: str, pairs: Collection[Pair], *, pinned: bool = False) -> Baselines:
        found = baselines_at(self.config.root, name, pairs, pinned=pinned)
        if self.commit is not None:
            there = baselines_at(self.snapshot.folder, name, pairs, pinned=pinned)
            found |= {pair: baseline for pair, baseline in there.items() if baseline is not None}
        return found


def _rules_in(folder: Path, root: Path, name: str) -> tuple[GateRule, ...]:
    """The gates of a suite in a snapshot of the project in `root`; none if it is missing or invalid."""
    try:
        # under the configuration of then: a lower limit of today must not make the suite invalid
        config = load_config(folder).model_copy(update={"root": root})
        return tuple(gate.rule for gate in load_suite(name, config.anchored(folder)).gates)
    except EvalHarnessError:
        return ()


def _summary(baseline: Baseline | StoreError | None) -> str:
    """A short description for the log."""
    return f"{len(baseline.runs)} runs" if isinstance(baseline, Baseline) else str(baseline or "none")


def _same_requests(root: Path, samples: Iterable[tuple[Run, Sample]]) -> Iterator[tuple[SampleKey, Baseline]]:
    """The baseline in a folder for each sample whose model, prompt and parameters are those of its accepted runs."""
    found: dict[Pair, Baseline | StoreError | None] = {}
    for run, sample in samples:
        pair = (sample.key.model, sample.key.prompt)
        if pair not in found:
            found |= baselines_at(root, run.header.suite, [pair])
        baseline = found[pair]
        if isinstance(baseline, Baseline) and baseline.runs[-1].request_digest == request_digest(run, *pair):
            yield sample.key, baseline


def check_baseline(given: str | None, root: Path) -> None:
    """Raise StoreError or GitError before the first request if `given` names no baseline."""
    if given is not None and given.startswith("git:"):
        commit_at(root, given.removeprefix("git:"))
    elif given not in (None, "none") and not (root / given).exists():
        raise StoreError(f"baseline {given}: no such file or folder: expected a path, git:REF or none")


def pairs_of(run: Run) -> list[Pair]:
    """The models and prompts that a run plans."""
    return sorted(run.header.planned.pairs)
