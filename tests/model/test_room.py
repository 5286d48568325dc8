"""Room for a sequence grows with what is asked: nothing is lost, no text changes, and who finds no room is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from gguf_files import long_rope
from processes import until

from evalharness.errors import ProviderError
from evalharness.local.gguf import GgufProvider

LONG = "Tell me of the sea. " * 46
"""About two hundred and eighty tokens."""
FEW = 256
"""Tokens that there is room for at first, in place of the 512 of a user: what is longer is sooner read."""


@pytest.fixture
def little_room(monkeypatch):
    """At first, so that a prompt of a few hundred tokens needs more."""
    monkeypatch.setattr("evalharness.local.memory.FIRST_ROOM", FEW)


@pytest.mark.slow
@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize(("original", "context"), [(FEW, 512), (500, 500), (1024, 512)])
def test_room_is_not_seen_in_a_text(open_gguf, ask, tmp_path, original, context):
    """Also of a model that sees positions otherwise where its context holds more than it was first trained on."""
    path, story = str(long_rope(tmp_path / "long.gguf", original)), ask("Tell me of a ship.", max_tokens=16)
    provider = open_gguf(path, context=context, slots=2)
    before = provider.complete(story).text
    assert provider.complete(ask(LONG, case="long", max_tokens=2)).usage.prompt_tokens > FEW
    assert provider.complete(story).text == before


def test_no_room(open_gguf, ask):
    """A case for which there is no memory is told so, in llama.cpp's words; those that need less are answered."""
    provider, short = open_gguf(slots=16, memory_limit_mb=1200), ask("What is the capital of France?")
    before = provider.complete(short).text
    pid = provider.child_pid
    with pytest.raises(ProviderError, match=r"cannot make room for 2048 tokens in each of 18 .*: .*alloc") as caught:
        provider.complete(ask(LONG * 4, max_tokens=8))
    assert caught.value.kind == "load"
    assert provider.complete(short).text == before
    assert provider.child_pid == pid


@pytest.mark.usefixtures("little_room")
def test_a_long_golden_answer(open_gguf, ask):
    """It has its room too, and a number for each of its tokens, with fewer sequences than tokens of a step."""
    scored = open_gguf(slots=1).complete(replace(ask("Hello", max_tokens=2), golden=("word " * (FEW + 10),)))
    assert len(scored.golden_logprobs[0]) > FEW


@pytest.mark.usefixtures("little_room")
def test_tokens_are_told_meanwhile(open_gguf, ask, monkeypatch):
    """While a long case waits until the others have ended, their tokens are counted as they come."""
    on_event, hear = [], GgufProvider._hear
    monkeypatch.setattr(GgufProvider, "_hear", lambda own, event: on_event.append(event) or hear(own, event))
    provider = open_gguf(slots=2)
    with ThreadPoolExecutor(2) as pool:
        story = pool.submit(provider.complete, ask("Tell me a long story.", case="story", max_tokens=150))
        until(lambda: provider.under_way)
        late = pool.submit(provider.complete, ask(LONG, case="long", max_tokens=2))
    assert story.result().usage.completion_tokens > late.result().usage.completion_tokens > 0
    in_flight = [at for at, event in enumerate(on_event) if event["event"] == "started"]
    assert len([event for event in on_event[in_flight[1] :] if event["event"] == "progress"]) >= 3
