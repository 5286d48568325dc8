"""An endpoint sends a key to its own addresses alone, over connections that are safe and reused."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import CLOSING, flood, raw, redirect_to, tls_context

from evalharness.errors import ConfigError, EvalHarnessError, ModelUnavailableError, ProviderError
from evalharness.redaction import Secret, scrub
from evalharness.testing.fault_server import (
    EVENT_STREAM,
    Close,
    FaultServer,
    Received,
    Reply,
    Wait,
    chunks,
    head,
    healthy,
    sse_answer,
    sse_events,
)
from evalharness.wire import Endpoint, EndpointError, is_local
from evalharness.wire.response import MOST_BYTES

PATIENCE_S = 20
KEY = "sk-canary-0123456789"
BODY = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "why? \N{SNOWMAN}"}]}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key for the endpoint alone."""
    monkeypatch.setenv("TEST_API_KEY", KEY)


def send(*urls: str, times: int = 1, workers: int = 1, **options: Any) -> list[bytes]:
    """The bodies of `times` answers to `workers` concurrent senders. Raises the endpoint's errors."""

    async def work(endpoint: Endpoint, tries: Iterator[int]) -> list[bytes]:
        bodies = []
        for number in tries:
            async with endpoint.post("/chat/completions", BODY, attempt=f"try-{number}") as answer:
                bodies.append(await answer.body())
        return bodies

    async def run() -> list[bytes]:
        endpoint = Endpoint(urls, **options)
        tries = iter(range(times))
        try:
            async with asyncio.timeout(PATIENCE_S):
                found = await asyncio.gather(*(work(endpoint, tries) for _ in range(workers)))
        finally:
            await endpoint.close()
        return [body for bodies in found for body in bodies]

    return asyncio.run(run())


def refused(*urls: str, **options: Any) -> ProviderError:
    """The error of a request to these addresses."""
    with pytest.raises(ProviderError) as caught:
        send(*urls, **options)
    return caught.value


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://user@host/v1", "expected only scheme, host and path"),
        ("http://user:hunter2@host/v1", "http://host/v1"),
        ("https://host/v1?api-key=hunter2", "https://host/v1,"),
        ("https://host/v1#hunter2", "expected only scheme, host and path"),
        ("file:///etc/passwd", "expected an http or https address"),
        ("ftp://host/v1", "expected an http or https address"),
        ("unix:/run/x", "expected an http or https address"),
        ("host/v1", "expected an http or https address"),
        ("//host/v1", "expected an http or https address"),
        ("http:///v1", "expected an http or https address"),
        ("http://host:99999/v1", "expected an http or https address"),
        ("http://[::1/v1", "expected an http or https address"),
        ("", "expected an http or https address"),
        (False, "expected an http or https address"),
        (7, "expected an http or https address"),
    ],
)
def test_address(url: Any, message: str) -> None:
    """An invalid address, or one that contains a secret, is refused at once, without a copy of the secret."""
    with pytest.raises(ConfigError) as caught:
        Endpoint(["http://good/v1", url])
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_no_address() -> None:
    """An endpoint without an address is an error of the configuration."""
    with pytest.raises(ConfigError, match="base_urls"):
        Endpoint([])


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:8080/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://[::1]:8080", True),
        ("https://api.openai.com/v1", False),
        ("http://localhost.example/v1", False),
    ],
)
def test_is_local(url: str, local: bool) -> None:
    """The host alone determines whether an address is local."""
    assert is_local(url) == local


@pytest.mark.parametrize(
    ("options", "header", "value"),
    [
        ({"api_key_env": "TEST_API_KEY"}, "authorization", f"Bearer {KEY}"),
        ({"api_key_env": "TEST_API_KEY", "key_header": "Authorization"}, "authorization", f"Bearer {KEY}"),
        ({"api_key_env": "TEST_API_KEY", "key_header": "api-key"}, "api-key", KEY),
        ({"api_key_env": "TEST_API_KEY", "key_header": "X-Api-Key"}, "x-api-key", KEY),
    ],
)
def test_key(options: dict[str, str], header: str, value: str) -> None:
    """The key is sent once, as a bearer token or as the plain value of its header."""
    with FaultServer() as server:
        send(server.url, **options)
        (seen,) = server.log
    assert seen.headers[header] == value
    assert seen.raw.count(KEY.encode()) == 1


