"""A key that servers echo, and that a suite and a golden contain, is in no file that a run writes."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from faults import ECHOED_KEY, FAULTS
from rigs.project import Project, kill, output_of

from evalharness.testing.fault_server import (
    FaultServer,
    Received,
    Reply,
    Send,
    Step,
    Wait,
    answer_text,
    chunk,
    chunks,
    head,
    json_answer,
    mixed,
    sse_answer,
    sse_events,
    too_many,
)

SUITE = """\
schema: 1
models: [remote]
prompts:
  plain:
    - system: "Your password is {{ secret }}, keep it secret."
    - user: "{{ question }}"
params: {max_tokens: 50}
vars: {secret: %s}
metrics: [exact, token_f1]
cases: cases.jsonl
gates:
  - {metric: token_f1}
"""
LOUD = (
    "--junitxml=reports/junit.xml",
    "--llm-log=reports/run.log",
    "-vv",
    "--showlocals",
    "-o",
    "log_cli=true",
    "-o",
    "log_cli_level=DEBUG",
)
XDIST = ("-p", "xdist", "-n", "2")
INPUTS = {f"project/{name}" for name in ("suites/rig.yaml", "golden/rig.jsonl")}
RECORDING = "golden/recordings/rig.jsonl"
CONTEXT = 60
LATE = 33
"""Received requests at which a model that has 20 of them in flight at most has ended 13, some of them well."""
pytestmark = pytest.mark.slow
ATTEMPTS = [FAULTS[name] for name in ("reset-in-body", "status-503", "retry-after-zero", "cut-in-chunk")]
"""The faults of the other cases."""
Answer = Callable[[str, Received], bytes]


def streamed(*deltas: str, **more: str) -> Answer:
    """Stream an answer of these parts; `more` is added to each chunk."""

    def answer(key: str, seen: Received) -> bytes:
        parts = [chunk(seen.model, {"content": delta.format(key=key, **halves(key))}) for delta in deltas]
        filled = {name: value.format(key=key) for name, value in more.items()}
        whole = [*(parts or chunks(answer_text(seen.case), seen.model)), chunk(seen.model, {}, "stop")]
        return sse_answer(sse_events([one | filled for one in whole]))

    return answer


def refused(status: int, message: str = ECHOED_KEY, **headers: str) -> Answer:
    """Return an error with the key in its message and its headers."""

    def answer(key: str, seen: Received) -> bytes:
        fields = {name.replace("_", "-"): value.format(key=key) for name, value in headers.items()}
        return json_answer({"error": {"message": message.format(key=key), "code": None}}, status, fields)

    return answer


def page(text: str) -> Answer:
    """Return HTML instead of a stream."""

    def answer(key: str, seen: Received) -> bytes:
        body = text.format(key=key).encode()
        return head(200, {"content-type": "text/html", "content-length": str(len(body))}) + body

    return answer


def redirected(url: str) -> Answer:
    """Redirect to an address with the key in it."""
    return lambda key, seen: head(307, {"location": url.format(key=key), "content-length": "0"})


def every_spelling(key: str, seen: Received) -> bytes:
    """Return an answer with the key in all forms except the nested JSON one."""
    return streamed("; ".join(form for name, form in forms(key).items() if name != "JSON in JSON"))(key, seen)


ANSWERED: dict[str, Answer] = {
    "text": streamed("Your key is {key}."),
    "deltas": streamed("Your key is ", "{front}", "{back}", "."),
    "model": streamed(model="m-{key}"),
    "fingerprint": streamed(system_fingerprint="fp_{key}"),
    "spellings": every_spelling,
}
ECHOES: dict[str, Answer] = ANSWERED | {
    "error-body": refused(400),
    "error-later": refused(500, retry_after_ms="5"),
    "error-header": lambda key, seen: too_many({"retry-after": key, "x-request-id": key, "www-authenticate": key}),
    "html": page("<title>{key}</title><p>Hello {key}, sign in.</p>"),
    "html-error": lambda key, seen: page("<p>{key}</p>")(key, seen).replace(b"200 OK", b"502 Bad Gateway"),
    "location": redirected("/v1/chat/completions?key={key}"),
}
CUT: dict[str, Answer] = {
    "cut-error": refused(400, "x" * 570 + "{key}"),
    "cut-page": lambda key, seen: page("x" * 570 + "{key}")(key, seen).replace(b"200 OK", b"502 Bad Gateway"),
    "cut-location": redirected("/" + "x" * 170 + "{key}"),
    "cut-refusal": lambda key, seen: sse_answer(
        sse_events([chunk(seen.model, {"refusal": "x" * 470 + key}), chunk(seen.model, {}, "stop")])
    ),
    "cut-finish": lambda key, seen: sse_answer(
        sse_events([*chunks("Yes", seen.model)[:2], chunk(seen.model, {}, "x" * 72 + key)])
    ),
    "cut-chunk": lambda key, seen: json_answer({"object": "x" * 160 + key}),
    "cut-delta": lambda key, seen: sse_answer(sse_events([chunk(seen.model, {"content": ["x" * 70 + key]})])),
}
"""Texts that our messages cut at a maximum length, within the key."""


@dataclass
class Scene:
    """A project with a key of its own, and a server that echoes it."""

    folder: Path
    echoes: Mapping[str, Answer]
    key: str = field(init=False)
    project: Project = field(init=False)
    received: int = 0
    """Requests that the server has received."""

    def __post_init__(self) -> None:
        """Create the key and the project."""
        self.key = a_key()
        temporary = self.folder / "tmp"
        temporary.mkdir()
        more = {"TMPDIR": str(temporary), "PYTHONASYNCIODEBUG": "1"}
        self.project = Project(self.folder / "project", self.key, more)

    @property
    def cache(self) -> Path:
        """The folder of the ledger."""
        return self.folder / "cache"

    def serve(self, seen: Received) -> Reply:
        """Echo the key as the question names; other cases get their faults and the correct answer."""
        self.received += 1
        name = seen.case.partition(":")[0]
        echo = self.echoes.get(name)
        if echo and name.endswith("location"):
            return self.held_back(echo(self.key, seen))
        return [Send(echo(self.key, seen))] if echo else mixed(1, 0.5, ATTEMPTS)(seen)

    def held_back(self, answer: bytes) -> Iterator[Step]:
        """Hold a redirect back until the model has answered: as its first answer, it ends all requests to the model."""
        while self.received < LATE:
            yield Wait(0.01)
        yield Send(answer)

    def write(self, url: str, others: int = 30) -> None:
        """Write the suite: a case for each echo, and others; every second golden contains the key.

        Errors echo in each attempt, so a second retry would only take time: it is left out where errors are expected.
        """
        retries = 2 if self.echoes is ANSWERED else 1
        places = [*self.echoes, *(f"other-{number}" for number in range(others))]
        questions = {place: f"{place}: which key?" for place in places}
        goldens = {place: f"It is {self.key}." if n % 2 else "It is secret." for n, place in enumerate(places)}
        self.project.write_all(url, questions, goldens, deadline_s=60, retries=retries)
        self.project.write("suites/rig.yaml", SUITE % json.dumps(self.key))

    def left_behind(self) -> Iterator[Path]:
        """Yield each file but the inputs: project, caches, TMPDIR and printed output."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path.relative_to(self.folder).as_posix() not in INPUTS:
                yield path

    def hits(self, when: str) -> list[str]:
        """Return each place of the key with its context."""
        wanted = forms(self.key) | {f"{name} half": half for name, half in halves(self.key).items()}
        return [
            f"{when}: {path.relative_to(self.folder)}: {form}: {context}"
            for path in self.left_behind()
            for form, context in search(path.read_bytes(), wanted)
        ]


