"""A simulated user: it answers a model from a script, until the script ends."""

from __future__ import annotations

from dataclasses import replace

from evalharness.evaluation.chain import Steps
from evalharness.evaluation.send import Send
from evalharness.evaluation.tool_loop import answer, combined
from evalharness.execution import Exchange
from evalharness.execution.options import RecordMode
from evalharness.records import END, Conversation, Message, Reaction, Request, SampleError, SimulatedUser, UserState
from evalharness.scoring.checks import Check, open_check
from evalharness.scoring.metrics.base import SampleView


def converse(request: Request, user: SimulatedUser, send: Send, name: str, record: RecordMode | None = None) -> Steps:
    """Lead the conversation that the request begins. `name`: its id, for an application that keeps it.

    The exchange that stands for all has the last answer, and the transcript after the first question.
    """
    reactions = {place: _opened(state) for place, state in user.states.items()}
    request, state = replace(request, user=None), user.start
    messages, steps = request.messages, list[Exchange]()
    known = 0
    for _ in range(user.max_turns):
        conversation = Conversation(name, known) if name else None
        turn = replace(request, messages=messages, conversation=conversation)
        exchange = yield from answer(turn, request.key.case, send, record)
        steps.append(exchange)
        if exchange.response is None:
            return _whole(request, steps, messages)
        messages = (*messages, *(exchange.transcript or (Message("assistant", exchange.response.text),)))
        known, state = len(messages), _next(reactions[state], SampleView(exchange.response))
        if state == END:
            return _whole(request, steps, messages)
        messages = (*messages, Message("user", user.states[state].says))
    text = f"the conversation did not end within max_turns = {user.max_turns}: the user would go on with '{state}'"
    return replace(_whole(request, steps, messages), response=None, error=SampleError("turns", text))


def _opened(state: UserState) -> list[tuple[Reaction, Check | None]]:
    return [(one, open_check(one.check, one.value) if one.check else None) for one in state.reactions]


def _next(reactions: list[tuple[Reaction, Check | None]], answer: SampleView) -> str:
    """The state after an answer: that of the first reaction that fits."""
    return next((one.go for one, check in reactions if check is None or check.problem(answer) is None), END)


def _whole(request: Request, steps: list[Exchange], messages: tuple[Message, ...]) -> Exchange:
    calls = tuple(call for step in steps[:-1] if step.response for call in step.response.tool_calls)
    return combined(replace(request, world=None), steps, calls, messages[len(request.messages) :])
