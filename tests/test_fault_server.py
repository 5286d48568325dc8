"""The fault server itself: valid answers by default, faults only as scripted, and a true log of both."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from faults import CUTS, FAULTS, LENIENT, Fault, cut_at, redirect_to, serve

from evalharness.testing.fault_server import (
    FaultServer,
    Received,
    Reply,
    Send,
    Wait,
    answer_text,
    dechunk,
    fault_of,
    healthy,
    mixed,
    queue,
    token_bucket,
)

ROWS = [*(f"A{row}" for row in range(1, 21)), "H2"]
"""Row A21 is about the client's environment: a server cannot cause it."""
POSTS = {
    "ok": {1}, "connect": {0}, "tls": {0}, "connection": {2}, "truncated": {2}, "malformed": {2}, "deadline": {1},
    "rate limit": {1, 2, 3}, "server": {2, 3}, "auth": {1}, "request": {1}, "context": {1}, "parameter": {1},
    "filtered": {1}, "quota": {1}, "refused": {1}, "tool call": {1}, "redirect": {1}, "not found": {1},
}  # fmt: skip
"""Kind -> the numbers of POSTs that its faults require."""
REFUSALS = (ValueError, LookupError, TypeError, AttributeError, RecursionError, httpx2.HTTPError)
KEY = "sk-canary-0123456789"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    """A client without settings of the environment, with room for many connections."""
    with httpx2.Client(trust_env=False, limits=httpx2.Limits(max_connections=100)) as one:
        yield one


def question(case: str = "why?", *, stream: bool = True) -> dict[str, Any]:
    """The body of a request."""
    return {"model": "m", "stream": stream, "messages": [{"role": "user", "content": case}]}


def send(client: httpx2.Client, server: FaultServer, case: str = "why?", **how: bool) -> httpx2.Response:
    """The response to one POST."""
    return client.post(f"{server.url}/chat/completions", json=question(case, **how))


def read(client: httpx2.Client, server: FaultServer) -> str:
    """The text of an answer, by a second reader of the protocol that rejects any irregularity."""
    call: dict[str, Any] = {"json": question(), "headers": {"authorization": f"Bearer {KEY}"}, "timeout": 60}
    with client.stream("POST", f"{server.url}/chat/completions", **call) as answer:
        if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
            raise ValueError(answer)
        body = b""
        for part in answer.iter_raw():
            body += part
            if len(body) > 2**24:
                raise ValueError("too much")
    return text_of(events(body))


def text_of(data: Iterator[str]) -> str:
    """The text of a stream with a valid end."""
    text, reasons = "", []
    for one in data:
        if one == "[DONE]":
            break
        for choice in choices(json.loads(one)):
            text += choice["delta"].get("content") or choice["delta"].get("refusal") or ""
            reasons += [choice["finish_reason"]] if choice["finish_reason"] else []
    else:
        raise ValueError("no [DONE]")
    text.encode()  # a lone surrogate
    if reasons not in (["stop"], ["length"]) or not text:
        raise ValueError(reasons)
    return text


def choices(chunk: dict[str, Any]) -> list[dict[str, Any]]:
    """The choices of a chunk with text or the words of a refusal alone."""
    found: list[dict[str, Any]] = chunk["choices"]
    if any(choice["delta"].get("tool_calls") for choice in found):
        raise ValueError(chunk)
    return found


def events(body: bytes) -> Iterator[str]:
    """The data of each server-sent event, by the rules of the standard."""
    data: list[str] = []
    for line in re.split("\r\n|\r|\n", body.decode("utf-8-sig"))[:-1]:
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []


def test_the_healthy_answer_parses(client: httpx2.Client) -> None:
    """httpx2's own reader finds a role, three pieces of text, the end, the usage and [DONE]."""
    question = {
        "model": "m",
        "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "é"}]}],
    }
    with FaultServer() as server, client.sse(f"{server.url}/chat/completions", method="POST", json=question) as source:
        *chunks, done = [event.data for event in source]
    parsed = [json.loads(data) for data in chunks]
    deltas = [choice["delta"] for chunk in parsed for choice in chunk["choices"]]

    assert done == "[DONE]"
    assert [delta.get("content", "") for delta in deltas] == [None, "You ", "aske", "d: é", ""]
    assert parsed[-2]["choices"][0]["finish_reason"] == "stop"
    assert parsed[-1]["usage"]["total_tokens"] == sum(
        parsed[-1]["usage"][f"{part}_tokens"] for part in ("prompt", "completion")
    )
    assert {(chunk["model"], chunk["system_fingerprint"]) for chunk in parsed} == {("m", "fp_test")}


