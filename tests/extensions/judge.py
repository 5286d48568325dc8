"""A third party's judge: asks a configured model several times, and takes the shares of its words as probabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from evalharness import Judge, Message, MetricError, Params, Question, Request, Response, request_to


class Votes(Judge):
    """One vote per request."""

    def __init__(self, model: str, *, votes: int = 3) -> None:
        self.models, self.signature = (model,), f"votes|n:{votes}|v:1"
        self.requests_each = self._votes = votes

    def requests(self, question: Question) -> list[Request]:
        """Ask for one of the choices, `votes` times."""
        text = f"{question.text} Choose {' or '.join(question.choices)}.\n{question.view.text}"
        params = Params(max_tokens=1, temperature=1.0)
        return [request_to(self.models[0], Message("user", text), params=params, repeat=n) for n in range(self._votes)]

    def decide(
        self, questions: Sequence[Question], responses: Sequence[Sequence[Response]]
    ) -> list[Mapping[str, float] | MetricError]:
        """Count the votes."""
        return [_shares(*pair) for pair in zip(questions, responses, strict=True)]


def _shares(question: Question, responses: Sequence[Response]) -> Mapping[str, float] | MetricError:
    votes = Counter(response.text.strip().lower() for response in responses)
    if odd := votes.keys() - set(question.choices):
        return MetricError(f"expected one of {', '.join(question.choices)}, got {min(odd)!r}")
    return {choice: votes[choice] / len(responses) for choice in question.choices}
