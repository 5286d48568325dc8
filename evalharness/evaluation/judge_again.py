"""Judges accepted answers again where the judge of a gate is another one than at their acceptance, or a new one.

The accepted answers are stored as texts, so that today's judge can score both sides. Its requests take the queue, the
ledger and the budget of the run: answers that it has judged before are replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

from evalharness.evaluation.evaluation import Evaluation
from evalharness.evaluation.pipeline import Pipeline
from evalharness.evaluation.stored_answers import StoredAnswers, stored_answers
from evalharness.gate.wording import count
from evalharness.records import AnswerScore, JudgedAgain, Sample
from evalharness.records.answer_label import text_digest
from evalharness.scoring.scorer import Answered


def judge_again(evaluation: Evaluation, say: Callable[[str], None]) -> None:
    """Judge the accepted answers that the gates compare, and keep the scores for the record. `say` gets a line.

    A run that names a commit compares no accepted answers.
    """
    if evaluation.options.against:
        return
    base, pipeline = evaluation.resources.merge_base, evaluation.resources.pipeline
    found = list(stored_answers(evaluation.plan, list(_today(evaluation)), base, evaluation.options.baseline))
    judged = [one for one in found if not one.missing]
    if number := sum(len(one.answers) for one in judged):
        metrics = ", ".join(dict.fromkeys(one.metric.name for one in judged))
        say(f"llm: {evaluation.name}: the judge of {metrics} has changed; judging {count(number, 'accepted answer')}")
    waiting = [[] if one.missing else _sent(one, pipeline) for one in found]
    evaluation.judged_again = [_judged(*one, pipeline) for one in zip(found, waiting, strict=True)]


def _sent(stored: StoredAnswers, pipeline: Pipeline) -> list[Future[Sample]]:
    known = [(one.case, one.request, one.response) for one in stored.answers if one.response]
    return pipeline.score_stored(known, stored.scorer)


def _today(evaluation: Evaluation) -> Iterator[Answered]:
    """The answers of the run, of models and prompts without an error: with one, the gates have no verdict."""
    broken = {(one.key.model, one.key.prompt) for one in evaluation.samples if not one.answered}
    for sample in evaluation.samples:
        key = sample.key
        if (key.model, key.prompt) not in broken:
            first = evaluation.plan.requests.first(key.model, key.prompt, key.case)
            assert first, "the samples of a run are those of its plan"
            yield Answered(first[0], replace(first[1], messages=sample.messages), sample.response)


def _judged(stored: StoredAnswers, waiting: Sequence[Future[Sample]], pipeline: Pipeline) -> JudgedAgain:
    """The scores, once all are there."""
    samples = [one.result() for one in waiting]
    about = JudgedAgain(stored.metric.name, stored.metric.signature, *stored.pair, stored.pinned, stored.before)
    return replace(
        about,
        missing=stored.missing,
        answers=tuple(_score(one, stored.metric.name) for one in samples),
        sent=pipeline.sent[stored.scorer],
        cost_usd=sum(one.metrics_cost_usd for one in samples),
        error=next((str(one.error) for one in samples if one.error), ""),
    )


def _score(sample: Sample, metric: str) -> AnswerScore:
    assert sample.response
    found = sample.score(metric)
    value = found.value if found and not sample.error else None
    answer = text_digest(sample.response.text)
    return AnswerScore(sample.key.case, sample.digest, answer, value, bool(sample.not_applicable))
