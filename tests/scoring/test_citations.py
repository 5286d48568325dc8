"""The citations of an answer: precision and recall apart."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from answering import Answers, answers_of
from hang import in_time

from evalharness.errors import MetricError
from evalharness.records import Citation, Context, NotApplicable, Score
from evalharness.scoring.metrics import SampleView
from evalharness.scoring.metrics.citations import citations
from evalharness.testing import response

RETURNS = Context("You may return an item within 30 days.\nThe postage is   yours.", "returns")
SHIPPING = Context("Shipping takes 3 days.", "shipping")
TWO = (RETURNS, SHIPPING)


def scored(text: str, contexts: tuple[Context, ...] = TWO, **options: Any) -> Any:
    """The result for one answer."""
    empty = () if contexts else ("contexts",)
    (found,) = citations(**options).score([SampleView(response(text, contexts=contexts, empty=empty))], [()])
    return found


def parts(text: str, contexts: tuple[Context, ...] = TWO, **options: Any) -> tuple[float, float]:
    """Precision and recall of one answer."""
    found = scored(text, contexts, **options)
    assert isinstance(found, Score), found
    return round(found.parts["precision"], 3), round(found.parts["recall"], 3)


@pytest.mark.parametrize(
    ("text", "precision", "recall"),
    [
        ("You have 30 days [returns]. It takes 3 days [shipping].", 1, 1),
        ("You have 30 days [1]. It takes 3 days [2].", 1, 1),
        ("You have 30 days.[1] It takes 3 days. [2]", 1, 1),
        ("You have 30 days and it takes 3 [1, 2].", 1, 1),
        ("You have 30 days and it takes 3 [1][shipping].", 1, 1),
        ("You have 30 days [^1].", 1, 1),
        ("You have 30 days. It takes 3 days [2].", 1, 0.5),
        ("You have 30 days [1]. It takes 3 days [3].", 0.5, 0.5),
        ("You have 30 days [1; warranty].", 0.5, 1),
        ("You have 30 days [0].", 0, 0),
        ("You have 30 days.", 0, 0),
        ("[1] You have 30 days.", 1, 1),
        ("- 30 days [1]\n- 3 days\n", 1, 0.5),
        ("Sources:\n[1] The rules of returns\n[2] The times of shipping", 1, 1),
        ("Here is what I found:\nYou have 30 days [1].", 1, 1),
        ("Can I help you? You have 30 days [1].", 1, 1),
        ("See [the rules](https://example.com). You have 30 days [1].", 1, 0.5),
        ("退货期为三十天[1]。运费由您承担。", 1, 0.5),
        ("Do you mean this [1]?", 1, 1),
        # quotations: of three words or more, from a context that the sentence cites
        ('It says "within 30 days" [1].', 1, 1),
        ('It says "WITHIN  30 days." [1].', 1, 1),
        ("It says “the postage is yours” [1].", 1, 1),
        ('It says "You may return ... within 30 days" [1].', 1, 1),
        ('It says "within 30 days ... you may return" [1].', 0, 0),
        ('It says "within 60 days" [1].', 0, 0),
        ('It says "within 30 days" [2].', 0, 0),
        ('It says "within 30 days" [1, 2].', 1, 1),
        ('They call it "easy" [1].', 1, 1),
    ],
)
def test_precision_and_recall(text: str, precision: float, recall: float) -> None:
    """A citation names a context that has what is quoted; each statement needs one."""
    assert parts(text) == (precision, recall)


@pytest.mark.parametrize(
    ("given", "precision", "recall"),
    [
        (Citation("returns", start=0, end=17), 1, 1 / 2),
        (Citation("returns", start=0, end=30), 1, 1),
        (Citation("2", start=20, end=22), 1, 1 / 2),
        (Citation("returns"), 1, 0),
        (Citation("faq", start=0, end=30), 0, 0),
        (Citation("returns", quote="within 30 days", start=0, end=10), 1, 1 / 2),
        (Citation("returns", quote="60 days", start=0, end=10), 0, 0),
        (Citation("returns", start=5_000, end=6_000), 1, 1 / 2),
        (Citation("returns", start=5, end=2), 1, 0),
    ],
)
def test_citations_of_the_response(given: Citation, precision: float, recall: float) -> None:
    """A citation beside the text supports the sentences of its place, and its quotation counts."""
    view = SampleView(response("You have 30 days. It takes 3 days.", contexts=TWO, citations=(given,)))
    (found,) = citations().score([view], [()])
    assert isinstance(found, Score)
    assert found.parts == {"precision": precision, "recall": recall}


def test_the_value() -> None:
    """The value is the F1 of both, or one of them, and each has its signature."""
    text = "You have 30 days [1]. It takes 3 days. It costs 5 dollars [9]."
    found = [scored(text), scored(text, measure="precision"), scored(text, measure="recall")]
    assert [one.value for one in found] == pytest.approx([2 / 5, 1 / 2, 1 / 3])
    assert len({one.signature for one in found}) == 3
    assert found[0].explanation == (
        "1 of 2 citations hold, 1 of 3 claims are cited; no context is called '9'; "
        "without a citation: 'It takes 3 days.'; without a citation: 'It costs 5 dollars .'"
    )


def test_options() -> None:
    """Another marker, and quotations that do not count."""
    assert parts("You have 30 days (source: returns).", marker=r"\(source: (\w+)\)") == (1, 1)
    assert parts("Grüße! 30 days «shipping».", marker="«([a-z, ]+)»") == (1, 0.5)
    assert parts('It says "within 60 days" [1].', quotes=False) == (1, 1)


def test_ids_that_are_numbers() -> None:
    """Where ids are numbers, a number is an id and no place."""
    contexts = (Context("a", "7"), Context("b", "12"))
    assert parts("It is so [12]. It is so [1].", contexts) == (0.5, 0.5)


def test_passages_of_one_document() -> None:
    """Several contexts with one id are one source."""
    assert parts('It says "Shipping takes 3 days" [a].', (Context("x", "a"), Context(SHIPPING.text, "a"))) == (1, 1)


@pytest.mark.parametrize("text", ["", "Can I help you?", "---", "## Returns"])
def test_nothing_to_cite(text: str) -> None:
    """An answer without claims and citations is neither 0 nor 1."""
    assert scored(text) == NotApplicable("no claims", "citations")


def test_contexts_that_are_missing() -> None:
    """Nothing retrieved makes every citation wrong; a response that does not say is an error."""
    assert parts("You have 30 days [1].", ()) == (0, 0)
    (found,) = citations().score([SampleView.of("You have 30 days [1].")], [()])
    assert isinstance(found, MetricError)
    assert "the response has no contexts" in str(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"marker": "["}, "marker: '[' is not a pattern that RE2 takes"),
        ({"marker": r"\[\d+\]"}, "marker: expected a pattern with one group"),
        ({"marker": r"(\[)(\d+)\]"}, "marker: expected a pattern with one group"),
        ({"measure": "f2"}, "the option 'measure' of the metric 'citations' is wrong"),
        ({"quote": True}, "the metric 'citations' has no option 'quote'; did you mean 'quotes'?"),
    ],
)
def test_validate(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """`validate` refuses wrong options at the line of the metric."""
    result = Answers(tmp_path, [{"citations": options}], {"c0": {}}).command("validate", "demo")
    assert result.exit_code == 1
    assert "suites/demo.yaml:8:3: " in result.output
    assert message in result.output


def test_answers_that_stop_citing_are_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate fails for answers without citations, and cannot pass if they claim nothing any more."""
    project = answers_of(tmp_path, "citations", monkeypatch, {f"c{n}": {} for n in range(20)})
    contexts = [{"id": "returns", "text": "30 days."}]

    def given(text: str) -> dict[str, Any]:
        return {"*": {"text": text, "contexts": contexts}}

    accepted = project.answers(given("You have 30 days [returns]."))
    accepted.accept(because="good")
    assert project.answers(given("You have 30 days.")).status == "fail"
    nothing = project.answers(given("May I help?"))
    assert nothing.status not in ("pass", "accepted")
    assert "no claims" in project.read("reports/demo/summary.md")


@pytest.mark.parametrize("piece", ["[1] ", '"a b c" ', '"', "[", "[1]. ", "“a b c [1]”. "])
def test_hostile_answers(piece: str) -> None:
    """A long text takes a moment, or is an error."""
    text = piece * (199_000 // len(piece))
    contexts = tuple(Context("x " * 20, f"d{number}") for number in range(20_000))
    with in_time():
        assert isinstance(scored(text, contexts), Score | MetricError | NotApplicable)
    assert isinstance(scored("x" * 200_001), MetricError)


def test_many_citations_of_the_whole_answer() -> None:
    """Memory does not grow with citations times sentences, which an application could make gigabytes."""
    text = "Xy. " * 10_000
    answer = response(text, contexts=TWO, citations=(Citation("returns", start=0, end=len(text)),) * 5_000)
    tracemalloc.start()
    try:
        (found,) = citations().score([SampleView(answer)], [()])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found, Score)
    assert found.parts == {"precision": 1, "recall": 1}
    assert peak < 100e6
