"""Whether an answer says only what its contexts say, by a local model of entailment instead of a judge.

The share of the claims (sentences that are no question and no heading) that follow from a context, as SummaC does for
summaries (Laban et al. 2022, arXiv:2111.09525): a claim counts if the model gives it the probability `threshold` with
one window of one context. A claim that only two contexts together support does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError, MissingExtraError
from evalharness.records import NotApplicable, Score
from evalharness.scoring.metrics import sentences
from evalharness.scoring.metrics.base import Metric, Result, SampleView, of_result, signature
from evalharness.scoring.metrics.local_cross_encoder import CrossEncoderModel
from evalharness.scoring.metrics.traces import contexts_of

_SHOWN, _SHOWN_CHARS = 3, 80


def grounded(model: str, *, threshold: float = 0.5, config: Config) -> Metric:
    """Return a metric: the share of an answer's claims that follow from its contexts.

    `model` names a table `[tool.evalharness.cross_encoders.NAME]`: a cross-encoder for natural language inference in a
    folder. A claim follows if the model gives entailment at least the probability `threshold`. An answer without
    claims, or a refusal, has nothing to score. Raises ConfigError for an unknown model, a missing folder, or one
    without a label for entailment; MissingExtraError without sentence-transformers; ValueError for a threshold outside
    of (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: expected a probability above 0 and at most 1, got {threshold:g}")
    opened = _opened(model, config)
    written = signature("grounded", model=opened.fingerprint[:12], threshold=threshold, claims=sentences.RULES, v=1)

    def score(view: SampleView) -> Result:
        claims = [one for one in sentences.sentences(view.text) if sentences.is_claim(one)]
        if not claims or view.response.refusal:
            return NotApplicable("no claims", "grounded")
        found = opened.entailed([one.text for one in contexts_of(view.response)], claims)
        holds = [probability >= threshold for probability in found.probabilities]
        note = "" if found.is_whole else "the model read only the start of a long sentence"
        explanation = _explained(claims, found.probabilities, holds)
        parts = {"entailed": sum(holds), "claims": len(claims)}
        return Score("grounded", sum(holds) / len(claims), written, explanation, parts, note)

    return of_result("grounded", written, score, warm_up=opened.load)


def _opened(name: str, config: Config) -> CrossEncoderModel:
    settings = config.cross_encoder(name)
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("the metric grounded", "sentence-transformers", "embeddings")
    try:
        folder = resolve_path(settings.path, config.root).resolve()
        return _loaded_once(folder, settings.batch_size, settings.label)
    except ConfigError as error:
        raise ConfigError(f"[tool.evalharness.cross_encoders.{name}]: {error}") from None


@cache
def _loaded_once(folder: Path, batch_size: int, label: str | None) -> CrossEncoderModel:
    return CrossEncoderModel(folder, batch_size, label)


def _explained(claims: Sequence[str], probabilities: Sequence[float], holds: Sequence[bool]) -> str:
    lacking = [(one, share) for one, share, held in zip(claims, probabilities, holds, strict=True) if not held]
    lines = [f"{sum(holds)} of {len(claims)} claims follow from a context"]
    lines += [f"not: {_shown(claim)} (probability {share:g})" for claim, share in lacking[:_SHOWN]]
    return "; ".join(lines)


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")
