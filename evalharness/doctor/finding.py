"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "missing", "broken"]
Section = Literal["installed", "configuration", "suites", "models", "embedders", "repository", "ledger"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    section: Section
    status: Status
    text: str
    """What it is, or what is wrong and what to do; untrusted parts are not encoded yet."""
    needed: bool = False
    """Whether a suite of this project needs it."""

    @property
    def bad(self) -> bool:
        """Whether a suite cannot run as it should."""
        return self.needed and self.status != "ok"
