"""`summary.md`: the verdict first, bounded, and nothing in it alive that we did not write."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hostile import ALL, COMMAND, MARKDOWN, SOME, invisible, named
from hostile_outcome import ONE, hostile
from markdown_it import MarkdownIt
from outcomes import ROOT, a_baseline, a_sample, an_outcome, broken

from evalharness.records import (
    BaselineSample,
    CriteriaChange,
    Location,
    Response,
    Timing,
    Usage,
)
from evalharness.report import markdown, markdown_cases, markdown_tables
from evalharness.report.explain import explain_gate, explain_sample
from evalharness.report.markdown import MAX_CHARS, summary
from evalharness.report.terminal import summary_lines

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
"""GitHub's extensions without autolinks, which `alive` finds itself."""
OURS = re.compile(r"(<details><summary>[A-Za-z0-9 ,]+</summary>|</details>)\n?")
LINKED = re.compile(r"(?<![\w`])@\w|(^|[\s(/\w])#\d|\bGH-\d|https?://|\bwww\.|\w@\w", re.MULTILINE)
"""Text that GitHub and GitLab turn into links and mentions outside of code."""


class Page:
    """A rendered summary."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [token for block in RENDERER.parse(text) for token in (block, *(block.children or ()))]

    @property
    def structure(self) -> list[tuple[str, str, int]]:
        """The structure of the page, without its words."""
        return [(token.type, token.tag, token.level) for token in self.tokens]

    @property
    def words(self) -> list[str]:
        """The words outside of code, sorted as the rows of a table may be."""
        return sorted(token.content for token in self.tokens if token.type == "text")

    @property
    def alive(self) -> list[str]:
        """Links, images, mentions and markup made from untrusted text."""
        found = [token.type for token in self.tokens if token.type in ("link_open", "image", "html_inline")]
        found += [t.content for t in self.tokens if t.type == "html_block" and not OURS.fullmatch(t.content)]
        found += [word for word in self.words if LINKED.search(word)]
        found += sorted(invisible(self.text))
        return found + [command[0] for command in COMMAND.findall(self.text)]


HARMLESS = Page(summary([hostile("harmless")]))


def test_failing_run() -> None:
    """A failing run reads like this: verdict, counts, gates, reasons, cases."""
    outcome = an_outcome([a_sample(n, 0.4 if n % 3 == 0 else 0.8) for n in range(60)], gates=[("chrf", 0.05)])
    assert summary([outcome]).startswith("""\
**FAIL** `support`: `worse than the baseline: chrf`

60 answers: 20 worse, 40 with the same score and a different text.

| verdict | gate | baseline → now | change | bounds (95 %) | margin | p | cases |
| --- | --- | --- | --- | --- | --- | --- | --- |
| **FAIL** | `chrf` | 80.0 → 66.7 | −13.3 pts | −18.4 … −7.4 pts | 5 pts | < 0.0001 | 60 |

- `smollm2-concise-chrf`: `80.0 → 66.7, −13.3 pts on 60 cases and on cases like these (−18.4 … −7.4 pts, p < 0.0001); \
0 up, 20 down; the accepted version was not sampled today, only on 2026-01-01, so a worse day of the endpoint looks \
the same; worst cases: case-0 −40.0 pts, case-12 −40.0 pts; worst tags: billing −40.0 pts`

| `model, prompt` | `chrf` | `rouge_l` |
| --- | --- | --- |
| `smollm2, concise` | `66.7 (61.8 … 71.6)` | `66.7 (61.8 … 71.6)` |

**Worse answers, the worst first**

**80.0 → 40.0, −40.0 pts** `case-0` (`smollm2`, `concise`) `billing`
- `chrf` 80.0 → 40.0, −40.0 pts; `rouge_l` 80.0 → 40.0, −40.0 pts

