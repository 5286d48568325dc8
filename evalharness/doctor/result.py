"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "missing", "broken"]
Section = Literal[
    "installed",
    "configuration",
    "extensions",
    "suites",
    "models",
    "embedders",
    "cross-encoders",
    "repository",
    "ledger",
]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The status of one thing, and what to do about it."""

    section: Section
    status: Status
    text: str
    """What is there, or what is wrong and what to do. Contains untrusted text: encode it for output."""
    needed: bool = False
    """Whether a suite of this project needs it."""

    @property
    def blocking(self) -> bool:
        """Whether this keeps a suite from running."""
        return self.needed and self.status != "ok"
