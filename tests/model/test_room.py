"""Room for a sequence grows with what is asked: nothing is lost, no text changes, and who finds no room is told."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from gguf_files import long_rope

from evalharness.errors import ProviderError

LONG = "Tell me of the sea. " * 190
"""More than a thousand tokens."""


@pytest.mark.slow
@pytest.mark.parametrize(("original", "context"), [(1024, 2048), (1000, 1000), (4096, 2048)])
def test_room_is_not_seen_in_a_text(open_gguf, ask, tmp_path, original, context):
    """Also of a model that sees positions otherwise where its context holds more than it was first trained on."""
    path, story = str(long_rope(tmp_path / "long.gguf", original)), ask("Tell me of a ship.", max_tokens=24)
    provider = open_gguf(path, context=context, slots=2)
    before = provider.complete(story).text
    provider.complete(ask(LONG[: 3 * context], case="long", max_tokens=2))
    assert provider.complete(story).text == before


def test_no_room(open_gguf, ask):
    """A case for which there is no memory is told so, in llama.cpp's words; those that need less are answered."""
    provider, short = open_gguf(slots=16, memory_limit_mb=1200), ask("What is the capital of France?")
    before = provider.complete(short).text
    pid = provider.child_pid
    with pytest.raises(ProviderError, match=r"cannot make room for 2048 tokens in each of 18 .*: .*alloc") as caught:
        provider.complete(ask(LONG, max_tokens=8))
    assert caught.value.kind == "load"
    assert provider.complete(short).text == before
    assert provider.child_pid == pid


def test_a_long_golden_answer(open_gguf, ask):
    """It has its room too, and a number for each of its tokens, with fewer sequences than tokens of a step."""
    scored = open_gguf(slots=1).complete(replace(ask("Hello", max_tokens=2), golden=("word " * 600,)))
    assert len(scored.golden_logprobs[0]) > 600


def test_tokens_are_told_meanwhile(open_gguf, ask):
    """While a long case waits until the others have ended, their tokens are counted as they come."""
    provider, told, texts = open_gguf(slots=2), set(), {}

    def answer(case, *arguments, **options):
        texts[case] = provider.complete(ask(*arguments, case=case, **options)).text

    story = threading.Thread(target=answer, args=("story", "Tell me a long story."), kwargs={"max_tokens": 150})
    story.start()
    while not provider.drawn:
        time.sleep(0.01)
    late = threading.Thread(target=answer, args=("long", LONG[: len(LONG) // 2]), kwargs={"max_tokens": 2})
    late.start()
    while story.is_alive():
        told.add(provider.drawn)
        time.sleep(0.02)
    late.join()
    assert len(told) >= 3
    assert texts["story"]
    assert "long" in texts