def test_without_a_stream_and_elsewhere(client: httpx2.Client) -> None:
    """One object for a request without a stream, vectors of length one, and 404 for other paths."""
    with FaultServer() as server:
        whole = send(client, server, stream=False).json()
        vectors = client.post(f"{server.url}/embeddings", json={"model": "e", "input": ["a", "b", "a"]}).json()["data"]
        missing = client.get(f"{server.url}/models")

    assert whole["choices"][0]["message"]["content"] == answer_text("why?")
    assert [sum(x * x for x in vector["embedding"]) for vector in vectors] == [pytest.approx(1)] * 3
    assert vectors[0]["embedding"] == vectors[2]["embedding"] != vectors[1]["embedding"]
    assert missing.status_code == 404
    assert [seen.method for seen in server.others] == ["GET"]
    assert len(server.log) == 2


def test_the_log_is_what_was_sent() -> None:
    """The log has bytes, times, attempts and ids of one connection, and a request that stays incomplete."""
    body = json.dumps({"messages": [{"role": "user", "content": "why?"}]})
    post = f"POST /v1/chat/completions HTTP/1.1\r\nX-Client-Request-ID: 7\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    with FaultServer() as server:
        began = time.monotonic()
        answers = exchange(
            server,
            post.encode() * 2 + post[:-5].encode(),
            until=lambda received: len(server.log) == 2 and bool(server.log[1].answered_at) and received == server.sent,
        )
        ended = time.monotonic()
    first, second, third = server.log

    assert server.received == post.encode() * 2 + post[:-5].encode()
    assert server.sent == answers
    assert [seen.raw for seen in server.log] == [post.encode()] * 2 + [post[:-5].encode()]
    assert [(seen.case, seen.attempt, seen.id, seen.connection) for seen in (first, second)] == [
        ("why?", 0, "7", 0),
        ("why?", 1, "7", 0),
    ]
    assert began <= first.at <= first.done_at <= (first.answered_at or 0) <= (second.answered_at or 0) <= ended
    assert (third.body, third.answered_at) == (None, None)


def exchange(server: FaultServer, request: bytes, until: Callable[[bytes], bool] = lambda received: False) -> bytes:
    """The bytes that the server returns until it closes the connection, or until the condition holds."""
    host, port = server.url.removeprefix("http://").removesuffix("/v1").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall(request)
        while not until(received) and (data := line.recv(65536)):
            received += data
    return received


def test_chunked_requests(client: httpx2.Client) -> None:
    """A request without a length is read to its end."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 100_000}]}).encode()
    with FaultServer() as server:
        answer = client.post(f"{server.url}/chat/completions", content=iter([body[:9], body[9:]]))
    assert answer.json()["choices"][0]["message"]["content"] == answer_text("x" * 100_000)
    sent = server.received.partition(b"\r\n\r\n")[2]
    assert dechunk(sent) == (body, len(sent))


def test_every_row_of_the_catalogue_is_here() -> None:
    """The catalogue is in order, with more than sixty faults."""
    found = [fault.id for fault in FAULTS.values()]
    assert list(dict.fromkeys(found)) == ROWS
    assert len(found) >= 60
    found_posts = {kind: {fault.posts for fault in FAULTS.values() if fault.kind == kind} for kind in POSTS}
    assert found_posts == POSTS
    assert all(fault.kind in POSTS for fault in FAULTS.values())


@contextmanager
def client_of(fault: Fault, folder: Path, usual: httpx2.Client) -> Iterator[httpx2.Client]:
    """A client that trusts the test's own authority, if the fault uses TLS."""
    if fault.tls in ("", "none"):
        yield usual
        return
    trusting = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    with httpx2.Client(trust_env=False, verify=trusting) as one:
        yield one


def of_kind(*kinds: str) -> list[str]:
    """The names of all faults of these kinds."""
    return [name for name, fault in FAULTS.items() if fault.kind in kinds]


