"""The capacity of a sequence grows on demand: no text changes, and a case without memory is an error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from gguf_files import long_rope
from processes import until

from evalharness.errors import ProviderError
from evalharness.local.gguf import GgufProvider

LONG = "Tell me of the sea. " * 46
"""About 280 tokens."""
FEW = 256
"""Initial capacity in tokens, instead of 512: shorter prompts exceed it."""


@pytest.fixture
def little_capacity(monkeypatch):
    """A small initial capacity, which a prompt of a few hundred tokens exceeds."""
    monkeypatch.setattr("evalharness.local.memory.INITIAL_CAPACITY", FEW)


@pytest.mark.slow
@pytest.mark.usefixtures("little_capacity")
@pytest.mark.parametrize(
    ("original", "context"),
    [(FEW, 512), *(pytest.param(*one, marks=pytest.mark.deep) for one in ((500, 500), (1024, 512)))],
)
def test_growing_changes_no_text(open_gguf, make_request, tmp_path, original, context):
    """Growing changes no text, also for a model that encodes positions differently beyond its original context."""
    path, story = str(long_rope(tmp_path / "long.gguf", original)), make_request("Tell me of a ship.", max_tokens=16)
    provider = open_gguf(path, context=context, slots=2)
    before = provider.complete(story).text
    assert provider.complete(make_request(LONG, case="long", max_tokens=2)).usage.prompt_tokens > FEW
    assert provider.complete(story).text == before


def test_not_enough_memory(open_gguf, make_request):
    """A case that needs too much memory is an error with llama.cpp's reason, and smaller cases get their answers."""
    provider, short = open_gguf(slots=16, memory_limit_mb=1200), make_request("What is the capital of France?")
    before = provider.complete(short).text
    pid = provider.child_pid
    with pytest.raises(ProviderError, match=r"cannot allocate 2048 tokens for each of 18 .*: .*alloc") as caught:
        provider.complete(make_request(LONG * 4, max_tokens=8))
    assert caught.value.kind == "load"
    assert provider.complete(short).text == before
    assert provider.child_pid == pid


@pytest.mark.usefixtures("little_capacity")
def test_a_long_golden_answer(open_gguf, make_request):
    """A golden answer beyond the initial capacity gets a log-probability for each of its tokens."""
    scored = open_gguf(slots=1).complete(replace(make_request("Hello", max_tokens=2), golden=("word " * (FEW + 10),)))
    assert len(scored.golden_logprobs[0]) > FEW


@pytest.mark.usefixtures("little_capacity")
def test_progress_while_a_case_waits(open_gguf, make_request, monkeypatch):
    """While a long case waits for the others to end, the worker reports their tokens."""
    events, on_event = [], GgufProvider._on_event
    monkeypatch.setattr(GgufProvider, "_on_event", lambda own, event: events.append(event) or on_event(own, event))
    provider = open_gguf(slots=2)
    with ThreadPoolExecutor(2) as pool:
        story = pool.submit(provider.complete, make_request("Tell me a long story.", case="story", max_tokens=150))
        until(lambda: provider.in_flight)
        late = pool.submit(provider.complete, make_request(LONG, case="long", max_tokens=2))
    assert story.result().usage.completion_tokens > late.result().usage.completion_tokens > 0
    started = [at for at, event in enumerate(events) if event["event"] == "started"]
    assert len([event for event in events[started[1] :] if event["event"] == "progress"]) >= 3
