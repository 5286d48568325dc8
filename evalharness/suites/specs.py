"""The metrics and the assertions of a suite, each opened once to check its options."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from evalharness import registry
from evalharness.answer_part import answer_part
from evalharness.errors import EvalHarnessError, SchemaError
from evalharness.records import Spec
from evalharness.records.names import NAME_RULE, is_name
from evalharness.suites.document import Document, Loc
from evalharness.suites.reading import Reading

_OF_SUITE = 2
"""Steps to an assertion of the suite: `assert`, and its index."""
BEYOND = "{} compares with accepted answers, and the check '{}' reads {}, which a baseline does not keep"
ITSELF = "the model '{}' would judge its own answers: name another model, or allow it with itself: true"
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?) ?%")


class SpecReader:
    """Reads specs and notes what is wrong with them."""

    def __init__(self, reading: Reading, *, logprobs: bool) -> None:
        self._reading, self._logprobs = reading, logprobs
        self.opened: dict[str, Any] = {}
        """The metrics by name. No step imports another, so their type is unknown here."""
        self.beyond: dict[str, str] = {}
        """Check -> what it reads that a baseline does not keep."""
        self._checks: dict[str, Callable[[Any], Any]] = {}
        self.places: dict[str, Loc] = {}
        """The place of each metric in the suite."""

    def metrics(self, items: Sequence[Any], document: Document) -> tuple[Spec, ...]:
        """The specs of the metrics."""
        specs: dict[str, Spec] = {}
        for index, item in enumerate(items):
            loc: Loc = ("metrics", index)
            try:
                item, alias = self._named(item)
            except ValueError as error:
                self._reading.note(document, loc, str(error))
                continue
            spec = self._spec(item, document, loc, partial(self._metric, alias))
            if spec and spec.score_name in specs:
                self._reading.note(document, loc, _duplicate(spec))
            elif spec:
                specs[spec.score_name], self.places[spec.score_name] = spec, loc
        return tuple(specs.values())

    def _named(self, item: Any) -> tuple[Any, str]:
        """Split `{mrr: {k: 3}, name: mrr_at_3}` into the metric and its name in the suite. Raises ValueError."""
        if not isinstance(item, dict) or "name" not in item or len(item) == 1:
            return item, ""
        given = item["name"]
        return {name: value for name, value in item.items() if name != "name"}, self._own_name(given)

    def _own_name(self, given: object) -> str:
        """The name that a suite gives to a metric. Raises ValueError: no name, or that of something else."""
        if not isinstance(given, str) or not is_name(given):
            raise ValueError(f"name: expected {NAME_RULE}, got {given!r:.100}")
        if given in (*registry.names("metrics", self._reading.config), *registry.names("gate_kinds")):
            raise ValueError(f"name: '{given}' is the name of a metric or a kind of gate: choose another name")
        return given

    def check_judges(self, models: Sequence[str], document: Document) -> None:
        """Note each metric whose judge is one of the models that the suite runs, unless the metric allows it."""
        for name, metric in self.opened.items():
            for model in sorted(set(metric.models) & set(models)):
                if not metric.asks.itself and name in self.places:
                    self._reading.note(document, self.places[name], f"the metric '{name}': {ITSELF.format(model)}")

    def checks(self, items: Sequence[Any], document: Document, at: Loc = ()) -> tuple[Spec, ...]:
        """The specs of the assertions below `at`."""
        found = (self._spec(item, document, (*at, "assert", index), self._check) for index, item in enumerate(items))
        return tuple(spec for spec in found if spec)

    def _spec(self, item: Any, document: Document, loc: Loc, probe: Callable[[str, Any], Spec]) -> Spec | None:
        """The spec, which `probe` checks; None if it is invalid."""
        try:
            item, must_pass = _must_pass(item) if probe == self._check else (item, None)
            item, at = _at(item) if probe == self._check else (item, "")
            if isinstance(must_pass, float) and len(loc) > _OF_SUITE:
                raise ValueError("must_pass: a share counts the cases of the suite: move it to the suite's assert")
            name, value = next(iter(item.items())) if isinstance(item, dict) and len(item) == 1 else (item, None)
            if not isinstance(name, str):
                raise ValueError(f"expected NAME or {{NAME: value}}, got {item!r}")
            spec = replace(probe(name, value), at=at) if at else probe(name, value)
            if at and name in self.beyond:
                raise ValueError(f"at: the check '{name}' reads {self.beyond[name]}, not a text: remove 'at'")
            if at and (field := ", ".join(answer_part(at).beyond)):
                name = f"{name} at {at}"
                self.beyond[name] = field
            if must_pass in ("stable", "baseline") and name in self.beyond:
                raise ValueError(BEYOND.format(f"must_pass: {must_pass}", name, self.beyond[name]))
            return replace(spec, must_pass=must_pass) if must_pass else spec
        except (LookupError, ValueError, EvalHarnessError) as error:
            inside = (name, *error.path) if isinstance(error, SchemaError) else ()
            self._reading.note(document, (*loc, *inside), str(error.args[0] if error.args else error))
            return None

    def _metric(self, alias: str, name: str, value: Any) -> Spec:
        config = self._reading.config
        first = next(iter(registry.options(registry.find("metrics", name, config))), "value")
        are_options = isinstance(value, dict) and name not in config.metrics
        options, at = _at(value) if are_options else ({} if value is None else {first: value}, "")
        opened = registry.make("metrics", name, options, config=config)
        if getattr(opened, "named", False):
            if alias:
                raise ValueError(f"name: the metric '{name}' has its name in its options: remove this one")
            alias = self._own_name(opened.name)
        spec = Spec(name, options, at=at, alias=alias)
        self.opened.setdefault(spec.score_name, opened)
        if at and (opened.answer_likelihood or opened.golden_likelihood or not opened.reads_text):
            raise ValueError(f"at: the metric '{name}' does not score a text: remove 'at'")
        if opened.answer_likelihood and not self._logprobs:
            raise ValueError(f"the metric '{name}' needs params: {{logprobs: true}}")
        return spec

    def _check(self, name: str, value: Any) -> Spec:
        if name not in self._checks:
            self._checks[name] = registry.find("checks", name, self._reading.config)
        if beyond := getattr(self._checks[name](value), "beyond", ()):
            self.beyond[name] = ", ".join(beyond)
        return Spec(name, {"value": value})


def _duplicate(spec: Spec) -> str:
    if spec.alias:
        return f"duplicate name '{spec.alias}' of a metric"
    options = json.dumps({**spec.options, **({"at": spec.at} if spec.at else {})})
    example = f"{{{spec.name}: {options:.200}, name: {spec.name}_2}}"
    return f"duplicate metric '{spec.name}': remove it, or give it a name for its scores, as in {example}"


def _must_pass(item: Any) -> tuple[Any, Any]:
    """Split `{contains: Acme, must_pass: stable}` into the check and `must_pass`. Raises ValueError."""
    if not isinstance(item, dict) or "must_pass" not in item:
        return item, None
    given = item["must_pass"]
    value = given if given in ("always", "stable", "baseline") else _share(given)
    if not value:
        raise ValueError(f"must_pass: expected always, stable, baseline or a share such as 90%, got {given!r}")
    return {name: option for name, option in item.items() if name != "must_pass"}, value


def _at(item: Any) -> tuple[Any, str]:
    """Split `{contains: Acme, at: $.data.answer}` into the rest and the path. Raises ConfigError."""
    if not isinstance(item, dict) or "at" not in item:
        return item, ""
    answer_part(item["at"])
    return {name: option for name, option in item.items() if name != "at"}, str(item["at"])


def _share(value: Any) -> float | None:
    """The share that `90%` spells; None for another value, and for one that is not above 0 and at most 100 %."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    share = float(match[1]) / 100 if match else 0.0
    return share if 0 < share <= 1 else None
