"""Every known dialect through one test: the right answer, its tokens and dollars, paid once; or the right error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.config import Config, ModelConfig
from evalharness.errors import ProviderError
from evalharness.providers import open_provider
from evalharness.records import Response, Sample, Tool, Usage
from evalharness.testing import Project, request
from evalharness.testing.fault_server import DONE, FaultServer, Received, Reply, Send, event, json_answer, sse_answer

FOLDER = Path(__file__).parent / "dialects"
PRICE = {"input": 1.0, "output": 1000.0, "cached_input": 0.1, "cache_write": 2.0}
Dialect = dict[str, Any]


def _dialects() -> Iterator[tuple[str, Dialect]]:
    """Each dialect with one way to send it: the streamed response and the whole one are two."""
    for path in sorted(FOLDER.glob("*.yaml")):
        for name, dialect in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            for way in ("stream", "whole"):
                if way in dialect:
                    yield f"{name} ({way})", {**dialect, "way": way}


DIALECTS = dict(_dialects())
NAMES = list(DIALECTS)
ANSWERS = [name for name, dialect in DIALECTS.items() if "error" not in dialect]
ERRORS = [name for name, dialect in DIALECTS.items() if "error" in dialect]
CALLS = [name for name, dialect in DIALECTS.items() if "calls" in dialect]
STREAMS = [name for name in ANSWERS if DIALECTS[name]["way"] == "stream"]


def _event(chunk: Any, api: str) -> bytes:
    if isinstance(chunk, str):
        return f"{chunk}\n\n".encode()
    named = b"event: %s\n" % chunk["type"].encode() if api == "anthropic" else b""
    return named + event(chunk)


def _events(dialect: Dialect) -> list[bytes]:
    api = dialect.get("api", "openai")
    done = [DONE] if api == "openai" and dialect.get("done", True) else []
    return [*(_event(chunk, api) for chunk in dialect["stream"]), *done]


def _reply(dialect: Dialect) -> bytes:
    if dialect["way"] == "whole":
        return json_answer(dialect["whole"], dialect.get("status", 200))
    return sse_answer(_events(dialect))


def _script(seen: Received) -> Reply:
    return [Send(_reply(DIALECTS[NAMES[_number(seen)]]))]


def _number(seen: Received) -> int:
    """The number of the dialect, which is a part of the path."""
    return int(seen.path.split("/")[2])


def _options(url: str, name: str) -> dict[str, Any]:
    api = DIALECTS[name].get("api", "openai")
    address = f"{url}/{NAMES.index(name)}"
    return {"provider": api, "base_url": address, "model": "m", "price": PRICE, **DIALECTS[name].get("options", {})}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Sample, int]]:
    """One run of all dialects: the sample of each, and the number of requests that it took."""
    project = Project(tmp_path_factory.mktemp("dialects"))
    with pytest.MonkeyPatch.context() as patch, FaultServer(_script) as server:
        patch.delenv("XDG_CACHE_HOME", raising=False)
        models = {f"m{NAMES.index(name)}": _options(server.url, name) for name in NAMES}
        project.write_suite({"hi": "Hello"}, models=list(models), prompts={"plain": [{"user": "Hi"}]}, gates=None)
        project.configure(**models)
        samples = project.evaluate().run.samples
    sent = [_number(seen) for seen in server.log]
    numbered = {int(sample.key.model[1:]): sample for sample in samples}
    return {name: (numbered[number], sent.count(number)) for number, name in enumerate(NAMES)}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(name: str, ran: dict[str, tuple[Sample, int]]) -> None:
    """Text, finish reason, tokens and dollars are those of the endpoint's documentation, after one request."""
    dialect, (sample, requests) = DIALECTS[name], ran[name]
    assert sample.error is None
    assert sample.response is not None
    prompt, completion, cached, reasoning, written = dialect["tokens"]
    estimated = "usage" not in json.dumps(dialect[dialect["way"]])
    usage = Usage(prompt, completion, cached, estimated, reasoning, written)
    assert sample.response.text == dialect.get("text", "Hello")
    assert sample.response.finish_reason == dialect.get("finish", "stop")
    assert sample.response.usage == usage
    assert sample.response.added() == dialect.get("adds", {})
    assert sample.cost_usd == pytest.approx(dialect["cost"], rel=1e-9)
    assert requests == 1


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str, ran: dict[str, tuple[Sample, int]]) -> None:
    """An error has its kind, its class, the endpoint's own words, and no more requests than may help."""
    dialect, (sample, requests) = DIALECTS[name], ran[name]
    assert sample.error is not None
    with FaultServer(_script) as server, pytest.raises(ProviderError) as caught:
        complete(server.url, name)
    assert [sample.error.kind, type(caught.value).__name__] == dialect["error"]
    assert dialect.get("message", "") in sample.error.message
    assert requests == dialect.get("requests", 1)


@pytest.mark.parametrize("name", CALLS)
def test_tool_calls(name: str) -> None:
    """With tools in the request, the same reply is an answer with these calls, whatever pieces it comes in."""
    dialect = DIALECTS[name]
    with FaultServer(_script) as server:
        response = complete(server.url, name, tools=(Tool("get_weather"),))
    assert [[call.name, call.arguments, call.id] for call in response.tool_calls] == dialect["calls"]
    assert (response.text, response.finish_reason) == (dialect.get("text", ""), "stop")
    assert json.loads(response.verbatim or "[]") == dialect.get("resent", [])
    assert response.usage.completion_tokens > 0


