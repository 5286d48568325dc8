"""The plan of an evaluation: a suite, its models and prompts, and every request."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from evalharness.config import Config
from evalharness.errors import ConfigError, EvalHarnessError, did_you_mean
from evalharness.evaluation.judges import check_judges
from evalharness.evaluation.planned_requests import PlannedRequests
from evalharness.execution.pricing import Pricing, pricing_of
from evalharness.foreign import describe
from evalharness.providers import Provider, check_provider, open_provider
from evalharness.records import Case, KeyGrid, Request, RunHeader, SampleKey, Suite
from evalharness.scoring.metrics import Metric, open_metric
from evalharness.scoring.scorer import Scorer
from evalharness.store import environment, machine_class
from evalharness.suites import RequestMaker, digest, prompt_digest
from evalharness.suites.stored_cases import by_id, ids_of, with_all_checks


@dataclass(frozen=True)
class Plan:
    """One suite with opened models and metrics. No request is sent yet."""

    suite: Suite
    config: Config
    prompts: tuple[str, ...]
    providers: Mapping[str, Provider]
    """By model, in the order of the requests."""
    metrics: tuple[Metric, ...]
    repeats: Mapping[str, int]
    """Samples per case for each model; a deterministic model gives one."""
    metric_models: Mapping[str, Provider] = field(default_factory=dict)
    """The models that metrics send requests to."""
    accepted: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    """The latest accepted answer by model, prompt and case, for metrics that compare with it."""

    @cached_property
    def requests(self) -> PlannedRequests:
        """Every request with its case, in the order of sending.

        Only a metric on likelihoods adds the golden answers to the requests.
        """
        return PlannedRequests(self.planned, self.cases, self._request)

    @cached_property
    def _maker(self) -> RequestMaker:
        return RequestMaker(self.suite, self.config.limits)

    def _request(self, case: Case, key: SampleKey) -> Request:
        request = self._maker.request(case, key)
        request = request if request.is_single else self._without_turns(request)
        needs_golden = any(metric.golden_likelihood for metric in self.metrics)
        return replace(request, golden=case.golden) if needs_golden else request

    @cached_property
    def planned(self) -> KeyGrid:
        """The keys of all requests."""
        return KeyGrid(ids_of(self.suite.cases), self.prompts, {name: self.repeats[name] for name in self.providers})

    def _without_turns(self, request: Request) -> Request:
        """The request; one answer alone if a test gives the answers and leads the conversation."""
        is_given = not self.providers[request.key.model].capabilities.repeatable
        return replace(request, dialogue=None, user=None, world=None) if is_given else request

    @cached_property
    def cases(self) -> Mapping[str, Case]:
        """The cases by id."""
        return by_id(self.suite.cases)

    def case(self, name: str) -> Case:
        """The case with this id."""
        return self.cases[name]

    @cached_property
    def scorer(self) -> Scorer:
        """Scores the responses with the metrics of the suite."""
        return Scorer(self.metrics, self.config, with_all_checks(self.suite.cases), self.accepted)

    @cached_property
    def request_digests(self) -> dict[tuple[str, str], str]:
        """By (model, prompt): a digest of model, prompt and parameters. Runs of equal digest may share a baseline."""
        return {
            (model, prompt): digest([self.models[model], self.prompt_digests[prompt]])
            for model in self.providers
            for prompt in self.prompts
        }

    @cached_property
    def models(self) -> dict[str, dict[str, object]]:
        """The identity of each model."""
        return {model: _identity(model, provider) for model, provider in self.providers.items()}

    @cached_property
    def pricing(self) -> dict[str, Pricing]:
        """The price of each model that has one."""
        known = self.config.models  # a provider that a program passes is in none of them
        found = {
            model: pricing_of(known[model].price if model in known else None, provider)
            for model, provider in {**self.metric_models, **self.providers}.items()
        }
        return {model: price for model, price in found.items() if price}

    @cached_property
    def prompt_digests(self) -> dict[str, str]:
        """By prompt: a digest of its messages, the suite's variables and the parameters."""
        return {name: prompt_digest(self.suite, name) for name in self.prompts}

    def header(self, where: Mapping[str, Any] | None = None) -> RunHeader:
        """The first line of the run record. `where` is the environment of the run, if it is known."""
        started = datetime.now(UTC)
        return RunHeader(
            id=f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
            suite=self.suite.name,
            file=self.suite.file,
            started_at=started.isoformat(timespec="seconds"),
            models=self.models,
            prompts=self.prompt_digests,
            params=self.suite.params.to_data() | {"stop": list(self.suite.params.stop)},  # as JSON gives it back
            metrics=tuple(metric.name for metric in self.metrics),
            signatures={metric.name: metric.signature for metric in self.metrics},
            questions={metric.name: metric.question for metric in self.metrics if metric.question},
            gates=tuple(gate.rule for gate in self.suite.gates),
            planned=self.planned,
            machine_class=machine_class(),
            environment=dict(where) if where is not None else environment(self.config.root),
            prices={model: price.source for model, price in self.pricing.items()},
            fixed=tuple(name for name, provider in self.providers.items() if provider.capabilities.local),
            deterministic=tuple(name for name, provider in self.providers.items() if not _varies(provider, self.suite)),
        )


