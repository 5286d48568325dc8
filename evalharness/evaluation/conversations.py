"""The turns of conversations: each is sent once the one before has its answer, with the conversation so far.

Samples of a conversation share its requests: the answer to turn 1 is a sample, and the history of turn 2.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace

from evalharness.evaluation.chain import Steps, Submit, drive
from evalharness.execution import Exchange
from evalharness.records import Dialogue, Message, Request, SampleError, SampleKey


class Conversations:
    """The conversations of one invocation. Thread-safe."""

    def __init__(self, submit: Submit) -> None:
        """`submit` sends one request."""
        self._submit, self._lock = submit, threading.RLock()
        self._turns: dict[tuple[str, SampleKey], Future[Exchange]] = {}

    def exchange(self, request: Request) -> Future[Exchange]:
        """Send a request, after the earlier turns of its conversation. Returns its exchange to come.

        The request of the exchange has the messages that were sent.
        """
        dialogue = request.dialogue
        if dialogue is None:
            return self._submit(request)
        place = (dialogue.suite, request.key)
        with self._lock:
            if place not in self._turns:
                self._turns[place] = drive(self._steps(request, dialogue), request, self._submit)
            return self._turns[place]

    def _steps(self, request: Request, dialogue: Dialogue) -> Steps:
        if dialogue.turns == 1:
            return (yield replace(request, dialogue=None))
        before = yield self.exchange(_turn_before(request, dialogue))
        if before.response is None:
            return Exchange(request, error=_lost(before))
        answer = Message("assistant", before.response.text)
        messages = (*before.request.messages, answer, request.messages[-1])
        return (yield replace(request, messages=messages, dialogue=None))


def _turn_before(request: Request, dialogue: Dialogue) -> Request:
    """The request of the turn before; golden answers are those of a turn."""
    before = replace(dialogue, turns=dialogue.turns - 1)
    key = request.key._replace(case=before.case)
    return replace(request, key=key, messages=request.messages[:-1], golden=(), dialogue=before)


def _lost(before: Exchange) -> SampleError:
    """The error of a turn whose earlier turn has none."""
    error = before.error or SampleError("conversation", "no response")
    if error.of_model or error.kind == "turn":
        return error
    return SampleError("turn", f"turn '{before.request.key.case}' has no answer: {error.kind}: {error.message}")
