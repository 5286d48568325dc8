"""The hard assertion `similar`: an answer is as close in meaning to a text as a threshold says.

assert:
  - similar: {to: "You have 30 days.", model: minilm, threshold: 0.8}

With a list of texts in `to`, the answer is compared with the closest of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalharness.config import Config
from evalharness.errors import CheckError, MetricError, did_you_mean
from evalharness.redaction import shortened
from evalharness.scoring.checks import Check
from evalharness.scoring.metrics.base import SampleView, as_metric_error
from evalharness.scoring.metrics.embedding import Embedder, closeness, open_embedder

_OPTIONS = ("to", "model", "threshold")
_SHOWN_CHARS, _MOST_SHOWN = 60, 3


def similar(value: Any, *, config: Config | None = None) -> Check:
    """Return a check that the cosine of answer and text is at least `threshold` (0.8).

    `model` names a table `[tool.evalharness.embedders.NAME]`, as in the metric `embedding`. A text that is longer than
    the model reads is cut. Raises ValueError for a wrong value, ConfigError and MissingExtraError as `embedding` does.
    """
    texts, model, threshold = read_similar(value)
    embedder = open_embedder(model, config or Config())

    def problem(view: SampleView) -> str | None:
        found = _closeness(embedder, view.text, texts)
        shown = " or ".join(repr(shortened(text, _SHOWN_CHARS)) for text in texts[:_MOST_SHOWN])
        shown += " or ..." if len(texts) > _MOST_SHOWN else ""
        return None if found >= threshold else f"must be at least {threshold:g} similar to {shown}, is {found:g}"

    return Check(
        "similar", value, of_view=problem, identity=f"model {embedder.fingerprint[:12]}", warm_up=embedder.load
    )


def _closeness(embedder: Embedder, answer: str, texts: Sequence[str]) -> float:
    try:
        return closeness(embedder.embed([answer, *texts]), answer, texts)
    except (MetricError, CheckError):
        raise
    except Exception as error:  # of a model's library
        raise CheckError(str(as_metric_error(error))) from None


def read_similar(value: Any) -> tuple[tuple[str, ...], str, float]:
    """The texts, the embedder and the threshold. Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError(f"similar: expected {{to: ..., model: ..., threshold: ...}}, got {value!r}")
    if unknown := [name for name in value if name not in _OPTIONS]:
        raise ValueError(f"similar: unknown key '{unknown[0]}'{did_you_mean(str(unknown[0]), _OPTIONS)}")
    texts = value.get("to")
    texts = tuple(texts) if isinstance(texts, list) and texts else (texts,)
    for name, text in [*(("to", text) for text in texts), ("model", value.get("model"))]:
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"similar: {name}: expected a text, got {text!r}")
    threshold = value.get("threshold", 0.8)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold <= 1:
        raise ValueError(f"similar: threshold: expected a cosine above 0 and at most 1, got {threshold!r}")
    return texts, value["model"], float(threshold)
