"""The text of a case depends on the case alone: not on its neighbours, their order, a restart or another suite.

The cases are a dozen of the support suite under its careless prompt: open answers, none of which ends early, so that
the smallest difference shows. A dozen is more than the model has slots.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from evalharness.local.memory import PREFIXES
from evalharness.suites import load_suite, requests


def of_suite(config, name, prompts=(), **params):
    """All requests of a suite, by its default prompts or by these, with other parameters."""
    suite = load_suite(name, config)
    named = list(prompts) or suite.default_prompts
    made = requests(suite, models=["smollm2"], prompts=named, repeats={"smollm2": 1}, limits=config.limits)
    return [replace(request, params=replace(request.params, **params)) for _, request in made]


def texts(provider, asked, *, at_once=None):
    """By case, asked so many at a time; as many as the provider takes by default."""
    with ThreadPoolExecutor(at_once or provider.capabilities.concurrency) as pool:
        return {
            request.key: response.text
            for request, response in zip(asked, pool.map(provider.complete, asked), strict=True)
        }


def hot(asked):
    """The same requests, their answers drawn."""
    return [replace(request, params=replace(request.params, temperature=1.0, min_p=0.05)) for request in asked]


@pytest.fixture(scope="module")
def asked(config):
    """Every seventh case of the support suite, greedy and drawn ones in turns, as requests."""
    some = of_suite(config, "support", ["careless"], max_tokens=16)[:84:7]
    return [pair[i % 2] for i, pair in enumerate(zip(some, hot(some), strict=True))]


@pytest.fixture(scope="module")
def whole(smollm2, asked):
    """Their texts, asked in the suite's order, all slots busy."""
    assert len(asked) > smollm2.concurrency
    return texts(smollm2, asked)


@pytest.mark.slow
def test_alone(smollm2, asked, whole):
    """One at a time, every text is what it is among others."""
    assert texts(smollm2, asked[:6], at_once=1) == {request.key: whole[request.key] for request in asked[:6]}


@pytest.mark.slow
def test_any_order(smollm2, asked, whole):
    """Asked in another order, every text is the same."""
    assert texts(smollm2, random.Random(1).sample(asked, len(asked))) == whole


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 5, 9])
def test_any_subset(smollm2, asked, whole, size):
    """Some of the cases without the others, in an order of their own, have the texts that they have among them."""
    some = random.Random(size).sample(asked, size)
    assert texts(smollm2, some) == {request.key: whole[request.key] for request in some}


@pytest.mark.slow
def test_after_another_suite(smollm2, config, asked, whole):
    """Other suites in between, each with a prefix of its own, more of them than are kept, change nothing."""
    others = [of_suite(config, name, max_tokens=1)[0] for name in ("extract", "summarise")]
    assert len({request.messages[: request.shared_prefix] for request in [*others, *asked]}) == 3 > PREFIXES
    texts(smollm2, others)
    assert texts(smollm2, asked[:6]) == {request.key: whole[request.key] for request in asked[:6]}


@pytest.mark.slow
@pytest.mark.parametrize(("threads", "slots", "count"), [(1, 32, 9), (2, 19, 9), (3, 1, 4)])
def test_fresh_process_threads_and_slots(open_gguf, asked, whole, threads, slots, count):
    """A fresh process with any number of threads, and any number of slots, gives the same texts."""
    some = asked[:count]
    assert texts(open_gguf(threads=threads, slots=slots), some) == {request.key: whole[request.key] for request in some}


@pytest.mark.slow
def test_rows(open_gguf, asked):
    """With a multiple of eight rows in each step, too, a text is the same alone, among others, and at other slots."""
    some = [replace(request, params=replace(request.params, max_tokens=8)) for request in asked[:9]]
    provider = open_gguf(rows=8, slots=16)
    whole = texts(provider, some)
    assert texts(provider, some[::-2]) == {request.key: whole[request.key] for request in some[::-2]}
    assert texts(provider, some[:2], at_once=1) == {request.key: whole[request.key] for request in some[:2]}
    assert texts(open_gguf(rows=8, slots=8), some) == whole


def test_long_neighbours(smollm2, ask, asked, whole):
    """A neighbour with a prompt many times as long, in another part of the cache, changes nothing."""
    long = ask("Tell me of the sea. " * 60, max_tokens=16, case="long")
    mixed = [*asked[:2], long, *asked[2:4]]
    found = texts(smollm2, mixed)
    assert {key: found[key] for key in whole if key in found} == {r.key: whole[r.key] for r in asked[:4]}


def test_seeds(smollm2, ask):
    """A drawn answer has a seed of its case's and repeat's own, from the suite's: again the same, elsewhere another."""

    def text(case, seed, repeat=0):
        request = ask("Tell me a story.", case=case, seed=seed, temperature=1.5, max_tokens=12)
        return smollm2.complete(replace(request, key=request.key._replace(repeat=repeat))).text

    first = text("a", 1)
    assert text("a", 1) == first
    assert len({first, text("b", 1), text("a", 2), text("a", 1, repeat=1)}) == 4
