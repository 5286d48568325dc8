"""Judges: models that answer a typed question about a sample with probabilities. Open one by its configured name."""

from __future__ import annotations

from typing import cast

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.scoring.judges.base import Judge, Opinion, Probabilities, Question

__all__ = ["Judge", "Opinion", "Probabilities", "Question", "open_judge"]


def open_judge(name: str, config: Config) -> Judge:
    """Return the judge of `[tool.evalharness.judges.NAME]`, with its options.

    Raises ConfigError: no such judge, kind of judge or option, with near names, or a refused value.
    """
    settings = config.judge(name)
    try:
        return cast("Judge", registry.make("judges", settings.judge, settings.options, config=config))
    except (LookupError, TypeError, ValueError, ConfigError) as error:
        message = error.args[0] if error.args else error
        raise ConfigError(f"[tool.evalharness.judges.{name}]: {message}") from None
