"""A change that brings the accepted run of its own answers, in each door and with sampled answers."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from repository import Repository
from trust_project import DEMO, GOOD, accepted, answer, swap

from evalharness.cli import main
from evalharness.config import load_config
from evalharness.evaluation.api import evaluate
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

_NOT_PASSED = "this run does not pass all gates against the baseline of the merge base"
_BETTER = swap(DEMO, '"{{ question }} {{ shop }}"', '"{{ shop }}: {{ question }}"')


def relaxing(criteria: list[dict[str, Any]]) -> list[str]:
    """The lines of `verdict.json` that relax the criteria."""
    return [f"{one['what']}: {one['now']}" for one in criteria if one["relaxes"]]


def said(repository: Repository, *words: str) -> tuple[int, str]:
    """The status and the output of a command."""
    done = CliRunner().invoke(main, ["--root", str(repository.root), *words])
    return done.exit_code, done.output


@pytest.fixture
def prompted(pull_request: Repository, prepared: Path) -> Repository:
    """A pull request with a better prompt and the accepted run of its answers."""
    _BETTER(pull_request)
    accepted(pull_request, GOOD)
    pull_request.commit()
    answer(prepared / "outside/answers.json", GOOD)
    return pull_request


def test_each_door(prompted: Repository) -> None:
    """The run, `gate`, `report` and `verify` pass, and list the replaced baseline."""
    evaluation = evaluate("demo", config=load_config(prompted.root))
    assert evaluation.outcome
    assert (evaluation.status, evaluation.outcome.relaxing) == ("pass", [])
    assert [str(one).partition(" 2")[0] for one in evaluation.outcome.criteria] == [
        "baseline fake.plain: replaced: accepted run"
    ]
    report = str(prompted.root / "reports/demo")
    for words in (["gate", report, "--json"], ["report", report, "--format", "json"]):
        status, output = said(prompted, *words)
        assert (status, json.loads(output)["status"]) == (0, "pass")
    status, output = said(prompted, "verify", "demo")
    assert status == 0
    assert output.startswith("VERIFIED demo")


def test_worse_in_each_door(prompted: Repository, prepared: Path) -> None:
    """Accepted answers that are worse than those in CI relax the criteria in all of them."""
    accepted(prompted, "You can return {} in thirty days, perhaps.")
    prompted.commit()
    answer(prepared / "outside/answers.json", GOOD)
    evaluation = evaluate("demo", config=load_config(prompted.root))
    assert evaluation.outcome
    (line,) = map(str, evaluation.outcome.relaxing)
    assert line.endswith(" worse than in this run")
    report = str(prompted.root / "reports/demo")
    status, output = said(prompted, "gate", report, "--json")
    assert (status, relaxing(json.loads(output)["criteria"])) == (6, [line])
    assert said(prompted, "verify", "demo")[0] == 6


@pytest.mark.parametrize("given", [{"baseline": "golden/baselines/demo"}, {"against": "HEAD"}])
def test_compared_with_something_else(prompted: Repository, given: dict[str, str]) -> None:
    """A run that is not compared with the baseline of the merge base says nothing about an acceptance."""
    evaluation = evaluate("demo", config=load_config(prompted.root), **given)  # type: ignore[arg-type]
    assert evaluation.outcome
    (line,) = map(str, evaluation.outcome.relaxing)
    assert line.endswith(_NOT_PASSED)
    assert evaluation.status == "inconclusive"


def test_another_model_is_not_run(prompted: Repository) -> None:
    """An acceptance for a model that this run leaves out relaxes the criteria."""
    evaluation = evaluate("demo", config=load_config(prompted.root), models=["other"])
    assert evaluation.outcome
    assert [str(one).partition("; ")[2] for one in evaluation.outcome.relaxing] == [
        "this run has no samples of this model and prompt"
    ]


NAMES = [f"case-{number}" for number in range(100)]


class Sampled(Project):
    """A repository with a suite whose model answers one case in ten wrongly, each time others."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(root)
        self._monkeypatch, self.random, self.repository = monkeypatch, random.Random(7), Repository(root)
        self.write(".gitignore", "reports/\n.cache/\n")
        self.prompt("{{ question }}")
        self.accept()

    def prompt(self, text: str) -> None:
        """Write the suite with a prompt."""
        prompts = {"plain": [{"user": text}]}
        self.write_suite(dict.fromkeys(NAMES, "Yes."), prompts=prompts, gates=[{"metric": "exact", "margin": "20%"}])
        self.configure(scripted={"provider": "scripted", "answers": str(self.root.parent / "answers.json")})

    def answers(self, wrong: float = 0.1) -> None:
        """Sample new answers."""
        given = {name: "No." if self.random.random() < wrong else "Yes." for name in NAMES}
        (self.root.parent / "answers.json").write_text(json.dumps(given))

    def accept(self, because: str = "", **arguments: Any) -> Any:
        """Accept new answers, outside of CI."""
        self.answers(arguments.pop("wrong", 0.1))
        leave_ci(self._monkeypatch)
        return super().accept(because, **arguments)


@pytest.fixture
def sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sampled:
    """A branch of the repository, after two accepted runs on main."""
    project = Sampled(tmp_path / "shop", monkeypatch)
    project.accept()
    project.repository.commit()
    project.repository.branch()
    return project


@pytest.mark.parametrize("prompt", ["{{ question }}", "Please: {{ question }}"], ids=["unchanged", "changed"])
def test_sampled_answers(sampled: Sampled, monkeypatch: pytest.MonkeyPatch, prompt: str) -> None:
    """Accepted answers that differ from those in CI by chance are those of the run."""
    sampled.prompt(prompt)
    sampled.accept()
    sampled.repository.commit()
    sampled.answers()
    monkeypatch.setenv("CI", "true")
    evaluation = sampled.evaluate(base="main")
    assert evaluation.outcome
    assert ([str(one) for one in evaluation.outcome.relaxing], evaluation.status) == ([], "pass")
    assert len(evaluation.outcome.criteria) == 1


def test_sampled_answers_that_are_worse(sampled: Sampled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepted answers that are worse by more than half of the margin are not."""
    sampled.accept(wrong=0.4)
    sampled.repository.commit()
    sampled.answers()
    monkeypatch.setenv("CI", "true")
    evaluation = sampled.evaluate(base="main")
    assert evaluation.outcome
    (line,) = map(str, evaluation.outcome.relaxing)
    assert "its exact is " in line
    assert "worse than in this run" in line