def test_noise_leaves_the_text_alone(client: httpx2.Client, tmp_path: Path) -> None:
    """Noise of the transport leaves the text of the answer unchanged, byte by byte."""
    failures = []
    lenient = {name for name, fault in FAULTS.items() if fault.note == LENIENT}
    for name in sorted(set(of_kind("ok")) - lenient - {"length-larger-after-done"}):  # httpx2 reads to the end
        fault, folder = FAULTS[name], tmp_path / name
        folder.mkdir()
        with serve(fault, folder) as server, client_of(fault, folder, client) as one:
            text = read_or_refused(one, server)
        if (text != fault.text("why?") and fault.id != "H2") or text == "":
            failures.append(f"{name}: {text!r}")
        if [seen.answered_at is not None for seen in server.log] != [True]:
            failures.append(f"{name}: {server.log}")
    assert not failures, "\n".join(failures)


def test_a_fault_is_never_a_good_answer(client: httpx2.Client, tmp_path: Path) -> None:
    """A strict reader gets no text from a fault, and every POST that can arrive is in the log."""
    failures = []
    for name in of_kind(*POSTS.keys() - {"ok", "deadline"}):
        fault, folder = FAULTS[name], tmp_path / name
        folder.mkdir()
        with serve(fault, folder) as server, client_of(fault, folder, client) as one:
            text = read_or_refused(one, server)
        if text or len(server.log) != (1 if fault.posts else 0):
            failures.append(f"{name}: {text!r} after {len(server.log)} POSTs")
    assert not failures, "\n".join(failures)


def read_or_refused(client: httpx2.Client, server: FaultServer) -> str:
    """The text of an answer, "" for an invalid one."""
    try:
        return read(client, server)
    except REFUSALS:
        return ""


def test_a_slow_answer_lasts_until_the_server_stops(client: httpx2.Client, tmp_path: Path) -> None:
    """A client without a deadline waits until the server stops."""
    names = of_kind("deadline")
    with ThreadPoolExecutor(len(names)) as pool:
        with ExitStack() as servers:
            slow = {name: servers.enter_context(serve(FAULTS[name], tmp_path)) for name in names}
            answers = {name: pool.submit(read_or_refused, client, server) for name, server in slow.items()}
            while not all(server.log for server in slow.values()):
                time.sleep(0.001)
            time.sleep(0.3)  # an answer with an end would be complete now
            assert [name for name, answer in answers.items() if answer.done()] == []
        assert {name: answer.result(60) for name, answer in answers.items()} == dict.fromkeys(names, "")
    assert [name for name, server in slow.items() if [seen.answered_at for seen in server.log] != [None]] == []


def test_a_key_is_echoed_whole_or_hidden(client: httpx2.Client, tmp_path: Path) -> None:
    """A hidden key does not occur in the sent bytes, and any other one does."""
    hidden = set()
    for name in (name for name, fault in FAULTS.items() if fault.id == "H2"):
        with serve(FAULTS[name], tmp_path) as server, suppress(*REFUSALS):
            read(client, server)
        if KEY.encode() not in server.sent:
            hidden.add(name)
    assert hidden == {"key-in-halves", "key-in-letters", "key-in-base64"}


@pytest.mark.parametrize(
    ("name", "outcome"), [("reset-before-head", ConnectionResetError), ("close-before-head", None)]
)
def test_a_reset_is_a_reset(name: str, outcome: type[Exception] | None) -> None:
    """RST raises in the client's socket, and FIN is an end of file."""
    post = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"
    with FaultServer(FAULTS[name].script) as server, pytest.raises(outcome) if outcome else nullcontext():
        assert exchange(server, post) == b""
    assert [seen.answered_at for seen in server.log] == [None]
    assert server.sent == b""


@pytest.mark.parametrize("name", ["close-after-answer", "reset-after-answer"])
def test_a_connection_that_ends_after_the_answer(name: str, client: httpx2.Client) -> None:
    """The answer is whole, and the next one comes on a new connection."""
    with FaultServer(FAULTS[name].script) as server:
        answers = []
        for _ in range(3):
            answers.append(read(client, server))
            while server.open_connections:
                time.sleep(0.001)
    assert answers == [answer_text("why?")] * 3
    assert server.connections == 3


