"""An application as a function of the case, and a suite of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from evalharness.evaluation.api import Evaluation
from evalharness.providers.answer import response_of
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Sample, Timing
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

GATE = 0.05


class Answers(Project):
    """A suite whose answers are objects as those of an application: `{"text": ..., "contexts": [...]}`."""

    def __init__(self, root: Path, metrics: Sequence[Any], cases: Mapping[str, Mapping[str, Any]]) -> None:
        """`cases`: the variables of each case."""
        super().__init__(root)
        name = metrics[0] if isinstance(metrics[0], str) else next(iter(metrics[0]))
        rows = [{"id": case, "vars": {"question": f"{case}?", **variables}} for case, variables in cases.items()]
        self.write_suite({}, cases=rows, metrics=list(metrics), gates=[{"metric": name, "margin": GATE}])
        self.write("golden/demo.yaml", "{}\n")

    def answers(self, given: Mapping[str, Any], **arguments: Any) -> Evaluation:
        """Evaluate these answers by case; `*` is that of all other cases."""
        model = ScriptedProvider(
            lambda request: response_of(given.get(request.key.case, given.get("*")), Timing(0.1))  # type: ignore[arg-type]
        )
        return self.evaluate(models={"scripted": model}, **arguments)

    def sample(self, answer: Mapping[str, Any]) -> Sample:
        """The sample of the only case."""
        return self.answers({"*": answer}, baseline="none").samples[0]


def answers_of(root: Path, metric: Any, monkeypatch: Any, cases: Mapping[str, Mapping[str, Any]]) -> Answers:
    """A suite outside of CI, with a cache of its own."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
    return Answers(root / "project", [metric], cases)


def asserting(root: Path, monkeypatch: Any, *checks: Any, **keys: Any) -> Answers:
    """A suite of two cases with these assertions."""
    project = answers_of(root, {"length": {"min_chars": 1}}, monkeypatch, {"c0": {}, "c1": {}})
    suite = yaml.safe_load(project.read("suites/demo.yaml")) | {"assert": list(checks)} | keys
    project.write("suites/demo.yaml", yaml.safe_dump(suite, sort_keys=False))
    return project