def test_request() -> None:
    """A request has a UTF-8 body, the attempt's id, no key unless one is configured, and refuses compression."""
    with FaultServer() as server:
        send(server.url + "/", times=3)
        log, connections = server.log, server.connections
    assert [seen.body for seen in log] == [BODY] * 3
    assert [seen.path for seen in log] == ["/v1/chat/completions"] * 3
    assert [seen.id for seen in log] == ["try-0", "try-1", "try-2"]
    assert log[0].headers["accept-encoding"] == "identity"
    assert "\N{SNOWMAN}".encode() in log[0].raw
    assert not {"authorization", "cookie", "proxy-authorization"} & set(log[0].headers)
    assert connections == 1


def test_a_key_of_our_own() -> None:
    """A key without a variable is sent like any other, and is redacted in all output."""
    with FaultServer() as server:
        send(server.url, api_key=Secret.from_value("the server's key", "made-here-0123456789"))
        (seen,) = server.log
    assert seen.headers["authorization"] == "Bearer made-here-0123456789"
    assert scrub("made-here-0123456789") == "[the server's key]"


def test_connections_that_are_not_kept() -> None:
    """With `keep_alive=False` each request has its own connection, for servers that close them at any moment."""
    with FaultServer() as server:
        send(server.url, times=3, keep_alive=False)
        assert server.connections == 3


