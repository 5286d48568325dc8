"""Projects of the public test kit, through all three doors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evalharness.errors import ConfigError
from evalharness.testing import FaultServer, Project, ScriptedProvider
from evalharness.testing.ci import CI_VARIABLES, leave_ci
from evalharness.testing.pytest_project import PytestProject

pytest_plugins = ["evalharness.testing.fixtures"]
MANY = {f"case-{number}": "Yes." for number in range(80)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Eighty cases, enough for a pass."""
    leave_ci(monkeypatch)
    project = Project(tmp_path)
    project.write_suite(MANY)
    return project


def test_evaluate_accept_and_regress(project: Project) -> None:
    """A suite without a baseline, its acceptance, an equal run and a worse one, without pytest."""
    assert project.evaluate().status == "no baseline"
    project.accept()
    assert project.evaluate().status == "pass"
    project.answer({"*": "No."})
    assert project.evaluate().status == "fail"
    assert project.verdict()["status"] == "fail"
    assert {sample.scores[0].value for sample in project.record().samples} == {0.0}


def test_provider_of_the_test(project: Project) -> None:
    """A provider object replaces the configured model."""
    shouting = ScriptedProvider(lambda request: request.messages[-1].content.upper())
    assert project.evaluate(models={"scripted": shouting}).means["scripted", "plain"] == {"exact": 0.0}


def test_recorded_responses_stay_in_the_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python and the command line share recorded responses in the project, and never use the user's own."""
    home = project.root / "home"
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home))
    with FaultServer() as server:
        project.configure(scripted={"provider": "openai", "base_url": server.url, "model": "m"})
        project.evaluate()
        sent = len(server.log)
        project.evaluate()
        project.command("run", "demo")
    assert len(server.log) == sent > 0
    assert not home.exists()


def test_suite_keys(project: Project) -> None:
    """Keys of the suite file replace the default ones, and None leaves one out."""
    project.write_suite({"a": "Yes."}, metrics=["exact", "token_f1"], gates=None, params={"max_tokens": 7})
    evaluation = project.evaluate()
    assert evaluation.means["scripted", "plain"].keys() == {"exact", "token_f1"}
    assert evaluation.verdicts == ()
    assert evaluation.header.params["max_tokens"] == 7


def test_configured_models(tmp_path: Path) -> None:
    """Models are tables of options, nested ones too; a wrong one is an error of the configuration."""
    project = Project(tmp_path)
    project.write_suite()
    project.configure(other={"provider": "scripted", "answers": {"*": ["One.", "Two."]}, "price": {"input": 0.5}})
    price = project.config.models["other"].price
    assert price
    assert (price.input, project.config.models["other"].options["answers"]) == (0.5, {"*": ["One.", "Two."]})
    assert {s.response.text for s in project.evaluate(models=["other"], repeat=2).samples if s.response} == {
        "One.",
        "Two.",
    }
    project.configure(other={"provider": "scripted", "price": {"inptu": 1}})
    with pytest.raises(ConfigError):
        project.evaluate()


def test_command(project: Project) -> None:
    """A command's output and exit status are its result; an unexpected exception is raised."""
    done = project.command("validate", "demo")
    assert (done.exit_code, done.output[:19]) == (0, "suites/demo.yaml: o")
    assert project.command("validate", "demmo").exit_code == 1


def test_files(project: Project) -> None:
    """Files are written with their folders, edited and removed by name."""
    project.write("a/b.txt", "one two")
    project.edit("a/b.txt", "two", "three")
    assert project.read("a/b.txt") == "one three"
    with pytest.raises(AssertionError, match=r"a/b\.txt: expected a file with 'four'"):
        project.edit("a/b.txt", "four", "five")
    project.remove("a/b.txt")
    assert not (project.root / "a/b.txt").exists()


def test_fixture(llm_project: PytestProject) -> None:
    """The fixture's project goes through pytest too, and accepts even where these tests run in CI."""
    llm_project.accept()
    llm_project.run("--llm-repeat=1").assert_outcomes(passed=3)
    assert llm_project.verdict()["status"] == "pass"


def test_leave_ci() -> None:
    """No variable of a CI job is left."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in CI_VARIABLES:
            patch.setenv(variable, "main")
        leave_ci(patch)
        assert not set(CI_VARIABLES) & os.environ.keys()
