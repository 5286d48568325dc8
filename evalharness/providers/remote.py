"""What the remote formats share: options of the configuration, the clock of an answer, the body's parameters."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError, ProviderError
from evalharness.providers.base import ALL_PARAMS, ALWAYS_SENT, NEUTRAL, Provider
from evalharness.records import Params, Request, Timing, Usage
from evalharness.redaction import shortened
from evalharness.wire import Endpoint, EndpointError, Event, EventReader, HttpResponse

CHARS_PER_TOKEN = 4
"""Of English text, by OpenAI's rule of thumb; used only where an endpoint counts nothing."""
_SPREAD_S = 0.02
"""An answer whose parts come all at once, out of somebody's buffer, says nothing of how fast they were drawn."""
_AFTER_THE_END_S = 1.0
"""How long to read on for the end of the body, so that the connection can be used again."""
_OPTIONS_ELSEWHERE = ("config", "recorded", "accepts")


@dataclass(kw_only=True)
class RemoteProvider(Provider):
    """A model behind HTTP. The fields are the options of `[tool.evalharness.models.NAME]`; each format says what it
    sends and how it reads the answer. Raises ConfigError for a value that no model can have.
    """

    config: Config
    model: str
    base_url: str | None = None
    base_urls: Sequence[str] = ()
    """Several addresses of the same model: the one with the fewest requests under way is asked."""
    api_key_env: str | None = None
    """The environment variable that holds the key."""
    key_header: str = "authorization"
    """The header that carries it: Azure wants `api-key`."""
    proxy_env: str | None = None
    """The environment variable that holds the address of a proxy. None: no proxy, whatever the environment says."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    concurrency: int = 100
    retries: int = 2
    deadline_s: float = 120.0
    omits: Sequence[str] = ()
    """Parameters that this model does not take, and that are left out whatever a suite says."""
    takes: Sequence[str] = ()
    """Parameters beyond the format's own that this endpoint takes (vLLM and llama-server: top_k, min_p)."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More fields for the body of every request."""

    format: ClassVar[str]
    names: ClassVar[Mapping[str, str]]
    """Parameter -> what the format calls it."""

    def __post_init__(self) -> None:
        """Check what the configuration says; nothing is opened."""
        self._check()
        self.recorded = True
        own = frozenset(self.names) if self._leaves_the_form() else frozenset(self.names) - {"json_schema"}
        self.accepts = own | frozenset(self.takes) | frozenset(self.omits)
        urls = [*([self.base_url] if self.base_url else []), *self.base_urls]
        if not urls:
            raise ConfigError("'base_url' is missing")
        self._endpoint = Endpoint(
            urls,
            api_key_env=self.api_key_env,
            key_header=self.key_header,
            proxy_env=self.proxy_env,
            ca_file=resolve_path(self.ca_file, self.config.root) if self.ca_file else None,
        )

    def identity(self) -> Mapping[str, Any]:
        """Format, addresses, name of the model."""
        return {"provider": self.format, "base_urls": self._endpoint.base_urls, "model": self.model}

    def price_reference(self) -> tuple[str, str] | None:
        """As the price list knows it."""
        return self._endpoint.base_urls[0], self.model

    async def close(self) -> None:
        """End all connections."""
        await self._endpoint.close()

    def _sent(self, params: Params) -> dict[str, Any]:
        """The parameters for the body; what means "leave it alone" is not sent."""
        names = {**self.names, **{name: name for name in self.takes}}
        values = {name: getattr(params, name) for name in sorted(names) if name not in self.omits}
        sent = {name: value for name, value in values.items() if name in ALWAYS_SENT or value != getattr(NEUTRAL, name)}
        return {names[name]: list(value) if name == "stop" else value for name, value in sent.items()}

    def _leaves_the_form(self) -> bool:
        """Whether it is the suite that says what an answer may be, and not `extra`."""
        return True

    def _check(self) -> None:
        for option, kind in get_type_hints(type(self)).items():
            if option in _OPTIONS_ELSEWHERE or get_origin(kind) is ClassVar:
                continue
            try:
                TypeAdapter(kind).validate_python(getattr(self, option), strict=True)
            except ValidationError as error:
                said = error.errors()[0]["msg"].removeprefix("Input ")
                raise ConfigError(f"'{option}': {said}, not {str(getattr(self, option))[:60]!r}") from None
        owned = {
            "model",
            "messages",
            "system",
            "stream",
            "stream_options",
            *self.names,
            *self.names.values(),
            *self.takes,
        }
        if taken := sorted(owned & set(self.extra)):
            raise ConfigError(f"'extra' cannot hold {', '.join(taken)}: that is said by the suite or by other options")
        try:
            json.dumps(self.extra, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"'extra' holds what JSON cannot: {error}") from None
        for name in (*self.omits, *self.takes):
            if name not in ALL_PARAMS:
                raise ConfigError(f"there is no parameter {name!r}; known: {', '.join(sorted(ALL_PARAMS))}")
        if "logprobs" in self.takes:
            raise ConfigError("'takes' cannot hold logprobs: they are not read from the answers of this format")
        if "max_tokens" in self.omits:
            raise ConfigError("'omits' cannot hold max_tokens: it is what bounds an answer, and its price")
        bounds = {"concurrency": (1, 1000), "retries": (0, 10), "deadline_s": (0.001, 86_400)}
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(f"'{name}' is a number from {least:g} to {most:g}, not {value!r}")


