"""`evalharness report` renders a run for each platform, from files alone."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest
from click.testing import Result
from repository import Repository

from evalharness import testing


def report(project: Any, *arguments: str) -> Result:
    """Run `evalharness report ...` in this process."""
    result: Result = project.command("report", *arguments)
    return result


def test_markdown(worse):
    """By default the output equals the summary that the run wrote."""
    printed = report(worse, str(worse.root / "reports/demo")).output
    assert printed == worse.read("reports/demo/summary.md")
    assert printed.startswith("**FAIL** `demo`: `worse than the baseline: rouge_l`\n")


def test_json_and_html(worse):
    """JSON and HTML equal the files that the run wrote."""
    folder = str(worse.root / "reports/demo")
    assert json.loads(report(worse, folder, "--format=json").output) == worse.verdict()
    assert report(worse, folder, "--format=html", "-o", str(worse.root / "page.html")).output == ""
    assert worse.read("page.html") == worse.read("reports/demo/report.html")


def test_annotations(worse):
    """A failed gate is annotated at its line of the suite, the largest drops at theirs; at most ten of a kind."""
    lines = report(worse, str(worse.root / "reports/demo"), "--format=github-annotations").output.splitlines()
    gate = worse.read("suites/demo.yaml").splitlines().index("  - {metric: rouge_l, margin: 10%}") + 1
    assert lines[0].startswith(f"::error file=suites/demo.yaml,line={gate},title=FAIL fake-plain-rouge_l::87.5 → ")
    assert lines[1].startswith("::warning file=suites/demo.yaml,line=14,title=INCONCLUSIVE fake-plain-cost::typ")
    assert lines[2].startswith("::warning file=suites/cases.jsonl,line=1,title=case-0[fake-plain]::87.5 → 0.0, −")
    assert lines[-1] == "::warning::evalharness: 12 more, see the summary of this job"
    assert len(lines) == 11


def test_annotations_below_the_top(worse):
    """Paths are relative to the top of the repository."""
    repository = Repository(worse.root / "repository")
    for folder in ("suites", "golden"):
        shutil.copytree(worse.root / folder, repository.root / "shop" / folder)
    repository.write("shop/pyproject.toml", worse.read("pyproject.toml"))
    repository.commit()
    shop = testing.Project(repository.root / "shop")
    printed = shop.command("report", worse.root / "reports/demo", "--format=github-annotations").output
    assert printed.startswith("::error file=shop/suites/demo.yaml,line=")


def test_gitlab(worse):
    """Metrics have stable names across runs, and findings have lines."""
    folder = str(worse.root / "reports/demo")
    first = report(worse, folder, "--format=gitlab-metrics").output
    labels = re.escape('{suite="demo",model="fake",prompt="plain",metric="rouge_l"}')
    (score,) = re.findall(rf"^evalharness_score{labels} (0\.\d{{4}})$", first, re.MULTILINE)
    assert float(score) == pytest.approx(0.44, abs=0.01)
    assert first.endswith("# EOF\n")
    found = json.loads(report(worse, folder, "--format=gitlab-codequality").output)
    assert {"description", "check_name", "fingerprint", "severity", "location"} == found[0].keys()
    assert (found[0]["severity"], found[0]["location"]["path"]) == ("critical", "suites/demo.yaml")
    assert len({issue["fingerprint"] for issue in found}) == len(found)
    worse.run()
    assert report(worse, folder, "--format=gitlab-metrics").output == first
    again = json.loads(report(worse, folder, "--format=gitlab-codequality").output)
    assert [issue["fingerprint"] for issue in again] == [issue["fingerprint"] for issue in found]


def test_several_runs(worse):
    """Several runs go into one file, except for the page, which shows one run."""
    folder = str(worse.root / "reports/demo")
    assert report(worse, folder, folder, "--format=gitlab-metrics").output.count("# EOF") == 1
    assert report(worse, folder, folder).output.count("**FAIL** `demo`") == 2
    assert report(worse, folder, folder, "--format=html").exit_code == 2


def test_a_green_run(project):
    """A passing run has no findings, and still has a report."""
    project.accept()
    project.run()
    folder = str(project.root / "reports/demo")
    assert report(project, folder, "--format=github-annotations").output == ""
    assert json.loads(report(project, folder, "--format=gitlab-codequality").output) == []


@pytest.mark.parametrize("name", ["../demo", "a/b", "/etc", ".."])
def test_a_foreign_record(worse, name):
    """Names in a foreign record become safe file names."""
    path = worse.root / "reports/demo/run.jsonl"
    path.write_text(path.read_text().replace('"suite":"demo"', f'"suite":"{name}"'))
    result = report(worse, str(path))
    assert (result.exit_code, "expected the name of a suite" in result.output) == (1, True)


def test_no_such_run(project):
    """A missing run is a usage error; a folder without a record is reported."""
    assert report(project, "reports/nothing").exit_code == 2
    result = report(project, str(project.root / "suites"))
    assert (result.exit_code, "run.jsonl" in result.output) == (1, True)
