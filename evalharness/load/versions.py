"""The versions of a load test: the suite as it is, and the baseline at a commit or at another address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from evalharness.config import Config
from evalharness.criteria.snapshot import Snapshot
from evalharness.errors import ConfigError
from evalharness.evaluation.plan import Plan, make_plan
from evalharness.load.destination import addresses_of, check_destinations
from evalharness.load.options import LoadOptions
from evalharness.providers import Provider, open_provider
from evalharness.records import Request, Suite
from evalharness.store import commit_at
from evalharness.suites import another_sample, load_suite

_KEYS = ("api_key_env", "key_header", "headers_env", "proxy_env")
"""Options that hold secrets, or the way of one."""


@dataclass(frozen=True, slots=True)
class LoadVersion:
    """One version: its model and its requests, one for each case and prompt."""

    plan: Plan
    provider: Provider
    requests: Sequence[Request]
    is_remote: bool
    """Whether an endpoint takes the requests: it limits them itself."""
    snapshot: Snapshot | None = None
    """Holds the files of the commit while requests run."""


def open_candidate(options: LoadOptions, config: Config) -> LoadVersion:
    """The suite as it is. Raises SuiteError, ConfigError: unreadable, several models, a host that may get no load."""
    suite = _bare(load_suite(options.suite, config))
    model = _model(options, suite)
    addresses = _addresses(model, config)
    check_destinations(addresses, options.hosts, where=f"the model '{model}'")
    plan = make_plan(suite, config, models=[model], prompts=list(options.prompts))
    return LoadVersion(plan, plan.providers[model], _single(plan), bool(addresses))


def open_baseline(options: LoadOptions, candidate: LoadVersion) -> LoadVersion:
    """The version of `--against`. Raises GitError, SuiteError, ConfigError."""
    if options.against.startswith(("http://", "https://")):
        return _at_address(options, candidate)
    return _at_commit(options, candidate)


def common(candidate: LoadVersion, baseline: LoadVersion) -> tuple[LoadVersion, LoadVersion]:
    """Both versions with the cases and prompts that both have. Raises ConfigError: there are none."""
    names = [{(one.key.case, one.key.prompt) for one in version.requests} for version in (candidate, baseline)]
    shared = names[0] & names[1]
    if not shared:
        raise ConfigError("--against: the baseline has no case and prompt of this suite")
    ours, theirs = (
        replace(version, requests=[one for one in version.requests if (one.key.case, one.key.prompt) in shared])
        for version in (candidate, baseline)
    )
    return ours, theirs


def _at_address(options: LoadOptions, candidate: LoadVersion) -> LoadVersion:
    """The same requests to the same model at another address. Its key stays with the host that it is configured for."""
    (model,) = candidate.plan.providers
    config = candidate.plan.config
    table = config.model(model)
    if not {"base_url", "base_urls"} & table.options.keys():
        raise ConfigError(f"--against: an address needs a model with base_url, and '{model}' has none: name a commit")
    known = {urlsplit(one).hostname or "" for name in config.models for one in _addresses(name, config)}
    check_destinations([options.against], [one for one in options.hosts if one in known], where="--against")
    moved = {name: value for name, value in table.options.items() if name not in ("base_url", "base_urls")}
    if urlsplit(options.against).hostname not in {urlsplit(one).hostname for one in _addresses(model, config)}:
        moved = {name: value for name, value in moved.items() if name not in _KEYS}
    there = type(table)(provider=table.provider, price=table.price, **{**moved, "base_url": options.against})
    provider = open_provider(model, config.model_copy(update={"models": {**config.models, model: there}}))
    return replace(candidate, provider=provider, plan=replace(candidate.plan, providers={model: provider}))


def _at_commit(options: LoadOptions, candidate: LoadVersion) -> LoadVersion:
    """The suite at a commit, under today's configuration; for a model of the project's code, with the code there."""
    config, (model,) = candidate.plan.config, candidate.plan.providers
    commit = commit_at(config.root, options.against)
    snapshot = Snapshot(commit, config.root)
    provider = candidate.provider
    suite = _bare(load_suite(options.suite, config.anchored(snapshot.folder)))
    prompts = [name for name in candidate.plan.prompts if name in suite.prompts]
    if provider.capabilities.own_code or any(suite.prompts[name].configured for name in prompts):
        snapshot.add(commit.names())
    if provider.capabilities.own_code:
        provider = provider.with_code_in(snapshot.folder)
    plan = make_plan(suite, config, models=[model], prompts=prompts, opened={model: provider}, code=snapshot.folder)
    requests = [another_sample(one, 0, "reference") for one in _single(plan)]
    return replace(candidate, plan=plan, provider=provider, requests=requests, snapshot=snapshot)


def _bare(suite: Suite) -> Suite:
    """The suite without what judges answers: a load test measures time alone."""
    return replace(suite, metrics=(), gates=())


def _model(options: LoadOptions, suite: Suite) -> str:
    models = [options.model] if options.model else list(dict.fromkeys(suite.models))
    if len(models) != 1:
        known = f": {', '.join(models)}" if models else ""
        raise ConfigError(f"{suite.file}: expected one model, got {len(models)}{known}: name one with --model")
    return models[0]


def _addresses(model: str, config: Config) -> list[str]:
    table = config.model(model)
    return addresses_of(model, table.provider, _options(table.options))


def _options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in options.items() if name != "proxy_env"}


def _single(plan: Plan) -> list[Request]:
    """The requests that are one call. Raises ConfigError: the suite has conversations or scripted tools alone."""
    found = [request for _, request in plan.requests if request.is_single]
    if not found:
        raise ConfigError(
            f"{plan.suite.file}: no case is a single request: a load test sends neither conversations nor scripted "
            "tools"
        )
    return found
