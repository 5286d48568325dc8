"""The part of a plan that a run takes: all of it, or the cases of its shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from evalharness.evaluation.plan import Plan
from evalharness.records import KeyGrid, Request, Shard
from evalharness.suites import digest


class Assigned:
    """The cases of a plan that belong to a shard; without one, all."""

    def __init__(self, plan: Plan, shard: Shard | None) -> None:
        self._plan, self._shard = plan, shard

    @cached_property
    def shard(self) -> Shard | None:
        """The shard, with the digest of all cases."""
        cases = (case.digest for case in self._plan.suite.cases)
        return replace(self._shard, cases=digest(list(cases))) if self._shard else None

    def has(self, case: str) -> bool:
        """Whether a case of the suite belongs to the run."""
        return self._cases is None or case in self._cases

    @cached_property
    def keys(self) -> KeyGrid:
        """The planned samples of the run."""
        planned = self._plan.planned
        if self._shard is None:
            return planned
        return KeyGrid(filter(self.has, planned.case_ids), planned.prompts, planned.models)

    @property
    def requests(self) -> tuple[Plan, Sequence[Request]]:
        """The planned requests of the run, with their plan."""
        return self._plan, self._plan.requests.alone(self.keys)

    @cached_property
    def _cases(self) -> frozenset[str] | None:
        shard = self._shard
        if shard is None:
            return None
        return frozenset(case.id for case in self._plan.suite.cases if shard.has(case.id, case.cluster))
