"""The assertions that a response breaks, and those that an accepted answer broke."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from evalharness.config import Config
from evalharness.errors import CheckError
from evalharness.records import Case, Spec, Violation
from evalharness.scoring.checks import Check, find_check
from evalharness.scoring.metrics.base import SampleView
from evalharness.scoring.parts import check_at

_ASSERTION_CHARS = 80
"""A longer assertion is named by its digest."""


class Broken(NamedTuple):
    """The assertions that a response breaks, by their `must_pass`."""

    always: tuple[str, ...] = ()
    """A message for each."""
    stable: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()
    """Those that the accepted runs, or a share of the cases, decide."""
    errors: tuple[str, ...] = ()
    """`CHECK: why the response could not be checked`."""

    @property
    def excusable(self) -> set[str]:
        """The assertions that the accepted runs decide: those with `must_pass: baseline`, and "" for a stable one."""
        by_baseline = {one.assertion for one in self.violations if one.least_share is None}
        return by_baseline | ({""} if self.stable else set())


_NOTHING_BROKEN = Broken()
_MOST_OPENED = 20_000
_LOADING = ("similar",)
"""The checks that load a model."""


class Assertions:
    """Opens the checks of cases, and applies them."""

    def __init__(self, config: Config | None = None) -> None:
        """`config`: may have checks of the project."""
        self._config = config
        self._checks: dict[int, tuple[Sequence[Spec], list[Check]]] = {}
        self._factories: dict[str, Callable[[Any], Check]] = {}

    def warm_up(self, cases: Iterable[Case]) -> None:
        """Import and load what the checks of these cases need. A check that cannot load is an error of its samples."""
        loading = [spec for case in cases for spec in case.checks if spec.name in _LOADING]
        for spec in {id(spec): spec for spec in loading}.values():
            with suppress(Exception):
                if warm_up := self._factory(spec.name)(spec.options["value"]).warm_up:
                    warm_up()

    def broken(self, case: Case, view: SampleView) -> Broken:
        """Return the assertions of a case that a response breaks."""
        if not case.checks:
            return _NOTHING_BROKEN
        found, errors = list[tuple[Spec, Check, str]](), list[str]()
        for spec, check in zip(case.checks, self._checks_of(case), strict=True):
            try:
                if message := check.problem(view):
                    found.append((spec, check, message))
            except CheckError as error:
                errors.append(f"{check.name}: {error}")
        return _broken(found, errors) if found or errors else _NOTHING_BROKEN

    def broken_stored(self, case: Case, text: str) -> Broken | None:
        """Return the assertions that an accepted answer breaks; None where it cannot be checked."""
        found = self.broken(
            case, replace(SampleView.of(text, case.golden), vars=case.vars, tags=case.tags, stored=True)
        )
        return None if found.errors else found

    def close(self) -> None:
        """End what checks have started. Called from any thread; later checks are errors."""
        for factory in list(self._factories.values()):
            if close := getattr(factory, "close", None):
                close()

    def _checks_of(self, case: Case) -> list[Check]:
        known, checks = self._checks.get(id(case.checks), ((), []))
        if known is not case.checks:  # the cache keeps the specs alive, so that no other object gets their id
            if len(self._checks) > _MOST_OPENED:  # cases on disk have other specs at each access
                self._checks.clear()
            checks = [self._opened(spec) for spec in case.checks]
            self._checks[id(case.checks)] = case.checks, checks
        return checks

    def _opened(self, spec: Spec) -> Check:
        check = self._factory(spec.name)(spec.options["value"])
        return check_at(check, spec.at) if spec.at else check

    def _factory(self, name: str) -> Callable[[Any], Check]:
        if name not in self._factories:
            self._factories[name] = find_check(name, self._config)
        return self._factories[name]


def _broken(found: Sequence[tuple[Spec, Check, str]], errors: Sequence[str]) -> Broken:
    always, stable = (
        tuple(message for spec, _, message in found if spec.must_pass == kind) for kind in ("always", "stable")
    )
    violations = (one for spec, check, message in found for one in _violations(spec, check.identity, message))
    return Broken(always, stable, tuple(violations), tuple(errors))


def _violations(spec: Spec, identity: str, message: str) -> Iterator[Violation]:
    if spec.must_pass in ("always", "stable"):
        return
    value = json.dumps(spec.options["value"], sort_keys=True, ensure_ascii=False)
    if len(value) > _ASSERTION_CHARS:
        value = f"({hashlib.sha256(value.encode()).hexdigest()[:12]})"
    name = f"{spec.name} {value} [{identity}]" if identity else f"{spec.name} {value}"
    yield Violation(name, message, spec.must_pass if isinstance(spec.must_pass, float) else None)
