"""`evalharness compare`: runs, baselines and commits side by side, from files alone."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import pytest
from click.testing import Result
from repository import Repository


def compare(project: Any, *arguments: str) -> Result:
    """`evalharness compare ...` in this process."""
    result: Result = project.command("compare", *arguments)
    return result


def test_a_baseline_and_a_run(worse):
    """The second source is compared with the first, metric by metric, with a p-value; the report shows both."""
    result = compare(worse, "golden/baselines/demo", "reports/demo")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "golden/baselines/demo · fake · plain leads on 2 of 2 metrics, each clearly:"
    first = lines.index("") + 1
    assert lines[first] == "  1  golden/baselines/demo · fake · plain  40 answers"
    assert lines[first + 1] == "  2  reports/demo · fake · plain  80 answers"  # the fresh ones too
    assert re.search(
        r"^  2  \d+\.\d \(.+\)  against 1: \d+\.\d → \d+\.\d, −\d+\.\d pts, p = 0\.0002$", result.output, re.MULTILINE
    )
    assert lines[-1] == "report    reports/compare/report.html"
    assert max(map(len, lines)) <= 80
    page = worse.read("reports/compare/report.html")
    packed = re.search(r'id="rows">([^<]*)<', page)
    assert packed
    rows = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    assert sorted(set(rows["column"])) == [0, 1]
    assert sum(old is not None for old in rows["old"]) == 80  # the run's, from the baseline


def test_as_json(worse):
    """Standard output holds the figures as JSON and nothing else."""
    output = json.loads(compare(worse, "golden/baselines/demo", "reports/demo/run.jsonl", "--json").output)
    assert [column["source"] for column in output["columns"]] == ["golden/baselines/demo", "reports/demo/run.jsonl"]
    duel = next(one for one in output["pairwise"] if one["metric"] == "rouge_l")
    assert (duel["first"], duel["second"], duel["cases"]) == (0, 1, 40)
    assert duel["change"] < -0.2
    assert duel["p_value"] < 1e-3


def test_an_edited_case_is_not_compared(worse):
    """The report shows the answers of an edited case, and does not compare them with the old ones."""
    worse.edit("suites/cases.jsonl", "case-7?", "case-7, please?")
    worse.run()
    output = json.loads(compare(worse, "golden/baselines/demo", "reports/demo", "--json").output)
    assert {one["cases"] for one in output["pairwise"]} == {39}
    assert output["columns"][1]["scores"][0][3] >= 40


def test_the_order_is_the_users(worse):
    """In reverse order, the change is a gain."""
    output = json.loads(compare(worse, "reports/demo", "golden/baselines/demo", "--json").output)
    assert next(one for one in output["pairwise"] if one["metric"] == "rouge_l")["change"] > 0.2


def test_one_run_with_two_prompts(project):
    """Two prompts of one run are compared with each other."""
    suite = project.read("suites/demo.yaml").replace(
        "prompts:\n", "prompts:\n  other:\n    - user: 'Say: {{ question }}'\n"
    )
    project.write("suites/demo.yaml", suite)
    project.run()
    result = compare(project, "reports/demo")
    assert len(re.findall(r"^  [12]  fake · (?:plain|other)  40 answers$", result.output, re.MULTILINE)) == 2


def test_a_commit(worse):
    """`git:REF` reads the baselines of a commit; the suite is that of the other sources, at any position."""
    repository = Repository(worse.root)
    repository.commit()
    lines = compare(worse, "git:HEAD", "reports/demo").output.splitlines()
    assert "  1  git:HEAD · fake · plain  40 answers" in lines
    assert compare(worse, "git:HEAD", "--suite", "demo").exit_code == 0
    alone = compare(worse, "git:HEAD")
    assert alone.exit_code == 1
    assert "unknown suite; set --suite" in alone.output


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "nowhere: no such file or folder; expected a run, a baseline, or git:REF"),
        ("n" * 300, "n: no such file or folder; expected a run, a baseline, or git:REF"),
        ("suites", "suites/cases.jsonl:1: not a baseline"),
        ("golden/baselines", "golden/baselines: contains no run and no baseline"),
        ("suites/demo.yaml", "suites/demo.yaml"),
        ("git:nothing", "nothing"),
    ],
)
def test_no_such_source(worse, source, message):
    """An unknown source is an error with status 1, and no report is written."""
    Repository(worse.root).commit()
    result = compare(worse, source, "reports/demo")
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output
    assert not (worse.root / "reports/compare").exists()


def test_nothing_named(worse):
    """Without a source the command is a usage error."""
    assert compare(worse).exit_code == 2


def test_where_it_goes(worse):
    """`-o` sets the path of the report."""
    assert compare(worse, "reports/demo", "-o", "out/page.html").output.endswith("report    out/page.html\n")
    assert "<!doctype html>" in worse.read("out/page.html")
