"""The terminal summary: verdict first, one screen, and no text in it takes effect."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from outcomes import ROOT, a_baseline, a_sample, an_outcome, broken

from evalharness.errors import StoreError
from evalharness.records import Location, Response, Sample, SampleKey, Score, Timing, Usage
from evalharness.report import Outcome
from evalharness.report.explain import explain_gate, explain_sample
from evalharness.report.markdown import summary
from evalharness.report.terminal import summary_lines

WHERE = Location("suites/support.yaml", 12, 5)
REPORT = "report    reports/support/report.html"
COMMAND = re.compile(r"^\s*::|##\[")
LONG = "It goes on and on, with words and then more words, and some more to fill the line, " * 5


def shown(outcome: Outcome) -> list[str]:
    """The lines of the summary of a suite."""
    return [line for line, _ in summary_lines(outcome)]


def worse(count: int = 60, **changes: Any) -> list[Sample]:
    """A third of the scores dropped by half."""
    return [a_sample(n, 0.4 if n % 3 == 0 else 0.8, **changes) for n in range(count)]


NORMAL = [
    an_outcome(worse(response=Response(LONG, "stop", Usage(100, 40), Timing(0.9)))),
    an_outcome([broken(0, LONG), *worse()[1:]]),
    an_outcome([a_sample(0, failed_checks=(LONG,)), *worse()[1:]]),
    an_outcome(worse(count=9)),
    an_outcome(),
    an_outcome(baseline=None),
    an_outcome(baseline=StoreError("golden/baselines/support/smollm2.concise.jsonl:17: " + LONG)),
    an_outcome(stopped=True),
    an_outcome([broken(n, "x" * 5_000) for n in range(60)]),
    an_outcome([a_sample(0, key=a_sample(0).key._replace(case="c" * 200), failed_checks=("no",)), *worse()[1:]]),
]


@pytest.mark.parametrize("outcome", NORMAL)
def test_one_screen(outcome: Outcome) -> None:
    """The summary of one model fits 24 lines and 80 columns."""
    lines = shown(outcome)
    assert len(lines) <= (24 if outcome.word == "INCONCLUSIVE" else 22)  # and pytest's line above and below
    assert max(map(len, lines)) <= 79


@pytest.mark.parametrize("outcome", NORMAL)
def test_verdict_first_report_last(outcome: Outcome) -> None:
    """The first line is the verdict, the last the path of the report; after an error, what to do."""
    first, *_, last = shown(outcome)
    assert first.startswith(f"{outcome.status.upper()}  ")
    errors = any(sample.error for sample in outcome.run.samples)
    assert last.strip() == ("once it is fixed, continue with pytest --llm-suite=support" if errors else REPORT)


def test_failing_run() -> None:
    """A failing run reads like this."""
    assert shown(an_outcome(worse(), gates=[("chrf", 0.05), ("cost", 0.1)])) == [
        "FAIL  worse than the baseline: chrf",
        "FAIL          chrf  80.0 → 66.7, −13.3 pts on 60 cases and on cases like these",
        "              (−18.4 … −7.4 pts, p = 0.0001); 0 up, 20 down; the accepted",
        "              version was not sampled today, only on 2026-01-01, so a worse day",
        "              of the endpoint looks the same; worst cases: case-0 −40.0 pts,",
        "              case-12 −40.0 pts; worst tags: billing −40.0 pts",
        "PASS          cost  typically 120 → 120 tokens, ±0.0 % on 60 cases and on cases",
        "              like these (−2.6 … +2.7 %); 0 cheaper, 0 dearer; in total 120 →",
        "              120 tokens, ±0.0 %, no more than +3.8 %; 10 % or more is ruled",
        "              out (95 %)",
        "scores        chrf 66.7 (61.8 … 71.6), rouge_l 66.7 (61.8 … 71.6), 60 answers,",
        "              20.0 tokens, p50 0.50 s, p95 0.50 s",
        "",
        "worst cases:",
        "  case-0: 80.0 → 40.0, −40.0 pts: Answer 0 of the model.",
        "  case-12: 80.0 → 40.0, −40.0 pts: Answer 12 of the model.",
        "  case-15: 80.0 → 40.0, −40.0 pts: Answer 15 of the model.",
        "  case-18: 80.0 → 40.0, −40.0 pts: Answer 18 of the model.",
        "  case-21: 80.0 → 40.0, −40.0 pts: Answer 21 of the model.",
        "report    reports/support/report.html",
    ]


def test_a_note_is_shown_once() -> None:
    """Limited scores take one line for each metric, with their number and the first note."""
    limited = Score("chrf", 0.8, "chrf|v:1", note="the model read 256 of 377 tokens of the answer")
    samples = [a_sample(n, scores=(limited,)) if n in (3, 7) else a_sample(n) for n in range(60)]
    notes = [line for line in shown(an_outcome(samples)) if line.startswith("note")]
    assert notes == ["note      chrf, 2 of 60 answers: the model read 256 of 377 tokens of the answer"]


def test_a_loss_is_reported_once() -> None:
    """A missing case affects every gate in one line; its error is in the last lines, with what to do."""
    lines = shown(an_outcome([*worse()[:-1], broken(59, "the worker died")]))
    assert lines[:3] == [
        "ERROR  no usable result for 1 of 60 answers",
        "ERROR         chrf, rouge_l, latency, cost  no result for case case-59 (crash:",
        "              the worker died)",
    ]
    assert lines[-4:] == [
        REPORT,
        "1 case    crash: the worker died",
        "          case-59",
        "          once it is fixed, continue with pytest --llm-suite=support",
    ]


def test_no_baseline() -> None:
    """Without a baseline, the accept command is shown once."""
    assert shown(an_outcome(baseline=None)) == [
        "NO BASELINE  nothing to compare with yet",
        "              chrf, rouge_l, latency, cost  no accepted run yet; accept this",
        "              one: pytest --llm-suite=support --llm-accept",
        "              with these 60 cases, a run like this detects a drop of 13.3 pts",
        "              (chrf), 13.3 pts (rouge_l) or more 80 % of the time",
        "scores        chrf 80.0 (80.0 … 80.0), rouge_l 80.0 (80.0 … 80.0), 60 answers,",
        "              20.0 tokens, p50 0.50 s, p95 0.50 s",
        "report    reports/support/report.html",
    ]


def test_accepted_and_refused() -> None:
    """An accepted file is to be committed; a refusal has its reason."""
    path = ROOT / "golden" / "baselines" / "support" / "smollm2.concise.jsonl"
    lines = shown(replace(an_outcome(baseline=None), accepted=(path,)))
    assert lines[5:-1] == ["accepted  golden/baselines/support/smollm2.concise.jsonl: commit it"]
    assert "not accepted: x" in shown(replace(an_outcome(), refusal="not accepted: x"))


def test_several_models() -> None:
    """With several models, each gate names its model, equal reasons stand once, and beyond sixteen they are counted."""
    first = an_outcome(worse()).verdicts[0]
    alike = [replace(first, model=f"model-{n}") for n in range(20)]
    lines = shown(replace(an_outcome(worse()), verdicts=tuple(alike)))
    assert lines[1].startswith("FAIL          chrf (20 models and prompts)  ")
    assert sum(line.startswith("FAIL   ") for line in lines) == 1
    lines = shown(replace(an_outcome(worse()), verdicts=tuple(replace(one, reason=one.model) for one in alike)))
    assert lines[1].startswith("FAIL          chrf (model-0, concise)  model-0")
    assert "  ... 4 more gates in the report" in lines


def six() -> Outcome:
    """Three models with two prompts each, without a baseline."""
    pairs = [(model, prompt) for model in ("gemma", "smollm2", "claude") for prompt in ("concise", "friendly")]
    samples = [
        a_sample(n, 0.1 * place, key=SampleKey(f"case-{n}", prompt, model, 0))
        for place, (model, prompt) in enumerate(pairs)
        for n in range(4)
    ]
    return an_outcome(samples, baseline=None)


def test_a_row_for_each_model_and_prompt() -> None:
    """Columns that do not fit follow below; a wider terminal has them side by side."""
    lines = shown(six())
    start = next(number for number, line in enumerate(lines) if line.startswith("scores"))
    assert lines[start : start + 3] == [
        "scores                           chrf             rouge_l  answers  tokens",
        "gemma, concise        0.0 (0.0 … 0.0)     0.0 (0.0 … 0.0)        4    20.0",
        "gemma, friendly    10.0 (10.0 … 10.0)  10.0 (10.0 … 10.0)        4    20.0",
    ]
    assert lines[start + 7 : start + 9] == ["scores             p50 s  p95 s", "gemma, concise      0.50   0.50"]
    assert max(map(len, lines)) <= 79
    wide = [line for line, _ in summary_lines(six(), width=200)]
    assert max(map(len, wide)) <= 119
    assert sum(line.startswith("gemma, concise") for line in wide) == 1


def test_a_metric_may_be_called_like_a_figure() -> None:
    """Judges have names of their own: a metric `answers` does not take the place of the number of answers."""
    samples = [a_sample(n, scores=(Score("answers", 0.5, "judge|v:1"), Score("tokens", 0.25, "v"))) for n in range(9)]
    (line,) = (line for line in shown(an_outcome(samples, baseline=None)) if line.startswith("scores"))
    assert line.startswith("scores        answers 50.0 (50.0 … 50.0), tokens 25.0 (25.0 … 25.0), 9 answers,")
    table = summary([an_outcome(samples, baseline=None)])
    assert "| `model, prompt` | `answers` | `tokens` |" in table


def test_a_green_run_shows_what_fell() -> None:
    """The mean hides one answer; the list of worst cases does not."""
    samples = [a_sample(n, 0.05 if n == 7 else 0.9) for n in range(60)]
    lines = shown(an_outcome(samples))
    assert lines[0].startswith("PASS")
    assert lines[lines.index("worst cases:") + 1].startswith("  case-7: 80.0 → 5.0, −75.0 pts")


def test_folder_elsewhere() -> None:
    """A report outside the root has its full path."""
    assert shown(replace(an_outcome(), folder=Path("/elsewhere")))[-1] == "report    /elsewhere/report.html"


PAYLOADS = (
    "::error file=x::boom",
    "x\n::error::boom",
    "x" * 62 + " ::error::boom ::error::boom",
    *("x" * n + " ::error::a" for n in range(40, 60)),
    "##[error]boom",
    "a\r\x1b]52;c;aGk=\x07b",
    "\u202e\u2028::error::x",
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_acts(payload: str) -> None:
    """No answer, error, check, tag or golden answer puts a command to a CI system or a terminal on a line. (A case id
    cannot: suites allow neither colons nor brackets in it.)
    """
    hostile = a_sample(
        0,
        0.1,
        tags=(payload,),
        golden=(payload,),
        response=Response(payload, "stop", Usage(100, 20), Timing(0.5)),
    )
    runs = [
        an_outcome([hostile, *worse()[1:]]),
        an_outcome([replace(s, tags=(payload,)) for s in worse()]),
        an_outcome([broken(0, payload, kind=payload), *worse()[1:]]),
        an_outcome([replace(hostile, failed_checks=(payload,)), *worse()[1:]]),
        an_outcome(baseline=StoreError(payload)),
    ]
    texts = [explain_sample(sample, WHERE) for run in runs for sample in run.run.samples[:1]]
    texts += [explain_gate(verdict, run) for run in runs for verdict in run.verdicts]
    for line in [line for run in runs for line in shown(run)] + [line for text in texts for line in text.splitlines()]:
        assert not COMMAND.search(line), line
        assert line.isprintable(), ascii(line)


def test_explained_sample() -> None:
    """A failed case shows messages, goldens, answer, scores and broken assertions."""
    sample = a_sample(7, 0.25, failed_checks=("must not contain 'As an AI'",))
    assert (
        explain_sample(sample, WHERE)
        == """\
