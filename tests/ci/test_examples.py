"""The examples of docs/ci.md are valid, and pre-commit calls an existing command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import evalharness
from evalharness.cli import main
from evalharness.scaffold.models import ScaffoldModel
from evalharness.scaffold.project import workflow

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "docs/ci"
PAGE = (REPOSITORY / "docs/ci.md").read_text(encoding="utf-8")
WORKFLOWS = ("github.yml", "github-comment.yml", "github-shards.yml")
SOURCE = {
    "repository": "${{ vars.EVALHARNESS_REPOSITORY }}",
    "ref": f"v{evalharness.__version__}",
    "path": ".evalharness",
    "persist-credentials": False,
}
"""The checkout of evalharness itself: its address is not part of the package."""
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def steps(name: str) -> Iterator[dict[str, Any]]:
    """Yield the steps of a GitHub workflow."""
    for job in yaml.safe_load((EXAMPLES / name).read_text())["jobs"].values():
        yield from job["steps"]


def scripts() -> Iterator[str]:
    """Yield each shell script of the examples and the action."""
    for name in WORKFLOWS:
        yield from (step["run"] for step in steps(name) if "run" in step)
    jobs = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text())
    yield from ("\n".join(job["script"]) for name, job in jobs.items() if name != "variables")
    yield from (path.read_text() for path in sorted((REPOSITORY / "action").glob("*.sh")))


@pytest.mark.parametrize("script", list(scripts()))
def test_shell_is_shell(script: str) -> None:
    """Bash parses each script, and no script contains an expression."""
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not EXPRESSION.search(script)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows(name: str) -> None:
    """Workflows have minimal rights, the full history, no stored credentials, and actions pinned by commit."""
    workflow = yaml.safe_load((EXAMPLES / name).read_text())
    assert workflow["permissions"] == {}
    assert "pull_request_target" not in (workflow.get("on") or workflow[True])  # YAML 1.1 reads `on` as true
    for step in steps(name):
        used, _, version = step.get("uses", "").partition("@")
        if used.startswith("actions/"):
            assert re.fullmatch("[0-9a-f]{40}", version)
        if used == "actions/checkout" and "repository" not in step["with"]:
            assert step["with"] == {"fetch-depth": 0, "persist-credentials": False}  # and no ref: the default branch
        elif used == "actions/checkout":
            assert step["with"] == SOURCE
        if used == "./.evalharness":
            assert step["with"].keys() <= yaml.safe_load((REPOSITORY / "action.yml").read_text())["inputs"].keys()


def test_one_workflow() -> None:
    """The example is what `evalharness init` writes for an endpoint with a key; its template has both jobs."""
    written = workflow(ScaffoldModel("m", "", ("evalharness",), "OPENAI_API_KEY"))
    assert (EXAMPLES / "github.yml").read_text() == written


def test_the_second_workflow_runs_nothing_of_the_pull_request() -> None:
    """The workflow with write access checks out no head, has no secret and runs no pytest."""
    text = (EXAMPLES / "github-comment.yml").read_text()
    assert re.findall("ref: .*", text) == [f"ref: {SOURCE['ref']}"]  # of evalharness itself
    assert "secrets." not in text
    assert "pytest" not in text
    assert "evalharness report" in text


@pytest.mark.parametrize(
    ("name", "removed", "command"),
    [
        ("github.yml", "reports .evalharness", "evalharness verify"),
        ("github-shards.yml", "reports shards .evalharness", "evalharness merge"),
    ],
)
def test_the_second_job_trusts_nothing_of_the_first(name: str, removed: str, command: str) -> None:
    """The second job always runs, has no secret, imports nothing of the checkout and follows no link."""
    first, second = yaml.safe_load((EXAMPLES / name).read_text())["jobs"].items()
    assert (second[1]["needs"], second[1]["if"], second[1]["permissions"]) == (
        first[0],
        "${{ always() }}",
        {"contents": "read"},
    )
    text = json.dumps(second)
    assert text.index(f"rm -rf -- {removed}") < text.index('"path": ".evalharness"')
    assert "secrets." not in text
    assert re.findall(r"python (?!-version)(\S+)", text) == ["-I"]
    assert text.index("rm -rf -- reports") < text.index("actions/download-artifact") < text.index(command)


def test_options_exist() -> None:
    """Each option in the examples belongs to pytest, the plugin or the command."""
    help_text = subprocess.run([sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True).stdout
    report = re.sub(r"-\n +", "-", CliRunner().invoke(main, ["report", "--help"]).output)  # click breaks at hyphens
    examples = "".join(path.read_text() for path in EXAMPLES.iterdir()) + PAGE + "".join(scripts())
    assert set(re.findall(r"--llm-[a-z]+", examples)) <= set(re.findall(r"--llm-[a-z]+", help_text))
    forms = set(re.findall(r"--format[= ]([a-z-]+)", examples))
    assert {form for form in forms if form in report} == forms != set()


def test_the_page_names_every_example() -> None:
    """The page links to each example, and each linked file exists."""
    named = set(re.findall(r"\(ci/([\w.-]+)\)", PAGE))
    assert named == {path.name for path in EXAMPLES.iterdir()}


def test_pre_commit() -> None:
    """The hook calls an installed command, and its pattern matches the files of suites only."""
    (hook,) = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    program, command = hook["entry"].split()
    assert tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"][program]
    assert CliRunner().invoke(main, ["--root", str(REPOSITORY), command]).exit_code == 0
    checked = ["suites/a.yaml", "golden/a.jsonl", "suites/cases/a.csv", "pyproject.toml"]
    assert [
        name for name in [*checked, "src/suites/a.yaml", "suites/a.py"] if re.search(hook["files"], name)
    ] == checked
    (used,) = yaml.safe_load((EXAMPLES / "pre-commit.yaml").read_text())["repos"]
    (found,) = used["hooks"]
    assert found == {key: hook[key] for key in hook if key != "description"} | {"language": "system"}
    manifest = [sys.executable, "-m", "pre_commit", "validate-manifest", ".pre-commit-hooks.yaml"]
    assert subprocess.run(manifest, cwd=REPOSITORY, capture_output=True).returncode == 0
