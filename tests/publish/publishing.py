"""A project with destinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from evalharness.config import Config
from evalharness.publish import Delivery, deliver, open_destinations
from evalharness.report import Outcome
from evalharness.testing import Project, baseline, outcome, run, sample

SECRET = "s3cret-T0kenOfTheChannel"
"""The last part of the address in SECRET_URL."""
JOB_VARIABLES = ("GITHUB_SERVER_URL", "CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL")


class Publishing(Project):
    """A project with an accepted run of 40 cases and destinations."""

    def publish_to(self, **tables: Mapping[str, Any]) -> None:
        """Write `[tool.evalharness.publish.NAME]` for each name."""
        self.configure()
        lines = []
        for name, table in tables.items():
            lines += [f"[tool.evalharness.publish.{name}]", *(f"{key} = {toml(value)}" for key, value in table.items())]
        self.write("pyproject.toml", self.read("pyproject.toml") + "\n".join(lines) + "\n")

    def get_worse(self) -> None:
        """Let the next run fail."""
        self.answer({"*": "No."})


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f'"{name}" = {toml(inner)}' for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool | int | float) else f'"{value}"'


@cache
def failed() -> Outcome:
    """A run of 40 cases that fails."""
    cases = [f"case-{number}" for number in range(40)]
    before = run([sample(name) for name in cases], id="accepted")
    made = outcome(run([sample(name, "No.", scores={"exact": 0.0}) for name in cases]), baseline(before))
    assert made.status == "fail"
    return made


def send(outcomes: Sequence[Outcome], root: Path = Path(), **tables: Mapping[str, Any]) -> list[Delivery]:
    """What becomes of outcomes at these destinations, each a table of `[tool.evalharness.publish]`."""
    config = Config.model_validate({"root": root, "publish": tables})
    return deliver(outcomes, open_destinations(tables, config))
