"""Questions to a judge with the meaning of promptfoo's model-graded assertions.

https://www.promptfoo.dev/docs/configuration/expected-outputs/model-graded/, and what each grader is shown in
src/matchers and src/prompts/grading.ts of promptfoo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.importers.promptfoo.equivalents import NoEquivalentError
from evalharness.importers.promptfoo.source import Node
from evalharness.importers.promptfoo.variables import js_json
from evalharness.scoring.judges.prompts import preset


@dataclass(frozen=True, slots=True)
class _Grader:
    """A type of promptfoo as a question: yes is good."""

    name: str
    ask: str
    sees: tuple[str, ...]
    has_value: bool = True
    each: str = ""
    is_pair: bool = False
    """Whether it compares answers."""
    changes: str = ""
    """What is different from promptfoo besides the model."""


_CRITERION = "Does the answer meet this criterion?"
_GRADERS: Mapping[str, _Grader] = {
    "llm-rubric": _Grader("rubric", _CRITERION, ("answer",)),
    "model-graded-closedqa": _Grader("closedqa", _CRITERION, ("question", "answer")),
    "factuality": _Grader(
        "factuality",
        "Is the answer free of contradictions to this reference? It may say less or more.",
        ("question", "answer"),
    ),
    "g-eval": _Grader("g_eval", _CRITERION, ("question", "answer"), changes="yes or no for a grade from 0 to 10"),
    "answer-relevance": _Grader(
        "relevance",
        preset("relevant").ask,
        preset("relevant").sees,
        has_value=False,
        changes="a question for the similarity of generated questions",
    ),
    "context-faithfulness": _Grader(
        "faithfulness", preset("grounded").ask, preset("grounded").sees, has_value=False, each="sentence"
    ),
    "context-recall": _Grader(
        "recall",
        "Does the context contain all of this information?",
        ("context",),
        changes="yes or no for the share of sentences",
    ),
    "context-relevance": _Grader(
        "focus",
        "Does the context contain what the question needs, and little else?",
        ("question", "context"),
        has_value=False,
        changes="yes or no for the share of sentences",
    ),
    "select-best": _Grader(
        "best",
        "Which answer fits this better?",
        (),
        is_pair=True,
        changes="the accepted answer in place of those of other prompts and models",
    ),
}
GRADED: Mapping[str, _Grader] = {**_GRADERS, "model-graded-factuality": _GRADERS["factuality"]}
"""By the name of promptfoo, without `not-`."""


@dataclass(frozen=True, slots=True)
class Graded:
    """A graded assertion of one test, or of all tests, as a question to a judge."""

    kind: str
    """As written: `not-llm-rubric`."""
    node: Node
    ask: str
    label: str = ""
    """The `metric` of the assertion."""
    has_gate: bool = True
    """False for an assertion with weight 0, which never fails."""

    @property
    def changes(self) -> str:
        """What is different from promptfoo."""
        return self._grader.changes

    @property
    def needs_context(self) -> bool:
        """Whether it reads the variable `context` of the test."""
        return "context" in self._grader.sees

    @property
    def name(self) -> str:
        """The name of its metric, which need not be unique."""
        return self.label or ("not_" * self._is_negated + self._grader.name)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the metric `judge` besides its name, model and question."""
        grader = self._grader
        if grader.is_pair:
            return {"against": "baseline"}
        each = {"each": grader.each} if grader.each else {}
        good = {"good": ["no"]} if self._is_negated else {}
        return {"sees": [*grader.sees], **each, **good}

    @property
    def _grader(self) -> _Grader:
        return GRADED[self.kind.removeprefix("not-")]

    @property
    def _is_negated(self) -> bool:
        return self.kind.startswith("not-")


def graded(item: Node, value: Any) -> list[Graded]:
    """The questions of an assertion: one, or one for each criterion of `g-eval`.

    `value`: with its templates filled in. Raises NoEquivalentError.
    """
    kind, label = item["type"].text, item["metric"].text.strip()
    grader = GRADED[kind.removeprefix("not-")]
    if grader.is_pair and kind.startswith("not-"):
        raise NoEquivalentError("its negation has no equivalent")
    values = value if isinstance(value, list) and kind.endswith("g-eval") else [value]
    asks = [_ask(grader, one) for one in values]
    if not asks:
        raise NoEquivalentError("expected a criterion")
    return [Graded(kind, item, ask, label, item["weight"].plain not in (0, "0")) for ask in asks]


def _ask(grader: _Grader, value: Any) -> str:
    """The question with the criterion of the assertion. Raises NoEquivalentError: it has none."""
    if not grader.has_value:
        return grader.ask
    text = value.strip() if isinstance(value, str) else js_json(value)
    if text in ("", "null", "{}", "[]"):
        raise NoEquivalentError("expected a criterion")
    return f"{grader.ask}{chr(10) if chr(10) in text else ' '}{text}"
