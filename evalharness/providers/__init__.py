"""Request -> Response: one file for each way to reach a model."""

from __future__ import annotations

import inspect
from typing import cast

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.providers.base import Provider

__all__ = ["Provider", "open_provider"]


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
            raise ConfigError(f"{table}: unknown key '{option}'{registry.did_you_mean(option, known)}")
    given = {"config": config} if "config" in inspect.signature(factory).parameters else {}
    try:
        return cast("Provider", factory(**model.options, **given))
    except (TypeError, ValueError, ConfigError) as error:
        raise ConfigError(f"{table}: {error}") from None
