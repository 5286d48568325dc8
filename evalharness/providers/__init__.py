"""From a request to a response: one file for each kind of endpoint."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import cast

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError, ModelUnavailableError, ProviderError, did_you_mean
from evalharness.providers.base import Provider
from evalharness.providers.capabilities import Capabilities

__all__ = ["Capabilities", "Provider", "check_provider", "open_provider", "refusal_of"]


def open_provider(name: str, config: Config) -> Provider:
    """Return the provider of the model `name`. Raises ConfigError: an unknown name or an invalid option."""
    model = config.model(name)
    options = model.options
    table = f"[tool.evalharness.models.{name}]"
    try:
        factory = registry.find("providers", model.provider)
    except (LookupError, ConfigError) as error:
        raise ConfigError(f"{table}: {error.args[0]}") from None
    if problem := _problem(registry.options(factory), options):
        raise ConfigError(f"{table}: {problem}")
    given = {"config": config} if "config" in inspect.signature(factory).parameters else {}
    what = f"the provider '{model.provider}'"
    try:
        made = registry.run_factory(what, lambda: factory(**options, **given))
        return check_provider(what, made)
    except (TypeError, ValueError, ConfigError) as error:
        place = f"pyproject.toml:{line}: " if (line := getattr(error, "line", 0)) else ""
        raise ConfigError(f"{place}{table}: {error}") from None


def check_provider(what: str, made: object) -> Provider:
    """Return the object as a provider. Raises ConfigError for an object that is none."""
    try:
        registry.check_members("providers", what, made)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    provider = cast("Provider", made)
    if not isinstance(provider.capabilities, Capabilities):
        raise ConfigError(f"{what}: 'capabilities' must be a Capabilities, got {type(provider.capabilities).__name__}")
    return provider


def refusal_of(provider: Provider) -> ProviderError | None:
    """Return the error of every request to this provider, known without sending any; None if there is none."""
    declared = provider.capabilities
    return ModelUnavailableError(declared.refusal, kind=declared.refusal_kind) if declared.refusal else None


def _problem(known: Mapping[str, inspect.Parameter], given: Mapping[str, object]) -> str:
    """Return the first unknown or missing option, "" for none."""
    for option in given:
        if option not in known:
            return f"unknown key '{option}'{did_you_mean(option, known)}"
    missing = [option for option, p in known.items() if p.default is p.empty and option not in given]
    if missing and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return f"'{missing[0]}' is missing"
    return ""
