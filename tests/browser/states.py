"""The pages in each of their states: reports of all verdicts and kinds of case, history, label pages, load tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from histories import a_history
from judged_runs import finished, said
from loads import a_load, capacity, in_turns
from pages import a_page, a_run, six_combinations

from evalharness.records import Context, Message, Run, SampleError, ToolCall, Verdict
from evalharness.records.answer_label import LabelItem, Labelled
from evalharness.report.blind import AnswerPair, ShownPrompt, Side, blind_page
from evalharness.report.columns import columns_of
from evalharness.report.history import history_html
from evalharness.report.html import Page, extent_of, facts_of, page_of, render_html
from evalharness.report.label_page import label_page
from evalharness.report.load_page import load_html
from evalharness.store.answer_labels import write_answer_labels
from evalharness.testing import run, sample
from evalharness.view.listing import ListedRun
from evalharness.view.pages import index_data, index_page

LONG = " ".join(f"Sentence {number} of a long answer about refunds, deadlines and parcels." for number in range(40))


def html_of(name: str, folder: Path) -> str:
    """The page in one of the `STATES`. For `judge`, it runs a small suite in the folder."""
    return STATES[name](folder)


def _verdict(status: str, reason: str, **changes: object) -> Verdict:
    found = next(one for one in a_page().verdicts if one.status == "fail")
    return replace(found, status=status, reason=reason, **changes)  # type: ignore[arg-type]


def green() -> str:
    """A report whose gates pass, of one model."""
    of = _one_model()
    verdict = _verdict("pass", "", before=52.0, after=52.4, change=0.4, low=-1.0, high=1.8, p_value=1.0)
    page = replace(a_page(), overall="pass", headline="no worse than the baseline", verdicts=(verdict,), criteria=())
    return render_html(replace(page, columns=columns_of(of, {})))


def inconclusive() -> str:
    """A report that cannot decide, of a run of one model with errors."""
    why = "the bounds −7.0 … +3.0 pts include the margin: 40 more cases would settle it"
    verdict = _verdict("inconclusive", why, change=-2.0, after=50.0, high=3.0)
    errors = [
        {
            "cases": "2",
            "first": "case-003",
            "text": "deadline: no answer within 30 s",
            "detail": "",
            "todo": "run it again",
        }
    ]
    page = replace(a_page(), overall="inconclusive", headline="cannot rule out a drop of 5 pts", errors=errors)
    page = replace(page, columns=columns_of(_one_model(), {}))
    return render_html(replace(page, verdicts=(verdict, replace(verdict, metric="exact", tag="rare"))))


def first_run() -> str:
    """A report without a baseline, of one model."""
    verdict = _verdict(
        "no baseline", "no accepted run yet", before=None, change=None, low=None, high=None, p_value=None
    )
    return render_html(
        replace(_page(_one_model()), overall="no baseline", headline="no baseline yet", verdicts=(verdict,))
    )


def _one_model() -> Run:
    """A run of one model."""
    samples = [one for one in a_run().samples if one.key.model == "smollm2"]
    return run(samples, gates={}, suite="support", file="suites/support.yaml")


def applications() -> str:
    """A report with a case of retrieval, one of tool calls and a conversation."""
    calls = (ToolCall("find_order", {"id": 4711}, {"state": "sent"}), ToolCall("refund", {"id": 4711}, None))
    talk = (Message("user", "My name is Ada."), Message("assistant", "Hello Ada."), Message("user", "What is my name?"))
    found = (Context("Open for 30 days. " * 30, "faq#2", 0.5), Context("Parcels take two days.", "faq#7", 0.25))
    samples = [
        sample("retrieval", "Thirty days.", contexts=found, tags=("rag",)),
        sample("tools", "It was sent.", tool_calls=calls, data={"order": {"id": 4711, "items": ["a", "b"]}}),
        sample("talk#3", "Your name is Ada.", messages=talk),
        sample("long", LONG, golden=(LONG.replace("refunds", "returns"),), scores={"exact": 0.0}),
        sample("broken", error=SampleError("deadline", "no answer within 30 s")),
    ]
    return render_html(_page(run(samples, gates={}, suite="shop", file="suites/shop.yaml")))


def _page(of: Run) -> Page:
    """A report without a baseline."""
    shown = {"facts": facts_of(of), "columns": columns_of(of, {}), "extent": extent_of(of)}
    return Page(
        "pass",
        "no worse than the baseline",
        **shown,
        answered=sum(one.error is None for one in of.samples),
        planned=len(of.samples),
    )


def judged(folder: Path) -> str:
    """A report with a judge and labels of people."""
    outcome = finished(folder).outcome
    assert outcome is not None
    write_answer_labels(folder, "demo", said(outcome.run, {"ann": ("yes", 1.0), "bob": ("no", 0.0)}))
    return render_html(page_of(outcome))


def blind() -> str:
    """A blind comparison with texts of all lengths."""
    prompt = ShownPrompt((("user", "How long does a refund take?"),), (), (("system", "You answer customers."),))
    pairs = [
        AnswerPair(
            f"case-{n}", "smollm2", "concise", prompt, ("Two days.",), "Two days." + LONG * n, "Within two days."
        )
        for n in range(3)
    ]
    return blind_page("support", Side("run-of-a", "", ""), Side("run-of-b", "", ""), pairs, "seed")


def labels() -> str:
    """Answers to label, the first one long."""
    items = [
        LabelItem(
            Labelled("q", f"case-{n}", "d", f"a{n}"),
            "polite",
            "Is the answer polite and does it name a deadline?",
            (("question", "How long does a refund take?"), ("answer", LONG if n == 0 else "Two days.")),
            (("yes", 1.0), ("no", 0.0)),
            "seed",
            drawn=True,
        )
        for n in range(3)
    ]
    return label_page("support", "run-1", {"polite": "seed"}, 40, items)


def runs() -> str:
    """The list of runs, with a long headline."""
    known = {"started_at": "2026-01-01T00:00:00Z", "changed_at_s": 1.0}
    rows = [
        ListedRun("a", "support", "support", "fail", "worse than the baseline: rouge_l " * 9, **known),  # type: ignore[arg-type]
        ListedRun("b", "nightly/support", "support", "running", answered=3, planned=9, **known),  # type: ignore[arg-type]
        ListedRun("c", "broken"),
    ]
    return index_page(index_data(rows, "tag", 600_000)).decode()


STATES: Mapping[str, Callable[[Path], str]] = {
    "red": lambda _: render_html(a_page()),
    "green": lambda _: green(),
    "inconclusive": lambda _: inconclusive(),
    "first run": lambda _: first_run(),
    "six combinations": lambda _: render_html(six_combinations()),
    "applications": lambda _: applications(),
    "history": lambda _: history_html(a_history()),
    "blind": lambda _: blind(),
    "labels": lambda _: labels(),
    "runs": lambda _: runs(),
    "load": lambda _: load_html(*a_load()),
    "load in turns": lambda _: load_html(*in_turns()),
    "capacity": lambda _: load_html(*capacity()),
    "judge": judged,
}