```diff
  golden │ Golden answer 0.
- was    │ Earlier answer to case-0.
+ now    │ Answer 0 of the model.
```
""")


def test_only_what_changed() -> None:
    """Unchanged answers are counted only; better ones are folded."""
    samples = [a_sample(0, 0.9), a_sample(1), a_sample(2)]
    baseline = a_baseline(samples)
    same = BaselineSample("accepted", "Answer 1 of the model.", {"chrf": 0.8, "rouge_l": 0.8}, 100, 20, 0.5)
    cases = {**baseline.cases, "case-1": replace(baseline.cases["case-1"], samples=(same,))}
    text = summary([an_outcome(samples, baseline=replace(baseline, cases=cases))])
    assert "3 answers: 1 better, 1 with the same score and a different text, 1 unchanged." in text
    assert "`case-1`" not in text
    assert "Worse answers" not in text
    opened = text.index("<details><summary>1 answer got better</summary>")
    assert opened < text.index("`case-0`") < text.index("</details>") < text.index("`case-2`")


def test_an_accepted_run() -> None:
    """A run that has just been accepted has that status, and gives no advice to accept it."""
    text = summary([replace(an_outcome(baseline=None), accepted=(ROOT / "golden/baselines/support/x.jsonl",))])
    assert text.startswith("**ACCEPTED** `support`: `later runs are compared with this run`")
    assert "- `smollm2-concise-chrf`, `smollm2-concise-rouge_l`, " in text
    assert text.count("`this is the first accepted run`") == 1
    assert "accept this one" not in text


def test_words_of_a_near_answer() -> None:
    """The changed words of a mostly unchanged answer are marked."""
    sample = a_sample(0, 0.5, response=Response("Earlier answer to case-9.", "stop", Usage(9, 9), Timing(0.5)))
    assert "  words  │ Earlier answer to [-case-0-]{+case-9+}." in summary([an_outcome([sample])])


def test_a_difference_far_behind() -> None:
    """Two long answers are shown from their first difference."""
    samples = [a_sample(0, 0.5, response=Response("same " * 200_000 + "NOW", "stop", Usage(9, 9), Timing(0.5)))]
    baseline = a_baseline(samples)
    case = baseline.cases["case-0"]
    before = replace(case, samples=(replace(case.samples[0], text="same " * 200_000 + "BEFORE"),))
    text = summary([an_outcome(samples, baseline=replace(baseline, cases={"case-0": before}))])
    assert "- was    │ … 999,940 equal characters … " in text
    assert "same BEFORE\n" in text
    assert "same NOW\n" in text


def test_how_to_go_on() -> None:
    """The commands to reproduce and accept the run, and its baseline."""
    text = summary([replace(ONE, base="c" * 40, command="pytest --llm-suite=support --llm-repeat=3")])
    assert "$ pytest --llm-suite=support --llm-repeat=3\n" in text
    assert "$ pytest --llm-suite=support --llm-accept\n" in text
    assert f"- merge base: `{'c' * 40}`" in text
    assert (
        "baseline: `golden/baselines/support/smollm2.concise.jsonl: 1 accepted run, the last accepted at 2026-01-01`"
        in text
    )


def test_criteria_changes() -> None:
    """Criteria changes come before the cases, relaxed ones first."""
    changes = [
        CriteriaChange("margin of chrf", "0.05", "0.2", True),
        CriteriaChange("case a", "", "is new", False),
    ] * 10
    text = summary([replace(ONE, criteria=tuple(changes))])
    first = text.index("- relaxed: `margin of chrf: 0.05 -> 0.2`")
    assert text.index("Changes to the criteria") < first < text.index("Worse answers")
    assert text.index("- other: ") > first
    assert "- ... and 5 more, in verdict.json" in text


@pytest.mark.parametrize("samples", [None, [a_sample(0)], [broken(0)], [a_sample(0, failed_checks=("no",))]])
@pytest.mark.parametrize("changes", [{}, {"baseline": None}, {"stopped": True}])
def test_every_outcome(samples: Any, changes: dict[str, Any]) -> None:
    """Every outcome has the verdict in the first line, and is well-formed."""
    outcome = an_outcome(samples or (), **changes)
    text = summary([outcome])
    assert text.startswith(f"**{outcome.status.upper()}** `support`: `")
    assert Page(text).alive == []
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("texts", [SOME, pytest.param(ALL, marks=pytest.mark.deep)], ids=["some", "all"])
def test_nothing_comes_alive(texts: Sequence[str]) -> None:
    """No text, in any field, becomes a link, an image, a mention, markup, a control sequence or a command: the page has
    the structure and, outside of code, the words of a harmless one.
    """
    failures = []
    for text in texts:
        page = Page(summary([hostile(text)]))
        same = (page.structure, page.words) == (HARMLESS.structure, HARMLESS.words)
        if page.alive or not same or len(page.text) > MAX_CHARS:
            failures.append(f"{named(text)}: alive: {page.alive}, same: {same}, {len(page.text)} characters")
    assert not failures, "\n".join(failures)


def test_the_test_is_not_void(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without escaping, the same checks find at least 95 % of these texts alive."""
    plain: dict[str, Callable[..., Any]] = {
        **dict.fromkeys(("code", "cell", "one_line", "printable"), lambda text, *_: text),
        "quoted": lambda text, **_: text.split("\n"),
        "fence": lambda lines, language="": "\n".join([f"```{language}", *lines, "```"]),
    }
    for module in (markdown, markdown_cases, markdown_tables):
        for name in plain.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, plain[name])
    harmless = Page(summary([hostile("harmless")]))
    pages = [Page(summary([hostile(text)])) for text in MARKDOWN[::5]]  # of each family, in all positions
    caught = [page for page in pages if page.alive or page.structure != harmless.structure]
    assert len(caught) >= 0.95 * len(pages)
    assert len([page for page in pages if page.alive]) >= 0.5 * len(pages)  # by more than the structure


