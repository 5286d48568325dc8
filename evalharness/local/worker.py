"""The child process: JSON lines in on standard input, JSON lines out on standard output, a heartbeat of its own.

It ends when its input ends, so it never outlives the parent. It gets no environment but what it needs, and a memory
limit.

    {"op": "load", "id": 0, "path": ..., "slots": ...}       -> {"event": "done", "id": 0} or failed
    {"op": "complete", "id": 7, "messages": [...], ...}      -> {"event": "started", "id": 7}, when it gets a slot,
                                                             -> {"event": "done", "id": 7, ...} or failed
"""

from __future__ import annotations

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
from evalharness.local.schedule import Schedule, Tokens

BEAT_S = 0.5
_PROGRESS_S = 0.2


class Model:
    """A loaded file: its template, its tokens, its schedule."""

    def __init__(
        self,
        path: str,
        *,
        shape: Mapping[str, int],
        chat_template: str | None,
        threads: int,
        gpu_layers: int,
    ) -> None:
        """`shape`: what `Schedule` takes."""
        sequences, batch = shape["slots"] + shape["prefixes"], shape["batch"]
        self.native = Native(path, sequences=sequences, batch=batch, threads=threads, gpu_layers=gpu_layers)
        source = chat_template or self.native.chat_template()
        if not source:
            raise ProviderError(
                "the file has no chat template: set chat_template in the configuration", kind="template"
            )
        begin, end = self.native.special_texts()
        self._template = ChatTemplate(source, bos=begin, eos=end)
        self._context, self._bos = shape["context"], self.native.bos()
        self.schedule = Schedule(self.native, **shape)

    def read(self, request: Mapping[str, Any]) -> Tokens:
        """What is asked. Raises ProviderError when the prompt does not fit, or is not rendered."""
        messages, shared = request["messages"], request["shared"]
        prompt = self._tokens(messages, generate=True)
        goldens = [self.native.tokenise(golden, special=False) for golden in request["golden"]]
        if not prompt:
            raise ProviderError("the chat template makes an empty prompt of this case", kind="template")
        texts = Tokens(prompt, self._prefix(messages[:shared]), goldens)
        self._check_room(len(prompt), texts.room(request["params"]["max_tokens"]))
        return texts

    def _prefix(self, shared: list[dict[str, str]]) -> list[int]:
        """Of the messages that all cases share. None where the template wants more than them: some fold the system
        message into the first question.
        """
        try:
            return self._tokens(shared, generate=False) if shared else []
        except ProviderError:
            return []

    def _check_room(self, prompt: int, room: int) -> None:
        if room > self._context:
            raise ProviderError(
                f"the prompt has {prompt} tokens and the answer may have {room - prompt}, the context holds "
                f"{self._context}: raise 'context' of the model, lower max_tokens, or shorten the prompt",
                kind="context",
            )

    def _tokens(self, messages: list[dict[str, str]], *, generate: bool) -> list[int]:
        """Scaffolding with special tokens, content without."""
        tokens: list[int] = []
        for text, scaffolding in self._template.pieces(messages, generate=generate):
            tokens += self.native.tokenise(text, special=scaffolding)
        return [self._bos, *tokens] if self._bos is not None and tokens[:1] != [self._bos] else tokens


class Worker:
    """Reads orders, keeps the slots full, and beats."""

    def __init__(self, out: int) -> None:
        self._out, self._lock = out, threading.Lock()
        self._orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._waiting: deque[dict[str, Any]] = deque()
        self._model: Model | None = None
        self._told_s, self._told = 0.0, 0

    def run(self) -> None:
        """Until the input ends. Whatever is raised ends the process: the parent then asks who was to blame."""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()
        while True:
            self._take_orders()
            self._admit()
            self._step()

    def _take_orders(self) -> None:
        """Those that have come; wait for one where there is nothing else to do."""
        idle = not self._waiting and not (self._model and self._model.schedule.busy)
        while idle or not self._orders.empty():
            self._waiting.append(self._orders.get())
            idle = False

    def _admit(self) -> None:
        while self._waiting and not (self._model and self._model.schedule.full):
            request = self._waiting.popleft()
            number = request.pop("id")
            try:
                self._begin(number, request)
            except ProviderError as error:  # of this request; anything else may be worse, and ends the process
                self._say({"id": number, **_failed(error)})

    def _begin(self, number: int, request: dict[str, Any]) -> None:
        if request.pop("op") == "load":
            limit_memory(request.pop("memory_limit_mb"))
            self._model = Model(**request)
            self._say({"event": "done", "id": number})
        else:
            assert self._model
            self._say({"event": "started", "id": number})
            texts = self._model.read(request)
            while not self._model.schedule.make_room(texts.room(request["params"]["max_tokens"])):
                self._step()
            self._model.schedule.admit(number, request, texts)

    def _step(self) -> None:
        if self._model is None or not self._model.schedule.busy:
            return
        for answer, error in self._model.schedule.step():
            self._say({"id": answer.number, **(_failed(error) if error else {"event": "done", **answer.result()})})
        self._tell_progress(self._model.schedule)

    def _tell_progress(self, schedule: Schedule) -> None:
        now = time.monotonic()
        if now - self._told_s > _PROGRESS_S:
            self._say({"event": "progress", "tokens": schedule.drawn - self._told})
            self._told_s, self._told = now, schedule.drawn

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            self._orders.put(json.loads(line))
        os._exit(0)

    def _beat(self) -> None:
        while True:
            self._say({"event": "beat", "steps": self._model.native.steps if self._model else 0})
            time.sleep(BEAT_S)

    def _say(self, message: dict[str, Any]) -> None:
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
    """As a program."""
    worker = Worker(protocol_output())
    try:
        worker.run()
    except BaseException as error:  # its own words are the last ones; the threads that read and beat would add theirs
        os.write(2, "".join(format_exception_only(error)).encode("utf-8", "replace"))
        os._exit(1)


if __name__ == "__main__":
    main()
