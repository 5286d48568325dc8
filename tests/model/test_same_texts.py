"""The text of a case depends on the case alone: not on its neighbours, their order, a restart or another suite."""

from __future__ import annotations

import pytest

from evalharness.suites import load_suite, requests


@pytest.fixture(scope="module")
def asked(config):
    """Each fifth case of the support suite, as requests."""
    suite = load_suite("support", config)
    made = requests(suite, models=["smollm2"], prompts=["concise"], repeats={"smollm2": 1}, limits=config.limits)
    return [request for _, request in made][::5]


@pytest.fixture(scope="module")
def whole(smollm2, asked):
    """Their texts, asked in the suite's order."""
    return {request.key: smollm2.complete(request).text for request in asked}


def test_reverse_order(smollm2, asked, whole):
    """Asked backwards, every text is the same."""
    assert {request.key: smollm2.complete(request).text for request in reversed(asked)} == whole


def test_subset(smollm2, asked, whole):
    """Each third case without the others has the text that it has among them."""
    assert all(smollm2.complete(request).text == whole[request.key] for request in asked[::3])


def test_after_another_suite(smollm2, config, asked, whole):
    """Another suite in between, with a prefix of its own, changes nothing."""
    other = load_suite("extract", config)
    made = requests(
        other, models=["smollm2"], prompts=other.default_prompts, repeats={"smollm2": 1}, limits=config.limits
    )
    smollm2.complete(next(request for _, request in made))
    assert all(smollm2.complete(request).text == whole[request.key] for request in asked[:3])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_fresh_process_and_threads(open_gguf, asked, whole, threads):
    """A fresh process with any number of threads gives the same texts."""
    provider = open_gguf(threads=threads)
    assert all(provider.complete(request).text == whole[request.key] for request in asked[:4])