@dataclass(slots=True)
class Clock:
    """When the parts of one answer came."""

    started: float = field(default_factory=time.perf_counter)
    first_token: float | None = None
    ended: float | None = None

    def token(self) -> None:
        """A part of the answer that is not empty has come."""
        if self.first_token is None:
            self.first_token = time.perf_counter()

    def end(self) -> None:
        """The answer is whole."""
        self.ended = time.perf_counter()

    def timing(self, usage: Usage, reported: Mapping[str, Any]) -> Timing:
        """`reported`: rates that the server measured itself, as llama-server does."""
        ended = self.ended or time.perf_counter()
        decoding = None if self.first_token is None else ended - self.first_token
        drawn = usage.completion_tokens - 1
        decode = drawn / decoding if decoding and decoding > _SPREAD_S and drawn > 0 else None
        return Timing(
            total_s=ended - self.started,
            first_token_s=None if self.first_token is None else self.first_token - self.started,
            prompt_tokens_per_s=_rate(reported.get("prompt_per_second")),
            decode_tokens_per_s=_rate(reported.get("predicted_per_second", decode)),
        )


async def read_events(answer: HttpResponse, take: Callable[[Event], bool]) -> None:
    """Hand over event after event until `take` says that the answer is whole.

    Raises EndpointError when the body ends before that.
    """
    reader, chunks = EventReader(), answer.chunks()
    async for chunk in chunks:
        try:
            if any(take(event) for event in reader.feed(chunk)):
                await _to_the_end(chunks)
                return
        except UnicodeDecodeError as error:
            raise EndpointError(f"the answer is not UTF-8: {error.reason}") from None
    if reader.is_something_else:
        raise EndpointError(f"the answer is no event stream but {answer.content_type or 'of no type'}")
    raise EndpointError("the stream ended before its terminal marker", kind="truncated")


async def _to_the_end(chunks: AsyncIterator[bytes]) -> None:
    """The answer is whole: whatever goes wrong from here on costs nothing but the connection."""
    with suppress(ProviderError, TimeoutError):
        async with asyncio.timeout(_AFTER_THE_END_S):
            async for _ in chunks:
                pass


def joined(parts: Sequence[str]) -> str:
    """The text of an answer: two halves of a surrogate pair may come apart, but not alone. Raises EndpointError."""
    try:
        return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise EndpointError("the answer holds half a surrogate pair") from None


def from_json(data: str) -> dict[str, Any]:
    """A part of an answer. Raises EndpointError for anything but an object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EndpointError(f"a part of the answer is not JSON: {error}") from None
    return table(value, "a part of the answer")


def table(value: Any, what: str) -> dict[str, Any]:
    """The value, if it is an object. Raises EndpointError."""
    if not isinstance(value, dict):
        raise EndpointError(f"{what} is no JSON object but {shortened(value, 100)!r}")
    return value


def text_of(value: Any, what: str) -> str:
    """A text; null and a missing field are none. Raises EndpointError for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise EndpointError(f"{what} is no text but {shortened(value, 100)!r}")
    return value


def token_count(value: Any, what: str) -> int:
    """A number of tokens; null and a missing field are 0. Raises EndpointError for anything else."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise EndpointError(f"{what} is no number of tokens but {shortened(value, 100)!r}")
    return value


def estimated(request: Request, text: str) -> Usage:
    """Tokens by the length of the texts."""
    prompt = sum(len(message.content) for message in request.messages)
    return Usage(-(-prompt // CHARS_PER_TOKEN), -(-len(text) // CHARS_PER_TOKEN), estimated=True)


def _rate(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else None