def test_sixty_at_once(client: httpx2.Client) -> None:
    """Sixty requests are served at once, each with its own answer and not before its latency."""

    def when_all_are_there(seen: Received) -> Reply:
        while len(server.log) < 60:
            yield Wait(0.001)
        yield from healthy(seen)

    with FaultServer(when_all_are_there, latency_s=0.2) as server, ThreadPoolExecutor(60) as pool:
        texts = list(pool.map(lambda number: send(client, server, str(number), stream=False).text, range(60)))
    assert all(answer_text(str(number)) in text for number, text in enumerate(texts))
    assert all(seen.answered_at - seen.done_at >= 0.2 for seen in server.log if seen.answered_at)


def test_a_bucket_runs_empty(client: httpx2.Client) -> None:
    """The bucket serves its burst, and then no request without a refill."""
    with FaultServer(token_bucket(rate=0, burst=3)) as server:
        answers = [send(client, server) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"


def test_a_bucket_fills(client: httpx2.Client) -> None:
    """The bucket gains one request in each tenth of a second of the requests' clock, up to the burst."""
    with FaultServer() as server:
        send(client, server)
    script, times = token_bucket(rate=10, burst=3), (0, 0, 0, 0, 0.11, 0.12, 99, 99, 99, 99)
    (seen,) = server.log
    replies = [next(iter(script(replace(seen, done_at=1000.0 + at)))) for at in times]
    served = [isinstance(reply, Send) and reply.data.startswith(b"HTTP/1.1 200") for reply in replies]
    assert served == [True, True, True, False, True, False, True, True, True, False]


def test_a_mix_follows_its_oracle(client: httpx2.Client) -> None:
    """A mix fails a share of the cases once or twice, the same for the same seed."""
    faults = [FAULTS["status-503"], FAULTS["status-502"]]
    chosen = {case: fault_of(1, 0.5, faults, case) for case in map(str, range(60))}
    with FaultServer(mixed(1, 0.5, faults)) as server:
        for case, (fault, attempts) in chosen.items():
            codes = [send(client, server, case).status_code for _ in range(3)]
            bad = 503 if fault is faults[0] else 502
            assert codes == [bad] * attempts + [200] * (3 - attempts)
    assert 20 < sum(fault is not None for fault, _ in chosen.values()) < 40
    assert {fault for fault, attempts in chosen.values() if attempts == 2} == {faults[0]}
    assert chosen != {case: fault_of(2, 0.5, faults, case) for case in chosen}


@pytest.mark.parametrize("n", [0, 1, len(CUTS) // 2, len(CUTS) - 2, len(CUTS) - 1, len(CUTS)])
def test_a_cut_stream_is_whole_at_its_end_only(n: int, client: httpx2.Client) -> None:
    """A cut stream is whole only with its last byte."""
    with FaultServer(cut_at(n)) as server, nullcontext() if n == len(CUTS) else pytest.raises(REFUSALS):
        read(client, server)
    assert server.sent.partition(b"\r\n\r\n")[2] == CUTS[:n]
    assert len(CUTS) >= 2000


def test_a_redirect_names_the_second_origin(client: httpx2.Client) -> None:
    """A client that does not follow the redirect sends no byte to the second server."""
    with FaultServer() as second, FaultServer(redirect_to(f"{second.url}/chat/completions")) as first:
        answer = send(client, first)
    assert (answer.status_code, answer.headers["location"]) == (307, f"{second.url}/chat/completions")
    assert (second.connections, second.received) == (0, b"")


def test_a_script_that_raises(client: httpx2.Client) -> None:
    """An exception of a script is raised at the end of the block."""

    def broken(seen: Received) -> Reply:
        raise LookupError(seen.case)

    with pytest.raises(LookupError, match="why"), FaultServer(broken) as server, pytest.raises(httpx2.HTTPError):
        send(client, server)


def test_a_queue_answers_one_request_after_the_other() -> None:
    """The wait of a reply is the time until the server is free, and its own service."""
    script = queue(2.0)

    def waits(done_at: float) -> float:
        received = Received(0.0, done_at, None, 0, {}, b"", {"messages": []}, "case", 0, "")
        first, *_ = script(received)
        assert isinstance(first, Wait)
        return first.seconds

    assert [waits(done_at) for done_at in (10.0, 11.0, 11.5, 30.0)] == [2.0, 3.0, 4.5, 2.0]
