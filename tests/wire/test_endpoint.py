"""An endpoint sends a key to its own addresses and nowhere else, over connections that are safe and used again."""

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
    """The key that must go nowhere else."""
    monkeypatch.setenv("TEST_API_KEY", KEY)


def ask(*urls: str, times: int = 1, workers: int = 1, **options: Any) -> list[bytes]:
    """The bodies of that many answers, asked for by several at once. Raises what the endpoint raises."""

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
    """The error with which asking ends."""
    with pytest.raises(ProviderError) as caught:
        ask(*urls, **options)
    return caught.value


@pytest.mark.parametrize(
    ("url", "said"),
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
def test_address(url: Any, said: str) -> None:
    """What is no address, or has a secret in it, is refused at once, and the secret not repeated."""
    with pytest.raises(ConfigError) as caught:
        Endpoint(["http://good/v1", url])
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_no_address() -> None:
    """An endpoint without an address is a mistake in the configuration."""
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
    """Whether an address is on this machine is read off its host alone."""
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
    """The key goes along once, as a bearer or as the bare value of its header."""
    with FaultServer() as server:
        ask(server.url, **options)
        (seen,) = server.log
    assert seen.headers[header] == value
    assert seen.raw.count(KEY.encode()) == 1


def test_request() -> None:
    """What is sent: the body as UTF-8, the try's id, no key unless one is named, and no wish for compression."""
    with FaultServer() as server:
        ask(server.url + "/", times=3)
        log, connections = server.log, server.connections
    assert [seen.body for seen in log] == [BODY] * 3
    assert [seen.path for seen in log] == ["/v1/chat/completions"] * 3
    assert [seen.id for seen in log] == ["try-0", "try-1", "try-2"]
    assert log[0].headers["accept-encoding"] == "identity"
    assert "\N{SNOWMAN}".encode() in log[0].raw
    assert not {"authorization", "cookie", "proxy-authorization"} & set(log[0].headers)
    assert connections == 1


def test_a_key_of_our_own() -> None:
    """A key that stands in no variable goes along like any other, and is taken out of what is written."""
    with FaultServer() as server:
        ask(server.url, api_key=Secret.from_value("the server's key", "made-here-0123456789"))
        (seen,) = server.log
    assert seen.headers["authorization"] == "Bearer made-here-0123456789"
    assert scrub("made-here-0123456789") == "[the server's key]"


def test_connections_that_are_not_kept() -> None:
    """For a server that closes them at any moment, each request can have its own."""
    with FaultServer() as server:
        ask(server.url, times=3, keep_alive=False)
        assert server.connections == 3


@pytest.mark.parametrize("option", ["api_key_env", "proxy_env"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_missing_variable(option: str, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set ends every request to this model before a connection is opened, and is named."""
    monkeypatch.delenv("UNSET_NAME", raising=False) if value is None else monkeypatch.setenv("UNSET_NAME", value)
    with FaultServer() as server:
        error = refused(server.url, **{option: "UNSET_NAME"})
        assert server.connections == 0
    assert (error.kind, type(error)) == ("auth", ModelUnavailableError)
    assert "UNSET_NAME" in str(error)
    assert option in str(error)


@pytest.mark.parametrize("value", ["sk-first-line\nsk-second-line", "sk-ключ-0123456789", "sk-a\r\nx: y"])
def test_key_that_no_header_can_hold(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a key is a wrong key: nothing is sent, and no part of it is told."""
    monkeypatch.setenv("ODD_KEY", value)
    with FaultServer() as server:
        error = refused(server.url, api_key_env="ODD_KEY")
        assert server.received == b""
    assert (error.kind, type(error)) == ("auth", ModelUnavailableError)
    assert "sk-" not in str(error)


def test_fewest_under_way_first() -> None:
    """Equal servers get equally much; one that hangs gets nothing more."""
    with FaultServer(latency_s=0.2) as one, FaultServer(latency_s=0.2) as two:
        assert len(ask(one.url, two.url, times=12, workers=12)) == 12
        assert (len(one.log), len(two.log)) == (6, 6)
    with FaultServer() as fast:

        def slow_script(seen: Received) -> Reply:
            while len(fast.log) < 19:
                yield Wait(0.02)
            yield from healthy(seen)

        with FaultServer(slow_script) as slow:
            assert len(ask(slow.url, fast.url, times=20, workers=2)) == 20
            assert len(slow.log) == 1


def test_no_cookie() -> None:
    """A cookie is not sent back."""
    events = sse_events(chunks("Yes.", "m"))
    with FaultServer(raw(sse_answer(events, {"set-cookie": "session=spy; path=/"}))) as server:
        ask(server.url, times=2)
        assert [seen.headers.get("cookie") for seen in server.log] == [None, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_redirect(status: int, elsewhere: bool) -> None:
    """No redirect is followed, and another origin sees not one byte."""
    with FaultServer() as other:
        where = f"{other.url}/chat/completions" if elsewhere else "/v1/embeddings"
        with FaultServer(redirect_to(where, status)) as server:
            error = refused(server.url, api_key_env="TEST_API_KEY")
            assert len(server.log) == 1
        assert (other.connections, other.received) == (0, b"")
    assert (error.kind, type(error)) == ("redirect", ProviderError)
    assert where in str(error)


def test_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy the environment names, nothing goes there."""
    with FaultServer() as proxy, FaultServer() as server:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        ask(server.url, api_key_env="TEST_API_KEY")
        assert (proxy.connections, len(server.log)) == (0, 1)


def test_configured_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the configuration names is used, with its own password; the server behind it is not reached."""
    with FaultServer() as proxy, FaultServer() as server:
        monkeypatch.setenv("OUR_PROXY", proxy.url.replace("http://", "http://user:hunter2@"))
        ask(server.url, proxy_env="OUR_PROXY", times=2)
        assert server.connections == 0
        assert [seen.path for seen in proxy.log] == [f"{server.url}/chat/completions"] * 2
        assert proxy.log[0].headers["proxy-authorization"].startswith("Basic ")


def test_proxy_of_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is asked for a tunnel and does not see the key; one that gives none is a lost connection."""
    with FaultServer() as proxy:
        monkeypatch.setenv("OUR_PROXY", proxy.url)
        error = refused("https://elsewhere.invalid/v1", proxy_env="OUR_PROXY", api_key_env="TEST_API_KEY")
        assert proxy.received.startswith(b"CONNECT elsewhere.invalid:443 ")
        assert KEY.encode() not in proxy.received
    assert error.kind == "connect"


@pytest.mark.parametrize("proxy", ["ftp://user:hunter2@host", "hunter2", "http://user:hunter2/@host:8080"])
def test_proxy_that_is_none(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's address that is none is an error of ours that names the variable and not what it holds."""
    monkeypatch.setenv("OUR_PROXY", proxy)
    with FaultServer() as server, pytest.raises(EvalHarnessError, match="OUR_PROXY") as caught:
        ask(server.url, proxy_env="OUR_PROXY")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "br", "identity, gzip"])
def test_compressed(encoding: str) -> None:
    """A compressed answer, which nobody asked for, is refused unread."""
    body = gzip.compress(b"".join(sse_events(chunks("Yes.", "m"))))
    headers = {"content-type": EVENT_STREAM, "content-encoding": encoding, "content-length": str(len(body))}
    with FaultServer(raw(head(200, headers) + body)) as server:
        error = refused(server.url)
    assert (error.kind, type(error)) == ("malformed", EndpointError)
    assert encoding in str(error)


@pytest.mark.parametrize(("status", "kind"), [(200, "malformed"), (400, "request"), (503, "server")])
def test_endless_answer(status: int, kind: str) -> None:
    """Of an answer without end a bounded part is read and kept."""
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
    """Sixteen MiB are read, one byte more is not."""
    script = raw(head(200, {"content-type": EVENT_STREAM}), b"a" * size, Close())
    with FaultServer(script) as server:
        if fits:
            assert [len(body) for body in ask(server.url)] == [size]
        else:
            assert f"too large: expected at most {MOST_BYTES} bytes" in str(refused(server.url))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where certificates are made."""
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
    """A certificate counts if `ca_file` vouches for it, for this host and today; the environment has no say."""
    context = tls_context(certificate, certificates)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / ("ca.pem" if certificate == "good" else "self-signed.pem")))
    options = {"api_key_env": "TEST_API_KEY", "ca_file": ca_file and certificates / ca_file}
    with FaultServer(tls=context) as server:
        if safe:
            ask(server.url, **options)
        else:
            error = refused(server.url, **options)
            assert (error.kind, type(error)) == ("tls", ModelUnavailableError)
        assert len(server.log) == (1 if safe else 0)


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_ca_file_that_is_none(content: str, tmp_path: Path) -> None:
    """A file without certificates is an error that names it."""
    (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(EvalHarnessError, match=r"ca\.pem"):
        ask("https://127.0.0.1:9/v1", ca_file=tmp_path / "ca.pem")
