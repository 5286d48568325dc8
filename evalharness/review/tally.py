"""The result of a blind comparison: the cases won by each side, and the test for a difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from evalharness.review.labels import Label, LabelSide

_SWAPPED = {"a": "b", "b": "a"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides, and all labels on them."""

    a: LabelSide
    b: LabelSide
    labels: tuple[Label, ...]


def comparison_of(labels: Iterable[Label], a: LabelSide, b: LabelSide) -> Comparison:
    """The labels on two sides, also those of pages that call A what is B here."""
    found = (label if (label.a, label.b) == (a, b) else _turned(label) for label in labels if _is_on(label, a, b))
    return Comparison(a, b, tuple(found))


def comparisons(labels: Iterable[Label]) -> Iterator[Comparison]:
    """The labels by their two sides, in the order of the file."""
    labels, seen = tuple(labels), set[frozenset[LabelSide]]()
    for label in labels:
        if (sides := frozenset((label.a, label.b))) not in seen:
            seen.add(sides)
            yield comparison_of(labels, label.a, label.b)


def _is_on(label: Label, a: LabelSide, b: LabelSide) -> bool:
    return {label.a, label.b} == {a, b}


def _turned(label: Label) -> Label:
    swapped: dict[str, Any] = {"a": label.b, "b": label.a, "first": _SWAPPED[label.first]}
    return label.model_copy(update=swapped | {"choice": _SWAPPED.get(label.choice, label.choice)})


@dataclass(frozen=True, slots=True)
class Tally:
    """The cases won by each side, and the test for a difference."""

    a: int
    """Cases in which A has more votes than B."""
    b: int
    even: int
    """Cases with votes, and the same number for each side."""
    people: int
    p_value: float | None
    """Two-sided sign test over cases; None if no case has a winner."""


def tally(labels: Iterable[Label]) -> Tally:
    """The cases won by each side, one vote per case.

    Votes of several people on one case are not independent. Skipped cases do not count.
    """
    from scipy.stats import binomtest

    net: dict[tuple[str, str, str], int] = {}
    people = set()
    for label in labels:
        if label.choice != "skip":
            people.add(label.by)
            place = (label.case, label.model, label.prompt)
            net[place] = net.get(place, 0) + (label.choice == "b") - (label.choice == "a")
    a, b = sum(value < 0 for value in net.values()), sum(value > 0 for value in net.values())
    p_value = float(binomtest(b, a + b, 0.5).pvalue) if a + b else None
    return Tally(a, b, len(net) - a - b, len(people), p_value)
