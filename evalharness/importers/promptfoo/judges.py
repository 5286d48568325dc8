"""Judge metrics of an imported suite, and the notes about assertions that a judge answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalharness import registry
from evalharness.importers.margins import decidable_margin
from evalharness.importers.names import unique_names
from evalharness.importers.promptfoo.graded import Graded
from evalharness.importers.promptfoo.source import Source

_NO_JUDGE = "needs a judge: configure a model in pyproject.toml, and import again with --judge MODEL"
_MOST_PLACES, _MOST_LIMITS = 10, 5


@dataclass(slots=True)
class _JudgeMetric:
    """A metric, with its question to all cases or to some of them."""

    first: Graded
    ask: str = ""
    asks: dict[int, str] = field(default_factory=dict)
    """By the index of the case."""

    def simplify(self, cases: int) -> None:
        """Ask a question that all cases share once."""
        if len(self.asks) == cases and len({*self.asks.values()}) == 1:
            self.ask, self.asks = self.asks[0], {}

    def data(self, name: str, model: str) -> dict[str, Any]:
        """The metric in the suite."""
        ask = {"ask": self.ask} if self.ask else {}
        return {"judge": {"name": name, "model": model, **ask, **self.first.options}}

    def count(self, cases: int) -> int:
        """How many cases it scores."""
        return len(self.asks) or cases


def add_judges(
    suite: dict[str, Any], source: Source, shared: Sequence[Graded], own: Sequence[Sequence[Graded]]
) -> None:
    """Add the graded assertions of all cases and of each case to a suite, if there is a judge, and note them."""
    own = [_with_context(suite, case, source, mine) for case, mine in zip(suite["cases"], own, strict=True)]
    _note_kinds(source, [*shared, *(one for mine in own for one in mine)])
    if not source.judge:
        return
    metrics, cases = _metrics(shared, own), len(own)
    taken = [*registry.names("metrics"), *registry.names("gate_kinds")]
    names = [*unique_names([*taken, *(one.first.name for one in metrics)], "judge")][len(taken) :]
    for name, metric in zip(names, metrics, strict=True):
        suite["metrics"].append(metric.data(name, source.judge))
        for index, ask in metric.asks.items():
            suite["cases"][index].setdefault("judge", {})[name] = ask
        if metric.first.has_gate and metric.count(cases) * 2 >= cases:
            suite["gates"].append({"metric": name, "margin": decidable_margin(metric.count(cases))})


def _with_context(
    suite: dict[str, Any], case: dict[str, Any], source: Source, questions: Iterable[Graded]
) -> list[Graded]:
    """The questions that the case can be asked; a note for each one about a context that it does not have."""
    if {**suite["vars"], **case.get("vars", {})}.get("context"):
        return [*questions]
    for one in questions:
        if one.needs_context:
            source.note(one.node, f"assertion {one.kind}: expected a variable 'context'")
    return [one for one in questions if not one.needs_context]


def _metrics(shared: Sequence[Graded], own: Sequence[Sequence[Graded]]) -> list[_JudgeMetric]:
    """A metric for each shared question, and one for the first, the second, ... question of a kind in a case."""
    found: dict[Any, _JudgeMetric] = {}
    for index, mine in enumerate(own):
        for key, one in _numbered(mine):
            found.setdefault(key, _JudgeMetric(one)).asks[index] = one.ask
    for metric in found.values():
        metric.simplify(len(own))
    return [*(_JudgeMetric(one, one.ask) for one in shared), *found.values()]


def _numbered(questions: Iterable[Graded]) -> Iterator[tuple[tuple[Any, ...], Graded]]:
    """Each question with what its metric is known by: kind, label, and its number among its equals in the case."""
    seen = Counter[tuple[Any, ...]]()
    for one in questions:
        key = (one.name, one.has_gate, str(one.options))
        seen[key] += 1
        yield (*key, seen[key]), one


def _note_kinds(source: Source, questions: Iterable[Graded]) -> None:
    """One note for each type: what it is now or what it needs, and where it also stands."""
    kinds: dict[str, dict[str, Graded]] = defaultdict(dict)
    for one in questions:
        found = one.node.document.problem(one.node.loc, "")
        kinds[one.kind].setdefault(f"{found.file}:{found.line}", one)
    for kind, places in kinds.items():
        first = next(iter(places.values()))
        now = _judged(source.judge, [*places.values()]) if source.judge else _NO_JUDGE
        source.note(first.node, f"assertion {kind}: {now}{_elsewhere([*places][1:])}")


def _judged(model: str, questions: Sequence[Graded]) -> str:
    limits = [*dict.fromkeys(str(one.node["threshold"].plain)[:20] for one in questions if one.node["threshold"])]
    shown = ", ".join([*limits[:_MOST_LIMITS], *["..."] * (len(limits) > _MOST_LIMITS)])
    dropped = f"; the threshold ({shown}) is dropped: a gate compares with the accepted runs" if limits else ""
    changes = f", with {questions[0].changes}" if questions[0].changes else ""
    return f"now a metric by the judge '{model}'{changes}{dropped}"


def _elsewhere(places: Sequence[str]) -> str:
    if not places:
        return ""
    shown = [*places[:_MOST_PLACES], *["..."] * (len(places) > _MOST_PLACES)]
    return f" ({len(places):,} more: {', '.join(shown)})"
