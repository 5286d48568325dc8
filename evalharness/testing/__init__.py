"""The public test kit: for tests of suites, metrics, providers, gates and report formats.

    from evalharness.testing import score

    def test_my_metric():
        assert score(my_metric(), "Two words", "two words") == 1.0

| you test | use |
|---|---|
| a metric | `score` |
| a gate or a report format | `sample`, `run`, `baseline`, `outcome` |
| a provider | `complete`, `request`, `FaultServer` |
| a suite, or an extension as its users see it | `Project`, the fixture `llm_project` |

Nothing else in the package imports this one. The fixtures need `pytest_plugins = ["evalharness.testing.fixtures"]`.
"""

from __future__ import annotations

from evalharness.providers.scripted import ScriptedProvider
from evalharness.testing.builders import (
    accepted_run,
    baseline,
    baseline_sample,
    case,
    request,
    response,
    run,
    sample,
)
from evalharness.testing.completion import complete
from evalharness.testing.fault_server import FaultServer
from evalharness.testing.outcomes import outcome
from evalharness.testing.project import Project
from evalharness.testing.scoring import score

__all__ = [
    "FaultServer",
    "Project",
    "ScriptedProvider",
    "accepted_run",
    "baseline",
    "baseline_sample",
    "case",
    "complete",
    "outcome",
    "request",
    "response",
    "run",
    "sample",
    "score",
]
