"""The turns of conversations: each is sent once the one before has its answer, with the conversation so far.

Samples of a conversation share its requests: the answer to turn 1 is a sample, and the history of turn 2.

An application that keeps the conversation gets an id for each attempt at it. It may know a turn that failed, and does
not know a turn that was replayed: then the conversation starts again.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from evalharness.evaluation.chain import Steps, drive
from evalharness.evaluation.send import Send
from evalharness.evaluation.simulated import converse
from evalharness.evaluation.tool_loop import answer
from evalharness.execution import Exchange
from evalharness.execution.options import RecordMode
from evalharness.records import Conversation, Dialogue, Message, Request, SampleError, SampleKey, SimulatedUser

_ATTEMPTS = 3
"""Attempts at a conversation that an application keeps."""


class Conversations:
    """The conversations of one invocation. Thread-safe."""

    def __init__(self, send: Send, keeps_state: Callable[[str], bool]) -> None:
        """`keeps_state`: whether a model is an application that keeps conversations."""
        self._send, self._keeps_state, self._lock = send, keeps_state, threading.RLock()
        self._turns: dict[tuple[str, SampleKey], Future[Exchange]] = {}

    def exchange(self, request: Request) -> Future[Exchange]:
        """Send a request, after the earlier turns of its conversation. Returns its exchange to come.

        The request of the exchange has the messages of the whole conversation.
        """
        if request.dialogue is not None:
            return self._turn(request, request.dialogue)
        if request.is_single:
            return self._send(request)
        if request.user is not None:
            return drive(self._simulated(request, request.user), request, self._send)
        return drive(answer(request, request.key.case, self._send), request, self._send)

    def _turn(self, request: Request, dialogue: Dialogue) -> Future[Exchange]:
        """The exchange of a turn, which is sent once for its sample and the turns after it."""
        place = (dialogue.suite, request.key)
        with self._lock:
            if place not in self._turns:
                self._turns[place] = drive(self._steps(request, dialogue), request, self._send)
            return self._turns[place]

    def _simulated(self, request: Request, user: SimulatedUser) -> Steps:
        """A conversation with a simulated user; one that the application keeps is replayed as a whole."""
        if not self._keeps_state(request.key.model):
            return (yield from converse(request, user, self._send, ""))
        found = yield from converse(request, user, self._send, secrets.token_hex(8), "none")
        is_unknown = found.error is not None and found.error.kind == "not recorded"
        restart = partial(self._fresh, request, user)
        return (yield from _restarted(found, restart, may_restart=is_unknown or found.retryable))

    def _fresh(self, request: Request, user: SimulatedUser) -> Steps:
        return converse(request, user, self._send, secrets.token_hex(8), "all")

    def _steps(self, request: Request, dialogue: Dialogue) -> Steps:
        before = None
        if dialogue.turns > 1:
            before = yield self.exchange(_turn_of(request, dialogue, dialogue.turns - 1))
            if before.response is None:
                return Exchange(request, error=_without(before))
        if self._keeps_state(request.key.model):
            return (yield from self._kept(request, dialogue, before))
        return (yield from answer(_following(request, before), dialogue.conversation, self._send))

    def _kept(self, request: Request, dialogue: Dialogue, before: Exchange | None) -> Steps:
        """The turn of a conversation that the application keeps."""
        known = before.request.conversation if before else None
        name = known.id if known else secrets.token_hex(8)
        is_replayed = before is not None and (before.recorded_at != "" or before.attempts == 0)
        record: RecordMode | None = None if before is None else "none" if is_replayed else "all"
        found = yield from answer(_following(request, before, name), dialogue.conversation, self._send, record)
        restart = partial(self._from_start, request, dialogue)
        return (yield from _restarted(found, restart, may_restart=is_replayed or found.retryable))

    def _from_start(self, request: Request, dialogue: Dialogue) -> Steps:
        """The conversation from its first turn on, as far as this one; nothing is replayed."""
        name, last = secrets.token_hex(8), None
        for number in range(1, dialogue.turns + 1):
            turn = _turn_of(request, dialogue, number)
            last = yield from answer(_following(turn, last, name), dialogue.conversation, self._send, "all")
            if last.response is None and number < dialogue.turns:
                return Exchange(request, error=_without(last), retryable=last.retryable)
        assert last is not None
        return last


def _restarted(found: Exchange, restart: Callable[[], Steps], *, may_restart: bool) -> Steps:
    """The exchange; without a response that of further attempts at the conversation, where one may succeed."""
    for _ in range(_ATTEMPTS - 1):
        if found.response is not None or not may_restart:
            break
        found = yield from restart()
        may_restart = found.retryable
    return found


def _turn_of(request: Request, dialogue: Dialogue, number: int) -> Request:
    """The request of this turn or an earlier one. Golden answers are those of one turn."""
    later = dialogue.turns - number
    if not later:
        return request
    turn = replace(dialogue, turns=number)
    key = request.key._replace(case=turn.case)
    return replace(request, key=key, messages=request.messages[:-later], golden=(), dialogue=turn)


def _following(request: Request, before: Exchange | None, name: str = "") -> Request:
    """The request with the conversation before it; `name` is the id of one that the application keeps."""
    known: tuple[Message, ...] = ()
    if before is not None and before.response is not None:
        answered = before.transcript or (Message("assistant", before.response.text),)
        known = (*before.request.messages, *answered)
    messages = (*known, request.messages[-1]) if known else request.messages
    conversation = Conversation(name, len(known)) if name else None
    return replace(request, messages=messages, dialogue=None, conversation=conversation)


def _without(before: Exchange) -> SampleError:
    """The error of a turn whose earlier turn has no response."""
    error = before.error or SampleError("conversation", "no response")
    if error.of_model or error.kind == "turn":
        return error
    return SampleError("turn", f"turn '{before.request.key.case}' has no answer: {error.kind}: {error.message}")
