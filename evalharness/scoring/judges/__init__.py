"""Judges: models that answer a typed question about a sample with probabilities. Open one by its configured name."""

from __future__ import annotations

from typing import Any, cast

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.redaction import shortened
from evalharness.scoring.judges.base import Judge, Opinion, Probabilities, Question

__all__ = ["Judge", "Opinion", "Probabilities", "Question", "open_judge"]


def open_judge(name: str, config: Config) -> Judge:
    """Return the judge of `[tool.evalharness.judges.NAME]`, with its options.

    Raises ConfigError: no such judge, kind of judge or option, with near names, or a refused value.
    """
    settings = config.judge(name)
    try:
        return _checked(registry.make("judges", settings.judge, settings.options, config=config))
    except (LookupError, TypeError, ValueError, ConfigError) as error:
        message = error.args[0] if error.args else error
        raise ConfigError(f"[tool.evalharness.judges.{name}]: {message}") from None


def _checked(judge: Any) -> Judge:
    """Return what a factory of another package made. Raises TypeError for a member of another type."""
    signature, models, each = judge.signature, judge.models, judge.requests_each
    if not isinstance(signature, str) or not signature.strip():
        raise TypeError(f"signature: expected a text that is not empty, got {shortened(repr(signature), 100)}")
    if not isinstance(models, tuple | list) or not all(isinstance(one, str) for one in models):
        raise TypeError(f"models: expected a tuple of names, got {shortened(repr(models), 100)}")
    if type(each) is not int or each < 0:
        raise TypeError(f"requests_each: expected a number from 0, got {shortened(repr(each), 100)}")
    return cast("Judge", judge)
