"""What a destination over HTTP sends besides its body: keys, headers, certificates and proxies; and what is logged."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from faults import tls_context
from loopback import Loopback, answer
from publishing import SECRET, failed, send


def test_keys_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is sent as Bearer, other headers by their variables, and none follows the environment."""
    monkeypatch.setenv("TOKEN", "t0ken-of-the-webhook")
    monkeypatch.setenv("TENANT", "tenant-7")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Loopback(lambda _: answer("ok")) as server:
        table = {"url": server.url, "token_env": "TOKEN", "headers_env": {"X-Tenant": "TENANT"}}
        (sent,) = send([failed()], webhook=table)
    assert sent.problem == ""
    headers = server.asked[0].headers
    assert (headers["authorization"], headers["x-tenant"]) == ("Bearer t0ken-of-the-webhook", "tenant-7")
    assert (headers["accept-encoding"], headers["content-type"]) == ("identity", "application/json")
    assert "cookie" not in headers


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "the environment variable TOKEN is not set"),
        ("two\nlines-of-a-key", "the header authorization: expected printable ASCII characters (not shown)"),
        ("schlüssel-9876543210", "the header authorization: expected printable ASCII characters (not shown)"),
    ],
)
def test_a_token_that_cannot_be_sent(value: str | None, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is unset or no header is a problem without its value, and nothing is sent."""
    monkeypatch.delenv("TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("TOKEN", value)
    with Loopback(lambda _: answer("ok")) as server:
        (sent,) = send([failed()], webhook={"url": server.url, "token_env": "TOKEN"})
    assert (sent.problem, server.asked) == (problem, [])


def test_certificates(tmp_path: Path) -> None:
    """The server's certificate is checked against `ca_file`, or else the system's; its name is checked too."""
    (tmp_path / "other").mkdir()
    tls_context("good", tmp_path / "other")
    with Loopback(lambda _: answer("ok"), tls=tls_context("good", tmp_path)) as server:
        tables = {
            "good": {"to": "webhook", "url": server.url, "ca_file": "ca.pem"},
            "other": {"to": "webhook", "url": server.url, "ca_file": "other/ca.pem"},
            "system": {"to": "webhook", "url": server.url},
            "name": {"to": "webhook", "url": server.url.replace("127.0.0.1", "localhost"), "ca_file": "ca.pem"},
        }
        found = {sent.name: sent.problem for sent in send([failed()], tmp_path, **tables)}
    assert found.pop("good") == ""
    assert [problem for problem in found.values() if "certificate verify failed" not in problem] == []
    assert len(server.asked) == 1


def test_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `proxy_env`, the request goes to the proxy, which gets the whole address."""
    with Loopback(lambda _: answer("ok")) as proxy:
        monkeypatch.setenv("A_PROXY", proxy.url)
        (sent,) = send([failed()], webhook={"url": "http://hooks.invalid/in", "proxy_env": "A_PROXY"})
    assert sent.problem == ""
    assert [asked.path for asked in proxy.asked] == ["http://hooks.invalid/in"]


def test_the_log_has_no_key(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """At DEBUG, with the loggers of the HTTP client, neither the address nor the token is in the log."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TOKEN", f"{SECRET}-token")
    with Loopback(lambda _: answer("ok", 403)) as server:
        monkeypatch.setenv("SECRET_URL", f"{server.url}/hooks/{SECRET}?key={SECRET}")
        send([failed()], webhook={"url_env": "SECRET_URL", "token_env": "TOKEN"})
    assert server.asked[0].path == f"/hooks/{SECRET}?key={SECRET}"
    assert "publish: webhook: demo not published" in caplog.text
    assert SECRET not in caplog.text
