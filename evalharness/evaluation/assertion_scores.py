"""Scores for gates on `assertions`: 1 for an answer that keeps all assertions of its case, 0 for one that breaks any.

Both sides are scored by today's assertions, from the stored texts. So a new assertion does not count as a loss where
the accepted answers break it too, and no baseline stores the scores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace

from evalharness.config import Config
from evalharness.records import ASSERTIONS, Baseline, BaselineCase, Baselines, Case, Run, Sample, Score, Suite
from evalharness.scoring.assertions import Assertions
from evalharness.scoring.metrics import SampleView
from evalharness.suites import digest

_SIGNATURE = f"{ASSERTIONS}|v:1"


class AssertionScores:
    """Scores runs and baselines by the assertions of a suite. An assertion with a share has a rule of its own."""

    def __init__(self, suite: Suite, config: Config | None = None) -> None:
        """`config`: may have checks of the project."""
        self._assertions = Assertions(config)
        checks = {case.id: tuple(s for s in case.checks if not isinstance(s.must_pass, float)) for case in suite.cases}
        self._cases = {case.id: replace(case, checks=checks[case.id]) for case in suite.cases if checks[case.id]}

    def of_samples(self, samples: Iterable[Sample]) -> list[Sample]:
        """Return the samples with these scores."""
        return list(map(self._scored, samples))

    @property
    def signature(self) -> str:
        """The digest of all assertions, for scores that are kept."""
        checks = {name: [(*asdict(spec).values(),) for spec in case.checks] for name, case in self._cases.items()}
        return f"{_SIGNATURE}|checks:{digest(checks)[:12]}"

    def of_run(self, run: Run) -> Run:
        """Return the run with these scores."""
        header = replace(run.header, signatures={**run.header.signatures, ASSERTIONS: _SIGNATURE})
        return replace(run, header=header, samples=tuple(self.of_samples(run.samples)))

    def of_baselines(self, baselines: Baselines) -> Baselines:
        """Return the baselines with these scores."""
        return {
            pair: self._baseline(found) if isinstance(found, Baseline) else found for pair, found in baselines.items()
        }

    def _baseline(self, baseline: Baseline) -> Baseline:
        runs = tuple(replace(run, signatures={**run.signatures, ASSERTIONS: _SIGNATURE}) for run in baseline.runs)
        cases = {name: self._stored(stored, self._cases.get(name)) for name, stored in baseline.cases.items()}
        return replace(baseline, runs=runs, cases=cases)

    def _stored(self, stored: BaselineCase, case: Case | None) -> BaselineCase:
        if case is None:
            return stored
        samples = tuple(
            replace(one, scores={**one.scores, **self._of_stored(case, one.text)}) for one in stored.samples
        )
        return replace(stored, samples=samples)

    def _of_stored(self, case: Case, text: str) -> dict[str, float]:
        """Empty where an accepted answer cannot be checked, so that no gate passes."""
        broken = self._assertions.broken_stored(case, text)
        return {} if broken is None else {ASSERTIONS: float(not any(broken))}

    def _scored(self, sample: Sample) -> Sample:
        case = self._cases.get(sample.key.case)
        if case is None or sample.response is None:
            return sample
        broken = self._assertions.broken(
            case, SampleView(sample.response, sample.golden, sample.messages, case.vars, case.tags)
        )
        if broken.errors:
            return sample
        return replace(sample, scores=(*sample.scores, Score(ASSERTIONS, float(not any(broken)), _SIGNATURE)))

    def close(self) -> None:
        """End what the checks have started."""
        self._assertions.close()
