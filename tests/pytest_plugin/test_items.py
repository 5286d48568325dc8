"""Cases as ordinary test results."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

BASELINE = "golden/baselines/demo/fake.plain.jsonl"


def test_a_case_is_a_test(project):
    """Every case of the suite is a test named after case, model and prompt."""
    result = project.run("--collect-only", "-q")
    result.stdout.fnmatch_lines(["suites/demo.yaml::case-0[[]fake-plain]", "*40 tests collected*"])


def test_collecting_leaves_nothing(project):
    """`--collect-only` sends no request, prints no verdict and writes no file."""
    before = sorted(path for path in project.root.rglob("*") if "__pycache__" not in path.parts)
    result = project.run("--collect-only", "-p", "no:cacheprovider")
    assert sorted(path for path in project.root.rglob("*") if "__pycache__" not in path.parts) == before
    result.stdout.no_fnmatch_line("*llm demo*")


def test_only_suites_without_a_path(project):
    """Without a path, the project's other tests are not collected."""
    project.write("test_other.py", "def test_other():\n    assert False\n")
    project.run().assert_outcomes(passed=40, skipped=3)


def test_a_path_is_added(project):
    """With a path, the tests below it are collected too."""
    project.write("test_other.py", "def test_other():\n    pass\n")
    project.run("test_other.py").assert_outcomes(passed=41, skipped=3)


def test_a_node_id_alone(project):
    """A case that is named on the command line runs without the rest of its suite."""
    project.run("suites/demo.yaml::case-7[fake-plain]").assert_outcomes(passed=1, skipped=3)


@pytest.mark.parametrize(("expression", "count"), [("case-7", 1), ("even", 20), ("odd and not case-1", 14)])
def test_select_by_name_or_tag(project, expression, count):
    """`-k` matches case ids and tags."""
    project.run("-k", expression).assert_outcomes(passed=count, skipped=3, deselected=40 - count)


