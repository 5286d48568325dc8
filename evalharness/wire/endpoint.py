"""One place to ask: its addresses, its key, its connections. Every way in which HTTP can fail becomes a ProviderError.

A key goes to the addresses of the configuration and nowhere else: no redirect is followed, no cookie kept, and nothing
of the environment (proxies, .netrc, certificates) changes where requests go.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from evalharness import __version__
from evalharness.errors import ConfigError, ProviderError
from evalharness.redaction import Secret, redact_variable, shortened
from evalharness.wire.response import EndpointError, HttpResponse, said
from evalharness.wire.statuses import error_of

if TYPE_CHECKING:
    import httpx2

_MOST_ERROR_BYTES = 64 * 2**10
_CONNECT_S = 10.0
_IDLE_S = 30.0
_DOWN_S = 5.0


@dataclass(slots=True)
class _Address:
    url: str
    outstanding: int = 0
    down_until: float = 0.0
    """Nobody listened there a moment ago: another address is better, if there is one."""

    def rank(self) -> tuple[bool, int]:
        """The lowest is asked first."""
        return time.monotonic() < self.down_until, self.outstanding


class Endpoint:
    """Addresses that serve the same model. Makes no connection before the first request."""

    def __init__(
        self,
        base_urls: Sequence[str],
        *,
        api_key_env: str | None = None,
        api_key: Secret | None = None,
        key_header: str = "authorization",
        proxy_env: str | None = None,
        ca_file: Path | None = None,
        keep_alive: bool = True,
    ) -> None:
        """`api_key_env`: the environment variable that holds the key; sent as `Bearer` in `authorization`, bare in any
        other `key_header`. `api_key`: one that is in no variable. `proxy_env`: the one that holds a proxy's URL.
        `ca_file`: certificates to trust instead of the system's. `keep_alive`: use a connection for many requests.
        Raises ConfigError for an address that is none.
        """
        self._addresses = [_Address(_checked(url)) for url in base_urls]
        if not self._addresses:
            raise ConfigError("'base_urls' names no address")
        self._key_env, self._key, self._key_header = api_key_env, api_key, key_header.lower()
        self._proxy_env, self._ca_file, self._keep_alive = proxy_env, ca_file, keep_alive
        redact_variable(api_key_env)  # a replayed run sends no key, and its prompts may hold one all the same
        redact_variable(proxy_env)
        self._idle: list[httpx2.AsyncHTTPTransport] = []
        self._all: list[httpx2.AsyncHTTPTransport] = []
        self._headers: list[tuple[bytes, bytes]] = []
        self._verify: ssl.SSLContext

    @property
    def base_urls(self) -> list[str]:
        """The addresses, sorted."""
        return sorted(address.url for address in self._addresses)

    @asynccontextmanager
    async def post(
        self, path: str, body: Mapping[str, Any], *, attempt: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[HttpResponse]:
        """Send JSON to the address with the fewest requests under way. Raises ProviderError unless the status is 200.

        `attempt` goes along as `x-client-request-id`, so that both sides' logs name the same request.
        """
        import httpx2

        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        transport = self._idle.pop() if self._idle else self._new_transport()
        address = min(self._addresses, key=_Address.rank)
        request = httpx2.Request(
            "POST",
            address.url + path,
            headers=[
                *self._headers,
                *((name.encode(), value.encode()) for name, value in (headers or {}).items()),
                (b"x-client-request-id", attempt.encode()),
            ],
            content=content,
            extensions={"timeout": {"connect": _CONNECT_S, "read": None, "write": None, "pool": None}},
        )
        address.outstanding += 1
        try:
            try:
                response = await transport.handle_async_request(request)
            except httpx2.TransportError as error:
                found = _before_the_head(error)
                if found.kind == "connect":
                    address.down_until = time.monotonic() + _DOWN_S
                raise found from None
            try:
                yield await _accepted(HttpResponse(response))
            finally:
                await response.aclose()
        finally:
            address.outstanding -= 1
            await self._put_back(transport)

    async def _put_back(self, transport: httpx2.AsyncHTTPTransport) -> None:
        if self._keep_alive and _has_nothing_left(transport):
            self._idle.append(transport)
        else:
            self._all.remove(transport)
            await transport.aclose()

    async def close(self) -> None:
        """End all connections."""
        transports, self._all, self._idle = self._all, [], []
        for transport in transports:
            await transport.aclose()

    def _new_transport(self) -> httpx2.AsyncHTTPTransport:
        """One for each request that may be under way: a pool of n connections looks at all n for every request."""
        import httpx2

        if not self._all:
            for name in ("httpx2", "httpcore2"):  # at DEBUG they write headers to the log
                logging.getLogger(name).setLevel(logging.WARNING)
            self._headers = self._fixed_headers()
            self._verify = self._trusted()
        transport = httpx2.AsyncHTTPTransport(
            verify=self._verify,
            trust_env=False,
            limits=httpx2.Limits(keepalive_expiry=_IDLE_S),
            proxy=self._proxy(),
        )
        self._all.append(transport)
        return transport

    def _fixed_headers(self) -> list[tuple[bytes, bytes]]:
        headers = {
            "user-agent": f"evalharness/{__version__}",
            "accept": "text/event-stream, application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
        }
        if self._key_env:
            self._key = _secret(self._key_env, "api_key_env")
        if self._key:
            key = self._key.reveal()
            headers[self._key_header] = f"Bearer {key}" if self._key_header == "authorization" else key
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            text = f"the key in {self._key_env} has characters that a header cannot hold"
            raise ProviderError(text, kind="auth", fatal=True)
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    def _proxy(self) -> httpx2.Proxy | None:
        import httpx2

        if not self._proxy_env:
            return None
        try:
            return httpx2.Proxy(_secret(self._proxy_env, "proxy_env").reveal())
        except (ValueError, httpx2.InvalidURL):
            text = f"what {self._proxy_env} holds is no address of a proxy (proxy_env)"
            raise ProviderError(text, kind="connect", fatal=True) from None

    def _trusted(self) -> ssl.SSLContext:
        import httpx2

        if self._ca_file is not None:
            try:
                return ssl.create_default_context(cafile=str(self._ca_file))
            except OSError as error:  # ssl.SSLError is one
                text = f"{self._ca_file} holds no certificates (ca_file): {error}"
                raise ProviderError(text, kind="tls", fatal=True) from None
        if all(address.url.startswith("http:") for address in self._addresses) and not self._proxy_env:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; loading the system's takes 20 ms
        return httpx2.create_ssl_context(trust_env=False)


def _has_nothing_left(transport: httpx2.AsyncHTTPTransport) -> bool:
    """Whether no byte followed the answer: on the same connection it would be taken for the answer to the next request.

    httpx2 has no public way to ask; where its inside looks different, the connection is not used again.
    """
    try:
        connections: list[Any] = list(transport._pool.connections)
        states = [connection._connection._h11_state for connection in connections]
        return all(state.trailing_data == (b"", False) for state in states)
    except AttributeError:
        return False


async def _accepted(answer: HttpResponse) -> HttpResponse:
    if answer.status != 200:
        raise error_of(answer.status, answer.headers, await answer.beginning(_MOST_ERROR_BYTES))
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):  # and so no small answer can swell to a large one
        raise EndpointError(f"the answer is encoded as {shortened(encoding, 40)!r}, though identity was asked for")
    return answer


def _before_the_head(error: httpx2.TransportError) -> ProviderError:
    """What a request that got no answer at all means: was it sent, and may it have been heard?"""
    import httpx2

    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
        if tls := _tls_error(error):
            return ProviderError(f"no safe connection: {tls}", kind="tls", fatal=True)
        return ProviderError(f"no connection: {said(error)}", kind="connect", again="safe")
    if isinstance(error, httpx2.RemoteProtocolError) and "disconnected" not in str(error):
        return EndpointError(f"the answer is not HTTP: {error}")
    if isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol):
        return ProviderError(f"the request cannot be sent: {error}", kind="request")
    return EndpointError(f"the connection was lost before an answer came: {said(error)}", kind="connection")


def _tls_error(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return str(error)
        error = error.__cause__ or error.__context__
    return ""


def _secret(variable: str, option: str) -> Secret:
    try:
        return Secret(variable)
    except LookupError as error:
        raise ProviderError(f"{error.args[0]} ({option})", kind="auth", fatal=True) from None


def _checked(url: str) -> str:
    """The address without its last slash. Raises ConfigError: no http(s) address, or with a secret in it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (ValueError, AttributeError, TypeError):
        parts, host = None, None
    if parts is None or not isinstance(url, str) or not url.isprintable() or " " in url:
        raise ConfigError(f"base_url: {str(url)[:200]!r} is no address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"base_url: only scheme, host and path: write {parts.scheme}://{host}{parts.path}, and name the variable "
            "that holds a key by api_key_env"
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"base_url: {url[:200]!r} is no http or https address")
    return url.rstrip("/")


def is_local(url: str) -> bool:
    """Whether the address is on this machine."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - compared, not bound


__all__ = ["Endpoint", "is_local"]
