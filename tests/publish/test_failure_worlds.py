"""Destinations that are down, slow, hostile or wrong: a warning in bounded time and memory, without a key."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from loopback import Asked, Loopback, answer, drip, endless
from publishing import SECRET, Publishing, failed, send

from evalharness import registry
from evalharness.publish import delivery

World = Callable[[Loopback, Asked], Any]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"


def echoed(_: Loopback, asked: Asked) -> Any:
    """A refusal that quotes the request with its address and its headers."""
    return answer(f"no: {asked.path} {asked.headers}", 403)


def hang(server: Loopback, _: Asked) -> Iterator[bytes]:
    """No answer at all."""
    server.stopping.wait()
    yield b""


WORLDS: dict[str, World] = {
    "an error": lambda server, asked: answer("broken", 500),
    "a refusal that quotes the request": echoed,
    "too many requests": lambda server, asked: answer("slow down", 429),
    "a redirect": lambda server, asked: answer("", 307, location=f"{server.url}/elsewhere"),
    "a permanent redirect": lambda server, asked: answer("", 308, location="http://169.254.169.254/latest"),
    "a closed connection": lambda server, asked: [],
    "no HTTP": lambda server, asked: [b"220 mail.example ESMTP\r\n"],
    "half a response": lambda server, asked: [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"],
    "no answer": hang,
    "a header that drips": lambda server, asked: drip(server, b"HTTP/1.1 200 OK\r\nx-a: "),
    "a header without end": lambda server, asked: (b"x-a: " + b"a" * 60_000 for _ in iter(int, 1)),
}
"""What becomes of a request -> the answer."""
HARMLESS: dict[str, World] = {
    "two gigabytes": lambda server, asked: endless(server, 2 << 30),
    "a compressed bomb": lambda server, asked: answer("\x1f\x8b", 200, **{"content-encoding": "gzip"}),
}
"""Answers with the status 200 whose body is not read to its end."""
TABLES: dict[str, dict[str, Any]] = {
    "mlflow": {"url_env": "SECRET_URL"},
    "otlp": {"url_env": "SECRET_URL"},
    "prometheus": {"url_env": "SECRET_URL"},
    "slack": {"url_env": "SECRET_URL"},
    "teams": {"url_env": "SECRET_URL"},
    "webhook": {"url_env": "SECRET_URL"},
}
"""Each built-in destination over HTTP, with a secret address."""
READERS = {"mlflow"}
"""Destinations that need the answer, so that a wrong one is a problem."""
OTHERS = {"email"}
"""Destinations without HTTP, which have worlds of their own."""


HANGING = ("no answer", "a header that drips")
"""Worlds that the deadline ends."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of a second instead of ten."""
    monkeypatch.setattr(delivery, "MOST_S", 0.2)


def test_every_destination_is_here() -> None:
    """A new destination needs a row above."""
    assert TABLES.keys() | OTHERS == set(registry.BUILT_IN["destinations"])


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", TABLES)
def test_a_problem(kind: str, world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens is a problem on one line without the key, and the request went to the address alone."""
    if world in HANGING:
        monkeypatch.setattr(delivery, "MOST_S", 0.2)
    with Loopback(lambda asked: WORLDS[world](server, asked)) as server:
        monkeypatch.setenv("SECRET_URL", f"{server.url}/hooks/{SECRET}")
        (sent_to,) = send([failed()], **{kind: TABLES[kind]})
    assert ("no answer within" in sent_to.problem) == (world in HANGING), sent_to.problem
    assert sent_to.problem
    assert "\n" not in sent_to.problem
    assert SECRET not in str(sent_to)
    assert [asked.path for asked in server.asked if not asked.path.startswith(f"/hooks/{SECRET}")] == []
    assert len(server.asked) == 1


@pytest.mark.parametrize("world", HARMLESS)
@pytest.mark.parametrize("kind", TABLES)
def test_a_body_is_not_read(kind: str, world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A destination may answer what it wants: the body is bounded and not decoded."""
    sent = []

    def reply(asked: Asked) -> Iterator[bytes]:
        for piece in HARMLESS[world](server, asked):
            sent.append(len(piece))
            yield piece

    with Loopback(reply) as server:
        monkeypatch.setenv("SECRET_URL", f"{server.url}/hooks/{SECRET}")
        (sent_to,) = send([failed()], **{kind: TABLES[kind]})
    assert (sent_to.problem == "") == (kind not in READERS), sent_to.problem
    assert sum(sent) < 64 << 20


def test_the_command_warns(failing: Publishing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that quotes the key is a warning without it, and the exit status stays 0."""
    with Loopback(lambda asked: echoed(server, asked)) as server:
        monkeypatch.setenv("SECRET_URL", f"{server.url}/hooks/{SECRET}")
        failing.publish_to(slack=TABLES["slack"])
        result = failing.command("publish", failing.root / "reports/demo", "--to", "slack")
    assert result.exit_code == 0
    expected = f"warning: slack: demo not published: {server.host} refused it (HTTP 403): no: /hooks/[SECRET_URL]"
    assert result.stderr.startswith(expected) or result.stderr.startswith(expected.replace("/hooks/", ""))
    assert SECRET not in result.output


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("kind", TABLES)
def test_a_name_server_that_hangs(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose address is looked up for ever delays nothing."""
    stopping = threading.Event()
    monkeypatch.setenv("SECRET_URL", f"https://example.com/hooks/{SECRET}")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stopping.wait(600) and [])
    (sent_to,) = send([failed()], **{kind: TABLES[kind]})
    stopping.set()
    assert sent_to.problem == "no answer within 0.2 s"


@pytest.mark.usefixtures("hurried")
def test_all_hang_at_once(failing: Publishing) -> None:
    """The deadline is for all destinations together, and the late ones are named."""
    with Loopback(lambda asked: hang(server, asked)) as server:
        tables = {f"hook{number}": {"to": "webhook", "url": server.url} for number in range(5)}
        failing.publish_to(**tables)
        started = time.monotonic()
        evaluation = failing.evaluate(publish=list(tables))
        assert time.monotonic() - started < 60
        waiting = [one.name for one in threading.enumerate() if one.name.startswith("publish-")]
        assert sorted(waiting) == [f"publish-{name}" for name in tables], "returned before any of them ended"
    assert evaluation.outcome
    assert evaluation.status == "fail"
    lines = [f"publish: {name}: demo not published: no answer within 0.2 s" for name in tables]
    assert list(evaluation.outcome.warnings) == lines


@pytest.mark.parametrize("kind", TABLES)
def test_the_port_is_closed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A destination that is down is named by its host alone."""
    monkeypatch.setenv("SECRET_URL", f"http://127.0.0.1:9/hooks/{SECRET}")
    (sent_to,) = send([failed()], **{kind: TABLES[kind]})
    assert sent_to.problem.startswith("no answer from 127.0.0.1:9: ")
    assert SECRET not in str(sent_to)


@pytest.mark.parametrize(
    "value", ["", "not an address", f"file:///{SECRET}", f"//host/{SECRET}", f"http://u:{SECRET}@h"]
)
def test_the_address_is_wrong(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable without an http address is named, and its value is not shown."""
    monkeypatch.setenv("SECRET_URL", value)
    (sent_to,) = send([failed()], slack=TABLES["slack"])
    assert "variable SECRET_URL" in sent_to.problem
    assert SECRET not in str(sent_to)
