"""The options of a model behind HTTP, shared by all remote APIs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, get_type_hints

from pydantic import TypeAdapter, ValidationError

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError
from evalharness.providers.attachments import SENDABLE
from evalharness.providers.base import Provider
from evalharness.providers.capabilities import ALL_PARAMS, ALWAYS_SENT, NEUTRAL, Capabilities
from evalharness.records import Params
from evalharness.redaction import shortened
from evalharness.wire import MODULES, Endpoint

_BOUNDS = {"concurrency": (1, 1000), "retries": (0, 10), "deadline_s": (0.001, 86_400)}
_OWN_FIELDS = {"model", "messages", "system", "stream", "stream_options"}
"""Fields of the body that `extra` cannot replace."""


@dataclass(kw_only=True)
class RemoteProvider(Provider):
    """A model behind HTTP. The fields are the options of `[tool.evalharness.models.NAME]`.

    Raises ConfigError: an invalid option.
    """

    config: Config
    model: str
    base_url: str | None = None
    base_urls: Sequence[str] = ()
    """Several addresses of the same model: the one with the fewest requests in flight gets the next one."""
    api_key_env: str | None = None
    """The environment variable that holds the key."""
    key_header: str = "authorization"
    """The header that carries the key: Azure requires `api-key`."""
    proxy_env: str | None = None
    """The environment variable that holds a proxy's URL. None: no proxy, whatever the environment sets."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    concurrency: int = 100
    retries: int = 2
    deadline_s: float = 120.0
    omits: Sequence[str] = ()
    """Parameters that this model rejects. They are not sent, whatever a suite sets."""
    takes: Sequence[str] = ()
    """Parameters beyond the API's own that this endpoint accepts (vLLM and llama-server: top_k, min_p)."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Additional fields for the body of every request."""

    format: ClassVar[str]
    decides: ClassVar[Literal["", "choice", "first token"]] = ""
    names: ClassVar[Mapping[str, str]]
    """The API's name of each parameter."""
    modules = MODULES

    def __post_init__(self) -> None:
        """Check the options. Opens no connection."""
        self._check()
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
        self._last_sent: tuple[Params | None, Mapping[str, Any]] = (None, {})
        refusal = self._endpoint.refusal()
        own = frozenset(self.names) if self._takes_schema() else frozenset(self.names) - {"json_schema"}
        self.capabilities = Capabilities(
            concurrency=self.concurrency,
            retries=self.retries,
            deadline_s=self.deadline_s,
            recorded=True,
            tools="tools" not in self.extra,
            decides=self.decides,
            media_types=SENDABLE,
            params=own | frozenset(self.takes) | frozenset(self.omits),
            price_reference=(self._endpoint.base_urls[0], self.model),
            refusal=str(refusal or ""),
            refusal_kind=refusal.kind if refusal else "load",
        )

    def identity(self) -> Mapping[str, Any]:
        """Return the API, the addresses and the model's name."""
        return {"provider": self.format, "base_urls": self._endpoint.base_urls, "model": self.model}

    async def close(self) -> None:
        """Close all connections."""
        await self._endpoint.close()

    def _sent(self, params: Params) -> dict[str, Any]:
        """Return the parameters for the body, without those at the model's default."""
        known, sent = self._last_sent
        if known is not params:  # most requests have the parameters of the suite
            sent = self._named(params)
            self._last_sent = params, sent
        return dict(sent)

    def _named(self, params: Params) -> Mapping[str, Any]:
        names = {**self.names, **{name: name for name in self.takes}}
        values = {name: getattr(params, name) for name in sorted(names) if name not in self.omits}
        sent = {name: value for name, value in values.items() if name in ALWAYS_SENT or value != getattr(NEUTRAL, name)}
        return {names[name]: list(value) if name == "stop" else value for name, value in sent.items()}

    def _takes_schema(self) -> bool:
        """Return whether the suite may set json_schema: `extra` does not set the format of the response."""
        return True

    def _check(self) -> None:
        check_types(self)
        self._check_extra()
        self._check_params()
        check_limits(self)

    def _check_extra(self) -> None:
        owned = _OWN_FIELDS | {*self.names, *self.names.values(), *self.takes}
        if taken := sorted(owned & set(self.extra)):
            raise ConfigError(f"'extra' cannot contain {', '.join(taken)}: set it in the suite or by its own option")
        try:
            json.dumps(self.extra, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"'extra' must be valid as JSON: {error}") from None

    def _check_params(self) -> None:
        for name in (*self.omits, *self.takes):
            if name not in ALL_PARAMS:
                raise ConfigError(f"unknown parameter {name!r}; known: {', '.join(sorted(ALL_PARAMS))}")
        if "logprobs" in self.takes:
            raise ConfigError("'takes' cannot contain logprobs: this provider does not read them")
        if "max_tokens" in self.omits:
            raise ConfigError("'omits' cannot contain max_tokens: it bounds the response and its price")


def check_types(provider: Any) -> None:
    """Check the options of a dataclass against its types. Raises ConfigError."""
    kinds = get_type_hints(type(provider))
    for option in (option.name for option in fields(provider) if option.name != "config"):
        value = getattr(provider, option)
        try:
            TypeAdapter(kinds[option]).validate_python(value, strict=True)
        except ValidationError as error:
            problem = error.errors()[0]["msg"].removeprefix("Input ")
            raise ConfigError(f"'{option}' {problem}, got {shortened(value, 60)!r}") from None


def check_limits(provider: Any) -> None:
    """Check `concurrency`, `retries` and `deadline_s`. Raises ConfigError."""
    for name, (least, most) in _BOUNDS.items():
        if not least <= getattr(provider, name) <= most:
            raise ConfigError(f"'{name}' must be from {least:g} to {most:g}, got {getattr(provider, name)!r}")
