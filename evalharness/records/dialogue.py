"""How a sample goes on after its first answer: the turns of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The place of a request in a conversation of several turns."""

    suite: str
    conversation: str
    """Id of the case with the turns. The turns are the samples `ID#1`, `ID#2`, ..."""
    turns: int = 1
    """Number of the turn. As many messages at the end of the request are the user's; answers come between them."""

    @property
    def case(self) -> str:
        """Id of the turn."""
        return turn_id(self.conversation, self.turns)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The conversation of a request, for an application that keeps it."""

    id: str
    """Of this attempt at the conversation alone."""
    sent: int = 0
    """Number of leading messages that the application knows from earlier turns."""


USER = "user"
"""The variable of a prompt with what the user says in a turn."""
END = "end"
"""The state in which a simulated user has nothing more to say."""


class Reaction(NamedTuple):
    """Where a simulated user goes on after an answer."""

    go: str
    """Name of a state, or `end`."""
    check: str = ""
    """Name of the assertion that the answer keeps; "" for any answer."""
    value: str = ""


@dataclass(frozen=True, slots=True)
class UserState:
    """What a simulated user says."""

    says: str
    reactions: tuple[Reaction, ...] = ()


@dataclass(frozen=True, slots=True)
class SimulatedUser:
    """States and reactions."""

    start: str
    states: Mapping[str, UserState]
    max_turns: int = 10

    @property
    def opening(self) -> str:
        """What the user says first."""
        return self.states[self.start].says if self.start in self.states else ""


def turn_id(conversation: str, number: int) -> str:
    """The id of a turn; `number` counts from 1."""
    return f"{conversation}#{number}"