def a_key() -> str:
    """Return a unique key with each character that an encoding may change."""
    letters = random.SystemRandom().choices(string.ascii_letters + string.digits, k=28)
    for number, odd in enumerate('+/="-_'):
        letters.insert(3 + 5 * number, odd)
    return "sk-" + "".join(letters)


def halves(key: str) -> dict[str, str]:
    """Return both halves of the key: each is long enough to be a leak."""
    return {"front": key[: len(key) // 2], "back": key[len(key) // 2 :]}


def forms(key: str) -> dict[str, str]:
    """Return the encodings of the key to search for."""
    found = {"plain": key, "URL": quote(key, safe=""), "URL path": quote(key), "form": quote_plus(key)}
    found |= {"JSON": json.dumps(key)[1:-1], "JSON in JSON": json.dumps(json.dumps(key)[1:-1])[1:-1]}
    for before in range(3):
        standard = base64.b64encode(b"\0" * before + key.encode())
        inside = standard[-(-before * 8 // 6) : (before + len(key)) // 3 * 4].decode()
        found |= {f"base64 +{before}": inside, f"base64url +{before}": inside.translate(str.maketrans("+/", "-_"))}
    return found


def search(data: bytes, wanted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the first place of each form, with its context."""
    for name, form in wanted.items():
        at = data.find(form.encode())
        if at >= 0:
            yield name, repr(data[max(0, at - CONTEXT) : at + len(form) + CONTEXT])


@pytest.fixture
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Scene, FaultServer]]:
    """A project and a server with these echoes."""
    one = Scene(tmp_path, request.param)
    with FaultServer(one.serve) as server:
        one.write(server.url)
        yield one, server


def wait_for_requests(server: FaultServer, child: subprocess.Popen[bytes], number: int) -> bool:
    """Wait for this number of requests, and return whether the child is alive."""
    while len(server.log) < number and child.poll() is None:
        time.sleep(0.001)
    return child.poll() is None


def cut_short(scene: Scene, server: FaultServer, arguments: Iterable[str], how: signal.Signals) -> None:
    """End a run during its requests by a signal to all of its processes."""
    with scene.project.child(scene.cache, *arguments) as child:
        assert wait_for_requests(server, child, len(server.log) + 15), output_of(scene.cache).read_text()
        os.killpg(child.pid, how)
        child.wait(60)
        kill(child)


@pytest.mark.parametrize("scene", [ECHOES], indirect=True, ids=["echoes"])
@pytest.mark.parametrize(
    ("how", "more"),
    [(signal.SIGKILL, ()), (signal.SIGINT, ()), pytest.param(signal.SIGINT, XDIST, marks=pytest.mark.deep)],
    ids=["killed", "interrupted", "interrupted under xdist"],
)
def test_no_file_has_it(scene: tuple[Scene, FaultServer], how: signal.Signals, more: tuple[str, ...]) -> None:
    """No file contains the key after an ended run, the resumed one, and a replay."""
    one, server = scene
    arguments = [*LOUD, *more, *(["--full-trace"] if how == signal.SIGINT else [])]
    cut_short(one, server, arguments, how)
    assert how == signal.SIGINT or {path.name for path in one.left_behind()} >= {"ledger.sqlite", "ledger.sqlite-wal"}
    hits = one.hits("cut short")
    assert one.project.run(one.cache, *arguments) == 1, output_of(one.cache).read_text()
    hits += one.hits("resumed")
    if how == signal.SIGINT:  # the replay is the same, however the first run ended
        known = len(server.log)
        assert one.project.run(one.cache, *arguments, "--llm-record=none") == 1
        assert len(server.log) == known
        hits += one.hits("replayed")
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize("scene", [ECHOES], indirect=True, ids=["echoes"])
def test_the_search_finds_it(scene: tuple[Scene, FaultServer]) -> None:
    """The control: the server received and sent the key in all these places, and the inputs contain it."""
    one, server = scene
    one.project.run(one.cache)
    assert {seen.headers["authorization"] for seen in server.log} == {f"Bearer {one.key}"}
    assert {seen.case.partition(":")[0] for seen in server.log} >= ECHOES.keys()
    wanted = {name: form for name, form in forms(one.key).items() if name != "JSON in JSON"}
    assert dict(search(server.sent, wanted)).keys() == wanted.keys()
    for name in ("suites/rig.yaml", "golden/rig.jsonl"):
        assert "JSON" in dict(search((one.project.root / name).read_bytes(), wanted))
    ends = {sample.key.case: sample.error.kind if sample.error else "ok" for sample in one.project.record().samples}
    assert {ends[name] for name in ANSWERED} == {"ok"}
    assert {name: ends[name] for name in ECHOES.keys() - ANSWERED.keys()} == {
        "error-body": "request",
        "error-later": "server",
        "error-header": "rate limit",
        "html": "malformed",
        "html-error": "server",
        "location": "redirect",
    }


@pytest.mark.parametrize("scene", [CUT], indirect=True, ids=["cut"])
def test_no_half_of_it(scene: tuple[Scene, FaultServer]) -> None:
    """A message that is cut within a key contains no part of it."""
    one, _ = scene
    assert one.project.run(one.cache, *LOUD) == 1
    errors = {sample.key.case for sample in one.project.record().samples if sample.error}
    assert errors == CUT.keys() - {"cut-refusal"}  # the words of a refusal are an answer
    hits = one.hits("cut")
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize("scene", [ANSWERED], indirect=True, ids=["answered"])
def test_no_baseline_or_recording_has_it(scene: tuple[Scene, FaultServer]) -> None:
    """An accepted baseline and a recording do not contain the key; the export may be refused for redacted prompts."""
    one, _ = scene
    assert one.project.run(one.cache, *LOUD, "--llm-accept") == 0, output_of(one.cache).read_text()
    hits = one.hits("accepted")
    for cache, words in ((one.cache, ("export", "rig")), (one.folder / "other", ("import", RECORDING))):
        program = [sys.executable, "-c", "from evalharness.cli import main; main()", "record", *words]
        at = {"cwd": one.project.root, "env": one.project.environment(cache)}
        done = subprocess.run(program, capture_output=True, check=False, **at)
        assert b"Traceback" not in done.stderr
        hits += [f"{words[0]}: {found}" for found in search(done.stdout + done.stderr, forms(one.key))]
    hits += one.hits("exported")
    assert not hits, "\n".join(hits)
