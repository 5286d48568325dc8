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
    """The second is held against the first, metric by metric, with the test's p; the report has both."""
    result = compare(worse, "golden/baselines/demo", "reports/demo")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "  1  golden/baselines/demo · fake · plain  40 answers"
    assert lines[1] == "  2  reports/demo · fake · plain  120 answers"  # the second look's, too
    assert re.search(r"^  2  0\.\d+ \(.+\)  −\d+\.\d pts against 1, p = 0\.0002$", result.output, re.MULTILINE)
    assert lines[-1] == "report    reports/compare/report.html"
    assert max(map(len, lines)) <= 80
    page = worse.read("reports/compare/report.html")
    packed = re.search(r'id="rows">([^<]*)<', page)
    assert packed
    rows = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    assert sorted(set(rows["column"])) == [0, 1]
    assert sum(old is not None for old in rows["old"]) == 120  # the run's, from the baseline


def test_as_json(worse):
    """The figures for another program, and nothing else on the standard output."""
    told = json.loads(compare(worse, "golden/baselines/demo", "reports/demo/run.jsonl", "--json").output)
    assert [column["source"] for column in told["columns"]] == ["golden/baselines/demo", "reports/demo/run.jsonl"]
    duel = next(one for one in told["versus"] if one["metric"] == "rouge_l")
    assert (duel["first"], duel["second"], duel["cases"]) == (0, 1, 40)
    assert duel["change"] < -0.2
    assert duel["p_value"] < 1e-3


def test_an_edited_case_is_another_one(worse):
    """Its answers stand in the report; compared with the old ones they are not."""
    worse.edit("suites/cases.jsonl", "case-7?", "case-7, please?")
    worse.run()
    told = json.loads(compare(worse, "golden/baselines/demo", "reports/demo", "--json").output)
    assert {one["cases"] for one in told["versus"]} == {39}
    assert told["columns"][1]["scores"][0][3] >= 40


def test_the_order_is_the_users(worse):
    """Turned round, the change is a gain."""
    told = json.loads(compare(worse, "reports/demo", "golden/baselines/demo", "--json").output)
    assert next(one for one in told["versus"] if one["metric"] == "rouge_l")["change"] > 0.2


def test_one_run_with_two_prompts(project):
    """What one run asked stands side by side too."""
    suite = project.read("suites/demo.yaml").replace(
        "prompts:\n", "prompts:\n  other:\n    - user: 'Say: {{ question }}'\n"
    )
    project.write("suites/demo.yaml", suite)
    project.run()
    result = compare(project, "reports/demo")
    assert len(re.findall(r"^  [12]  fake · (?:plain|other)  40 answers$", result.output, re.MULTILINE)) == 2


def test_a_commit(worse):
    """`git:REF` is the baselines at a commit; the suite is that of the other sources, wherever they stand."""
    repository = Repository(worse.root)
    repository.commit()
    lines = compare(worse, "git:HEAD", "reports/demo").output.splitlines()
    assert lines[0] == "  1  git:HEAD · fake · plain  40 answers"
    assert compare(worse, "git:HEAD", "--suite", "demo").exit_code == 0
    alone = compare(worse, "git:HEAD")
    assert alone.exit_code == 1
    assert "unknown suite; set --suite" in alone.output


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere", "nowhere: no such file or folder; expected a run, a baseline, or git:REF"),
        ("n" * 300, "n: no such file or folder; expected a run, a baseline, or git:REF"),
        ("suites", "suites/cases.jsonl:1: not a baseline"),
        ("golden/baselines", "golden/baselines: contains no run and no baseline"),
        ("suites/demo.yaml", "suites/demo.yaml"),
        ("git:nothing", "nothing"),
    ],
)
def test_no_such_source(worse, source, said):
    """A sentence, status 1, and no report."""
    Repository(worse.root).commit()
    result = compare(worse, source, "reports/demo")
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output
    assert not (worse.root / "reports/compare").exists()


def test_nothing_named(worse):
    """That is a mistake in using it."""
    assert compare(worse).exit_code == 2


def test_where_it_goes(worse):
    """As `-o` says."""
    assert compare(worse, "reports/demo", "-o", "out/page.html").output.endswith("report    out/page.html\n")
    assert "<!doctype html>" in worse.read("out/page.html")
