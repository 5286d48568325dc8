"""Whether the models of judge metrics can answer their requests, before the first request is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalharness.errors import ConfigError
from evalharness.providers import Provider
from evalharness.providers.decisions import alike_first_words
from evalharness.records import Params
from evalharness.scoring.metrics import Metric
from evalharness.suites.specs import ITSELF

Identities = Mapping[str, Mapping[str, object]]
"""By the name of a configured model."""
_OWN_TEMPERATURE = Params(temperature=None)
_TWIN = (
    "the models '{}' and '{}' are one, {}, which would judge its own answers: name another model, or allow it with "
    "itself: true"
)


def check_judges(
    file: str, metrics: Sequence[Metric], judges: Mapping[str, Provider], identities: Identities, models: Sequence[str]
) -> None:
    """Raise ConfigError for a model that cannot judge as a metric of the suite asks it to.

    `models`: those whose answers are scored. Two names of one file, or of one model at one address, are one model.
    """
    for metric in metrics:
        for model in metric.models:
            found = [] if metric.asks.itself else _own(model, identities, models)
            for problem in (*found, *_problems(metric, model, judges[model])):
                raise ConfigError(f"{file}: metrics: {metric.name}: {problem}")


def _own(judge: str, identities: Identities, models: Sequence[str]) -> Iterator[str]:
    """Why the answers of these models are the judge's own."""
    if judge in models:
        yield ITSELF.format(judge)
    for model in models:
        if same := _same(identities[judge], identities[model]):
            yield _TWIN.format(judge, model, same)


def _same(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """What two identities share that makes them one model; empty for two models."""
    if one.get("sha256") and one.get("sha256") == other.get("sha256"):
        return f"the file with the SHA-256 {str(one['sha256'])[:12]}"
    addresses = _addresses(one) & _addresses(other)
    if addresses and one.get("model") == other.get("model"):
        return f"'{one.get('model')}' at {min(addresses)}"
    return ""


def _addresses(identity: Mapping[str, object]) -> set[str]:
    urls = identity.get("base_urls")
    return set(map(str, urls)) if isinstance(urls, list | tuple) else set()


def _problems(metric: Metric, model: str, provider: Provider) -> Iterator[str]:
    asks, how = metric.asks, provider.capabilities
    if asks.choices and not how.decides:
        yield f"the model '{model}' returns no probabilities of choices: set votes: 5, or name another model"
    if asks.texts and not how.writes:
        yield f"the model '{model}' writes no text: remove votes or think, or name another model"
    alike = alike_first_words(asks.choices) if how.decides == "first token" else None
    if alike:
        one, other = alike
        yield f"'{one}' and '{other}' start with the same word, and the model '{model}' decides by its first token"
    if asks.votes and not how.repeats_differ(_OWN_TEMPERATURE):
        yield f"the model '{model}' gives the same answer to each of {asks.votes} votes: remove votes"