def test_a_broken_assertion_is_explained(project):
    """A failing case shows prompt, golden, answer and scores, and no traceback."""
    answers = dict.fromkeys(project.ids, "Yes.")
    project.answer({**answers, "case-3": "This is FORBIDDEN."})
    result = project.run()
    result.assert_outcomes(passed=39, failed=1, skipped=3)
    result.stdout.fnmatch_lines(
        [
            "case case-3 (suites/cases.jsonl:4:1), model fake, prompt plain",
            "- the answer must not contain 'FORBIDDEN'",
            "system:",
            "│ You answer customers of Acme.",
            "user:",
            "│ Can I return case-3?",
            "golden:",
            "│ You may return case-3 in 30 days.",
            "answer (stop):",
            "│ This is FORBIDDEN.",
            "scores: rouge_l 0.0, token_f1 0.0",
            "FAILED suites/demo.yaml::case-3* - must not contain 'FORBIDDEN'*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_an_error_is_one_case(project):
    """A model error in one case fails one test; the other cases get answers; the run is an error."""
    project.answer({name: {"error": "overloaded"} if name == "case-5" else "Yes." for name in project.ids})
    result = project.run()
    assert result.ret == 1
    assert result.parseoutcomes()["failed"] >= 1
    result.stdout.fnmatch_lines(["FAILED suites/demo.yaml::case-5* - scripted: overloaded*"])
    assert project.verdict()["status"] == "error"
    assert sum("error" not in sample for sample in project.samples()) == 39


def test_stop_at_the_first_failure(project):
    """`-x` stops the run: no gate is decided, and the record is marked as stopped."""
    project.answer({name: {"error": "down"} if name == "case-5" else "Yes." for name in project.ids})
    result = project.run("-x")
    result.assert_outcomes(passed=5, failed=1)
    assert project.verdict()["status"] == "error"
    assert "stopped after 6 of 40" in project.verdict()["headline"]


def test_last_failed(project):
    """`--lf` runs only the cases that failed."""
    project.answer({name: "FORBIDDEN" if name in ("case-5", "case-6") else "Yes." for name in project.ids})
    project.run().assert_outcomes(passed=38, failed=2, skipped=3)
    project.run("--lf").assert_outcomes(failed=2, skipped=3, deselected=38)


@pytest.fixture
def quick(project):
    """The project without metrics that take seconds to import in each worker."""
    project.edit("suites/demo.yaml", "rouge_l", "edit_similarity")
    return project


def test_under_xdist(quick):
    """`-n 2` gives the same record and verdict as one process."""
    quick.accept()
    quick.run()
    alone = {sample["key"][0]: (sample["response"]["text"], sample["scores"]) for sample in quick.samples()}
    quick.run("-n", "2").assert_outcomes(passed=42, skipped=1)
    together = {sample["key"][0]: (sample["response"]["text"], sample["scores"]) for sample in quick.samples()}
    assert together == alone
    assert quick.verdict()["status"] == "pass"


def test_a_selection_under_xdist_is_a_selection(quick):
    """`-n 1 -k` is a partial run, not a run with missing cases."""
    quick.accept()
    result = quick.run("-n", "1", "-k", "even")
    assert result.ret == 0
    assert quick.verdict()["status"] == "inconclusive"


def test_a_worker_that_dies_is_not_green(quick):
    """If an xdist worker dies, its case is missing, and the run is an error."""
    project = quick
    project.accept()
    project.edit("pyproject.toml", 'answers = "answers.json"', 'function = "script.py:answer"')
    project.write(
        "script.py",
        "import os\n"
        "def answer(request):\n"
        "    if request.key.case == 'case-9': os._exit(3)\n"
        "    return f'You may return {request.key.case} within 30 days.'\n",
    )
    result = project.run("-n", "1", "--max-worker-restart=1")
    assert result.ret != 0
    assert project.verdict()["status"] == "error"
    assert "case-9" in project.verdict()["verdicts"][0]["reason"]


def test_junit(accepted):
    """Cases and gates are test cases of the JUnit file, and a FAIL is a failure."""
    accepted.answer_badly()
    accepted.run("--junitxml=junit.xml")
    suite = ElementTree.parse(accepted.root / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("43", "1", "2")
    names = {case.get("name"): case for case in suite}
    failure = names["gate[fake-plain-rouge_l]"].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("FAIL ")
    assert "case-7[fake-plain]" in names


def test_models_and_prompts(project):
    """Every model gets every prompt, unless the command line selects some."""
    project.edit("suites/demo.yaml", "models: [fake]", "models: [fake, other]")
    project.edit("suites/demo.yaml", "vars:", '  short:\n    - user: "{{ question }}"\nvars:')
    project.edit(
        "pyproject.toml",
        "[tool.pytest",
        '[tool.evalharness.models.other]\nprovider = "scripted"\nanswers = {"*" = "Yes."}\n[tool.pytest',
    )
    project.run("--llm-baseline=none").assert_outcomes(passed=160, skipped=12)
    project.run("--llm-baseline=none", "--llm-model=other", "--llm-prompt=short").assert_outcomes(passed=40, skipped=3)


def test_repeats(project):
    """`--llm-repeat` samples each case several times, with one test for it."""
    project.answer({name: ["Yes.", "No.", "Perhaps."] for name in project.ids})
    project.run("--llm-repeat=3").assert_outcomes(passed=40, skipped=3)
    assert sorted(sample["response"]["text"] for sample in project.samples() if sample["key"][0] == "case-1") == [
        "No.",
        "Perhaps.",
        "Yes.",
    ]


def test_no_copies_of_a_deterministic_answer(project):
    """A deterministic model is sampled once, because repeated samples are identical."""
    project.edit("pyproject.toml", "answers =", "repeats_differ = false\nanswers =")
    project.run("--llm-repeat=3").assert_outcomes(passed=40, skipped=3)
    assert len(project.samples()) == 40


def test_two_suites_in_one_run(project):
    """`--llm-suite=all` runs every suite, each with its own verdict and report."""
    project.write("suites/second.yaml", project.read("suites/demo.yaml"))
    project.write("golden/second.yaml", project.read("golden/demo.yaml"))
    result = project.pytester.runpytest("--llm-suite=all")
    result.assert_outcomes(passed=80, skipped=6)
    result.stdout.fnmatch_lines(["*llm demo*", "*llm second*"])
    assert (project.root / "reports/second/report.html").exists()


def test_two_suites_share_a_model(project):
    """A model that two suites share is opened once."""
    project.edit("pyproject.toml", 'answers = "answers.json"', 'function = "script.py:answer"')
    project.write(
        "script.py",
        "with open('opened', 'a') as file:\n    file.write('once ')\ndef answer(request):\n    return 'Yes.'\n",
    )
    project.write("suites/second.yaml", project.read("suites/demo.yaml"))
    project.write("golden/second.yaml", project.read("golden/demo.yaml"))
    project.pytester.runpytest("--llm-suite=all").assert_outcomes(passed=80, skipped=6)
    assert project.read("opened") == "once "


def test_a_hostile_answer_stays_behind_its_bar(project):
    """An answer is shown as text, without escape sequences or lines that a CI system runs as commands."""
    text = "FORBIDDEN\n::error file=x::pwned\n##[error]pwned\r\x1b]52;c;cHduZWQ=\x07\x1b[31m"
    project.answer(dict.fromkeys(project.ids, text))
    result = project.run("-x")
    output = result.stdout.str()
    assert "\x1b" not in output
    assert not [line for line in output.splitlines() if line.lstrip().startswith(("::", "##["))]
    result.stdout.fnmatch_lines(["│ ::error file=x::pwned"])
