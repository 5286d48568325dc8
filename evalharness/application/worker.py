"""The child process of an application: JSON requests on standard input, JSON events on output.

    {"op": "load", "id": 0, "call": "rag:answer", ...}  -> {"event": "done", "id": 0} or failed
    {"op": "call", "id": 7, "messages": [...], ...}     -> {"event": "started", "id": 7}
                                                        -> {"event": "done", "id": 7, "answer": {...}} or failed

A function is called in as many threads as calls may run at once, the first of them the main thread; an async function
is called in tasks of one event loop. What the application prints goes to standard error, and it can read no input.
The process ends when its input closes, so it never outlives its parent.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from evalharness.application.call import Function, LoadError, add_paths
from evalharness.application.extension import Extension
from evalharness.application.failure import failure_of
from evalharness.application.plain import WrongAnswerError, plain_answer, plain_value
from evalharness.application.prompt_call import PromptCode
from evalharness.local.process import protocol_output

HEARTBEAT_S = 5.0
Code = Function | Extension | PromptCode


class Worker:
    """Calls one function for each request, and sends events."""

    def __init__(self, requests: int, out: int) -> None:
        """`requests`, `out`: the file descriptors of the protocol."""
        self._requests, self._out, self._lock = requests, out, threading.Lock()
        self._inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._root, self._pid, self._finished = Path(), os.getpid(), 0
        self._outside = ""
        """A folder that no module may come from; empty for none."""
        self._files: frozenset[str] | None = None
        """The only files of the project that modules may come from; None for any."""
        self._plain: Callable[[Any], Any] = plain_answer
        self._seen: set[str] = set()
        os.register_at_fork(after_in_child=self._leave_protocol)

    def run(self) -> None:
        """Load the application, and answer requests until the input closes."""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._send_heartbeats, daemon=True).start()
        load = self._inbox.get()
        function = self._load(load)
        if function is None:
            threading.Event().wait()  # until the parent ends this process
        elif function.is_async:
            self._serve_tasks(function)
        else:
            for _ in range(load["concurrency"] - 1):
                threading.Thread(target=self._serve, args=(function,), daemon=True).start()
            self._serve(function)

    def _load(self, request: Mapping[str, Any]) -> Code | None:
        self._root, self._outside = Path(request["root"]), request["outside"]
        add_paths(request["paths"])
        try:
            function = self._function(request)
            self._check_modules()
        except LoadError as error:
            self._send({"event": "failed", "id": request["id"], "kind": "import", "message": str(error)})
        except BaseException as error:
            found = failure_of(error, self._root)
            found["message"] = f"{request['call']}: importing the module raised {found['message']}"
            self._send({"event": "failed", "id": request["id"], "kind": "import", **found})
        else:
            names = function.names if isinstance(function, Extension) else []
            self._send({"event": "done", "id": request["id"], "is_async": function.is_async, "names": names})
            return function
        return None

    def _function(self, request: Mapping[str, Any]) -> Code:
        """The function of an application; that of a check or a metric, which has options; or a prompt."""
        call, file = request["call"], Path(request["file"])
        if request.get("prompt"):
            prompt = PromptCode(call, file)
            self._plain = prompt.answer
            return prompt
        if "options" not in request:
            return Function(call, file, keeps_conversation=request["keeps_conversation"])
        self._plain, self._files = plain_value, frozenset(map(os.path.realpath, request["files"]))
        return Extension(call, file, request["options"])

    def _serve(self, function: Code) -> None:
        while True:
            request = self._inbox.get()
            self._send({"event": "started", "id": request["id"]})
            started = time.perf_counter()
            try:
                value = function(request)
                if inspect.isawaitable(value):  # of a function that is not async itself
                    value = asyncio.run(_awaited(value))
                reply = self._reply(value, time.perf_counter() - started)
            except BaseException as error:  # also SystemExit and KeyboardInterrupt: the error of this case
                reply = self._failed(error)
            self._finish(request["id"], reply)

    def _serve_tasks(self, function: Code) -> None:
        loop, tasks = asyncio.new_event_loop(), set[asyncio.Task[None]]()

        def begin(request: dict[str, Any]) -> None:
            task = loop.create_task(self._answer(function, request))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        def feed() -> None:
            while True:
                loop.call_soon_threadsafe(begin, self._inbox.get())

        asyncio.set_event_loop(loop)
        threading.Thread(target=feed, daemon=True).start()
        while True:
            try:
                loop.run_forever()
            except BaseException as error:  # SystemExit of a callback ends the loop: its tasks have their replies
                sys.stderr.write(f"{failure_of(error, self._root)['message']}\n")

    async def _answer(self, function: Code, request: Mapping[str, Any]) -> None:
        self._send({"event": "started", "id": request["id"]})
        started = time.perf_counter()
        try:
            value = await function(request)
            reply = self._reply(value, time.perf_counter() - started)
        except BaseException as error:
            reply = self._failed(error)
        self._finish(request["id"], reply)

    def _reply(self, value: Any, total_s: float) -> dict[str, Any]:
        self._check_modules()
        return {"event": "done", "answer": self._plain(value), "total_s": total_s}

    def _failed(self, error: BaseException) -> dict[str, Any]:
        if isinstance(error, WrongAnswerError):
            return {"event": "failed", "kind": "answer", "message": str(error)}
        if isinstance(error, LoadError):
            return {"event": "failed", "kind": "import", "message": str(error)}
        return {"event": "failed", "kind": "application", **failure_of(error, self._root)}

    def _check_modules(self) -> None:
        """Raise LoadError for a module of another version of the project, or of a file outside of `files`."""
        if not self._outside and self._files is None:
            return
        new = [(name, module) for name, module in list(sys.modules.items()) if name not in self._seen]
        for name, module in new:
            file = Path(os.path.realpath(getattr(module, "__file__", None) or "/"))
            is_library = "site-packages" in file.parts or name.partition(".")[0] in ("evalharness", "__main__")
            is_here = file.is_relative_to(self._root)
            if self._outside and file.is_relative_to(self._outside) and not is_here and not is_library:
                raise LoadError(f"the accepted version imports {name} from the working tree: add its folder to 'path'")
            if self._files is not None and is_here and not is_library and str(file) not in self._files:
                shown = file.relative_to(self._root).as_posix()
                raise LoadError(f"it imports {shown}, which its source does not show: add it to identity_files")
            self._seen.add(name)

    def _finish(self, number: int, reply: dict[str, Any]) -> None:
        self._finished += 1
        for stream in (sys.stdout, sys.stderr):
            with suppress(BaseException):  # the application may have closed or replaced it
                stream.flush()
        self._send({**reply, "id": number})

    def _read(self) -> None:
        with os.fdopen(self._requests, "rb") as lines:
            for line in lines:
                self._inbox.put(json.loads(line))
        os._exit(0)

    def _send_heartbeats(self) -> None:
        while True:
            self._send({"event": "heartbeat", "steps": self._finished})
            time.sleep(HEARTBEAT_S)

    def _leave_protocol(self) -> None:
        """Close the protocol in a fork of the application: the parent waits for its end to notice a crash."""
        for descriptor in (self._requests, self._out):
            with suppress(OSError):
                os.close(descriptor)

    def _send(self, message: dict[str, Any]) -> None:
        if os.getpid() != self._pid:  # a fork of the application returned from the function
            os._exit(0)
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._out, line) :]
            except OSError:  # the parent is gone, or the application has closed all files
                os._exit(1)


async def _awaited(value: Any) -> Any:
    return await value


def own_input() -> int:
    """Return a file descriptor for the protocol's requests; the application reads an empty input."""
    requests = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests


def main() -> None:
    """Run the worker on standard input and output."""
    worker = Worker(own_input(), protocol_output())
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    worker.run()


if __name__ == "__main__":
    main()
