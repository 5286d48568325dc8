"""Whether the citations of an answer hold, and whether each claim has one.

    precision = citations that hold / citations          recall = claims with a citation that holds / claims

A citation holds if it names a context of the response, and if that context has the words that its sentence quotes. A
claim is a sentence that is no question and no heading. Precision and recall of citations are those of ALCE (Gao et al.
2023, arXiv:2305.14627), where a model decides what supports a claim; here only what is written counts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from evalharness.errors import MetricError
from evalharness.records import Citation, Context, NotApplicable, Score
from evalharness.scoring.metrics import quotations, sentences
from evalharness.scoring.metrics.base import Metric, Result, SampleView, of_result, signature
from evalharness.scoring.metrics.patterns import Found, compile_finder
from evalharness.scoring.metrics.traces import contexts_of

MARKER = r"\[\^?([^\[\]\s,;]+(?:\s*[,;]\s*[^\[\]\s,;]+)*)\]"
"""`[returns]`, `[1]`, `[1, 3]` and `[^1]`."""
_SEPARATOR = re.compile(r"\s*[,;]\s*")
_MOST_CHARS = 200_000
_SHOWN, _SHOWN_CHARS = 3, 60
Measure = Literal["f1", "precision", "recall"]
Finder = Callable[[str], Sequence[Found]]


def citations(measure: Measure = "f1", *, marker: str = MARKER, quotes: bool = True) -> Metric:
    """Return a metric: how well an answer cites its contexts, as the F1 of precision and recall, which are its parts.

    `marker`: an RE2 pattern of a citation in the text; its group has ids, separated by commas. An id is that of a
    context, or its number from 1 where no id is a number. `quotes`: three or more words in quotation marks must stand
    in a context that their sentence cites. An answer without claims and citations has nothing to score. Raises
    ValueError for a marker without a group, or with several.
    """
    try:
        find = compile_finder(marker)
    except ValueError as error:
        raise ValueError(f"marker: {error}") from None
    rules = {"claims": sentences.RULES, "quotes": quotations.RULES if quotes else "no"}
    written = signature("citations", measure=measure, marker=marker, **rules, v=1)

    def score(view: SampleView) -> Result:
        given = view.response.citations
        if view.response.refusal:
            return NotApplicable("no claims", "citations")
        found = check_citations(view.text, contexts_of(view.response), find, given, quotes=quotes)
        return _result(found, measure, written)

    return of_result("citations", written, score)


class Cited(NamedTuple):
    """One citation of an answer, with the numbers of its sentences, and what is wrong with it; empty if it holds."""

    sentences: range
    problem: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The citations of an answer, and its claims: the numbers and texts of its sentences."""

    citations: list[Cited] = field(default_factory=list)
    claims: dict[int, str] = field(default_factory=dict)

    @property
    def uncited(self) -> list[str]:
        """The claims without a citation that holds."""
        cited = _numbers(one.sentences for one in self.citations if not one.problem)
        return [text for number, text in self.claims.items() if number not in cited]

    @property
    def precision(self) -> float:
        """The share of the citations that hold; 0 for none."""
        holding = sum(not one.problem for one in self.citations)
        return holding / len(self.citations) if self.citations else 0.0

    @property
    def recall(self) -> float:
        """The share of the claims with a citation that holds; 1 if nothing is claimed."""
        return 1 - len(self.uncited) / len(self.claims) if self.claims else 1.0


class _Sentence(NamedTuple):
    text: str
    span: sentences.Span
    markers: list[Found]


def check_citations(
    text: str, contexts: Sequence[Context], find: Finder, given: Sequence[Citation] = (), *, quotes: bool = True
) -> Checked:
    """Return the citations and claims of a text. `given`: citations that the response has besides those in the text.

    Raises MetricError for more than 200,000 characters.
    """
    if len(text) > _MOST_CHARS:
        raise MetricError(f"expected an answer of at most {_MOST_CHARS:,} characters, got {len(text):,}")
    sources, found, all_sentences = _Sources(contexts), Checked(), _sentences(text, find)
    for number, sentence in enumerate(all_sentences):
        if sentences.is_claim(sentence.text):
            found.claims[number] = sentence.text
        found.citations.extend(
            Cited(range(number, number + 1), problem) for problem in sources.problems(sentence, quotes=quotes)
        )
    starts = [one.span.start for one in all_sentences]
    for one in given:
        found.citations.append(Cited(_covered(one, starts), sources.problem(one, quotes=quotes)))
    return found


