"""An application behind HTTP as a target.

    [tool.evalharness.models.rag]
    provider = "http"
    url = "http://localhost:8000/ask"
    body = {question = "{{ question }}"}
    text = "$.answer.text"
    contexts = {id = "$.docs[*].id", text = "$.docs[*].body", score = "$.docs[*].score"}

The same retries, deadlines, bounds and records as for a model's endpoint: `wire` and `execution`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from evalharness.application.answer_paths import LISTS, SINGLE
from evalharness.application.answer_reader import AnswerReader
from evalharness.application.http_options import (
    METHODS,
    checked_headers,
    checked_url,
    conversation_headers,
    fixed_headers,
    is_own_application,
)
from evalharness.application.json_text import MODULES as CHARSET_MODULES
from evalharness.application.request_template import RequestTemplate, query_of
from evalharness.application.source import digest_of, identity_files_of, is_unchanged
from evalharness.application.toml_line import at_line
from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError, ProviderError
from evalharness.providers.answer import response_of
from evalharness.providers.base import Provider
from evalharness.providers.capabilities import Capabilities
from evalharness.providers.parse import json_object
from evalharness.providers.remote import check_limits, check_types
from evalharness.providers.stream import Clock
from evalharness.providers.token_usage import chat_usage
from evalharness.records import Conversation, Request, Response, Usage
from evalharness.redaction import shortened
from evalharness.wire import MODULES, Endpoint, json_bytes

_ACCEPTED = (200, 201, 203)
"""Statuses of a whole answer: 202 is an answer to come, 204 has none, 206 is a part."""
_ACCEPTS: Mapping[str | None, str] = {
    None: "application/json, text/plain",
    "sse": "text/event-stream",
    "ndjson": "application/x-ndjson, application/json",
}


@dataclass(kw_only=True)
class HttpProvider(Provider):
    """An application behind HTTP. The fields are the options of `[tool.evalharness.models.NAME]`.

    Raises ConfigError: an invalid option.
    """

    config: Config
    url: str
    method: str = "POST"
    query: Mapping[str, Any] = field(default_factory=dict)
    """Values with placeholders, sent as `?NAME=VALUE`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers without secrets."""
    headers_env: Mapping[str, str] = field(default_factory=dict)
    """Headers, and the environment variables that hold their values."""
    api_key_env: str | None = None
    """The environment variable that holds a key, sent as `Bearer`."""
    body: Any = None
    """A JSON value with placeholders; None: the messages, or nothing with GET."""
    text: str | None = None
    contexts: str | Mapping[str, str] | None = None
    tool_calls: str | Mapping[str, str] | None = None
    data: str | None = None
    cost_usd: str | None = None
    usage: str | None = None
    error: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    citations: str | Mapping[str, str] | None = None
    stream: Literal["sse", "ndjson"] | None = None
    delta: str | None = None
    """Where an event of a stream has its part of the text."""
    end: str | None = None
    """How a stream ends, see `EndMarker`. None: `[DONE]` with sse, the end of the body with ndjson."""
    proxy_env: str | None = None
    ca_file: str | None = None
    concurrency: int = 10
    retries: int = 2
    deadline_s: float = 120.0
    recorded: bool | None = None
    """None: an application elsewhere, and one on this machine with `identity_files`."""
    identity_files: Sequence[str] = ()
    """Patterns of all files of the project that an answer depends on."""
    deterministic: bool = False
    """Whether equal requests have equal answers."""

    modules = (*MODULES, *CHARSET_MODULES)

    def __post_init__(self) -> None:
        """Check the options. Opens no connection."""
        try:
            check_types(self)
            check_limits(self)
            self._read_options()
        except ConfigError as error:
            raise at_line(error, self.config.root, self.url) from None

    def _read_options(self) -> None:
        self.method = self.method.upper()
        if self.method not in METHODS:
            raise ConfigError(f"'method' must be one of {', '.join(METHODS)}, got {shortened(self.method, 20)!r}")
        parts = urlsplit(checked_url(self.url))
        self._origin, self._path = f"{parts.scheme}://{parts.netloc}", parts.path
        self._is_own = is_own_application(self.url)
        self._query, self._body = RequestTemplate(dict(self.query), "query"), self._body_template()
        self._headers = conversation_headers(self.headers)
        templates = (self._query, self._headers, *([self._body] if self._body else []))
        self._keeps_conversation = any(one.keeps_conversation for one in templates)
        self._answers = self._reader()
        self._read_files()
        self._endpoint = self._opened()
        refusal = self._refusal()
        self.capabilities = Capabilities(
            concurrency=self.concurrency,
            retries=self.retries,
            deadline_s=self.deadline_s,
            recorded=self._records,
            files=self._files,
            own_code=self._is_own or bool(self._files),
            keeps_state=self._keeps_conversation,
            deterministic="always" if self.deterministic else "never",
            tools=self._query.takes_tools or (self._body is not None and self._body.takes_tools),
            params=frozenset({"temperature", *self._query.params, *(self._body.params if self._body else ())}),
            refusal=str(refusal or ""),
            refusal_kind=refusal.kind if refusal else "load",
        )

    def _body_template(self) -> RequestTemplate | None:
        if self.method == "GET" and self.body is not None:
            raise ConfigError("'body' is not sent with method = \"GET\": use 'query'")
        given = {"messages": "{{ messages }}"} if self.body is None else self.body
        return None if self.method == "GET" else RequestTemplate(given, "body")

    def _reader(self) -> AnswerReader:
        paths = {name: getattr(self, name) for name in (*SINGLE, *LISTS)}
        return AnswerReader(paths, stream=self.stream, delta=self.delta, end=self.end)

    def _read_files(self) -> None:
        root = self.config.root.resolve()
        self._files = identity_files_of(self.identity_files, root) if self.identity_files else ()
        self._digest = digest_of(self._files, root) if self._files else ""
        self._records = (bool(self._files) or not self._is_own) if self.recorded is None else self.recorded
        if self._records and self._is_own and not self._files:
            raise ConfigError(
                "recorded = true at an address of this machine needs identity_files, such as "
                '["app/**/*.py"]: the files that an answer depends on'
            )

    def _refusal(self) -> ProviderError | None:
        if self.config.offline and not self._records:
            text = "its answers are not recorded, and --llm-record=none forbids requests: set identity_files"
            return ProviderError(text, kind="not recorded")
        return self._endpoint.refusal()

    def _opened(self) -> Endpoint:
        return Endpoint(
            [self._origin],
            api_key_env=self.api_key_env,
            proxy_env=self.proxy_env,
            ca_file=resolve_path(self.ca_file, self.config.root) if self.ca_file else None,
            headers={"accept": _ACCEPTS[self.stream]}
            | fixed_headers(checked_headers(self.headers, self.headers_env, has_key=self.api_key_env is not None)),
            headers_env={name.lower(): variable for name, variable in self.headers_env.items()},
        )

    def identity(self) -> Mapping[str, Any]:
        """Return the address, the templates, the paths, and the digest of the application's files.

        The address of an application on this machine has no host and no port: each run may start it elsewhere.
        """
        options = ("query", "headers", "body", *SINGLE, *LISTS, "stream", "delta", "end")
        given = {name: value for name in options if (value := getattr(self, name))}
        url = urlunsplit(("http", "localhost", self._path, "", "")) if self._is_own else self._origin + self._path
        files = {"files": self._digest} if self._digest else {}
        return {"provider": "http", "url": url, "method": self.method, **given, **files}

    def wire(self, request: Request) -> Mapping[str, Any]:
        """Return the query and the body of this request, without the id of its conversation.

        Raises ProviderError: a variable is missing.
        """
        known = request.messages[: request.conversation.sent] if request.conversation else ()
        tools = {"tools": [tool.parameters for tool in request.tools]}  # for the key: the order of properties counts
        return {
            **({"url": self._origin} if self._is_own else {}),
            **self._sent(replace(request, conversation=Conversation("", len(known)))),
            **(tools if request.tools else {}),
            **({"known": [message.to_data() for message in known]} if known else {}),
        }

    def _sent(self, request: Request) -> dict[str, Any]:
        query = {"query": self._query.render(request)} if self.query else {}
        return query | ({} if self._body is None else {"body": self._body.render(request)})

    async def complete(self, request: Request) -> Response:
        """Return the answer. Raises ProviderError, which names the address."""
        try:
            return await self._complete(request)
        except ProviderError as error:
            if self._origin not in str(error):
                error.args = (f"{error} ({self.method} {self._origin}{self._path})",)
            raise

    async def _complete(self, request: Request) -> Response:
        request = replace(request, conversation=request.conversation or Conversation(secrets.token_hex(8)))
        sent, clock = self._sent(request), Clock()
        content = json_bytes(sent["body"]) if "body" in sent else b""
        query = query_of(sent.get("query", {}))
        sending = self._endpoint.send(
            self.method,
            self._path,
            content,
            attempt=request.attempt,
            headers=self._headers.render(request),
            query=query,
            accepted=_ACCEPTED,
        )
        async with sending as response:
            answer = await self._answers.read(response, clock)
        return _response(answer, request, clock)

    def with_code_in(self, folder: Path) -> Provider:
        """Return this provider if the code in `folder` is that of the project.

        Raises ConfigError: the application runs the code of this checkout only.
        """
        root = self.config.root.resolve()
        if is_unchanged(folder.resolve(), root, (root,)):
            return self
        raise ConfigError(f"{self._origin} runs the application of this checkout, not the accepted one")

    async def close(self) -> None:
        """Close all connections."""
        await self._endpoint.close()


def _response(answer: dict[str, Any], request: Request, clock: Clock) -> Response:
    reported = answer.pop("usage", None)
    response = response_of(answer, clock.timing(Usage(0, 0), {}))
    if reported is None:
        return response
    usage = chat_usage(json_object(reported, "usage"), request, response.text, 0)
    return replace(response, usage=usage, timing=clock.timing(usage, {}))
