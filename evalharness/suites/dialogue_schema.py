"""The schema of conversations and scripted tools in suite files."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, Strict

from evalharness.suites.document import number, plain
from evalharness.suites.field_types import ONE_ROLE, Data, OneKeySchema, Points, StrictSchema, TagName, Text

Values = Annotated[dict[str, Any], BeforeValidator(plain)]


class HistorySchema(OneKeySchema):
    """A message of a conversation that has begun: a mapping from one role to its text."""

    expected = ONE_ROLE
    system: Text | None = None
    user: Text | None = None
    assistant: Text | None = None


class TurnSchema(StrictSchema):
    """What the user says in one turn of a conversation, and what its answer must keep."""

    user: Annotated[Text, Field(min_length=1)]
    tags: list[TagName] = []
    assert_: list[Data] = Field(default=[], alias="assert")


class ConditionSchema(OneKeySchema):
    """What an answer has: one of the two."""

    expected = "expected one condition: contains or regex"
    contains: Text | None = None
    regex: Text | None = None


class ReactionSchema(StrictSchema):
    """Where the user goes on after an answer."""

    if_: ConditionSchema | None = Field(default=None, alias="if")
    """Default: after any answer."""
    go: Text
    """Name of a state, or `end`."""


class UserStateSchema(StrictSchema):
    """What the user says, and how it reacts to the answer."""

    says: Annotated[Text, Field(min_length=1)]
    reactions: list[ReactionSchema] = []
    """The first one that fits counts. Default: the conversation ends."""


class UserSchema(StrictSchema):
    """A simulated user: states and reactions."""

    start: Text
    states: Annotated[dict[Text, UserStateSchema], Field(min_length=1, max_length=100)]
    max_turns: Annotated[int, Strict(), Field(ge=1, le=50), BeforeValidator(number)] = 10
    """Turns within which the conversation must end."""


class ScriptedResultSchema(StrictSchema):
    """What a call of a tool returns."""

    call: Text
    """Name of the tool."""
    arguments: Values | None = None
    """Arguments that the call has, among others. Default: any."""
    when: Values = {}
    """Values that the state has."""
    result: Data = None
    error: Annotated[Text, Field(max_length=2_000)] = ""
    """The call fails with this text."""
    set: Values = {}
    """Values of the state from then on."""


class FaultsSchema(StrictSchema):
    """Calls that fail by chance, the same ones in each run."""

    rate: Points
    error: Annotated[Text, Field(min_length=1, max_length=2_000)] = "the service is not available"
    calls: list[Text] = []
    """Names of the tools that fail. Default: all."""


class WorldSchema(StrictSchema):
    """The tools of a suite, played from a table: nothing is executed."""

    state: Values = {}
    """Values at the start of each conversation."""
    results: Annotated[list[ScriptedResultSchema], Field(min_length=1, max_length=10_000)]
    """The first one that fits a call is its result."""
    faults: FaultsSchema | None = None
    max_steps: Annotated[int, Strict(), Field(ge=1, le=50), BeforeValidator(number)] = 10
    """Requests of one answer. The model must answer without a call within them."""