def _covered(citation: Citation, starts: Sequence[int]) -> range:
    """The sentences that a citation of the response supports; none if it names no place in the text."""
    if citation.start is None or citation.end is None or citation.start >= citation.end:
        return range(0)
    first, last = (bisect_right(starts, place) - 1 for place in (citation.start, citation.end - 1))
    return range(max(0, first), last + 1)


def _numbers(ranges: Iterable[range]) -> set[int]:
    """The numbers in any of these ranges. Linear in their union: each of thousands may span the whole answer."""
    found, end = set[int](), 0
    for one in sorted(ranges, key=lambda one: one.start):
        found.update(range(max(one.start, end), one.stop))
        end = max(end, one.stop)
    return found


def _sentences(text: str, find: Finder) -> list[_Sentence]:
    """The sentences without their markers. A marker after the end of a sentence, in the same line, belongs to it."""
    markers = [one for one in find(text) if text[one.end : one.end + 1] != "("]  # [text](address) is a link
    bare = _blanked(text, markers)
    spans = sentences.sentence_spans(bare)
    found = [_Sentence(bare[span.start : span.end], span, []) for span in spans]
    found = found or [_Sentence("", sentences.Span(0, 0), [])]
    starts = [span.start for span in spans]
    for one in markers:
        number = max(0, bisect_right(starts, one.start) - 1)
        if spans and "\n" in bare[spans[number].end : one.start]:
            number = min(number + 1, len(spans) - 1)
        found[number].markers.append(one)
    return found


def _blanked(text: str, markers: Sequence[Found]) -> str:
    pieces, at = [], 0
    for one in markers:
        pieces += [text[at : one.start], " " * (one.end - one.start)]
        at = one.end
    return "".join([*pieces, text[at:]])


class _Sources:
    """The contexts of a response by what a citation may call them."""

    def __init__(self, contexts: Sequence[Context]) -> None:
        self._texts = quotations.Sources([one.text for one in contexts])
        self._places: dict[str, list[int]] = {}
        for index, one in enumerate(contexts):
            self._places.setdefault(one.id, []).append(index)
        self._places.pop("", None)
        if not any(name.isdecimal() for name in self._places):
            self._places.update({str(number): [number - 1] for number in range(1, len(contexts) + 1)})

    def problems(self, sentence: _Sentence, *, quotes: bool) -> Iterator[str]:
        """Yield for each citation of a sentence what is wrong with it; empty if it holds."""
        cited = [name for marker in sentence.markers for name in _SEPARATOR.split(marker.group.strip())]
        if not cited:
            return
        lost = self._lost_quotation(sentence, cited) if quotes else ""
        for name in cited:
            known = name in self._places
            yield lost if known else f"no context is called {_shown(name)}"

    def problem(self, citation: Citation, *, quotes: bool) -> str:
        """Return what is wrong with a citation of the response; empty if it holds."""
        places = self._places.get(citation.source, [])
        if not places:
            return f"no context is called {_shown(citation.source)}"
        has_quote = not quotes or not citation.quote or any(self._texts.has(one, citation.quote) for one in places)
        return "" if has_quote else f"no cited context has the words {_shown(citation.quote)}"

    def _lost_quotation(self, sentence: _Sentence, cited: Sequence[str]) -> str:
        places = {place: None for name in cited for place in self._places.get(name, [])}
        for quotation in quotations.quotations(sentence.text):
            if not any(self._texts.has(place, quotation) for place in places):
                return f"no cited context has the words {_shown(quotation)}"
        return ""


def _result(found: Checked, measure: Measure, written: str) -> Result:
    if not found.claims and not found.citations:
        return NotApplicable("no claims", "citations")
    precision, recall = found.precision, found.recall
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    value = {"f1": f1, "precision": precision, "recall": recall}[measure]
    return Score("citations", value, written, _explained(found), {"precision": precision, "recall": recall})


def _explained(found: Checked) -> str:
    problems = list(dict.fromkeys(one.problem for one in found.citations if one.problem))
    holding, cited = sum(not one.problem for one in found.citations), len(found.claims) - len(found.uncited)
    lines = [f"{holding} of {len(found.citations)} citations hold, {cited} of {len(found.claims)} claims are cited"]
    lines += problems[:_SHOWN]
    lines += [f"without a citation: {_shown(text)}" for text in found.uncited[:_SHOWN]]
    return "; ".join(lines)


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")
