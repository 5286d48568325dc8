"""Reads a service level objective: `ttft<300ms, e2el<2s, attainment>=95%`.

Terms are separated by commas. `WORD<DURATION` bounds each request. `attainment>=SHARE` is the share of requests that
must meet all of these bounds, `goodput>=RATE` their number a second, and `pNN(WORD)<DURATION` a percentile: NN percent
of the requests must meet this one bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from evalharness.errors import did_you_mean
from evalharness.load.quantities import per_second, seconds, share
from evalharness.records.load import WORDS, LoadBound, LoadObjective, ServiceLevel, Word

_TERM = re.compile(r"\s*([A-Za-z0-9.]+)\s*(?:\(\s*([A-Za-z0-9]+)\s*\))?\s*(<=|>=|<|>|==?)\s*(.+)")
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")
_EXAMPLE = "such as 'ttft<300ms, e2el<2s, attainment>=95%'"
_MOST_TERMS = 12


@dataclass(frozen=True, slots=True)
class Term:
    """One term: a bound of each request, or an objective."""

    text: str
    bound: LoadBound | None = None
    target: float | None = None
    """A share of the requests."""
    goodput_per_s: float | None = None

    @property
    def is_objective(self) -> bool:
        """Whether the term has a verdict of its own."""
        return self.target is not None or self.goodput_per_s is not None


def terms_of(text: str) -> list[Term]:
    """The terms of a service level. Raises ValueError: what is wrong, where, and what to write."""
    parts = [part.strip() for part in text.split(",")]
    if not text.strip() or len(parts) > _MOST_TERMS:
        raise ValueError(f"expected 1 to {_MOST_TERMS} terms, {_EXAMPLE}")
    terms = [_term(part) for part in parts]
    names = [re.split("[<>=]", term.text)[0] for term in terms]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]} has two terms: remove one")
    return terms


def bounds_of(text: str) -> tuple[LoadBound, ...]:
    """The bounds that a good request meets. Raises ValueError, see `terms_of`."""
    return tuple(term.bound for term in terms_of(text) if term.bound and not term.is_objective)


def service_level(text: str, rate_per_s: float) -> ServiceLevel:
    """The service level at this rate of arrivals. Raises ValueError, see `terms_of`; a goodput above the rate."""
    terms = terms_of(text)
    bounds = bounds_of(text)
    return ServiceLevel(text.strip(), bounds, tuple(_objectives(terms, bounds, rate_per_s)))


def _objectives(terms: list[Term], bounds: tuple[LoadBound, ...], rate_per_s: float) -> Iterator[LoadObjective]:
    for term in terms:
        if term.goodput_per_s is not None:
            if term.goodput_per_s >= rate_per_s:
                raise ValueError(f"{term.text}: expected less than the rate of arrivals, {rate_per_s:g}/s")
            yield LoadObjective(term.text, bounds, term.goodput_per_s / rate_per_s)
        elif term.target is not None:
            yield LoadObjective(term.text, (term.bound,) if term.bound else bounds, term.target)


def _term(part: str) -> Term:
    found = _TERM.fullmatch(part)
    if found is None:
        raise ValueError(f"{part!r:.60}: expected a bound and its value, {_EXAMPLE}")
    name, inner, sign, value = found[1].lower(), found[2], found[3], found[4]
    text = f"{name}({inner.lower()}){sign}{value.strip()}" if inner else f"{name}{sign}{value.strip()}"
    try:
        return replace(_of(name, inner, sign, value), text=text)
    except ValueError as error:
        raise ValueError(f"{part!r:.60}: {error}") from None


def _of(name: str, inner: str | None, sign: str, value: str) -> Term:
    if percentile := _PERCENTILE.fullmatch(name):
        return _percentile(float(percentile[1]), inner, sign, value)
    if inner is not None:
        raise ValueError(f"expected a percentile such as p95({inner.lower()})<300ms")
    if name in ("attainment", "goodput"):
        _require(sign, ">=", name)
        return Term("", target=share(value)) if name == "attainment" else Term("", goodput_per_s=per_second(value))
    _require(sign, "<", name)
    return Term("", LoadBound(_word(name), seconds(value)))


def _percentile(number: float, inner: str | None, sign: str, value: str) -> Term:
    if inner is None or not 0 < number < 100:
        raise ValueError("expected a percentile from p1 to p99.9 of a latency, such as p95(ttft)<300ms")
    _require(sign, "<", f"p{number:g}({inner.lower()})")
    return Term("", LoadBound(_word(inner.lower()), seconds(value)), number / 100)


def _word(name: str) -> Word:
    for word in WORDS:
        if word == name:
            return word
    known = (*WORDS, "attainment", "goodput")
    raise ValueError(f"unknown word '{name:.20}'{did_you_mean(name, known)}")


def _require(sign: str, expected: str, name: str) -> None:
    """A bound may be written with or without the equals sign: seconds are never exactly equal."""
    if sign.rstrip("=") != expected.rstrip("="):
        raise ValueError(f"expected {name}{expected}VALUE, got {name}{sign}VALUE")
