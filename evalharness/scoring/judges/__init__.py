"""Judges: models that answer a typed question about a sample with probabilities. Open one by its configured name."""

from __future__ import annotations

from typing import Any, cast

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.redaction import shortened
from evalharness.scoring.judges.base import Judge, Opinion, Probabilities, Question

_PARTS = ("signature", "models", "requests_each", "requests", "follow_ups", "decide")
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
    """Return what a factory of another package made. Raises TypeError: it is no judge."""
    if lacks := [name for name in _PARTS if not hasattr(judge, name)]:
        raise TypeError(f"{type(judge).__name__} has no '{lacks[0]}': a judge inherits evalharness.Judge")
    signature, models, each = judge.signature, judge.models, judge.requests_each
    if not isinstance(signature, str) or not signature.strip():
        raise TypeError(f"signature: expected a text that is not empty, got {shortened(repr(signature), 100)}")
    if isinstance(models, str) or not all(isinstance(one, str) for one in models):
        raise TypeError(f"models: expected a tuple of names, got {shortened(repr(models), 100)}")
    if not isinstance(each, int) or each < 0:
        raise TypeError(f"requests_each: expected a number from 0, got {shortened(repr(each), 100)}")
    return cast("Judge", judge)
