"""An endpoint: its addresses, its key, its connections. Every failure of HTTP becomes a ProviderError.

A key goes to the configured addresses and nowhere else: redirects are not followed, cookies are not kept, and the
environment (proxies, .netrc, certificates) does not change where requests go.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness import __version__
from evalharness.errors import ConfigError, ModelUnavailableError, ProviderError, RetryableError
from evalharness.redaction import Secret, redact_variable, shortened
from evalharness.wire.address import checked_address, parsed
from evalharness.wire.response import EndpointError, HttpResponse, error_text
from evalharness.wire.statuses import error_of

if TYPE_CHECKING:
    import httpx2

MODULES = ("httpx2", "httpcore2", "anyio._backends._asyncio", "concurrent.futures.thread", "encodings.idna")
"""What the first request imports: the client, its event loop, and the look-up of a host."""
_MOST_ERROR_BYTES = 64 * 2**10
_CONNECT_S = 10.0
_IDLE_S = 30.0
_DOWN_S = 5.0


@dataclass(slots=True)
class _Address:
    url: str
    outstanding: int = 0
    down_until: float = 0.0
    """On the monotonic clock: until then a connection was refused a moment ago, and other addresses go first."""

    def rank(self) -> tuple[bool, int]:
        """Return the sort key: the lowest address gets the next request."""
        return time.monotonic() < self.down_until, self.outstanding


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


class Endpoint:
    """Addresses that serve the same model. The first request opens the first connection."""

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
        headers: Mapping[str, str] | None = None,
        headers_env: Mapping[str, str] | None = None,
    ) -> None:
        """`api_key_env`: the environment variable that holds the key; sent as `Bearer` in `authorization`, bare in any
        other `key_header`. `api_key`: a key from elsewhere. `proxy_env`: the environment variable that holds a proxy's
        URL. `ca_file`: certificates to trust instead of the system's. `keep_alive`: reuse connections.
        `headers`: more headers, by lower-case name. `headers_env`: headers, and the variables that hold their values.
        Raises ConfigError: an invalid address.
        """
        self._addresses = [_Address(checked_address(url)) for url in base_urls]
        if not self._addresses:
            raise ConfigError("'base_urls' is empty: expected at least one address")
        self._key_env, self._key, self._key_header = api_key_env, api_key, key_header.lower()
        self._proxy_env, self._ca_file, self._keep_alive = proxy_env, ca_file, keep_alive
        self._more_headers, self._secret_headers = headers or {}, headers_env or {}
        redact_variable(api_key_env)  # a replayed run sends no key, but its prompts may contain it
        for variable in (proxy_env, *self._secret_headers.values()):
            redact_variable(variable)
        self._idle: list[httpx2.AsyncHTTPTransport] = []
        self._all: list[httpx2.AsyncHTTPTransport] = []
        self._headers: list[tuple[bytes, bytes]] = []
        self._verify: ssl.SSLContext

    @property
    def base_urls(self) -> list[str]:
        """The addresses in alphabetical order."""
        return sorted(address.url for address in self._addresses)

    def post(
        self, path: str, body: Mapping[str, Any], *, attempt: str, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Send JSON and yield the response, see `send`."""
        return self.send("POST", path, json_bytes(body), attempt=attempt, headers=headers)

    @asynccontextmanager
    async def send(
        self,
        method: str,
        path: str,
        content: bytes,
        *,
        attempt: str,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        accepted: Sequence[int] = (200,),
    ) -> AsyncIterator[HttpResponse]:
        """Send a request to the address with the fewest requests in flight and yield the response.

        `attempt` is sent as `x-client-request-id`, which names the request in the logs of both sides. No message shows
        the `query`. Raises ProviderError: no connection, or a status that is not `accepted`.
        """
        transport = self._idle.pop() if self._idle else self._new_transport()
        address = min(self._addresses, key=_Address.rank)
        url = address.url + path
        more = {**(headers or {}), "x-client-request-id": attempt}
        address.outstanding += 1
        try:
            request = self._request(method, f"{url}?{query}" if query else url, content, more)
            response = await _send(transport, address, request)
            try:
                yield await _accepted(HttpResponse(response), f"{method} {url}", accepted)
            finally:
                await response.aclose()
        finally:
            address.outstanding -= 1
            await self._put_back(transport)

    def refusal(self) -> ProviderError | None:
        """Return why every request will fail, known without a connection: a key, a proxy or a certificate file."""
        try:
            self._fixed_headers()
            self._proxy()
            if self._ca_file is not None:
                self._tls_context()
        except ModelUnavailableError as error:
            return error
        return None

    def _request(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> httpx2.Request:
        import httpx2

        return httpx2.Request(
            method,
            parsed(url),
            headers=[*self._headers, *((name.encode(), value.encode()) for name, value in headers.items())],
            content=content,
            extensions={"timeout": {"connect": _CONNECT_S, "read": None, "write": None, "pool": None}},
        )

    async def _put_back(self, transport: httpx2.AsyncHTTPTransport) -> None:
        if self._keep_alive and _is_clean(transport):
            self._idle.append(transport)
        else:
            self._all.remove(transport)
            await transport.aclose()

    async def close(self) -> None:
        """Close all connections."""
        transports, self._all, self._idle = self._all, [], []
        for transport in transports:
            await transport.aclose()

    def _new_transport(self) -> httpx2.AsyncHTTPTransport:
        """Return a transport with one connection: a shared pool of n would search all n for every request."""
        import httpx2

        if not self._all:
            for name in ("httpx2", "httpcore2"):  # at DEBUG they log headers
                logging.getLogger(name).setLevel(logging.WARNING)
            self._headers = self._fixed_headers()
            self._verify = self._tls_context()
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
            **self._more_headers,
        }
        variables = {self._key_header: self._key_env or "", **self._secret_headers}
        if self._key_env:
            self._key = _secret(self._key_env, "api_key_env")
        if self._key:
            key = self._key.reveal()
            headers[self._key_header] = f"Bearer {key}" if self._key_header == "authorization" else key
        headers |= {name: _secret(variable, "headers_env").reveal() for name, variable in self._secret_headers.items()}
        if wrong := [name for name, value in headers.items() if not (value.isascii() and value.isprintable())]:
            text = f"the key in {variables.get(wrong[0])} is invalid: expected printable ASCII characters"
            raise ModelUnavailableError(text, kind="auth")
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    def _proxy(self) -> httpx2.Proxy | None:
        if not self._proxy_env:
            return None
        import httpx2

        try:
            return httpx2.Proxy(_secret(self._proxy_env, "proxy_env").reveal())
        except (ValueError, httpx2.InvalidURL):
            text = f"the proxy address in {self._proxy_env} (proxy_env) is invalid: expected http://HOST:PORT"
            raise ModelUnavailableError(text, kind="connect") from None

    def _tls_context(self) -> ssl.SSLContext:
        if self._ca_file is not None:
            try:
                return ssl.create_default_context(cafile=str(self._ca_file))
            except OSError as error:  # ssl.SSLError is one
                text = f"{self._ca_file.name} (ca_file): expected certificates in PEM format: {error.strerror or error}"
                raise ModelUnavailableError(text, kind="tls") from None
        import httpx2

        if all(address.url.startswith("http:") for address in self._addresses) and not self._proxy_env:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused, and loading the system's takes 20 ms
        return httpx2.create_ssl_context(trust_env=False)