def in_the_terminal(text: str) -> str:
    """Everything that the terminal shows of an outcome with this text."""
    outcome = hostile(text)
    lines = [line for line, _ in summary_lines(outcome)]
    lines += [explain_sample(sample, Location("suites/support.yaml", 1)) for sample in outcome.run.samples]
    lines += [explain_gate(verdict, outcome) for verdict in outcome.verdicts]
    return "\n".join(lines)


@pytest.mark.parametrize("texts", [SOME, pytest.param(ALL, marks=pytest.mark.deep)], ids=["some", "all"])
def test_nothing_acts_in_the_terminal(texts: Sequence[str]) -> None:
    """The same texts in the same fields take no effect in the terminal."""
    shown = {text: in_the_terminal(text) for text in texts}
    failures = [named(text) for text in texts if invisible(shown[text]) or COMMAND.search(shown[text])]
    assert not failures, "\n".join(failures)
    assert not [text for text in MARKDOWN if invisible(text) or COMMAND.search(text)]


def test_five_megabytes_of_changes() -> None:
    """A run with 5 MB of changes has its verdict in the first line, and counts the omitted cases."""
    page = ("and more of it " * 18 + "\n") * 320
    samples = [a_sample(n, 0.4, response=Response(f"{n} {page}", "stop", Usage(9, 9), Timing(0.5))) for n in range(60)]
    outcome = an_outcome(samples)
    text = summary([outcome])
    assert sum(len(s.response.text) for s in samples if s.response) > 5_000_000
    assert text.startswith("**FAIL** `support`: `worse than the baseline: chrf, rouge_l`\n")
    assert len(text) <= MAX_CHARS
    assert re.search(r"\.\.\. and \d+ more cases: the report and `run.jsonl` have all of them", text)
    assert text.endswith("```\n\n</details>\n")


@pytest.mark.parametrize("count", [2, 7, 40, 500, 3_000])
def test_many_suites(count: int) -> None:
    """Several suites share the room, and every verdict that fits is shown."""
    text = summary([replace(ONE, refusal="x" * 10_000)] * count)
    assert len(text) <= MAX_CHARS
    assert text.count("**FAIL** `support`: ") == min(count, text.count("**FAIL** `support`: ")) >= min(count, 300)


def test_many_gates() -> None:
    """Of a thousand gates, the omitted ones are counted."""
    many = tuple(replace(ONE.verdicts[0], model=f"model-{n}") for n in range(1_000))
    text = summary([replace(ONE, verdicts=many)])
    assert len(text) <= MAX_CHARS
    assert re.search(r"and \d+ more: ", text)
    assert "**Worse answers, the worst first**" in text
