"""Where the outcome of an evaluation goes. The package `publish` is imported on first use: few runs publish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalharness.config import Config

if TYPE_CHECKING:
    from evalharness.evaluation.evaluation import Evaluation
    from evalharness.publish import Opened


def open_named(names: Sequence[str], config: Config) -> tuple[Opened, ...]:
    """The configured destinations of these names. Raises ConfigError."""
    if not names:
        return ()
    from evalharness.publish import open_destinations

    return open_destinations(names, config)


def publish(evaluation: Evaluation) -> None:
    """Send the outcome where the options say; what fails is a warning of the outcome."""
    if evaluation.options.publish and evaluation.outcome:
        from evalharness.publish import publish_all

        (evaluation.outcome,) = publish_all([evaluation.outcome], evaluation.options.publish)
