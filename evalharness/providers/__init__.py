"""Request -> Response: one file for each way to reach a model."""

from __future__ import annotations

import inspect
from typing import cast

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError, did_you_mean
from evalharness.providers.base import Provider, unaccepted

__all__ = ["Provider", "open_provider", "unaccepted"]


def open_provider(name: str, config: Config) -> Provider:
    """The provider of the model `name`. Raises ConfigError: no such model, provider or option, or a refused value."""
    model = config.model(name)
    table = f"[tool.evalharness.models.{name}]"
    try:
        factory = registry.find("providers", model.provider)
    except LookupError as error:
        raise ConfigError(f"{table}: {error.args[0]}") from None
    known = registry.options(factory)
    for option in model.options:
        if option not in known:
            raise ConfigError(f"{table}: unknown key '{option}'{did_you_mean(option, known)}")
    missing = [option for option, p in known.items() if p.default is p.empty and option not in model.options]
    if missing and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        raise ConfigError(f"{table}: '{missing[0]}' is missing")
    given = {"config": config} if "config" in inspect.signature(factory).parameters else {}
    try:
        return cast("Provider", factory(**model.options, **given))
    except (TypeError, ValueError, ConfigError) as error:
        raise ConfigError(f"{table}: {error}") from None