def _is_clean(transport: httpx2.AsyncHTTPTransport) -> bool:
    """Return whether the connection is clean: a stray byte would be read as part of the next response.

    httpx2 has no public API for this. If its internals differ, the connection is not reused.
    """
    try:
        connections: list[Any] = list(transport._pool.connections)
        states = [connection._connection._h11_state for connection in connections]
        return all(state.trailing_data == (b"", False) for state in states)
    except AttributeError:
        return False


async def _send(transport: httpx2.AsyncHTTPTransport, address: _Address, request: httpx2.Request) -> httpx2.Response:
    """Return the response with its body unread. Raises ProviderError."""
    import httpx2

    try:
        return await transport.handle_async_request(request)
    except httpx2.TransportError as error:
        found = _before_the_headers(error, address.url)
        if found.kind == "connect":
            address.down_until = time.monotonic() + _DOWN_S
        raise found from None


async def _accepted(response: HttpResponse, place: str, accepted: Sequence[int]) -> HttpResponse:
    if response.status not in accepted:
        error = error_of(response.status, response.headers, await response.beginning(_MOST_ERROR_BYTES))
        raise ProviderError(f"{error} ({place})", kind=error.kind) if error.kind == "not found" else error
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):  # a compressed body could expand without bound
        raise EndpointError(f"content-encoding: expected 'identity', got {shortened(encoding, 40)!r}")
    return response


def _before_the_headers(error: httpx2.TransportError, url: str) -> ProviderError:
    """Return the error of a request without a response; an unsent request is retried freely."""
    import httpx2

    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
        if tls := _tls_error(error):
            return ModelUnavailableError(f"no secure connection to {url}: {tls}", kind="tls")
        return RetryableError(f"no connection to {url}: {error_text(error)}", kind="connect")
    if isinstance(error, httpx2.RemoteProtocolError) and "disconnected" not in str(error):
        return EndpointError(f"the response is not HTTP: {shortened(error)}")
    if isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol):
        return ProviderError(f"the request cannot be sent: {shortened(error)}", kind="request")
    return EndpointError(f"the connection was lost before a response arrived: {error_text(error)}", kind="connection")


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
        raise ModelUnavailableError(f"{error.args[0]} ({option})", kind="auth") from None
