"""A mail server on 127.0.0.1: takes mails with STARTTLS and a password, or misbehaves."""

from __future__ import annotations

import base64
import email
import email.policy
import socketserver
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self


@dataclass(slots=True)
class Taken:
    """One mail, and how it arrived."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    login: str

    @property
    def mail(self) -> EmailMessage:
        """The mail as its reader sees it."""
        found = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        return found


@dataclass
class MailServer:
    """A server at `port`. `replies`: by command, instead of the usual one; a function gets the handler's file."""

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    """Whether the connection is encrypted from its first byte."""
    replies: dict[str, Any] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, ValueError):
                    session = _Session(outer, self.request)
                    try:
                        session.work()
                    finally:
                        session.connection.close()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


class _Session:
    """One connection."""

    def __init__(self, server: MailServer, connection: Any) -> None:
        self.server, self.encrypted, self.login = server, server.implicit, ""
        self.sender, self.recipients = "", list[str]()
        self.use(server.tls.wrap_socket(connection, server_side=True) if server.tls and server.implicit else connection)

    def use(self, connection: Any) -> None:
        self.connection, self.file = connection, connection.makefile("rwb")

    def say(self, text: str) -> None:
        self.file.write(text.encode() + b"\r\n")
        self.file.flush()

    def work(self) -> None:
        self.reply("CONNECT", "220 ready")
        while line := self.file.readline():
            command = line.decode().strip()
            self.server.seen.append(command)
            verb = command.partition(" ")[0].upper()
            if verb in self.server.replies:
                self.reply(verb, "")
            else:
                getattr(self, f"on_{verb.lower()}")(command)
            if verb == "QUIT":
                return

    def reply(self, verb: str, usual: str) -> None:
        given = self.server.replies.get(verb, usual)
        given(self.file) if callable(given) else self.say(given)

    def on_ehlo(self, command: str) -> None:
        offers = ["here", "AUTH PLAIN"] + (["STARTTLS"] if self.server.tls and not self.encrypted else [])
        for number, offer in enumerate(offers, 1):
            self.say(f"250{' ' if number == len(offers) else '-'}{offer}")

    def on_starttls(self, command: str) -> None:
        assert self.server.tls
        self.say("220 go on")
        self.use(self.server.tls.wrap_socket(self.connection, server_side=True))
        self.encrypted = True

    def on_auth(self, command: str) -> None:
        self.login = base64.b64decode(command.split()[2]).decode()
        self.say("235 welcome")

    def on_mail(self, command: str) -> None:
        self.sender = command.partition("<")[2].partition(">")[0]
        self.say("250 ok")

    def on_rcpt(self, command: str) -> None:
        address = command.partition("<")[2].partition(">")[0]
        if address.startswith("gone"):
            return self.say("550 unknown")
        self.recipients.append(address)
        return self.say("250 ok")

    def on_data(self, command: str) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        taken = Taken(self.sender, self.recipients, b"".join(lines), self.encrypted, self.login)
        self.server.taken.append(taken)
        self.say("250 taken")

    def on_rset(self, command: str) -> None:
        self.say("250 ok")

    def on_quit(self, command: str) -> None:
        self.say("221 bye")
