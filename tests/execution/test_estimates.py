"""What requests can cost, before they are sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.evaluation import estimates
from evalharness.evaluation.evaluation import open_evaluation
from evalharness.evaluation.options import EvaluationOptions
from evalharness.evaluation.resources import Resources
from evalharness.testing import Project

CASES = 30
MODEL = """\
[tool.evalharness.models.{name}]
provider = "scripted"
answers = {{"*" = "Yes."}}
price = {{input = 1, output = 2}}
"""
SUITE = """\
schema: 1
models: [fake, other]
prompts: {plain: [{user: "Question {{ number }}?"}]}
metrics: [exact]
cases:
"""


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    """The resources of a suite with two models that have a price, and requests of one length."""
    project = Project(tmp_path)
    project.write("pyproject.toml", "".join(MODEL.format(name=name) for name in ("fake", "other")))
    cases = "".join(f"  - {{id: c{number}, vars: {{number: {number + 10}}}}}\n" for number in range(CASES))
    project.write("suites/demo.yaml", SUITE + cases)
    project.write("golden/demo.yaml", "".join(f'c{number}: "Yes."\n' for number in range(CASES)))
    resources = Resources(project.config, EvaluationOptions(baseline="none"), ("demo",))
    open_evaluation("demo", resources)
    return resources


def lines(resources: Resources) -> list[str]:
    """The lines for all planned requests, each model's as one."""
    (plan,) = resources.plans
    found = list(resources.estimates([(plan, plan.requests.alone())]))
    return [one + other.strip() for one, other in zip(found[::2], found[1::2], strict=True)]


def test_some_requests_stand_for_many(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large plan some requests are made, and the lines say how many; the sums are those of all."""
    exact = lines(resources)
    assert [line.partition(":")[2].partition(":")[0] for line in exact] == [
        f" {CASES} requests to fake",
        f" {CASES} requests to other",
    ]
    monkeypatch.setattr(estimates, "MOST_HELD", 2 * CASES - 1)
    monkeypatch.setattr(estimates, "_STAND_FOR_ALL", 10)
    assert lines(resources) == [
        line.replace("without retries;", "without retries, judging by 5 of them;") for line in exact
    ]
