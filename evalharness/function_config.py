"""Code of the project that the configuration names: `[tool.evalharness.checks.NAME]`, `metrics.NAME`, `prompts.NAME`.

[tool.evalharness.checks.is_german]
call = "checks:is_german"
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FunctionConfig(BaseModel):
    """A function of the project that checks or scores responses, and its options."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)
    call: str
    """`MODULE:FUNCTION`, below the root."""
    path: list[str] = ["."]
    """The folders that the module is imported from."""
    env: list[str] = []
    """The only variables of the environment that the function sees."""
    deadline_s: float = Field(default=30, gt=0, le=86_400)
    """Seconds for one call."""
    identity_files: list[str] = []
    """Patterns of further files that a result depends on, such as data."""

    @property
    def options(self) -> dict[str, Any]:
        """Return the options that the function gets as keyword arguments."""
        return dict(self.model_extra or {})


class PromptConfig(BaseModel):
    """A named prompt in the project's code."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    python: str
    """`MODULE:NAME` of a constant, or of a function of the variables."""
    path: tuple[str, ...] = (".",)
    """The folders to import from, relative to the root."""
    env: tuple[str, ...] = ()
    """The variables of the environment that the code sees."""


class FunctionElsewhere(FunctionConfig):
    """A function of another version of the project: a suite may name it, and nothing calls it."""
