"""Missing, broken or hostile data is never green, and the message has a location."""

from __future__ import annotations

import pytest

BASELINE = "golden/baselines/demo/fake.plain.jsonl"


def without_line(text: str, number: int) -> str:
    """The text without one of its lines."""
    lines = text.splitlines(keepends=True)
    return "".join(lines[: number - 1] + lines[number:])


def test_a_deleted_case(project):
    """A case that is only in the baseline is named, with its line."""
    project.accept()
    project.write("suites/cases.jsonl", without_line(project.read("suites/cases.jsonl"), 4))
    project.write("golden/demo.yaml", without_line(project.read("golden/demo.yaml"), 4))
    result = project.run()
    assert result.ret == 1
    assert "case case-3 (golden/baselines/demo/fake.plain.jsonl:" in project.verdict()["verdicts"][0]["reason"]


def test_a_renamed_case(project):
    """A renamed case is reported as deleted."""
    project.accept()
    project.edit("suites/cases.jsonl", '"case-3"', '"case-three"')
    project.edit("golden/demo.yaml", "case-3:", "case-three:")
    assert project.run().ret == 1
    assert project.verdict()["status"] == "error"


def test_an_edited_case(project):
    """An edited case is not compared, and no gate passes."""
    project.accept()
    project.edit("suites/cases.jsonl", "Can I return case-3?", "Can I keep case-3?")
    project.run()
    assert "edited since the baseline was accepted" in project.verdict()["verdicts"][0]["reason"]
    assert project.verdict()["status"] == "inconclusive"


def test_an_edited_golden(project):
    """A case with an edited golden answer is not compared."""
    project.accept()
    project.edit("golden/demo.yaml", "return case-3 in 30 days", "return case-3 in 90 days")
    project.run()
    assert project.verdict()["status"] == "inconclusive"


def test_a_skipped_case(project):
    """A case that a conftest skips is missing, and the run fails."""
    project.accept()
    project.write(
        "conftest.py",
        "import pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    items[3].add_marker(pytest.mark.skip(reason='flaky'))\n",
    )
    assert project.run().ret == 1
    assert "no sample of case case-3" in project.verdict()["verdicts"][0]["reason"]


def test_a_lost_line_of_the_baseline(project):
    """A baseline without one of its lines is an error that names the file."""
    project.accept()
    project.write(BASELINE, without_line(project.read(BASELINE), 7))
    result = project.run()
    assert result.ret == 1
    assert f"{BASELINE}:1: expected 40 cases, got 39" in project.verdict()["verdicts"][0]["reason"]


def test_a_nan_in_the_baseline(project):
    """NaN in the baseline is an error with file and line."""
    project.accept()
    project.edit(BASELINE, '"rouge_l": 0.8', '"rouge_l": NaN')
    assert project.run().ret == 1
    assert f"{BASELINE}:2: expected a finite number, got NaN" in project.verdict()["verdicts"][0]["reason"]


def test_other_signatures(project):
    """A baseline with other metric settings is not compared: an error with both signatures."""
    project.accept()
    project.edit("suites/demo.yaml", "metrics: [rouge_l,", "metrics: [{rouge_l: {stem: true}},")
    assert project.run().ret == 1
    assert project.verdict()["status"] == "incomparable"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "golden/demo.yaml",
            "case-3: You may",
            "case-330: You may",
            "golden/demo.yaml:4:1: no case 'case-330' in the suite*",
        ),
        (
            "suites/demo.yaml",
            "metrics:",
            "metrcs:",
            "suites/demo.yaml:8:1: unknown key 'metrcs'; did you mean 'metrics'?",
        ),
        (
            "suites/demo.yaml",
            "{{ shop }}",
            "{{ ''.__class__ }}",
            "suites/demo.yaml:5:7: access to attribute '__class__'*",
        ),
        (
            "suites/demo.yaml",
            "{{ question }}",
            "{{ quesiton }}",
            "suites/demo.yaml:6:7: 'quesiton' is undefined; did you mean 'question'*",
        ),
        (
            "suites/demo.yaml",
            "cases.jsonl",
            "../secret.jsonl",
            "suites/demo.yaml:11:1: '../secret.jsonl' leaves its folder*",
        ),
        ("suites/demo.yaml", "cases.jsonl", "/etc/passwd", "suites/demo.yaml:11:1: '/etc/passwd' is an absolute path*"),
        ("suites/demo.yaml", "models: [fake]", "models: [faek]", "suites/demo.yaml:2:10: *faek*did you mean 'fake'?"),
        (
            "suites/cases.jsonl",
            '"case-3"',
            '"case-2"',
            "suites/cases.jsonl:4:1: duplicate id 'case-2': *cases.jsonl:3:1",
        ),
    ],
    ids=["golden", "key", "template", "variable", "dots", "absolute", "model", "id"],
)
def test_a_broken_suite_is_an_error(project, file, old, new, message):
    """An invalid suite ends the run before the first request, with the location of the problem."""
    project.accept()
    project.edit(file, old, new)
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_record_that_cannot_be_written(project):
    """If the record cannot be written, the run ends at once with an error."""
    project.write("reports", "a file where a folder should be")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(["*evalharness: *reports/demo*cannot be written*"])