@pytest.mark.parametrize("option", ["api_key_env", "proxy_env"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_missing_variable(option: str, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset variable ends every request to the model before a connection opens, and the error names it."""
    monkeypatch.delenv("UNSET_NAME", raising=False) if value is None else monkeypatch.setenv("UNSET_NAME", value)
    with FaultServer() as server:
        error = refused(server.url, **{option: "UNSET_NAME"})
        assert server.connections == 0
    assert (error.kind, type(error)) == ("auth", ModelUnavailableError)
    assert "UNSET_NAME" in str(error)
    assert option in str(error)


@pytest.mark.parametrize("value", ["sk-first-line\nsk-second-line", "sk-ключ-0123456789", "sk-a\r\nx: y"])
def test_key_that_no_header_can_hold(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid key is an `auth` error: no byte is sent, and the message has no part of the key."""
    monkeypatch.setenv("ODD_KEY", value)
    with FaultServer() as server:
        error = refused(server.url, api_key_env="ODD_KEY")
        assert server.received == b""
    assert (error.kind, type(error)) == ("auth", ModelUnavailableError)
    assert "sk-" not in str(error)


def test_fewest_under_way_first() -> None:
    """Equal servers get equal shares; a server that hangs gets no further requests."""
    with FaultServer(latency_s=0.2) as one, FaultServer(latency_s=0.2) as two:
        assert len(send(one.url, two.url, times=12, workers=12)) == 12
        assert (len(one.log), len(two.log)) == (6, 6)
    with FaultServer() as fast:

        def slow_script(seen: Received) -> Reply:
            while len(fast.log) < 19:
                yield Wait(0.02)
            yield from healthy(seen)

        with FaultServer(slow_script) as slow:
            assert len(send(slow.url, fast.url, times=20, workers=2)) == 20
            assert len(slow.log) == 1


def test_no_cookie() -> None:
    """A cookie is never returned."""
    events = sse_events(chunks("Yes.", "m"))
    with FaultServer(raw(sse_answer(events, {"set-cookie": "session=spy; path=/"}))) as server:
        send(server.url, times=2)
        assert [seen.headers.get("cookie") for seen in server.log] == [None, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_redirect(status: int, elsewhere: bool) -> None:
    """No redirect is followed, and another origin receives no byte."""
    with FaultServer() as other:
        where = f"{other.url}/chat/completions" if elsewhere else "/v1/embeddings"
        with FaultServer(redirect_to(where, status)) as server:
            error = refused(server.url, api_key_env="TEST_API_KEY")
            assert len(server.log) == 1
        assert (other.connections, other.received) == (0, b"")
    assert (error.kind, type(error)) == ("redirect", ProviderError)
    assert where in str(error)


def test_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is not used."""
    with FaultServer() as proxy, FaultServer() as server:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        send(server.url, api_key_env="TEST_API_KEY")
        assert (proxy.connections, len(server.log)) == (0, 1)


def test_configured_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configured proxy is used with its own password, and the server behind it gets no direct connection."""
    with FaultServer() as proxy, FaultServer() as server:
        monkeypatch.setenv("OUR_PROXY", proxy.url.replace("http://", "http://user:hunter2@"))
        send(server.url, proxy_env="OUR_PROXY", times=2)
        assert server.connections == 0
        assert [seen.path for seen in proxy.log] == [f"{server.url}/chat/completions"] * 2
        assert proxy.log[0].headers["proxy-authorization"].startswith("Basic ")


def test_proxy_of_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gets a CONNECT request and never the key; a refused tunnel is a lost connection."""
    with FaultServer() as proxy:
        monkeypatch.setenv("OUR_PROXY", proxy.url)
        error = refused("https://elsewhere.invalid/v1", proxy_env="OUR_PROXY", api_key_env="TEST_API_KEY")
        assert proxy.received.startswith(b"CONNECT elsewhere.invalid:443 ")
        assert KEY.encode() not in proxy.received
    assert error.kind == "connect"


@pytest.mark.parametrize("proxy", ["ftp://user:hunter2@host", "hunter2", "http://user:hunter2/@host:8080"])
def test_proxy_that_is_none(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid proxy address is an error that names the variable and not its value."""
    monkeypatch.setenv("OUR_PROXY", proxy)
    with FaultServer() as server, pytest.raises(EvalHarnessError, match="OUR_PROXY") as caught:
        send(server.url, proxy_env="OUR_PROXY")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "br", "identity, gzip"])
def test_compressed(encoding: str) -> None:
    """A compressed answer is refused unread."""
    body = gzip.compress(b"".join(sse_events(chunks("Yes.", "m"))))
    headers = {"content-type": EVENT_STREAM, "content-encoding": encoding, "content-length": str(len(body))}
    with FaultServer(raw(head(200, headers) + body)) as server:
        error = refused(server.url)
    assert (error.kind, type(error)) == ("malformed", EndpointError)
    assert encoding in str(error)


@pytest.mark.parametrize(("status", "kind"), [(200, "malformed"), (400, "request"), (503, "server")])
def test_endless_answer(status: int, kind: str) -> None:
    """An endless answer is read and kept up to a bound."""
    tracemalloc.start()
    try:
        with FaultServer(flood(head(status, CLOSING), b"a" * 2**20, 1024, b"")) as server:
            error = refused(server.url)
            sent = sum(len(packet.data) for packet in list(server.wire) if packet.sent)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.kind == kind
    assert sent < 4 * MOST_BYTES
    assert peak < 4 * MOST_BYTES


@pytest.mark.parametrize(("size", "fits"), [(MOST_BYTES, True), (MOST_BYTES + 1, False), (17 * 2**20, False)])
def test_largest_answer(size: int, fits: bool) -> None:
    """An answer of 16 MiB is read, and one more byte is an error."""
    script = raw(head(200, {"content-type": EVENT_STREAM}), b"a" * size, Close())
    with FaultServer(script) as server:
        if fits:
            assert [len(body) for body in send(server.url)] == [size]
        else:
            assert f"too large: expected at most {MOST_BYTES} bytes" in str(refused(server.url))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the certificates."""
    return tmp_path_factory.mktemp("certificates")


@pytest.mark.parametrize(
    ("certificate", "ca_file", "safe"),
    [
        ("good", "ca.pem", True),
        ("self-signed", "self-signed.pem", True),
        ("good", None, False),
        ("self-signed", None, False),
        ("self-signed", "ca.pem", False),
        ("wrong host", "ca.pem", False),
        ("expired", "ca.pem", False),
    ],
)
def test_tls(
    certificate: str, ca_file: str | None, safe: bool, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate is valid if `ca_file` has its authority, for this host and today; the environment has no effect."""
    context = tls_context(certificate, certificates)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / ("ca.pem" if certificate == "good" else "self-signed.pem")))
    options = {"api_key_env": "TEST_API_KEY", "ca_file": ca_file and certificates / ca_file}
    with FaultServer(tls=context) as server:
        if safe:
            send(server.url, **options)
        else:
            error = refused(server.url, **options)
            assert (error.kind, type(error)) == ("tls", ModelUnavailableError)
        assert len(server.log) == (1 if safe else 0)


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_ca_file_that_is_none(content: str, tmp_path: Path) -> None:
    """A file without certificates is an error that names it."""
    (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(EvalHarnessError, match=r"ca\.pem"):
        send("https://127.0.0.1:9/v1", ca_file=tmp_path / "ca.pem")
