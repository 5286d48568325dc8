"""Mail over SMTP: with STARTTLS and a password to a server that takes it, and to servers that misbehave."""

from __future__ import annotations

import itertools
import ssl
from pathlib import Path
from typing import Any

import pytest
from faults import tls_context
from mail_server import MailServer
from publishing import failed, send

from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.publish import delivery, open_destinations

PASSWORD = "pa55word-of-the-Account"
ADDRESSES = {"sender": "ci@example.com", "recipients": ["a@example.com", "b@example.com"]}


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account."""
    monkeypatch.setenv("MAIL_USER", "ci-account")
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """The server's certificate; ca.pem is in the folder."""
    return tls_context("good", tmp_path)


def table(server: MailServer, **more: Any) -> dict[str, Any]:
    """The table of a destination at this server."""
    account = {"username_env": "MAIL_USER", "password_env": "MAIL_PASSWORD", "ca_file": "ca.pem"}
    return {"to": "email", "host": "127.0.0.1", "port": server.port, **ADDRESSES, **account, **more}


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_arrives(security: str, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """The mail of a failed run is encrypted, authenticated, and addressed to all recipients."""
    with MailServer(tls, implicit=security == "tls") as server:
        (sent,) = send([failed()], tmp_path, team=table(server, security=security))
    assert sent.problem == ""
    (taken,) = server.taken
    assert (taken.sender, taken.recipients) == ("ci@example.com", ["a@example.com", "b@example.com"])
    assert (taken.encrypted, taken.login) == (True, f"\0ci-account\0{PASSWORD}")
    mail = taken.mail
    assert mail["subject"] == "FAIL: demo: worse than the baseline: exact"
    assert (mail["from"], mail["to"]) == ("ci@example.com", "a@example.com, b@example.com")
    assert (mail.get_content_type(), mail["auto-submitted"]) == ("text/plain", "auto-generated")
    assert "FAIL exact (scripted, plain): 100.0 → 0.0" in mail.get_content()
    assert PASSWORD not in mail.as_string()


def test_without_an_account(tmp_path: Path) -> None:
    """A relay in the own network needs neither TLS nor a password."""
    with MailServer() as server:
        (sent,) = send(
            [failed()], tmp_path, email={"host": "127.0.0.1", "port": server.port, "security": "none", **ADDRESSES}
        )
    assert (sent.problem, len(server.taken), server.taken[0].login) == ("", 1, "")


def test_a_server_without_tls_gets_nothing(tmp_path: Path, tls: ssl.SSLContext) -> None:
    """If STARTTLS is not offered, neither the password nor the mail is sent."""
    with MailServer() as server:
        (sent,) = send([failed()], tmp_path, team=table(server))
    assert sent.problem == f"127.0.0.1:{server.port} did not take the mail: STARTTLS extension not supported by server."
    assert {command.partition(" ")[0] for command in server.seen} <= {"ehlo", "quit", "rset"}


def test_a_foreign_certificate(tmp_path: Path, tls: ssl.SSLContext) -> None:
    """A certificate of another authority is refused before the password is sent."""
    (tmp_path / "other").mkdir()
    with MailServer(tls_context("good", tmp_path / "other")) as server:
        (sent,) = send([failed()], tmp_path, team=table(server))
    assert "certificate verify failed" in sent.problem
    assert not [command for command in server.seen if command.startswith("AUTH")]
    assert not server.taken


def test_a_refused_recipient(tmp_path: Path, tls: ssl.SSLContext) -> None:
    """A recipient that the server refuses is named; the others get the mail."""
    with MailServer(tls) as server:
        (sent,) = send([failed()], tmp_path, team=table(server, recipients=["a@example.com", "gone@example.com"]))
    assert sent.problem.endswith("refused the recipients gone@example.com; the others got the mail")
    assert server.taken[0].recipients == ["a@example.com"]


def flood(file: Any) -> None:
    """A reply without end."""
    for _ in itertools.count():
        file.write(b"250-more\r\n" * 1000)


WORLDS: dict[str, dict[str, Any]] = {
    "a greeting that refuses": {"CONNECT": "554 no service"},
    "no SMTP": {"CONNECT": "HTTP/1.1 400 Bad Request"},
    "a long line": {"CONNECT": "220 " + "x" * 100_000},
    "a reply without end": {"EHLO": flood},
    "a refused password": {"AUTH": f"535 wrong password {PASSWORD}"},
    "a refused sender": {"MAIL": "550 no"},
    "refused data": {"DATA": "554 spam"},
}


@pytest.mark.parametrize("world", WORLDS)
def test_misbehaving_servers(world: str, tmp_path: Path, tls: ssl.SSLContext) -> None:
    """Whatever the server does is a problem on one line, without the password."""
    with MailServer(tls, replies=WORLDS[world]) as server:
        (sent,) = send([failed()], tmp_path, team=table(server))
    assert sent.problem.startswith(f"127.0.0.1:{server.port} did not take the mail: "), sent.problem
    assert PASSWORD not in sent.problem
    assert "\n" not in sent.problem
    assert not server.taken


def test_a_server_that_hangs(tmp_path: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing holds up nothing."""
    monkeypatch.setattr(delivery, "MOST_S", 0.3)
    with MailServer(tls) as server:
        server.replies["CONNECT"] = lambda file: server.stopping.wait()
        (sent,) = send([failed()], tmp_path, team=table(server))
    assert sent.problem == "no answer within 0.3 s"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipients": []}, "'recipients' is empty"),
        ({"recipients": ["a@b\nBcc: c@d"]}, "expected an address such as"),
        ({"sender": "team"}, "expected an address such as team@example.com, got 'team'"),
        ({"password_env": None}, "expected 'username_env' and 'password_env' together"),
        ({"security": "none"}, "would send the password in clear"),
        ({"security": "ssl"}, "the option 'security' of the destination 'email' is wrong"),
    ],
)
def test_wrong_mail_settings(change: dict[str, Any], message: str, tmp_path: Path, tls: ssl.SSLContext) -> None:
    """A wrong address, and a password in clear, are errors before the run."""
    settings = {"host": "h", **ADDRESSES, "username_env": "MAIL_USER", "password_env": "MAIL_PASSWORD"} | change
    settings = {name: value for name, value in settings.items() if value is not None}
    with pytest.raises(ConfigError, match=message):
        open_destinations(["email"], Config.model_validate({"root": tmp_path, "publish": {"email": settings}}))
