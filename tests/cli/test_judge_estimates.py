"""What a run says about the requests of judges before the first one."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from evalharness import evaluate, load_config, load_suite
from evalharness.cli import main
from evalharness.evaluation.metric_requests import metric_requests
from evalharness.evaluation.plan import make_plan
from evalharness.testing import Project

CONFIG = """\
[tool.evalharness.models.shop]
provider = "scripted"
answers = {"*" = "Gladly."}
[tool.evalharness.models.critic]
provider = "scripted"
answers = {"*" = {text = "yes", decision = "yes"}}
PRICE
"""
SUITE = """\
schema: 1
models: [shop]
params: {max_tokens: 100}
prompts: {plain: [{user: "{{ word }}?"}]}
metrics:
  - judge: {name: polite, model: critic, ask: "Is it polite?"MORE}
cases: [CASES]
"""
NEW = "if every answer is new and has max_tokens"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a shop and a critic."""
    return Project(tmp_path)


def write(project: Project, more: str = "", *, price: str = "", cases: int = 3) -> None:
    """Write a suite with one judge."""
    named = ", ".join(f"{{id: c{number}, vars: {{word: w{number}}}}}" for number in range(cases))
    project.write("pyproject.toml", CONFIG.replace("PRICE", price))
    project.write("suites/demo.yaml", SUITE.replace("MORE", more and f", {more}").replace("CASES", named))


def messages(project: Project, **options: float) -> list[str]:
    """The lines about metrics that `evaluate` gives before its first request."""
    found: list[str] = []
    evaluate("demo", config=load_config(project.root), on_message=found.append, **options)  # type: ignore[arg-type]
    return [line for line in found if "metric" in line]


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ("", "3 requests"),
        ("votes: 5", "15 requests"),
        ("think: true", "6 requests"),
        ("each: sentence", "15 requests"),  # five sentences of 20 tokens in each answer
        ("each: sentence, think: true", "30 requests"),
    ],
)
def test_number_of_requests(project: Project, more: str, count: str) -> None:
    """The number has the votes, both rounds of a judge that thinks, and the sentences of a long answer."""
    write(project, more)
    assert messages(project) == [f"llm: {count} of metric polite to critic {NEW}"]


def test_price(project: Project) -> None:
    """With a price of the judge, the line has the dollars of the longest responses: here 4 tokens each."""
    write(project, price="price = {input = 0, output = 1_000_000}")
    assert messages(project) == [f"llm: 3 requests of metric polite to critic {NEW}: about $12.00"]
    write(project, "think: 96", price="price = {input = 0, output = 1_000_000}")
    assert messages(project) == [f"llm: 6 requests of metric polite to critic {NEW}: about $300.00"]


def test_what_only_answers_have(project: Project) -> None:
    """The number is unknown where the judge sees what only an application returns."""
    write(project, "sees: [context]")
    message = "an unknown number of requests of metric polite to critic: the answers decide"
    assert messages(project) == [f"llm: {message}"]


def test_a_budget_stops_judges(project: Project) -> None:
    """A judge's request beyond the budget is an error of its sample, never a score."""
    write(project, price="price = {input = 0, output = 1_000_000}")
    priced = "[tool.evalharness.models.shop]\nprice = {input = 0, output = 0}"
    text = (project.root / "pyproject.toml").read_text().replace("[tool.evalharness.models.shop]", priced)
    project.write("pyproject.toml", text)
    samples = evaluate("demo", config=load_config(project.root), budget_usd=5).samples
    (stopped,) = [sample for sample in samples if sample.error]  # $1 and $1 are spent, and the third may cost $4
    assert "polite: no response of 'critic': budget: skipped" in str(stopped.error)
    assert [len(sample.scores) for sample in samples if not sample.error] == [1, 1]
    assert not stopped.scores


def test_a_large_suite(project: Project) -> None:
    """Of many requests some stand for all."""
    write(project, "votes: 2", cases=1_100)
    plan = make_plan(load_suite("demo", project.config), project.config)
    (found,) = metric_requests(plan, [request for _, request in plan.requests])
    assert found.count == 2_200
    assert list(metric_requests(plan, [])) == []


def test_cases_without_a_question(project: Project) -> None:
    """A metric sends nothing for the cases that it does not concern."""
    write(project)
    text = (project.root / "suites/demo.yaml").read_text()
    text = text.replace(', ask: "Is it polite?"', "").replace("w1}}", 'w1}, judge: {polite: "Is it kind?"}}')
    project.write("suites/demo.yaml", text)
    assert messages(project) == [f"llm: 1 request of metric polite to critic {NEW}"]


def test_every_door(project: Project) -> None:
    """The command, the doctor and pytest say the same."""
    write(project)
    done = CliRunner().invoke(main, ["--root", str(project.root), "run", "demo"])
    assert f"llm: 3 requests of metric polite to critic {NEW}" in done.stderr, done.output
    done = CliRunner().invoke(main, ["--root", str(project.root), "doctor"])
    assert f"3 requests of metric polite to critic {NEW}" in " ".join(done.output.split())


def test_nothing_without_requests(project: Project) -> None:
    """A run that sends nothing, and a suite without judges, have no such line."""
    write(project)
    assert messages(project, record="none") == []  # type: ignore[arg-type]
    project.write(
        "suites/demo.yaml",
        SUITE.partition("metrics:")[0] + "metrics: [{length: {min_chars: 1}}]\ncases: [{id: a, vars: {word: w}}]\n",
    )
    assert messages(project) == []
