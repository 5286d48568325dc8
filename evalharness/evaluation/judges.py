"""Whether the models of judge metrics can answer their requests, before the first request is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalharness.errors import ConfigError
from evalharness.providers import Provider
from evalharness.providers.decisions import alike_first_words
from evalharness.records import Params
from evalharness.scoring.metrics import Metric
from evalharness.suites.specs import ITSELF

_OWN_TEMPERATURE = Params(temperature=None)


def check_judges(file: str, metrics: Sequence[Metric], judges: Mapping[str, Provider], models: Sequence[str]) -> None:
    """Raise ConfigError for a model that cannot judge as a metric of the suite asks it to.

    `models`: those whose answers are scored.
    """
    for metric in metrics:
        for model in metric.models:
            for problem in _problems(metric, model, judges[model], models):
                raise ConfigError(f"{file}: metrics: {metric.name}: {problem}")


def _problems(metric: Metric, model: str, provider: Provider, models: Sequence[str]) -> Iterator[str]:
    asks, how = metric.asks, provider.capabilities
    if model in models and not asks.itself:
        yield ITSELF.format(model)
    if asks.choices and not how.decides:
        yield f"the model '{model}' returns no probabilities of choices: set votes: 5, or name another model"
    alike = alike_first_words(asks.choices) if how.decides == "first token" else None
    if alike:
        one, other = alike
        yield f"'{one}' and '{other}' start with the same word, and the model '{model}' decides by its first token"
    if asks.votes and not how.repeats_differ(_OWN_TEMPERATURE):
        yield f"the model '{model}' gives the same answer to each of {asks.votes} votes: remove votes"
