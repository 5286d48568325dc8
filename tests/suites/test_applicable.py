"""Which cases a metric applies to, when a suite is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.testing import Project

CASES = {f"case-{number}": "Yes." for number in range(4)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A suite in which two of four cases have a golden answer."""
    made = Project(tmp_path)
    made.write_suite(CASES, metrics=["exact", "rouge_l", {"length": {"max_words": 9}}])
    made.write("golden/demo.yaml", "case-0: Yes.\ncase-2: Yes.\n")
    return made


def test_validate_counts(project: Project) -> None:
    """`validate` prints on how many cases each metric is based, where it is not all of them."""
    result = project.command("validate", "demo")
    assert result.exit_code == 0
    assert "  exact on 2 of 4 cases: 2 have no golden answer\n" in result.output
    assert "  rouge_l on 2 of 4 cases: 2 have no golden answer\n" in result.output
    assert "length on" not in result.output


def test_validate_is_silent_where_all_cases_count(project: Project) -> None:
    """With a golden answer for each case, there is nothing to count."""
    project.write_suite(CASES)
    assert "golden answer" not in project.command("validate", "demo").output


@pytest.mark.parametrize(
    ("golden", "wanted"),
    [
        ("{}\n", "suites/demo.yaml:8:3: the metric 'exact' applies to no case: each has no golden answer"),
        (None, "golden/demo.yaml: file not found: the metric exact needs golden answers"),
        ("case-0: Yes.\ncase-5: Yes.\n", "golden/demo.yaml:2:1: no case 'case-5' in the suite"),
    ],
)
def test_no_golden_at_all(project: Project, golden: str | None, wanted: str) -> None:
    """A metric that applies to no case is an error, and so is a golden answer of an unknown case."""
    (project.root / "golden/demo.yaml").unlink()
    if golden is not None:
        project.write("golden/demo.yaml", golden)
    result = project.command("validate", "demo")
    assert result.exit_code == 1
    assert wanted in result.output


def test_a_gate_on_a_tag_without_golden_answers(project: Project) -> None:
    """A gate on a tag whose cases have no golden answer is an error at its line."""
    cases = [
        {"id": name, "tags": ["odd" if int(name[-1]) % 2 else "even"], "vars": {"question": "?"}} for name in CASES
    ]
    gates = [{"metric": "exact", "tag": "even"}, {"metric": "exact", "tag": "odd"}]
    project.write_suite(CASES, cases=cases, gates=gates)
    project.write("golden/demo.yaml", "case-0: Yes.\ncase-2: Yes.\n")
    output = project.command("validate", "demo").output
    line = project.read("suites/demo.yaml").split("\n").index("  tag: odd")
    wanted = f"suites/demo.yaml:{line}:3: exact applies to no case with the tag 'odd': each has no golden answer\n"
    assert output.startswith(wanted)
