"""The names of the two sides of a blind comparison: `MODEL.PROMPT,MODEL.PROMPT`, two models, or two prompts."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from evalharness.errors import RefusedError, did_you_mean

_Pairs = Collection[tuple[str, str]]
"""Models and prompts."""


class SideName(NamedTuple):
    """The model and the prompt of a side."""

    model: str
    """Empty: every model that both sides have. The same for `prompt`."""
    prompt: str


def sides_named(text: str, a: _Pairs, b: _Pairs) -> tuple[SideName, SideName]:
    """The sides in a text such as `smollm2.concise,gemma.concise`, `smollm2,gemma` or `concise,detailed`.

    `a` and `b`: the models and prompts of the first and of the second side's run. Raises RefusedError.
    """
    given = [one.strip() for one in text.split(",")]
    if len(given) != 2:
        raise RefusedError(f"--sides: expected two sides with a comma between them, got {text[:80]!r}")
    first, second = _side(given[0], a), _side(given[1], b)
    if [bool(one) for one in first] != [bool(one) for one in second]:
        raise RefusedError(f"--sides: expected two models, two prompts or two MODEL.PROMPT, got {text[:80]!r}")
    return first, second


def _side(text: str, known: _Pairs) -> SideName:
    found = {SideName(*pair) for pair in known if ".".join(pair) == text}
    found |= {SideName(model, "") for model, _ in known if model == text}
    found |= {SideName("", prompt) for _, prompt in known if prompt == text}
    if len(found) > 1:
        raise RefusedError(f"--sides: {text!r} is a model and a prompt: write MODEL.PROMPT")
    if not found:
        raise RefusedError(f"--sides: unknown side {text[:80]!r}{did_you_mean(text[:80], map('.'.join, known))}")
    return found.pop()