def make_plan(
    suite: Suite,
    config: Config,
    *,
    models: Sequence[str] = (),
    prompts: Sequence[str] = (),
    repeat: int = 1,
    opened: dict[str, Provider] | None = None,
    code: Path | None = None,
) -> Plan:
    """A plan for the suite; `models` and `prompts` replace the suite's own lists.

    `opened` holds the models that are open already; this function adds those that it opens. `code` is another version
    of the project, to read configured prompts from.

    Raises ConfigError: an unknown model, prompt or option, a missing model file; MissingExtraError.
    """
    for prompt in prompts:
        if prompt not in suite.prompts:
            raise ConfigError(f"{suite.file} has no prompt '{prompt}'{did_you_mean(prompt, suite.prompts)}")
    if repeat < 1:
        raise ConfigError(f"samples per case: expected at least 1, got {repeat}")
    suite = _with_configured(suite, config, prompts or suite.default_prompts, code)
    opened = {} if opened is None else opened
    wanted = dict.fromkeys(models or suite.models)
    if not wanted:
        raise ConfigError(f"{suite.file}: no model to run: add `models: [NAME]`, or name one for this run")
    providers = {model: _opened(model, config, opened) for model in wanted}
    metrics = tuple(open_metric(spec, config) for spec in suite.metrics)
    metric_models = {model: _opened(model, config, opened) for metric in metrics for model in metric.models}
    identities = {name: _identity(name, one) for name, one in {**metric_models, **providers}.items() if metric_models}
    metrics = tuple(_with_identity(metric, identities) for metric in metrics)
    check_judges(suite.file, metrics, metric_models, identities, tuple(providers))
    for model, provider in providers.items():
        _check_texts(suite, model, provider)
        _check_params(suite, model, provider)
        _check_tools(suite, model, provider)
        _check_attachments(suite, prompts or suite.default_prompts, model, provider)
        _check_golden(suite, model, provider, metrics)
    return Plan(
        suite=suite,
        config=config,
        prompts=tuple(dict.fromkeys(prompts or suite.default_prompts)),
        providers=providers,
        metrics=metrics,
        repeats={name: repeat if _varies(provider, suite) else 1 for name, provider in providers.items()},
        metric_models=metric_models,
    )


def _with_configured(suite: Suite, config: Config, prompts: Sequence[str], code: Path | None) -> Suite:
    """The suite with the texts of these prompts that the project's code has."""
    if not any(suite.prompts[name].configured for name in prompts):
        return suite
    from evalharness.evaluation.configured_prompts import with_configured

    return with_configured(suite, config, prompts, code)


def _varies(provider: Provider, suite: Suite) -> bool:
    """Return whether a second sample of a case can differ from the first."""
    return provider.capabilities.repeats_differ(suite.params)


def _opened(model: str, config: Config, opened: dict[str, Provider]) -> Provider:
    if model not in opened:
        opened[model] = open_provider(model, config)
        return opened[model]
    return check_provider(f"model '{model}'", opened[model])


def _identity(model: str, provider: Provider) -> dict[str, object]:
    try:
        return dict(provider.identity())
    except EvalHarnessError:
        raise
    except Exception as error:  # code of another package
        raise ConfigError(f"model '{model}': identity() raised {describe(error)}") from None


def _with_identity(metric: Metric, identities: Mapping[str, Mapping[str, object]]) -> Metric:
    """The metric, with the identity of its models in its signature."""
    if not metric.models:
        return metric
    identity = digest([identities[model] for model in metric.models])
    return replace(metric, signature=f"{metric.signature}|models:{identity[:12]}")


def _check_params(suite: Suite, model: str, provider: Provider) -> None:
    """Raise ConfigError for a parameter that does not reach the model."""
    refused = provider.capabilities.unsupported(suite.params)
    if refused:
        names = ", ".join(refused)
        raise ConfigError(
            f"{suite.file}: params: the model '{model}' does not support {names}: remove it from the suite, or leave "
            f"it out for this model with omits = {json.dumps(refused)} in [tool.evalharness.models.{model}]"
        )


def _check_texts(suite: Suite, model: str, provider: Provider) -> None:
    """Raise ConfigError for a model that can only judge."""
    if not provider.capabilities.writes:
        raise ConfigError(f"{suite.file}: the model '{model}' writes no text: it can only judge the answers of others")


def _check_tools(suite: Suite, model: str, provider: Provider) -> None:
    """Raise ConfigError for tools that do not reach the model."""
    if suite.tools and not provider.capabilities.tools:
        raise ConfigError(
            f"{suite.file}: tools: the model '{model}' gets no tools: remove `tools` from the suite, or run only "
            "models of the providers openai and anthropic (without `tools` in `extra`), gguf-server (if its chat "
            "template has tools), http (with {{ tools }} in its body) and python (with a parameter `tools`)"
        )


def _check_attachments(suite: Suite, prompts: Sequence[str], model: str, provider: Provider) -> None:
    """Raise ConfigError for pictures and documents that do not reach the model."""
    files = [one for name in prompts for one in suite.prompts[name].attachments.values()]
    for one in files:
        if one.media_type not in provider.capabilities.media_types:
            raise ConfigError(
                f"{suite.file}: the model '{model}' gets no {one.media_type}, such as {one.path}: run only models of "
                "the providers openai and anthropic, or a prompt without it"
            )


def _check_golden(suite: Suite, model: str, provider: Provider, metrics: Sequence[Metric]) -> None:
    """Raise ConfigError if a metric needs likelihoods of golden answers and the model cannot give them."""
    name = next((metric.name for metric in metrics if metric.golden_likelihood), None)
    if name and not provider.capabilities.golden_logprobs:
        raise ConfigError(
            f"{suite.file}: metrics: {name} needs the likelihood of a golden answer, and the model '{model}' does not "
            "return it: remove the metric, or run only models of the provider gguf"
        )
