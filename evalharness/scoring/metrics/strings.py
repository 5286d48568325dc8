"""Metrics that look for a text, a pattern or a length. They score 0 or 1, except `length`."""

from __future__ import annotations

from collections.abc import Callable

from evalharness.scoring.metrics.base import Metric, against_golden, of_text, signature
from evalharness.scoring.metrics.normal_form import normalize
from evalharness.scoring.metrics.patterns import compile_pattern


def exact(text: str | None = None, *, ignore_case: bool = False, strip: bool = True) -> Metric:
    """Return a metric: 1 if the response equals `text`, by default any golden answer.

    `strip` ignores spaces around both.

    Characters compare in NFC, so that é is é however it was typed; `ignore_case` compares by Unicode case folding.
    """

    def equal(answer: str, wanted: str) -> float:
        return float(_folded(answer, ignore_case, strip=strip) == _folded(wanted, ignore_case, strip=strip))

    return _one_of("exact", equal, text, ignore_case, strip=strip)


def contains(text: str | None = None, *, ignore_case: bool = False) -> Metric:
    """Return a metric: 1 if the response contains `text`, by default any golden answer.

    Characters compare as in `exact`. A blank golden answer is found in a blank response only. Raises ValueError for a
    blank `text`, which every response contains.
    """
    if text is not None and not text.strip():
        raise ValueError("contains: expected a text to look for, got a blank one, which every response contains")

    def found(answer: str, wanted: str) -> float:
        inner, outer = _folded(wanted, ignore_case), _folded(answer, ignore_case)
        return float(inner in outer if inner.strip() else not outer.strip())

    return _one_of("contains", found, text, ignore_case)


def regex(pattern: str, *, ignore_case: bool = False) -> Metric:
    """Return a metric: 1 if `pattern` matches anywhere in the response (RE2, in time linear in the response).

    The response is searched as it is and in NFC by the pattern in NFC, so that é is é however it was typed. Raises
    ValueError for a pattern that RE2 refuses, or of more than 4,096 characters.
    """
    composed = normalize("NFC", pattern)
    found = compile_pattern(pattern, ignore_case=ignore_case)
    found_composed = found if composed == pattern else compile_pattern(composed, ignore_case=ignore_case)
    version = 2 if composed == pattern else 3
    written = signature("regex", pattern=pattern, case=not ignore_case, engine="re2", v=version)
    return of_text("regex", written, lambda text: float(found(text) or found_composed(normalize("NFC", text))))


def length(
    *,
    min_words: int | None = None,
    max_words: int | None = None,
    min_chars: int | None = None,
    max_chars: int | None = None,
) -> Metric:
    """Return a metric: 1 inside the bounds, outside the ratio of limit and length that is below 1.

    So a regression shows by degree. With several bounds the worst counts. Words are separated by spaces (`wc -w`); for
    scripts without spaces, bound characters (code points). Raises ValueError without a bound, for a negative one, and
    if a minimum exceeds its maximum.
    """
    bounds = {"min_words": min_words, "max_words": max_words, "min_chars": min_chars, "max_chars": max_chars}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    _check_bounds(given)

    def ratio(text: str) -> float:
        return min(_ratio(name, bound, text) for name, bound in given.items())

    return of_text("length", signature("length", **given, v=1), ratio)


def count_words(text: str) -> int:
    """Return the number of pieces between spaces."""
    return len(text.split())


def _ratio(name: str, bound: int, text: str) -> float:
    actual = count_words(text) if name.endswith("words") else len(text)
    small, large = (actual, bound) if name.startswith("min") else (bound, actual)
    return 1.0 if small >= large else small / large


def _check_bounds(given: dict[str, int]) -> None:
    if not given:
        raise ValueError("length: expected at least one of min_words, max_words, min_chars, max_chars")
    for name, bound in given.items():
        if bound < 0:
            raise ValueError(f"{name}: expected a length from 0, got {bound}")
    for unit in ("words", "chars"):
        low, high = given.get(f"min_{unit}", 0), given.get(f"max_{unit}")
        if high is not None and low > high:
            raise ValueError(f"min_{unit} = {low} exceeds max_{unit} = {high}: no response is inside")


def _one_of(
    name: str, compare: Callable[[str, str], float], text: str | None, ignore_case: bool, **options: bool
) -> Metric:
    """A metric against the suite's text; without one, against the golden answers."""
    if text is None:
        return against_golden(name, signature(name, text="golden", case=not ignore_case, **options, v=1), compare)
    # The sign distinguishes the text `golden` from the golden answers.
    written = signature(name, text=f"={text}", case=not ignore_case, **options, v=1)
    return of_text(name, written, lambda answer: compare(answer, text))


def _folded(text: str, ignore_case: bool, *, strip: bool = False) -> str:
    text = text.strip() if strip else text
    return normalize("NFC", normalize("NFD", text).casefold() if ignore_case else text)
