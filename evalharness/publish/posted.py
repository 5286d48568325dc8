"""A destination that gets the message of an outcome as one JSON document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.publish.http_target import MODULES, HttpTarget
from evalharness.publish.message import Message, message_of
from evalharness.publish_config import When
from evalharness.report import Outcome
from evalharness.wire import json_bytes


@dataclass(frozen=True, slots=True)
class Posted:
    """Posts what `payload` makes of the message."""

    target: HttpTarget
    payload: Callable[[Message], dict[str, Any]]
    when: When = "failure"
    modules: Sequence[str] = MODULES
    remote: bool = True

    def publish(self, outcome: Outcome) -> None:
        """Post the message. Raises PublishError."""
        self.target.send("POST", json_bytes(self.payload(message_of(outcome))))
