"""What people need to see of a prompt: its question first, and apart from it what is the same in every case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from evalharness.records import Message
from evalharness.report.blind import ShownPrompt, Turn

_Messages = tuple[Message, ...]


class Place(NamedTuple):
    """The case, model and prompt of an answer."""

    case: str
    model: str
    prompt: str


def shown_prompts(messages: Mapping[Place, _Messages]) -> dict[Place, ShownPrompt]:
    """The messages of each place, divided into what people read first and what they need not read."""
    by_prompt: dict[str, list[_Messages]] = {}
    for place, one in messages.items():
        by_prompt.setdefault(place.prompt, []).append(one)
    same = {prompt: _in_all(found) for prompt, found in by_prompt.items()}
    return {place: _divided(one, same[place.prompt]) for place, one in messages.items()}


def _turns(messages: Iterable[Message]) -> tuple[Turn, ...]:
    return tuple((message.role, message.shown) for message in messages)


def _in_all(conversations: Iterable[_Messages]) -> frozenset[Turn]:
    """The messages that are in every conversation; none if there is only one."""
    different = {_turns(one) for one in conversations}
    return frozenset.intersection(*map(frozenset, different)) if len(different) > 1 else frozenset()


def _divided(messages: _Messages, same: frozenset[Turn]) -> ShownPrompt:
    turns = _turns(messages)
    varying = [number for number, turn in enumerate(turns) if turn not in same]
    question = _question(turns, varying or range(len(turns)))
    others = tuple(turns[number] for number in varying if number != question)
    folded = tuple(turn for number, turn in enumerate(turns) if turn in same and number != question)
    return ShownPrompt(() if question is None else (turns[question],), others, folded)


def _question(turns: tuple[Turn, ...], among: Iterable[int]) -> int | None:
    """The last message of the user among these; without any, the last one."""
    last = None
    for number in among:
        if last is None or turns[number][0] == "user" or turns[last][0] != "user":
            last = number
    return last


def without_prompt(a: ShownPrompt, b: ShownPrompt) -> ShownPrompt:
    """What two prompts show of one case without their instructions, which would suggest the side of an answer."""
    others = tuple(turn for turn in a.others if turn[0] == "user" or turn in b.others)
    return ShownPrompt(a.question or b.question, others, tuple(turn for turn in a.same if turn in b.same))