def complete(url: str, name: str, **of_request: Any) -> Response:
    """The response of one dialect, without a run around it. Raises the provider's errors."""

    async def run() -> Response:
        options = {key: value for key, value in _options(url, name).items() if key != "price"}
        provider: Any = open_provider("m", Config(root=Path(), models={"m": ModelConfig(**options)}))
        try:
            async with asyncio.timeout(60):
                return await provider.complete(request("Hi", **of_request))
        finally:
            await provider.close()

    return asyncio.run(run())


UNCOUNTED: dict[str, Any] = {
    "zeros": lambda counts: {name: 0 if isinstance(count, int) else count for name, count in counts.items()},
    "nulls": lambda counts: dict.fromkeys(counts),
    "no completion": lambda counts: {n: c for n, c in counts.items() if n in ("prompt_tokens", "input_tokens")},
    "the total alone": lambda counts: {"total_tokens": 9},
}
"""Ways in which an endpoint does not count the tokens of its answer."""


@pytest.mark.parametrize("way", UNCOUNTED)
@pytest.mark.parametrize("name", [name for name in ANSWERS if DIALECTS[name].get("text") != ""])
def test_uncounted_tokens_are_estimated(variant: Variant, name: str, way: str) -> None:
    """In every dialect, an answer whose tokens are not counted has an estimate that covers its text, marked as one."""

    def stripped(value: Any) -> Any:
        if isinstance(value, list):
            return [stripped(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        return {k: UNCOUNTED[way](_flat(v)) if k == "usage" and v else stripped(v) for k, v in value.items()}

    dialect = DIALECTS[name]
    reply = _reply(dialect | {dialect["way"]: stripped(dialect[dialect["way"]])})
    response = variant.complete(name, reply)
    assert response.usage.estimated
    assert response.usage.prompt_tokens >= 1
    assert 4 * response.usage.completion_tokens >= len(response.text) > 0


def _flat(counts: dict[str, Any]) -> dict[str, Any]:
    """The counts without details, which may count on their own."""
    return {name: count for name, count in counts.items() if isinstance(count, int)}


def test_every_source_is_named() -> None:
    """Each dialect names the page that shows its shape."""
    assert [name for name, dialect in DIALECTS.items() if not dialect["source"].startswith("https://")] == []
    assert len(DIALECTS) >= 80


class Variant:
    """A server that sends one dialect in a variant that a test sets."""

    def __init__(self) -> None:
        self.server = FaultServer(self._script)
        self.reply = b""

    def _script(self, seen: Received) -> Reply:
        return [Send(self.reply)]

    def complete(self, name: str, reply: bytes) -> Response:
        """The response to these bytes."""
        self.reply = reply
        return complete(self.server.url, name)

    def response(self, name: str, *parts: bytes) -> tuple[Any, ...]:
        """What counts of the response to these parts of a body."""
        found = self.complete(name, sse_answer(parts))
        return found.text, found.finish_reason, found.usage, found.model, found.fingerprint


@pytest.fixture(scope="module")
def variant() -> Iterator[Variant]:
    """One server for all variants."""
    made = Variant()
    with made.server:
        yield made


@settings(max_examples=40)
@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 4000), max_size=8))
def test_cuts_do_not_matter(variant: Variant, name: str, cuts: list[int]) -> None:
    """The places where a body is cut into packets do not change the response."""
    body = b"".join(_events(DIALECTS[name]))
    borders = sorted({0, *(cut % len(body) for cut in cuts), len(body)})
    parts = [body[start:end] for start, end in pairwise(borders)]
    assert variant.response(name, *parts) == variant.response(name, body)


EXTRAS = st.dictionaries(
    st.from_regex(r"x_[a-z]{1,8}", fullmatch=True),
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=9) | st.just([{"content": "no"}]),
    max_size=3,
)


@settings(max_examples=40)
@given(st.sampled_from(STREAMS), st.data())
def test_unknown_keys_do_not_matter(variant: Variant, name: str, data: st.DataObject) -> None:
    """Keys that no documentation names change nothing, at any depth."""

    def grown(value: Any) -> Any:
        if isinstance(value, list):
            return [grown(inner) for inner in value]
        if not isinstance(value, dict) or not value:
            return value
        return {**data.draw(EXTRAS), **{key: grown(inner) for key, inner in value.items()}}

    dialect = DIALECTS[name]
    chunks = [grown(chunk) for chunk in dialect["stream"]]
    assert variant.response(name, *_events(dialect | {"stream": chunks})) == variant.response(name, *_events(dialect))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"data: ", b"data:"),
        (b"\n", b"\r\n"),
        (b"\n", b"\r"),
        (b"data: ", b"event: message\nid: 7\nretry: 9\ndata: "),
        (b"data: ", b": keep-alive\n\ndata: "),
        (b'"choices"', b'\ndata: "choices"'),
        (b"[DONE]\n\n", b"[DONE]\n\ndata: [DONE]\n\n"),
        (b"[DONE]\n\n", b"[DONE]"),
    ],
)
def test_spelling_of_the_stream(variant: Variant, old: bytes, new: bytes) -> None:
    """The freedom that server-sent events leave to a server does not change the response."""
    body = b"".join(_events(DIALECTS["openai (stream)"]))
    assert old in body
    expected = variant.response("openai (stream)", body)
    assert variant.response("openai (stream)", body.replace(old, new)) == expected
    assert variant.response("openai (stream)", b"\xef\xbb\xbf" + body.replace(old, new)) == expected
