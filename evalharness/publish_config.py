"""A configured destination of results: `[tool.evalharness.publish.NAME]`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

When = Literal["failure", "always"]
"""The runs that a destination gets: those with the status FAIL or ERROR, or all."""


class PublishConfig(BaseModel):
    """A named destination: its kind, the runs that it gets, and the options of its kind."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)
    to: str | None = None
    """The kind of destination: `slack`, `teams`, `email`, ... Default: the name of the table."""
    when: When | None = None
    """`failure`: runs with the status FAIL or ERROR. `always`: all runs. Default: that of the kind."""

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of the destination."""
        return dict(self.model_extra or {})
