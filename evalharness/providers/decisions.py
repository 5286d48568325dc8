"""From the log-probabilities of choices, or of the tokens that may begin a reply, to the decision of a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evalharness.errors import BilledError
from evalharness.records.response import AROUND_CHOICE

LEAST_DECIDED = 0.5
"""Share of the model's probability that the choices must have together: below it, the model answers something else."""
_AROUND = f"{AROUND_CHOICE}\u2581\u0120"
"""In a token, also the marks of a blank in vocabularies."""


class Decision(NamedTuple):
    """The probability of each choice, in order, and the share that they have together before they add up to 1."""

    probabilities: tuple[float, ...] = ()
    decided: float | None = None


def of_continuations(logprobs: Sequence[Sequence[float]]) -> Decision:
    """Return the decision between texts, from the log-probabilities of the tokens of each.

    The softmax of their sums: p(choice) / p(any of the choices). No choice may be the start of another.
    """
    sums = [math.fsum(one) for one in logprobs]
    most = max(sums)
    weights = [math.exp(one - most) for one in sums]
    total = math.fsum(weights)
    return Decision(tuple(one / total for one in weights), min(1.0, total * math.exp(most)))


def of_first_token(alternatives: Mapping[str, float], choices: Sequence[str]) -> Decision:
    """Return the decision from the tokens that may begin the reply, with their log-probabilities.

    A token counts for a choice if it begins this choice and no other, without blanks and quotes around it, in any case.
    Raises BilledError: the choices have less than half of the probability.
    """
    found = dict.fromkeys(choices, 0.0)
    for token, logprob in alternatives.items():
        if choice := _choice_of(token, choices):
            found[choice] += math.exp(logprob)
    decided = math.fsum(found.values())
    if decided < LEAST_DECIDED:
        likeliest = max(alternatives, key=lambda token: alternatives[token])
        raise BilledError(
            f"no decision: {', '.join(choices)} have {decided:.0%} of the probability together, and at least "
            f"{LEAST_DECIDED:.0%} is needed; the likeliest first token is {likeliest[:40]!r}",
            kind="decision",
        )
    return Decision(tuple(one / decided for one in found.values()), min(1.0, decided))


def _choice_of(token: str, choices: Sequence[str]) -> str:
    """The only choice that the token begins; empty for none or several."""
    text = token.strip(_AROUND).casefold()
    equal = [choice for choice in choices if choice.casefold() == text]
    begun = equal or [choice for choice in choices if text and choice.casefold().startswith(text)]
    return begun[0] if len(begun) == 1 else ""


def begins(text: str, token: str, choices: Sequence[str]) -> bool:
    """Whether this token begins the reply, and the reply begins with a choice as a word: `yes`, not `yesterday`.

    A reply that is cut within a choice counts. The log-probabilities of some endpoints are those of a reasoning.
    """
    reply = text.lstrip(_AROUND).casefold()
    if not reply.startswith(token.strip(_AROUND).casefold()):
        return False
    words = [choice.casefold() for choice in choices]
    return any(word.startswith(reply) or _starts_with_word(reply, word) for word in words)


def _starts_with_word(reply: str, word: str) -> bool:
    return reply.startswith(word) and not reply[len(word) : len(word) + 1].isalnum()


def is_blank(token: str) -> bool:
    """Whether a token begins no word."""
    return not token.strip(_AROUND)


def alike_first_words(choices: Sequence[str]) -> tuple[str, str] | None:
    """Return the first two choices whose first words are equal, which no first token can tell apart."""
    seen: dict[str, str] = {}
    for choice in choices:
        word = choice.casefold().split()[0]
        if word in seen:
            return seen[word], choice
        seen[word] = choice
    return None
