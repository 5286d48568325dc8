"""The worker process: JSON requests on standard input, JSON events on output.

It sends a heartbeat from a thread of its own, sees a small environment and has a memory limit. It ends when its input
closes, so it never outlives its parent.

    {"op": "load", "id": 0, "path": ..., "shape": ...}     -> {"event": "done", "id": 0} or failed
    {"op": "complete", "id": 7, "messages": [...], ...}    -> {"event": "started", "id": 7} when it gets a slot,
                                                           -> {"event": "done", "id": 7, ...} or failed
"""

from __future__ import annotations

import datetime
import json
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from traceback import format_exception_only
from typing import Any

from evalharness.errors import ProviderError
from evalharness.local.chat_template import ChatTemplate
from evalharness.local.native import Native
from evalharness.local.process import limit_memory, protocol_output
from evalharness.local.prompt_tokens import PromptTokens
from evalharness.local.schedule import Schedule, Tokens

HEARTBEAT_S = 0.5
_PROGRESS_S = 0.2


class Model:
    """A loaded file: chat template, tokenizer and schedule."""

    def __init__(
        self,
        path: str,
        *,
        shape: Mapping[str, int],
        chat_template: str | None,
        date: str,
        chat_template_kwargs: Mapping[str, Any],
        threads: int,
        gpu_layers: int,
    ) -> None:
        """`shape`: keyword arguments of Schedule. `date`: in ISO format. Raises ProviderError."""
        sequences, batch = shape["slots"] + shape["prefixes"], shape["batch"]
        self.native = Native(path, sequences=sequences, batch=batch, threads=threads, gpu_layers=gpu_layers)
        source = chat_template or self.native.chat_template()
        if not source:
            raise ProviderError(
                "the file has no chat template: set 'chat_template' in the configuration", kind="template"
            )
        begin, end = self.native.special_texts()
        today = datetime.date.fromisoformat(date)
        self._template = ChatTemplate(source, bos=begin, eos=end, today=today, variables=chat_template_kwargs)
        self._prompt_tokens = PromptTokens(self.native)
        self._context, self._bos = shape["context"], self.native.bos()
        self.schedule = Schedule(self.native, **shape)

    def tokenise(self, request: Mapping[str, Any]) -> Tokens:
        """The tokens of a request.

        Raises ProviderError when the prompt cannot be rendered or does not fit.
        """
        messages, shared = request["messages"], request["shared_prefix"]
        prompt = self._tokens(messages, generate=True)
        goldens = [self.native.tokenise(golden, special=False) for golden in request["golden"]]
        if not prompt:
            raise ProviderError("the chat template renders an empty prompt for this case", kind="template")
        tokens = Tokens(prompt, self._prefix(messages[:shared]), goldens)
        self._check_length(len(prompt), tokens.length(request["params"]["max_tokens"]))
        return tokens

    def _prefix(self, shared: list[dict[str, str]]) -> list[int]:
        """The tokens of the shared messages; none where the template cannot render them without the rest.

        Some templates fold the system message into the first question.
        """
        try:
            return self._tokens(shared, generate=False) if shared else []
        except ProviderError:
            return []

    def _check_length(self, prompt: int, total: int) -> None:
        if total > self._context:
            raise ProviderError(
                f"the prompt has {prompt} tokens and the answer may have {total - prompt}, but the context holds "
                f"{self._context}: raise 'context' of the model, lower max_tokens, or shorten the prompt",
                kind="context",
            )

    def _tokens(self, messages: list[dict[str, str]], *, generate: bool) -> list[int]:
        """The rendered prompt with one begin token, whether the template writes it or not."""
        tokens = self._prompt_tokens.of(self._template.pieces(messages, generate=generate))
        return [self._bos, *tokens] if self._bos is not None and tokens[:1] != [self._bos] else tokens


class Worker:
    """Reads requests, keeps the slots full, and sends events."""

    def __init__(self, out: int) -> None:
        """`out`: the file descriptor for events."""
        self._out, self._lock = out, threading.Lock()
        self._inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._waiting: deque[dict[str, Any]] = deque()
        self._model: Model | None = None
        self._is_alone = False
        """Whether the request that started last runs alone."""
        self._reported_at, self._reported_tokens = 0.0, 0

    def run(self) -> None:
        """Work until the input closes.

        An unexpected exception ends the process; the parent finds the cause.
        """
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._send_heartbeats, daemon=True).start()
        while True:
            self._receive()
            self._admit()
            self._step()

    def _receive(self) -> None:
        """Take all new requests; block for one while there is nothing to do."""
        idle = not self._waiting and not (self._model and self._model.schedule.busy)
        while idle or not self._inbox.empty():
            self._waiting.append(self._inbox.get())
            idle = False

    def _admit(self) -> None:
        while self._waiting and self._may_start(self._waiting[0]):
            request = self._waiting.popleft()
            number = request.pop("id")
            try:
                self._start(number, request)
            except ProviderError as error:  # concerns this request alone; any other exception ends the process
                self._send({"id": number, **_failed(error)})

    def _may_start(self, request: Mapping[str, Any]) -> bool:
        """Whether a slot is free; a request that runs alone needs all of them."""
        if self._model is None:
            return True
        if self._is_alone or request["alone"]:
            return not self._model.schedule.busy
        return not self._model.schedule.full

    def _start(self, number: int, request: dict[str, Any]) -> None:
        if request.pop("op") == "load":
            limit_memory(request.pop("memory_limit_mb"))
            self._model = Model(**request)
            self._send({"event": "done", "id": number})
        else:
            assert self._model
            self._is_alone = request["alone"]
            self._send({"event": "started", "id": number})
            tokens = self._model.tokenise(request)
            while not self._model.schedule.reserve(tokens.length(request["params"]["max_tokens"])):
                self._step()
            self._model.schedule.admit(number, request, tokens)

    def _step(self) -> None:
        if self._model is None or not self._model.schedule.busy:
            return
        for sequence, error in self._model.schedule.step():
            self._send({"id": sequence.number, **(_failed(error) if error else {"event": "done", **sequence.result()})})
        self._report_progress(self._model.schedule.sampled_tokens)

    def _report_progress(self, tokens: int) -> None:
        now = time.monotonic()
        if now - self._reported_at > _PROGRESS_S:
            self._send({"event": "progress", "tokens": tokens - self._reported_tokens})
            self._reported_at, self._reported_tokens = now, tokens

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            self._inbox.put(json.loads(line))
        os._exit(0)

    def _send_heartbeats(self) -> None:
        while True:
            self._send({"event": "heartbeat", "steps": self._model.native.steps if self._model else 0})
            time.sleep(HEARTBEAT_S)

    def _send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._out, line) :]
            except BrokenPipeError:  # the parent is gone
                os._exit(0)


def _failed(error: ProviderError) -> dict[str, str]:
    return {"event": "failed", "kind": error.kind, "message": str(error)}


def main() -> None:
    """Run the worker on standard input and output."""
    worker = Worker(protocol_output())
    try:
        worker.run()
    except BaseException as error:  # a normal exit would let the other threads write after the cause
        os.write(2, "".join(format_exception_only(error)).encode("utf-8", "replace"))
        os._exit(1)


if __name__ == "__main__":
    main()
