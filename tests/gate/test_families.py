"""What a change adds takes no alpha from the gates that stood at the merge base."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from repository import Repository

from evalharness.gate import decide_run
from evalharness.gate.defaults import ALPHA
from evalharness.gate.families import PendingGate, Standing, corrected
from evalharness.gate.kinds import gate_kind
from evalharness.records import Baseline, GateRule, Run, Verdict
from evalharness.testing import Project, sample
from evalharness.testing import baseline as baseline_of
from evalharness.testing import run as run_of
from evalharness.testing.ci import leave_ci

CASES = 60
OLD = ("rouge_l",)
MANY = ("rouge_l", *(f"more_{number}" for number in range(9)))
STANDING = Standing(frozenset({("rouge_l", "")}), frozenset({("small", "plain")}), frozenset())
Pair = tuple[str, str]


def a_run(name: str, worse: int, metrics: Iterable[str], pairs: Iterable[Pair], seed: int = 0, *, tag: str = "") -> Run:
    """A run in which `rouge_l` of small.plain is lower in so many cases; everything else is noise."""
    numbers = random.Random(f"{seed}{name}")
    samples = []
    for model, prompt in pairs:
        for case in range(CASES):
            scores = {metric: numbers.gauss(0.7, 0.05) for metric in MANY}
            if (model, prompt) == ("small", "plain") and case < worse:
                scores["rouge_l"] -= 0.2
            samples.append(sample(f"case-{case}", scores=scores, model=model, prompt=prompt, tags=("all",)))
    gates = [GateRule(metric, 0.01) for metric in metrics] + ([GateRule("rouge_l", 0.01, tag=tag)] if tag else [])
    known: dict[str, Any] = {"metrics": MANY, "signatures": {name: f"{name}|v:1" for name in MANY}, "models": {}}
    return run_of(samples, gates=gates, id=name, **known)


@dataclass(frozen=True)
class Change:
    """A change that makes small.plain worse, and adds things next to it."""

    metrics: tuple[str, ...] = OLD
    pairs: tuple[Pair, ...] = (("small", "plain"),)
    tag: str = ""
    pins: bool = False
    worse: int = 12

    def verdicts(self, seed: int, standing: Standing | None) -> list[Verdict]:
        """All verdicts on the change; every model and prompt has a baseline."""
        run = a_run("now", self.worse, self.metrics, self.pairs, seed, tag=self.tag)
        then = a_run("then", 0, self.metrics, self.pairs, seed)
        known: Mapping[Pair, Baseline] = {pair: _baseline(then, pair) for pair in self.pairs}
        pinned = dict(known) if self.pins else None
        return decide_run(run, dict(known), accept_command="", pinned=pinned, standing=standing)

    def old(self, seed: int, standing: Standing | None) -> Verdict:
        """The verdict of the gate that stood."""
        found = [v for v in self.verdicts(seed, standing) if v.metric == "rouge_l" and not v.tag and not v.pinned]
        return next(verdict for verdict in found if (verdict.model, verdict.prompt) == ("small", "plain"))


def _baseline(run: Run, pair: Pair) -> Baseline:
    mine = tuple(sample for sample in run.samples if (sample.key.model, sample.key.prompt) == pair)
    return baseline_of(replace(run, samples=mine))


ADDED = {
    "gates": Change(metrics=MANY),
    "models": Change(pairs=(("small", "plain"), *((f"other-{number}", "plain") for number in range(9)))),
    "prompts": Change(pairs=(("small", "plain"), *(("small", f"other-{number}") for number in range(9)))),
    "a pinned baseline": Change(pins=True),
    "a gate on a tag": Change(tag="all"),
}


@pytest.mark.parametrize("what", ADDED)
def test_added_things_take_nothing(what: str) -> None:
    """With what the change adds, the old gate has the p-value, the verdict and the detectable drop of before."""
    for seed in range(2):
        before, after = Change().old(seed, None), ADDED[what].old(seed, STANDING)
        assert after == before, f"seed {seed}"
        assert (ADDED[what].old(seed, None).p_value or 0) > (before.p_value or 0), "the change would dilute nothing"


def test_what_is_added_is_corrected_for_all() -> None:
    """Added gates are corrected among all gates, as if nothing had stood."""
    change = ADDED["gates"]
    for with_base, without in zip(change.verdicts(0, STANDING), change.verdicts(0, None), strict=True):
        assert with_base.metric == "rouge_l" or with_base == without


def test_power_is_kept() -> None:
    """Five changes that lower 11 of 60 cases: the old gate fails as often with nine gates more as without them."""
    lower = Change(worse=11)
    fails = {
        name: sum(change.old(seed, standing).status == "fail" for seed in range(5))
        for name, change, standing in (
            ("alone", lower, None),
            ("with nine more", replace(lower, metrics=MANY), STANDING),
            ("diluted", replace(lower, metrics=MANY), None),
        )
    }
    assert fails["alone"] == fails["with nine more"] > fails["diluted"]


METRICS = ["exact", "rouge_l", "token_f1", "rouge_1", "chrf"]


def test_a_pull_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates that a branch adds leave the p-value of main's gate as it is; without a merge base they share alpha."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project(tmp_path.resolve() / "project")
    repository = Repository(project.root)
    goldens = {f"case-{number}": f"Answer {number}." for number in range(40)}
    gates = [{"metric": metric, "margin": 0.01} for metric in METRICS]
    project.write_suite(goldens, metrics=METRICS, gates=gates[:1])
    project.write(".gitignore", "reports/\n")
    project.accept()
    repository.commit()
    repository.branch()
    worse = goldens | {f"case-{number}": "No idea." for number in range(5)}
    project.answer(worse)
    before = _p_value(project, "main")
    project.write_suite(goldens, metrics=METRICS, gates=gates)
    project.answer(worse)
    assert 0 < before == _p_value(project, "main")
    repository.commit()
    assert _p_value(project, "HEAD") > before


def _p_value(project: Project, base: str) -> float:
    verdicts = project.evaluate(base=base, record="none").verdicts  # without fresh samples
    return next(verdict.p_value or 0.0 for verdict in verdicts if verdict.metric == "exact")


def test_false_alarms() -> None:
    """Of 20,000 unchanged runs with uniform p-values, 1 % at most fail an old gate, and 2 % at most any gate.

    The standard error of 1 % is 0.07 points.
    """
    rounds, old, added = 20_000, 3, 7
    rng = np.random.default_rng(20261129)
    kind, pairing = gate_kind("rouge_l"), SimpleNamespace(pinned=False, model="small", prompt="plain")
    rules = [GateRule(f"metric_{number}", 0.05) for number in range(old + added)]
    standing = replace(STANDING, rules=frozenset((rule.metric, rule.tag) for rule in rules[:old]))
    failed_old = failed_any = 0
    for p_values in rng.random((rounds, old + added)):
        contexts: list[Any] = [SimpleNamespace(rule=rule, pairing=pairing) for rule in rules]
        gates = [PendingGate(kind, c, SimpleNamespace(p_value=p)) for c, p in zip(contexts, p_values, strict=True)]
        found = corrected(gates, standing)
        failed = [found[id(gate)][0][0] <= ALPHA for gate in gates]
        failed_old += any(failed[:old])
        failed_any += any(failed)
    assert failed_old / rounds == pytest.approx(ALPHA, abs=3 * 0.0007)
    assert failed_any / rounds <= ALPHA * (1 + added / (old + added)) + 3 * 0.001
