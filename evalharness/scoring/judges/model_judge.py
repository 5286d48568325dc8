"""A configured model as a judge: by the probabilities of its choices, or by votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evalharness.errors import MetricError
from evalharness.records import Params, Request, Response
from evalharness.records.response import AROUND_CHOICE
from evalharness.scoring.judges import prompts
from evalharness.scoring.judges.base import Judge, Probabilities, Question
from evalharness.scoring.metrics.base import Responses, request_to, signature

MOST_VOTES = 100
_AROUND = f"{AROUND_CHOICE}."
"""In a vote, also a full stop."""
Decided = Probabilities | MetricError
_TOKENS, _VOTE_TOKENS = 4, 16


class ModelJudge(Judge):
    """Decides by the probabilities that the model gives to the choices. Another instrument never takes its place."""

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


class VotingJudge(Judge):
    """Asks the model several times at its own temperature, and decides by the shares of its replies."""

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
    found = responses[0].decision
    if len(found) != len(question.choices):
        return MetricError(f"expected probabilities of {', '.join(question.choices)}, got {len(found)} numbers")
    return dict(zip(question.choices, found, strict=True))


def _shares(question: Question, responses: Responses) -> Decided:
    by_text = {choice.casefold(): choice for choice in question.choices}
    votes = Counter[str]()
    for response in responses:
        choice = by_text.get(_bare(response))
        if choice is None:
            wanted = ", ".join(question.choices)
            return MetricError(f"a vote: expected one of {wanted}, got {response.text[:60]!r}")
        votes[choice] += 1
    return {choice: votes[choice] / len(responses) for choice in question.choices}


def _bare(response: Response) -> str:
    return "" if response.refusal else response.text.strip(_AROUND).casefold()
