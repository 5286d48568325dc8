"""E-mail over SMTP with STARTTLS. A mail is plain text, and its headers are built by the standard library."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, Literal

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError
from evalharness.publish.destination import PublishError, secret_of
from evalharness.publish.message import Message, message_of
from evalharness.publish_config import When
from evalharness.redaction import redact_variable
from evalharness.report import Outcome
from evalharness.report.encode import one_line

Security = Literal["starttls", "tls", "none"]
_STEP_S = 5.0
"""Longest wait for a connection and for each reply."""
_MOST_BYTES = 64 * 2**10
"""Of the replies on one connection; a reply may have any number of lines."""
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_MODULES = ("encodings.idna", "email.mime.text", "email.contentmanager", "quopri", "hmac")
_HELLO = "[127.0.0.1]"
"""The name in HELO: the standard library's default asks the name server."""
_SUBJECT_CHARS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Sends one mail to all recipients."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    security: Security
    username_env: str | None
    password_env: str | None
    ca_file: Path | None
    when: When = "failure"
    modules: Sequence[str] = _MODULES
    remote: bool = True

    def publish(self, outcome: Outcome) -> None:
        """Send the mail. Raises PublishError."""
        mail = composed(message_of(outcome), self.sender, self.recipients)
        place = f"{self.host}:{self.port}"
        user, password = (secret_of(name) if name else "" for name in (self.username_env, self.password_env))
        try:
            with self._connected() as server:
                if user:
                    server.login(user, password)
                refused = server.send_message(mail, self.sender, self.recipients)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise PublishError(f"{place} did not take the mail: {one_line(_text(error))}") from None
        if refused:
            raise PublishError(
                f"{place} refused the recipients {one_line(', '.join(refused))}; the others got the mail"
            )

    def _connected(self) -> smtplib.SMTP:
        if self.security == "tls":
            return _TlsConnection(self.host, self.port, _HELLO, timeout=_STEP_S, context=self._tls())
        server = _Connection(self.host, self.port, _HELLO, timeout=_STEP_S)
        if self.security == "starttls":
            try:
                server.starttls(context=self._tls())
            except BaseException:
                server.close()
                raise
        return server

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


def mail(
    config: Config,
    *,
    host: str,
    sender: str,
    recipients: list[str],
    port: int | None = None,
    security: Security = "starttls",
    username_env: str | None = None,
    password_env: str | None = None,
    ca_file: str | None = None,
) -> Mail:
    """The destination `email`. Raises ConfigError: a wrong address, or a password without TLS."""
    for address in (sender, *recipients):
        _check_address(address)
    if not recipients:
        raise ConfigError("'recipients' is empty: expected at least one address")
    if (username_env is None) != (password_env is None):
        raise ConfigError("expected 'username_env' and 'password_env' together")
    if password_env and security == "none":
        raise ConfigError("security = none would send the password in clear: expected starttls or tls")
    for variable in (username_env, password_env):
        redact_variable(variable)
    return Mail(
        host=host,
        port=_PORTS[security] if port is None else port,
        sender=sender,
        recipients=tuple(recipients),
        security=security,
        username_env=username_env,
        password_env=password_env,
        ca_file=resolve_path(ca_file, config.root) if ca_file else None,
    )


def composed(message: Message, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The mail about a message."""
    made = EmailMessage(policy=SMTP)
    made["Subject"] = one_line(f"{message.title}: {message.headline}", _SUBJECT_CHARS)
    made["From"], made["To"] = sender, ", ".join(recipients)
    made["Date"], made["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"
    made.set_content("\n".join(message.lines()) + "\n", cte="quoted-printable")
    return made


class _BoundedReplies:
    """The lines of a server up to `_MOST_BYTES`. Raises smtplib.SMTPServerDisconnected behind them."""

    def __init__(self, file: Any) -> None:
        self._file, self._left = file, _MOST_BYTES
        self.close = file.close

    def readline(self, most: int) -> bytes:
        """The next line of a reply, of at most so many bytes. Raises SMTPServerDisconnected for too long replies."""
        line: bytes = self._file.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise smtplib.SMTPServerDisconnected(f"the replies are too long: expected at most {_MOST_BYTES} bytes")
        return line


class _Connection(smtplib.SMTP):
    """A connection that reads a bounded number of bytes."""

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = _BoundedReplies(self.sock.makefile("rb"))  # type: ignore[union-attr]
        return super().getreply()


class _TlsConnection(smtplib.SMTP_SSL, _Connection):
    """The same, encrypted from its first byte."""


def _check_address(address: str) -> None:
    try:
        parsed = Address(addr_spec=address)
    except (HeaderParseError, ValueError, IndexError):
        parsed = None
    if parsed is None or not parsed.domain or not address.isprintable():
        raise ConfigError(f"expected an address such as team@example.com, got {address!r}")


def _text(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return str(error) or type(error).__name__
