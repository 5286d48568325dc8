"""Vectors from an endpoint: requested once, in batches, with retries, and an error if they cannot be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalharness.config import Config, EmbedderConfig
from evalharness.errors import ConfigError, MetricError
from evalharness.scoring.metrics import Metric, SampleView
from evalharness.scoring.metrics.embedding import embedding
from evalharness.scoring.results import score_samples
from evalharness.testing.fault_server import (
    FaultServer,
    Received,
    Reply,
    Send,
    embeddings,
    healthy,
    json_answer,
    too_many,
    unit_vector,
)

TEXTS = [f"text {number}" for number in range(5)]


def a_config(root: Path, url: str | None, *, offline: bool = False, **more: Any) -> Config:
    """An embedder at this address."""
    settings = EmbedderConfig(base_url=url, **{"model": "e", **more})
    return Config(root=root, embedders={"far": settings}, cache_dir=root / "cache", offline=offline)


def score(metric: Metric, texts: list[str] = TEXTS) -> list[Any]:
    """The scores of each text against itself and the first."""
    return [one.value for one in metric.score([SampleView.of(text, (texts[0],)) for text in texts], [])]


def test_batches_once_in_order(tmp_path: Path) -> None:
    """Texts go out in batches of the configured size, each score has its own vectors, and a second run sends none."""
    with FaultServer() as server:
        config = a_config(tmp_path, server.url, batch_size=2)
        first = score(embedding("far", config=config))
        assert [len(seen.body["input"]) for seen in server.log] == [2, 2, 1]
        assert score(embedding("far", config=config)) == first
        assert len(server.log) == 3
    mine = unit_vector(TEXTS[0])
    expected = [max(0.0, sum(a * b for a, b in zip(mine, unit_vector(text), strict=True))) for text in TEXTS]
    assert first == pytest.approx(expected, abs=1e-4)


def test_offline(tmp_path: Path) -> None:
    """Without a connection, stored vectors still score, and a new text is an error with the reason."""
    with FaultServer() as server:
        known = score(embedding("far", config=a_config(tmp_path, server.url)))
        away = embedding("far", config=a_config(tmp_path, server.url, offline=True))
        assert score(away) == known
        with pytest.raises(MetricError, match="1 texts have no stored vector"):
            score(away, ["something new"])
        assert len(server.log) == 1


def test_tries_again(tmp_path: Path) -> None:
    """A 429 is retried until the third attempt."""
    with FaultServer(
        lambda seen: [Send(too_many({"retry-after-ms": "50"}))] if seen.attempt < 2 else healthy(seen)
    ) as server:
        assert score(embedding("far", config=a_config(tmp_path, server.url)))[0] == pytest.approx(1, abs=1e-6)
        assert len(server.log) == 3


def spoilt(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Received], Reply]:
    """A server with changed rows in a valid answer."""

    def script(seen: Received) -> Reply:
        body = embeddings(seen.body)
        return [Send(json_answer({**body, "data": change(body["data"])}))]

    return script


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], "expected 5 embeddings"),
        (lambda rows: [{**row, "index": 0} for row in rows], "expected 5 embeddings"),
        (lambda rows: [{**rows[0], "embedding": "x"}, *rows[1:]], "expected 5 embeddings"),
        (lambda rows: [{**rows[0], "embedding": [0.0] * 8}, *rows[1:]], "without a direction"),
        (lambda rows: [{**rows[0], "embedding": [1.0] * 7}, *rows[1:]], "different sizes"),
        (lambda rows: None, "expected 5 embeddings"),
    ],
)
def test_spoilt_answers(tmp_path: Path, change: Callable[[Any], Any], message: str) -> None:
    """An answer without a vector for each text is an error: it gives no score and is not stored."""
    with FaultServer(spoilt(change)) as server:
        metric = embedding("far", config=a_config(tmp_path, server.url))
        with pytest.raises(MetricError, match=message):
            score(metric)
        server.script = healthy
        assert len(score(metric)) == 5


def test_a_text_beyond_max_chars(tmp_path: Path) -> None:
    """A longer text is cut before it is sent, and its score says so; `long: window` sends all of it in parts."""
    with FaultServer() as server:
        config = a_config(tmp_path, server.url, max_chars=8)
        (cut,) = embedding("far", config=config).score([SampleView.of("abcdefghijkl", ("abcdefgh",))], [])
        assert (cut.value, cut.note) == (1, "the model read 8 of 12 characters of the answer")
        assert [seen.body["input"] for seen in server.log] == [["abcdefgh", "abcdefgh"]]
        (whole,) = embedding("far", long="window", config=config).score([SampleView.of("abcdefghijkl", ("b",))], [])
        assert whole.note == ""
        assert server.log[-1].body["input"] == ["abcdefgh", "ghijkl", "b"]


def rejecting(seen: Received) -> Reply:
    """An endpoint whose model reads 2,000 characters."""
    if max(map(len, seen.body["input"])) > 2_000:
        message = "This model's maximum context length is 8192 tokens, however you requested 10001 tokens"
        return [Send(json_answer({"error": {"message": message, "type": "invalid_request_error"}}, status=400))]
    return healthy(seen)


def test_an_endpoint_that_rejects_long_texts(tmp_path: Path) -> None:
    """The error has the endpoint's words, the length of the text and the setting; other samples keep their scores."""
    with FaultServer(rejecting) as server:
        metric = embedding("far", config=a_config(tmp_path, server.url))
        long, short = score_samples([metric], [SampleView.of("x" * 2_001, ("x",)), SampleView.of("y", ("y",))])
    assert "maximum context length is 8192 tokens" in long.errors[0]
    assert "the longest text has 2,001 characters: if the model reads fewer, set 'max_chars'" in long.errors[0]
    assert short.scores[0].value == 1


def test_windows_need_a_size(tmp_path: Path) -> None:
    """Windows at an endpoint without `max_chars` are refused, because its limit is unknown."""
    with pytest.raises(ConfigError, match="long: window needs 'max_chars'"):
        embedding("far", long="window", config=a_config(tmp_path, "http://localhost/v1"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "models/x", "max_chars": 5}, "'max_chars' is for endpoints"),
        ({}, r"either 'path' \(a folder\) or 'base_url' \(an endpoint\)"),
        ({"path": "models/x", "base_url": "http://localhost/v1"}, "either 'path'"),
        ({"base_url": "http://localhost/v1", "model": None}, "'model' is missing"),
        ({"base_url": "ftp://localhost", "model": "e"}, "expected an http or https address"),
        ({"base_url": "http://user:pw@localhost/v1", "model": "e"}, "only scheme, host and path"),
    ],
)
def test_mistakes(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    """An embedder with neither a folder nor an address is an error that names its table."""
    config = Config(root=tmp_path, embedders={"far": EmbedderConfig(**settings)})
    with pytest.raises(ConfigError, match=rf"^\[tool\.evalharness\.embedders\.far\]: .*{message}"):
        embedding("far", config=config)


def test_other_endpoint_other_signature(tmp_path: Path) -> None:
    """Scores of two endpoints, or of two models of an endpoint, are not comparable."""
    configs = [
        a_config(tmp_path, "http://localhost:1/v1"),
        a_config(tmp_path, "http://localhost:2/v1"),
        a_config(tmp_path, "http://localhost:1/v1", model="f"),
    ]
    assert len({embedding("far", config=config).signature for config in configs}) == 3
