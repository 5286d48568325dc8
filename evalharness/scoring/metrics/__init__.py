"""Open a metric by the name that a suite uses."""

from __future__ import annotations

from dataclasses import replace

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.records import Spec
from evalharness.scoring.metrics.base import Metric, SampleView, request_to
from evalharness.scoring.metrics.parts import metric_at

__all__ = ["Metric", "SampleView", "open_metric", "request_to"]
BEYOND_TEXTS = {
    *("answer_logprob", "embedding", "golden_logprob", "judge"),
    *("citations", "context_precision", "context_recall", "grounded", "hit_rate", "mrr", "ndcg", "tool_calls"),
}
"""The built-in metrics that read more than texts, or need a model."""


def open_metric(spec: Spec, config: Config) -> Metric:
    """Return the metric that a suite names, with its options.

    Raises LookupError for an unknown name and ValueError for an unknown, missing or wrong option, both with near
    names; ConfigError or MissingExtraError where the metric needs what is not configured or not installed.
    """
    metric = registry.make("metrics", spec.name, spec.options, config=config)
    if not isinstance(metric, Metric):
        raise ValueError(f"the metric '{spec.name}': expected a Metric, got {type(metric).__name__}")
    if not isinstance(metric.signature, str):
        raise ConfigError(f"the metric '{spec.name}': 'signature' must be a str, got {type(metric.signature).__name__}")
    texts_alone = spec if spec.name in registry.BUILT_IN["metrics"].keys() - BEYOND_TEXTS else None
    named = replace(metric, name=spec.score_name, texts_alone=texts_alone)  # gates refer to scores by the suite's word
    return metric_at(named, spec.at) if spec.at else named
