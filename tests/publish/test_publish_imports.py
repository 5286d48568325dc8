"""The threads that publish import nothing, whatever the destination: see evalharness/modules.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults import tls_context
from loopback import Asked, Loopback, answer
from mail_server import MailServer
from publishing import Publishing
from watched import Watched

from evalharness import registry

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "evalharness.plugin", "-p", "no:hypothesispytest")
INFO = {"run_id": "r", "artifact_uri": "mlflow-artifacts:/0/r"}


class WatchedPublishing(Watched, Publishing):
    """A project with destinations whose threads are watched."""


def taken(asked: Asked) -> list[bytes]:
    """An answer that every destination over HTTP takes."""
    return answer({"experiment": {"experiment_id": "0"}, "run": {"info": INFO}})


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Variables of the process that runs the suite."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setitem(os.environ, name, value)
        yield


def test_every_destination(tmp_path: Path) -> None:
    """A run that every kind of destination takes."""
    project = WatchedPublishing(tmp_path)
    project.write_suite()
    addresses = {"sender": "a@b.example", "recipients": ["c@d.example"], "host": "127.0.0.1", "ca_file": "ca.pem"}
    account = {"username_env": "MAIL_USER", "password_env": "MAIL_PASSWORD"}
    with Loopback(taken) as server, MailServer(tls_context("good", tmp_path)) as mail:
        tables = {name: {"url_env": "A_HOOK", "when": "always"} for name in registry.BUILT_IN["destinations"]}
        tables["email"] = {**addresses, **account, "port": mail.port, "when": "always"}
        tables["prometheus"]["folder"] = "metrics"
        project.publish_to(**tables)
        with environment(A_HOOK=server.url, MAIL_USER="user", MAIL_PASSWORD="pass-w0rd"):
            project.python(*PYTEST, "--llm-suite=demo", *(f"--llm-publish={name}" for name in tables))
    assert len(mail.taken) == 1
    assert len({asked.path for asked in server.asked}) >= len(tables) - 1


def test_every_destination_fails(tmp_path: Path) -> None:
    """A run that no destination takes: refused, and without a connection."""
    project = WatchedPublishing(tmp_path)
    project.write_suite()
    with Loopback(lambda _: answer("no", 403)) as server:
        names = [name for name in registry.BUILT_IN["destinations"] if name != "email"]
        tables = {name: {"url_env": "A_HOOK", "when": "always"} for name in names}
        tables |= {f"{name}-down": {"to": name, "url_env": "DOWN", "when": "always"} for name in names}
        mail = {"sender": "a@b.example", "recipients": ["c@d.example"], "host": "localhost", "port": 9}
        project.publish_to(**tables, email={**mail, "when": "always"})
        with environment(A_HOOK=server.url, DOWN="http://localhost:9"):
            project.python(*PYTEST, "--llm-suite=demo", *(f"--llm-publish={name}" for name in (*tables, "email")))
    assert len(server.asked) == len(names)


def test_over_tls(tmp_path: Path) -> None:
    """A connection with TLS imports nothing more."""
    project = WatchedPublishing(tmp_path)
    project.write_suite()
    context = tls_context("good", tmp_path)
    with Loopback(taken, tls=context) as server:
        project.publish_to(webhook={"url": server.url, "ca_file": "ca.pem", "when": "always"})
        project.python(*PYTEST, "--llm-suite=demo", "--llm-publish=webhook")
        assert len(server.asked) == 1
