"""An address that takes results over HTTP. Sends to the configured address and nowhere else.

Redirects are not followed, cookies are not kept, and the environment (proxies, .netrc, certificates) does not change
where a request goes. No message has more than the host of an address: the path of a webhook is its key.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from evalharness import __version__
from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError
from evalharness.publish.destination import PublishError, secret_of
from evalharness.redaction import Secret, redact_variable
from evalharness.report.encode import one_line
from evalharness.wire import checked_address

if TYPE_CHECKING:
    import httpx2

MODULES = ("httpx2", "httpcore2", "encodings.idna")
"""What the first request imports."""
_STEP_S = 10.0
"""Longest wait for a connection, for a packet to be sent, and for one to arrive."""
_MOST_S = 10.0
"""Longest time for one response."""
MOST_BYTES = 64 * 2**10
"""Of a response; more is not read."""
_TOKEN_CHARS = 12
"""Length from which a part of a secret address is a key of its own."""
_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of a destination."""

    status: int
    body: bytes
    """At most `MOST_BYTES`."""

    @property
    def shown(self) -> str:
        """The beginning of the body for a message, without keys."""
        return one_line(self.body.decode("utf-8", "replace"), _SHOWN_CHARS)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """The address of a destination: in the configuration, or in the variable `url_env` if it is a secret.

    Raises ConfigError: no address, two, or an invalid one.
    """

    config: Config
    url: str | None = None
    url_env: str | None = None
    token_env: str | None = None
    """The variable with a token, sent as `Bearer`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    headers_env: Mapping[str, str] = field(default_factory=dict)
    """Header -> the variable with its value."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    proxy_env: str | None = None
    """The variable with the address of a proxy."""

    def __post_init__(self) -> None:
        if (self.url is None) == (self.url_env is None):
            raise ConfigError("expected either 'url', or 'url_env' with the variable that holds a secret address")
        if self.url is not None:
            checked_address(self.url, "url")
        for variable in (self.url_env, self.token_env, self.proxy_env, *self.headers_env.values()):
            redact_variable(variable)
        self._certificates()

    def send(
        self,
        method: str,
        content: bytes = b"",
        *,
        path: str = "",
        content_type: str = "application/json",
        accepted: Collection[int] = range(200, 300),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The response to one request to the address with `path` behind it. `headers`: of this request.

        Raises PublishError: a variable is unset, no connection, or a status that is not `accepted`.
        """
        import httpx2

        address = self._address()
        host = urlsplit(address).netloc.rpartition("@")[2]
        sent = {"content-type": content_type, **(headers or {})}
        try:
            answer = self._answer(method, _joined(address, path), content, sent)
        except (httpx2.TransportError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise PublishError(f"no answer from {host}: {one_line(_text(error), _SHOWN_CHARS)}") from None
        if 300 <= answer.status < 400:
            raise PublishError(f"{host} redirects (HTTP {answer.status}): write the final address, none is followed")
        if answer.status not in accepted:
            raise PublishError(f"{host} refused it (HTTP {answer.status}): {answer.shown or 'no reason given'}")
        return answer

    def _answer(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        import httpx2

        for name in ("httpx2", "httpcore2"):  # at DEBUG they log headers
            logging.getLogger(name).setLevel(logging.WARNING)
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), _STEP_S)
        request = httpx2.Request(
            method, url, headers={**self._headers(), **headers}, content=content, extensions={"timeout": timeout}
        )
        proxy = httpx2.Proxy(secret_of(self.proxy_env)) if self.proxy_env else None
        transport = httpx2.HTTPTransport(verify=self._tls(url), trust_env=False, proxy=proxy)
        with transport, closing(transport.handle_request(request)) as response:
            return Answer(response.status_code, b"".join(_beginning(response)))

    def _address(self) -> str:
        if self.url is not None:
            return self.url
        assert self.url_env
        url = secret_of(self.url_env)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PublishError(f"the variable {self.url_env}: expected an http or https address (not shown)")
        if parts.username or parts.password:
            raise PublishError(f"the variable {self.url_env}: move user and password into a variable of headers_env")
        for piece in (parts.path, parts.query, *_tokens(parts.path, "/"), *_tokens(parts.query, "&=")):
            if len(piece) >= _TOKEN_CHARS:
                Secret.from_value(self.url_env, piece)
        return url

    def _headers(self) -> dict[str, str]:
        known = {"user-agent": f"evalharness/{__version__}", "accept": "*/*", "accept-encoding": "identity"}
        known |= {name.lower(): value for name, value in self.headers.items()}
        if self.token_env:
            known["authorization"] = f"Bearer {secret_of(self.token_env)}"
        known |= {name.lower(): secret_of(variable) for name, variable in self.headers_env.items()}
        if wrong := [name for name, value in known.items() if not (value.isascii() and value.isprintable())]:
            raise PublishError(f"the header {wrong[0]}: expected printable ASCII characters (not shown)")
        return known

    def _certificates(self) -> Path | None:
        return resolve_path(self.ca_file, self.config.root) if self.ca_file else None

    def _tls(self, url: str) -> ssl.SSLContext:
        import httpx2

        if url.startswith("http:") and not self.proxy_env:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused, and loading the system's takes 20 ms
        file = self._certificates()
        return ssl.create_default_context(cafile=file) if file else httpx2.create_ssl_context(trust_env=False)


def _joined(address: str, path: str) -> str:
    """The address with a path behind its own, before its query."""
    if not path:
        return address
    base, _, query = address.partition("?")
    url = base.rstrip("/") + path
    return f"{url}{'&' if '?' in path else '?'}{query}" if query else url


def _beginning(response: httpx2.Response) -> Iterator[bytes]:
    """The body up to `MOST_BYTES`, for at most `_MOST_S` seconds."""
    left, end = MOST_BYTES, time.monotonic() + _MOST_S
    for chunk in response.iter_raw():
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0 or time.monotonic() > end:
            return


def _tokens(text: str, separators: str) -> list[str]:
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    return [word for word in text.split(separators[0]) if not word.isalpha()]


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
