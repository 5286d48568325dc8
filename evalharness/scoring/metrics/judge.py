"""A score by a judge: a model answers a question about a sample with probabilities of its choices. See docs/judges.md.

metrics:
- judge: {name: polite, model: qwen, ask: "Is the reply polite?"}
- judge: {name: tone, model: qwen, ask: "Which tone?", choices: [warm, neutral, curt], good: [warm, neutral]}
- judge: {name: correct, model: qwen, ask: "Is the reply right?", think: true}
- judge: {name: helpfulness, model: qwen, ask: "How helpful?", levels: [useless, poor, fair, good, perfect]}
- judge: {name: better, model: qwen, ask: "Which answer helps more?", against: baseline}  # see judge_pairs.py
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal

from evalharness.config import Config
from evalharness.errors import MetricError
from evalharness.records import NotApplicable, Request, Score
from evalharness.scoring.judges import Judge, Opinion, Probabilities, Question, open_judge, sees
from evalharness.scoring.judges.base import checked
from evalharness.scoring.judges.fences import Shown
from evalharness.scoring.judges.model_judge import ModelJudge, ThinkingJudge, VotingJudge
from evalharness.scoring.judges.rounds import by_question, flat, has_follow_ups
from evalharness.scoring.metrics import judge_pairs, sentences
from evalharness.scoring.metrics.base import (
    Asks,
    LabelQuestion,
    Metric,
    Responses,
    Result,
    SampleView,
    as_metric_error,
    signature,
)
from evalharness.scoring.metrics.judge_plan import Plan, make_plan

MOST_SENTENCES = 200
_SHOWN_CHARS, _THOUGHT = 200, 512


def judge(
    name: str = "",
    *,
    model: str = "",
    judge: str = "",
    ask: str = "",
    preset: str = "",
    choices: Sequence[str] = (),
    levels: Sequence[str] = (),
    good: Sequence[str] = (),
    sees: Sequence[str] = (),
    each: Literal["", "sentence"] = "",
    against: Literal["", "baseline"] = "",
    votes: int = 0,
    think: bool | int = False,
    itself: bool = False,
    config: Config,
) -> Metric:
    """Return a metric that is called `name`: the opinion of a judge.

    Args:
        name: Of the scores and their gates. Default: the name of the preset.
        model: A configured model that judges.
        judge: Instead of a model: a configured judge of another package.
        ask: The question. Without one, only cases with a question of their own are judged.
        preset: Instead of `ask`: the name of a question that comes with evalharness.
        choices: The answers that the judge has. Default: yes and no. The score is the probability of the good ones.
        levels: Instead of `choices`: answers from worst to best. The score is the expected level, from 0 to 1.
        good: The good ones of the choices. Default: the first.
        sees: What the judge sees of a sample. Default: question and answer.
        each: `sentence`: the judge answers for each sentence of the answer alone, and the score is the mean.
        against: `baseline`: the judge compares the answer with the accepted one, in both orders.
        votes: Ask the model so many times, and take the shares of its replies as probabilities.
        think: Let the model write a text about the question before it decides, of at most 512 tokens or this number.
        itself: Whether the model may judge its own answers.
        config: The project's configuration.

    Raises ConfigError for an unknown model or judge, ValueError for an option that does not fit the others.

    """
    if not (called := name or preset):
        raise ValueError("expected a name for the metric: set 'name'")
    plan = make_plan(called, ask, preset, choices, levels, good, sees, each, against)
    opened = _opened(model, judge, votes, think, config)
    instrument = {"judge": judge, "by": opened.signature} if judge else {"by": opened.signature}
    written = signature("judge", **plan.signed(**instrument))
    scored = _Scored(plan, opened)
    return Metric(
        called,
        written,
        scored.score,
        requests=scored.requests,
        follow_ups=scored.follow_ups if has_follow_ups(opened) else None,
        models=tuple(opened.models),
        asks=Asks(plan.choices if model and not votes else (), votes, itself, bool(judge or votes or think)),
        judge=judge or model,
        named=True,
        question=plan.ask,
        asks_cases=True,
        beyond=None if against else scored.beyond,
        compares=bool(against),
        needs_golden="golden" in plan.sees,
        applies=None if plan.ask else lambda case: called in case.questions,
        needs=f"question for {called}",
        reads_text=False,
        label_question=None if plan.each else scored.label_question,
    )


def _opened(model: str, judge: str, votes: int, think: bool | int, config: Config) -> Judge:
    if bool(model) == bool(judge):
        raise ValueError("expected who judges: set either 'model', a configured model, or 'judge', a configured judge")
    if judge and (votes or think):
        option = "votes" if votes else "think"
        raise ValueError(f"'{option}' needs 'model': a judge of another package decides by itself")
    if votes and think is not False:
        raise ValueError("'votes' and 'think' are two ways to decide: remove one")
    if judge:
        return open_judge(judge, config)
    config.model(model)  # else its error comes after the first answer
    if think is not False:
        return ThinkingJudge(model, _THOUGHT if think is True else think)
    return VotingJudge(model, votes) if votes else ModelJudge(model)


_Asked = tuple[Question, Responses]
"""A question with the responses to its requests."""


class _Scored:
    """The two phases of the metric."""

    def __init__(self, plan: Plan, opened: Judge) -> None:
        self._plan, self._judge = plan, opened

    def beyond(self, view: SampleView) -> list[str]:
        """The parts that the judge sees and a baseline does not keep."""
        return sees.beyond(view, self._plan.sees)

    def requests(self, view: SampleView) -> list[Request]:
        """The requests of all questions about a sample."""
        made = [self._judge.requests(question) for question in self._questions(view)]
        return flat(made, self._judge.requests_each, "requests_each")

    def follow_ups(self, view: SampleView, responses: Responses) -> list[Request]:
        """The requests that follow the responses to those of `requests`."""
        questions = self._questions(view)
        asked = zip(questions, by_question(responses, len(questions)), strict=True)
        made = [self._judge.follow_ups(*one) for one in asked]
        return flat(made, len(made[0]), "as for the first")

    def label_question(self, view: SampleView) -> LabelQuestion:
        """What a person sees who answers in the judge's place. Raises MetricError: the sample lacks a part."""
        if self._plan.against:
            return judge_pairs.label_question(self._questions(view))
        (question,) = self._questions(view)
        return LabelQuestion(question.text, question.shown, tuple(self._plan.weights.items()))

    def score(self, views: Sequence[SampleView], responses: Sequence[Responses]) -> list[Result]:
        """A score for each sample. All questions go to the judge together."""
        asked = [self._asked(*pair) for pair in zip(views, responses, strict=True)]
        pairs = [pair for one in asked if isinstance(one, list) for pair in one]
        found = iter(self._decided(pairs))
        results = [self._result(one, found) if isinstance(one, list) else one for one in asked]
        if not self._plan.against:
            return results
        return [judge_pairs.settled(*one) for one in zip(views, results, strict=True)]

    def _decided(self, asked: Sequence[_Asked]) -> list[Probabilities | Opinion | MetricError]:
        """What the judge decides about each question. Raises MetricError for another number of decisions."""
        given = self._judge.decide([one for one, _ in asked], [its for _, its in asked])
        found = [*islice(given, len(asked) + 1)]
        if len(found) != len(asked):
            got = "more" if len(found) > len(asked) else len(found)
            raise MetricError(f"the judge: expected a decision for each of {len(asked)} questions, got {got}")
        return found

    def _asked(self, view: SampleView, responses: Responses) -> list[_Asked] | MetricError:
        """Each question about a sample with the responses to its requests."""
        try:
            questions = self._questions(view)
            first = len(questions) * self._judge.requests_each
            rounds = (by_question(its, len(questions)) for its in (responses[:first], responses[first:]))
            return [(one, (*its, *more)) for one, its, more in zip(questions, *rounds, strict=True)]
        except MetricError as error:
            return error

    def _questions(self, view: SampleView) -> list[Question]:
        texts = sees.shown(view, self._plan.sees)
        ask = view.questions.get(self._plan.name) or self._plan.ask
        if self._plan.against:
            return judge_pairs.questions(ask, view, texts)
        return [Question(ask, view, self._plan.choices, (*texts, *one)) for one in self._subjects(view)]

    def _subjects(self, view: SampleView) -> list[tuple[Shown, ...]]:
        """What each question is about besides the parts that the judge sees: nothing else, or one sentence."""
        if not self._plan.each:
            return [()]
        claims = [one for one in sentences.sentences(view.text) if sentences.is_claim(one)]
        if len(claims) > MOST_SENTENCES:
            raise MetricError(f"the answer has {len(claims)} sentences, and at most {MOST_SENTENCES} are judged")
        return [(("sentence", one),) for one in claims]

    def _result(self, asked: Sequence[_Asked], found: Iterator[Probabilities | Opinion | MetricError]) -> Result:
        decided = [checked(question, next(found)) for question, _ in asked]
        if error := next((one for one in decided if isinstance(one, MetricError)), None):
            return as_metric_error(error)
        opinions = [one for one in decided if not isinstance(one, MetricError)]
        own = asked[0][0].text if asked and asked[0][0].text != self._plan.ask else ""
        more = _means([one.parts for one in opinions])
        if self._plan.against:
            pair = judge_pairs.score(opinions)
            return replace(pair, question=own, parts={**pair.parts, **more, **pair.parts})
        if not opinions:
            return NotApplicable("no claims", "judge")
        values = [self._value(one) for one in opinions]
        worst = min(range(len(values)), key=values.__getitem__)
        shares = _means([one.probabilities for one in opinions])
        parts = {**shares, **more, **shares}  # no part of the judge replaces that of a choice
        counted = {"sentences": len(values)} if self._plan.each else {}
        lowest = self._lowest(asked[worst][0], values) if self._plan.each else ""
        explanation = "\n".join(filter(None, [lowest, opinions[worst].explanation]))
        note = "; ".join(dict.fromkeys(one.note for one in opinions if one.note))
        return Score("judge", sum(values) / len(values), "", explanation, {**parts, **counted}, note, own)

    @staticmethod
    def _lowest(question: Question, values: Sequence[float]) -> str:
        """The sentence with the lowest value."""
        text = " ".join(question.shown[-1][1].split())[:_SHOWN_CHARS]
        return f"lowest of {len(values)} sentences: {min(values):.2f}: {text!r}"

    def _value(self, opinion: Opinion) -> float:
        return sum(self._plan.weights[choice] * share for choice, share in opinion.probabilities.items())


def _means(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each part that all have."""
    names = [name for name in (parts[0] if parts else ()) if all(name in one for one in parts)]
    return {name: sum(one[name] for one in parts) / len(parts) for name in names}
