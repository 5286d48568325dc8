"""The text of a case depends on the case alone: not on its neighbours, their order, a restart or another suite.

The cases are eleven of the support suite under its careless prompt: open answers that do not end early, so that the
smallest difference shows. Eleven is more than the number of slots.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from evalharness.local.memory import PREFIXES
from evalharness.suites import load_suite, requests


def of_suite(config, name, prompts=(), **params):
    """All requests of a suite, with its default prompts or the given ones, and changed parameters."""
    suite = load_suite(name, config)
    named = list(prompts) or suite.default_prompts
    made = requests(suite, models=["smollm2"], prompts=named, repeats={"smollm2": 1}, limits=config.limits)
    return [replace(request, params=replace(request.params, **params)) for _, request in made]


def texts(provider, requests, *, at_once=None):
    """The texts by case. `at_once`: requests in flight; default: the provider's concurrency."""
    with ThreadPoolExecutor(at_once or provider.capabilities.concurrency) as pool:
        return {
            request.key: response.text
            for request, response in zip(requests, pool.map(provider.complete, requests), strict=True)
        }


def hot(requests):
    """The same requests at temperature 1."""
    return [replace(request, params=replace(request.params, temperature=1.0, min_p=0.05)) for request in requests]


@pytest.fixture(scope="module")
def cases(config):
    """Requests of every seventh case of the support suite, greedy and hot in alternation."""
    some = of_suite(config, "support", ["careless"], max_tokens=8)[:77:7]
    return [pair[i % 2] for i, pair in enumerate(zip(some, hot(some), strict=True))]


@pytest.fixture(scope="module")
def whole(smollm2, cases):
    """Their texts in the suite's order, with all slots busy."""
    assert len(cases) > smollm2.capabilities.concurrency
    return texts(smollm2, cases)


@pytest.mark.slow
def test_alone(smollm2, cases, whole):
    """One at a time, every text is the same as among others."""
    assert texts(smollm2, cases[:4], at_once=1) == {request.key: whole[request.key] for request in cases[:4]}


@pytest.mark.slow
def test_any_order(smollm2, cases, whole):
    """In another order, every text is the same."""
    assert texts(smollm2, random.Random(1).sample(cases, len(cases))) == whole


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 5, 9])
def test_any_subset(smollm2, cases, whole, size):
    """A subset of the cases, in any order, has the same texts."""
    some = random.Random(size).sample(cases, size)
    assert texts(smollm2, some) == {request.key: whole[request.key] for request in some}


@pytest.mark.deep
@pytest.mark.slow
def test_after_another_suite(smollm2, config, cases, whole):
    """Other suites in between, with more prefixes than the cache holds, change nothing."""
    others = [of_suite(config, name, max_tokens=1)[0] for name in ("extract", "summarise")]
    assert len({request.messages[: request.shared_prefix] for request in [*others, *cases]}) == 3 > PREFIXES
    texts(smollm2, others)
    assert texts(smollm2, cases[:6]) == {request.key: whole[request.key] for request in cases[:6]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("threads", "slots", "count"),
    [(2, 19, 5), *(pytest.param(*one, marks=pytest.mark.deep) for one in ((1, 32, 9), (3, 1, 4)))],
)
def test_fresh_process_threads_and_slots(open_gguf, cases, whole, threads, slots, count):
    """A fresh process with any number of threads and slots gives the same texts."""
    some = cases[:count]
    assert texts(open_gguf(threads=threads, slots=slots), some) == {request.key: whole[request.key] for request in some}


@pytest.mark.deep
@pytest.mark.slow
def test_rows(open_gguf, cases):
    """With rows = 8, too, a text is the same alone, among others, and with another number of slots."""
    some = [replace(request, params=replace(request.params, max_tokens=4)) for request in cases[:9]]
    provider = open_gguf(rows=8, slots=16)
    whole = texts(provider, some)
    assert texts(provider, some[::-2]) == {request.key: whole[request.key] for request in some[::-2]}
    assert texts(provider, some[:2], at_once=1) == {request.key: whole[request.key] for request in some[:2]}
    assert texts(open_gguf(rows=8, slots=8), some) == whole


def test_long_neighbours(smollm2, make_request, cases, whole):
    """A neighbour with a much longer prompt changes nothing."""
    long = make_request("Tell me of the sea. " * 60, max_tokens=16, case="long")
    mixed = [*cases[:2], long, *cases[2:4]]
    found = texts(smollm2, mixed)
    assert {key: found[key] for key in whole if key in found} == {r.key: whole[r.key] for r in cases[:4]}


def test_seeds(smollm2, make_request):
    """The seed of a hot answer follows from suite seed, case and repeat."""

    def text(case, seed, repeat=0):
        request = make_request("Tell me a story.", case=case, seed=seed, temperature=1.5, max_tokens=12)
        return smollm2.complete(replace(request, key=request.key._replace(repeat=repeat))).text

    first = text("a", 1)
    assert text("a", 1) == first
    assert len({first, text("b", 1), text("a", 2), text("a", 1, repeat=1)}) == 4
