"""A third party's provider runs a suite under pytest and through `evaluate()`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from extensions.provider import Shout

import evalharness
from evalharness import Evaluation, Sample

CONFIG = """
[tool.evalharness.models.loud]
provider = "shout"
suffix = "?!"
throttled = 1
"""
SUITE = """
schema: 1
models: [loud]
prompts: {plain: [{user: "{{ word }}"}]}
metrics: [exact]
cases: [{id: one, vars: {word: hello}}, {id: two, vars: {word: bye}}]
"""
RunSuite = Callable[[str, str], list[Sample]]


@pytest.fixture(autouse=True)
def project(pytester: pytest.Pytester) -> None:
    """A project whose model is the third party's."""
    pytester.makefile(".toml", pyproject=CONFIG)
    for name, text in (("suites", SUITE), ("golden", "one: ['HELLO?!']\ntwo: ['BYE?!']\n")):
        pytester.mkdir(name).joinpath("loud.yaml").write_text(text)


def evaluated(pytester: pytest.Pytester, **options: object) -> Evaluation:
    """`evaluate("loud")` in the folder of the test."""
    config = evalharness.load_config(pytester.path)
    return evalharness.evaluate("loud", config=config, **options)  # type: ignore[arg-type]


def test_it_runs_and_replays(run_suite: RunSuite) -> None:
    """The first run calls the provider, retries included; the second one replays and forbids model calls."""
    first, second = run_suite("loud", "once"), run_suite("loud", "none")
    for samples in (first, second):
        assert [sample.response.text for sample in samples if sample.response] == ["HELLO?!", "BYE?!"]
        assert [sample.scores[0].value for sample in samples] == [1.0, 1.0]
    assert sorted(sample.attempts for sample in first) == [1, 2]
    assert [sample.attempts for sample in second] == [0, 0]
    assert all(sample.recorded_at for sample in second)


def test_identity_is_part_of_the_key(pytester: pytest.Pytester) -> None:
    """Another option of the provider finds no recorded response."""
    evaluated(pytester)
    pytester.makefile(".toml", pyproject=CONFIG.replace('"?!"', '"..."'))
    errors = [sample.error for sample in evaluated(pytester, record="none").samples]
    assert [error.kind for error in errors if error] == ["not recorded", "not recorded"]


def test_capabilities_bound_the_plan(pytester: pytest.Pytester) -> None:
    """A deterministic model is sampled once per case, whatever `repeat` is."""
    evaluation = evaluated(pytester, models={"loud": Shout()}, repeat=3)
    assert len(evaluation.samples) == 2
    assert evaluation.run.header.deterministic == ("loud",)
