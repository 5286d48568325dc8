"""A configured model as a judge: by the probabilities of its choices, after a text of its own, or by votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from evalharness.errors import MetricError
from evalharness.records import Params, Request, Response
from evalharness.records.response import AROUND_CHOICE
from evalharness.scoring.judges import prompts
from evalharness.scoring.judges.base import Judge, Opinion, Question
from evalharness.scoring.metrics.base import Responses, request_to, signature

MOST_VOTES, MOST_THOUGHT = 100, 4096
_AROUND = f"{AROUND_CHOICE}."
"""In a vote, also a full stop."""
Decided = Opinion | MetricError
_TOKENS, _VOTE_TOKENS = 4, 16
_REFUSAL_CHARS = 200
_MOST_CHARS_A_TOKEN = 16
"""A text that is longer comes from a model that ignores `max_tokens`."""


class ModelJudge(Judge):
    """Decides by the probabilities that the model gives to the choices. Another instrument never takes its place.

    The part `decided` is the share of the model's probability that the choices have together, where it is known.
    """

    requests_each = 1

    def __init__(self, model: str) -> None:
        self.models, self.signature = (model,), signature("decision", frame=prompts.digest(), v=1)

    def requests(self, question: Question) -> list[Request]:
        """Return one request with the choices."""
        messages = prompts.messages(question.text, question.shown, question.choices)
        request = request_to(self.models[0], *messages, params=Params(max_tokens=_TOKENS))
        return [Request(request.key, messages, 1, request.params, choices=question.choices)]

    def decide(self, questions: Sequence[Question], responses: Sequence[Responses]) -> list[Decided]:
        """Return the probabilities of each question's choices."""
        return [_decision(*pair) for pair in zip(questions, responses, strict=True)]


class ThinkingJudge(Judge):
    """Lets the model write about the question first, and then decide like ModelJudge, with this text among the others.

    The text is the explanation. One that is cut at the limit of tokens counts as it is, with a note, because small
    models seldom end by themselves. Without a text there is no decision.
    """

    requests_each = 1

    def __init__(self, model: str, tokens: int) -> None:
        if not 1 <= tokens <= MOST_THOUGHT:
            raise ValueError(f"think: expected true, or a limit of 1 to {MOST_THOUGHT:,} tokens, got {tokens}")
        self._tokens, self._decides = tokens, ModelJudge(model)
        self.models, self.signature = (model,), signature("thought", tokens=tokens, frame=prompts.digest("think"), v=1)

    def requests(self, question: Question) -> list[Request]:
        """Return one request for a text about the question, at temperature 0."""
        messages = prompts.thinking(question.text, question.shown, question.choices)
        return [request_to(self.models[0], *messages, params=Params(max_tokens=self._tokens, temperature=0.0))]

    def follow_ups(self, question: Question, responses: Responses) -> list[Request]:
        """Return the request for the decision. Raises MetricError: the model wrote nothing, or refused."""
        shown = (*question.shown, ("your reasoning", self._thought(responses[0])))
        return self._decides.requests(replace(question, shown=shown))

    def decide(self, questions: Sequence[Question], responses: Sequence[Responses]) -> list[Decided]:
        """Return the probabilities of each question's choices, with the model's text."""
        return [self._opinion(*pair) for pair in zip(questions, responses, strict=True)]

    def _opinion(self, question: Question, responses: Responses) -> Decided:
        found, thought = _decision(question, responses[1:]), self._thought(responses[0])
        if isinstance(found, MetricError):
            return found
        is_cut = responses[0].finish_reason == "length" or len(thought) == self._most_chars
        note = f"reasoning cut at {self._tokens:,} tokens" if is_cut else ""
        return replace(found, explanation=thought, note=note)

    def _thought(self, response: Response) -> str:
        """What the model wrote; of a model that only thought so far, its thoughts. Raises MetricError: nothing."""
        text = response.text.strip() or response.reasoning.strip()
        if response.refusal or not text:
            raise MetricError(f"the judge wrote no reasoning: {response.refusal[:_REFUSAL_CHARS] or 'an empty text'}")
        return text[: self._most_chars]

    @property
    def _most_chars(self) -> int:
        return self._tokens * _MOST_CHARS_A_TOKEN


class VotingJudge(Judge):
    """Asks the model several times at its own temperature, and decides by the shares of its replies.

    The part `flip_rate` is the share of votes that differ from the most frequent one.
    """

    def __init__(self, model: str, votes: int) -> None:
        if not 2 <= votes <= MOST_VOTES:
            raise ValueError(f"votes: expected 2 to {MOST_VOTES}, got {votes}")
        self.requests_each = self._votes = votes
        self.models, self.signature = (model,), signature("votes", votes=votes, frame=prompts.digest(), v=1)

    def requests(self, question: Question) -> list[Request]:
        """Return one request for each vote."""
        messages = prompts.messages(question.text, question.shown, question.choices)
        params = Params(max_tokens=_VOTE_TOKENS, temperature=None)
        return [request_to(self.models[0], *messages, params=params, repeat=number) for number in range(self._votes)]

    def decide(self, questions: Sequence[Question], responses: Sequence[Responses]) -> list[Decided]:
        """Return the share of each choice. A reply that is not one of the choices is an error."""
        return [_shares(*pair) for pair in zip(questions, responses, strict=True)]


def _decision(question: Question, responses: Responses) -> Decided:
    found, decided = responses[0].decision, responses[0].decided
    if len(found) != len(question.choices):
        return MetricError(f"expected probabilities of {', '.join(question.choices)}, got {len(found)} numbers")
    parts = {} if decided is None else {"decided": decided}
    return Opinion(dict(zip(question.choices, found, strict=True)), parts=parts)


def _shares(question: Question, responses: Responses) -> Decided:
    by_text = {choice.casefold(): choice for choice in question.choices}
    votes = Counter[str]()
    for response in responses:
        choice = by_text.get(_bare(response))
        if choice is None:
            wanted = ", ".join(question.choices)
            return MetricError(f"a vote: expected one of {wanted}, got {response.text[:60]!r}")
        votes[choice] += 1
    shares = {choice: votes[choice] / len(responses) for choice in question.choices}
    return Opinion(shares, parts={"flip_rate": 1 - max(shares.values())})


def _bare(response: Response) -> str:
    return "" if response.refusal else response.text.strip(_AROUND).casefold()