case case-7 (suites/support.yaml:12:5), model smollm2, prompt concise
- the answer must not contain 'As an AI'

system:
│ You answer customers.

user:
│ Question 7?

golden:
│ Golden answer 7.

answer (stop):
│ Answer 7 of the model.

scores: chrf 25.0, rouge_l 25.0"""
    )


def test_explained_error() -> None:
    """A case without an answer shows its error and messages."""
    text = explain_sample(broken(7, "line one\n::error::two"), WHERE)
    assert "error (crash):\n│ line one\n│ ::error::two\n" in text
    assert "Question 7?" in text
    assert "answer (" not in text


def test_long_answers_are_cut() -> None:
    """A very long case is cut to a few pages."""
    pages = "word " * 1_000 + "\n"
    response = Response(pages * 500, "length", Usage(9, 9), Timing(1.0))
    text = explain_sample(a_sample(1, golden=(pages * 500,), response=response), WHERE)
    assert "│ … 461 more lines" in text
    assert "answer (length):" in text
    assert len(text) < 120_000


def test_explained_gate() -> None:
    """A failed gate shows the largest drops with goldens and old answers, and the accept command."""
    outcome = an_outcome(worse())
    assert explain_gate(outcome.verdicts[0], outcome).splitlines()[:7] == [
        f"FAIL {outcome.verdicts[0].reason}",
        "",
        "case-0  chrf 80.0 → 40.0, −40.0 pts",
        "golden │ Golden answer 0.",
        "was    │ Earlier answer to case-0.",
        "now    │ Answer 0 of the model.",
        "",
    ]
    text = explain_gate(outcome.verdicts[0], outcome)
    assert text.endswith("\n\nif this change is intended, accept it: pytest --llm-suite=support --llm-accept")
    assert text.count(" → 40.0, −40.0 pts") == 3


@pytest.mark.parametrize(
    ("outcome", "accept"),
    [
        (an_outcome(baseline=None), True),
        (an_outcome([broken(0), *worse()[1:]]), False),
        (an_outcome(worse(count=9)), False),
    ],
)
def test_what_to_do(outcome: Outcome, accept: bool) -> None:
    """The accept command is shown where accepting helps, and not for an error."""
    assert ("accept it: pytest" in explain_gate(outcome.verdicts[0], outcome)) is accept


def test_edited_case_is_not_a_fall() -> None:
    """An edited case is not shown as worse."""
    samples = worse()
    edited = [replace(samples[0], digest="edited"), *samples[1:]]
    outcome = an_outcome(edited, baseline=a_baseline(samples))
    assert "case-0 " not in explain_gate(outcome.verdicts[0], outcome)
    assert not any(line.startswith("  case-0 ") for line in shown(outcome))
