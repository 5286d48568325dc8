"""The fixture `llm`: a suite inside a test, and answers of an application in records, baselines and gates."""

from __future__ import annotations

import pytest

from evalharness import Context
from evalharness.store import read_run

CHECKS = """
import pytest

APP = {{name: f"You may return {{name}} within 30 days." for name in (f"case-{{n}}" for n in range(40))}}
{edit}

@pytest.mark.parametrize("case", APP)
def test_app(llm, case):
    llm.check(case=case, answer=APP[case], contexts=["Returns are open for 30 days."])
"""
EVALUATE = """
def test_demo(llm):
    assert llm.evaluate("demo").status == "pass"
"""


@pytest.fixture
def app(project):
    """A project whose tests check an application, without a gate on its seconds and its cost."""
    project.edit("suites/demo.yaml", "  - {metric: cost, margin: 10%}\n  - {metric: latency, margin: 10%}\n", "")
    return project


def checks(app, *arguments: str, edit: str = "", file: str = "test_app.py") -> pytest.RunResult:
    """Run the tests of the application, whose answers `edit` may change."""
    app.write(file, CHECKS.format(edit=edit))
    return app.pytester.runpytest_inprocess(file, "-p", "no:cacheprovider", *arguments)


def test_a_suite_inside_a_test(project):
    """A test that evaluates a suite passes with it, with the reports of every other run."""
    project.accept()
    project.write("test_demo.py", EVALUATE)
    project.pytester.runpytest_inprocess("test_demo.py", "-p", "no:cacheprovider").assert_outcomes(passed=1)
    assert project.verdict()["status"] == "pass"


def test_a_suite_that_is_running(project):
    """A test cannot evaluate the suite that the session runs: both would write the same record."""
    project.write("test_demo.py", EVALUATE)
    result = project.pytester.runpytest_inprocess("suites/demo.yaml", "test_demo.py", "--llm-suite=demo")
    result.stdout.fnmatch_lines(["*reports/demo: another run writes to this folder (process *, since *): wait*"])
    assert len(project.samples()) == 40


def test_the_command_lines_options(project):
    """`--llm-accept` makes the run of the test the baseline, so that a change which is meant does not fail it."""
    project.accept()
    project.answer(dict.fromkeys(project.ids, "No."))
    project.write("test_demo.py", EVALUATE.replace('.status == "pass"', ".outcome.accepted"))
    words = ("test_demo.py", "-p", "no:cacheprovider", "--llm-accept", "--llm-because=shorter")
    project.pytester.runpytest_inprocess(*words).assert_outcomes(passed=1)
    assert '"because": "shorter"' in project.read("golden/HISTORY.jsonl").splitlines()[-1]


def test_a_suite_that_got_worse(project):
    """The test fails with the verdict of the suite, and no traceback."""
    project.accept()
    project.answer(dict.fromkeys(project.ids, "No."))
    project.write("test_demo.py", EVALUATE)
    result = project.pytester.runpytest_inprocess("test_demo.py", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL *worse than the baseline*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_first_checks(app):
    """The samples are in the run record, and the report says how to accept them."""
    result = checks(app)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["NO BASELINE  nothing to compare with yet", "*--llm-accept"])
    run = read_run(app.root / "reports/demo/run.jsonl")
    assert {(sample.key.model, sample.key.prompt) for sample in run.samples} == {("app", "plain")}
    assert run.complete
    assert run.samples[0].response.contexts == (Context("Returns are open for 30 days."),)
    assert run.samples[0].messages[-1].content == "Can I return case-0?"


def test_accepted_and_compared(app):
    """An accepted run of checks is the baseline of the next one."""
    assert checks(app, "--llm-accept").ret == 0
    assert (app.root / "golden/baselines/demo/app.plain.jsonl").exists()
    assert checks(app).ret == 0
    assert app.verdict()["status"] == "pass"


def test_an_application_that_got_worse(app):
    """Every test passes, and the gate of the suite fails the session."""
    checks(app, "--llm-accept")
    result = checks(app, edit='APP = dict.fromkeys(APP, "Who knows.")')
    assert result.ret == 1
    result.assert_outcomes(passed=40, failed=1)
    result.stdout.fnmatch_lines(["FAILED suites/demo.yaml::gate[[]app-plain-rouge_l[]]*"])


def test_a_broken_assertion(app):
    """The test of that answer fails, and shows the prompt, the answer and the golden answer."""
    result = checks(app, edit='APP["case-3"] = "FORBIDDEN"')
    result.stdout.fnmatch_lines(["*must not contain*FORBIDDEN*", "FAILED test_app.py::test_app[[]case-3[]]*"])
    assert app.verdict()["status"] == "error" or result.ret == 1


def test_a_suite_without_a_model(app):
    """A suite for checks needs no model; running it by its name is an error that says so."""
    app.edit("suites/demo.yaml", "models: [fake]\n", "")
    assert checks(app, "--llm-accept").ret == 0
    assert checks(app).ret == 0
    assert app.verdict()["status"] == "pass"
    result = app.pytester.runpytest_inprocess("--llm-suite=demo", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["suites/demo.yaml: no model to run: add `models: *"])


def test_some_checks(app):
    """A part of the cases is never green."""
    checks(app, "--llm-accept")
    assert checks(app, "-k", "case-1").ret == 0
    assert app.verdict()["status"] == "inconclusive"
    assert "11 of 40 samples" in app.verdict()["verdicts"][0]["reason"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ('APP = {"case-99": "x"}', "suites/demo.yaml: unknown case 'case-99'; did you mean 'case-9'"),
        ("pytestmark = pytest.mark.llm_suite('other')", "suites/other.yaml: unknown suite 'other'"),
    ],
)
def test_unknown_names(app, edit, message):
    """An unknown case or suite fails that test with the message, and without a traceback."""
    result = checks(app, "-k", "case-9", edit=edit)
    result.stdout.fnmatch_lines([f"{message}*"])
    result.stdout.no_fnmatch_line("*Error: *")
    result.stdout.no_fnmatch_line("During handling*")
    assert result.ret == 1


def test_a_case_checked_twice(app):
    """The second check of a case is an error: it would count double."""
    app.write(
        "test_twice.py",
        "def test_it(llm):\n    for _ in range(2):\n        llm.check(case='case-1', answer='Yes.')\n",
    )
    result = app.pytester.runpytest_inprocess("test_twice.py", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*case 'case-1' of app was checked before: check a case once in a session*"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("answer=None", "'answer' must be a str or a Response, got NoneType"),
        ("answer=late", "'answer' must be a str or a Response, got coroutine; await it first"),
        ("answer='Yes.', contexts='a text'", "'contexts' must be a list of texts, got 'a text'"),
        ("answer='Yes.', model='fake'", "'fake' is a configured model; give the application another name"),
    ],
)
def test_unusable_arguments(app, arguments, message):
    """An argument of a wrong type is the error of that test, and no sample."""
    app.write(
        "test_it.py",
        "import contextlib\nasync def answer(): pass\n"
        "def test_it(llm):\n    with contextlib.closing(answer()) as late:\n"
        f"        llm.check(case='case-1', {arguments})\n",
    )
    result = app.pytester.runpytest_inprocess("test_it.py", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines([f"check(): {message}"])
    result.stdout.no_fnmatch_line("*/evalharness/*.py*")
    assert not (app.root / "reports").exists()


def test_contexts_of_a_response(app):
    """The contexts join a response that has none."""
    app.write(
        "test_it.py",
        "from evalharness import Response, Timing, Usage\n"
        "RESPONSE = Response('Yes.', 'stop', Usage(1, 1), Timing(0.1))\n"
        "def test_it(llm):\n"
        "    sample = llm.check(case='case-1', answer=RESPONSE, contexts=['Returns are open.'])\n"
        "    assert [one.text for one in sample.response.contexts] == ['Returns are open.']\n",
    )
    app.pytester.runpytest_inprocess("test_it.py", "-p", "no:cacheprovider").assert_outcomes(passed=1, skipped=1)


def test_checks_of_fixtures(app):
    """Checks in the setup and the teardown of a test are in the record, failed ones too."""
    app.write(
        "test_it.py",
        "import pytest\n"
        "@pytest.fixture\n"
        "def checked(llm):\n"
        "    llm.check(case='case-1', answer='Yes.')\n"
        "    yield\n"
        "    llm.check(case='case-2', answer='Yes.')\n"
        "@pytest.fixture\n"
        "def broken(llm):\n"
        "    llm.check(case='case-3', answer='FORBIDDEN')\n"
        "def test_it(checked): pass\n"
        "def test_broken(broken): pass\n",
    )
    app.pytester.runpytest_inprocess("test_it.py", "-p", "no:cacheprovider")
    assert [sample["key"][0] for sample in app.samples()] == ["case-1", "case-2", "case-3"]


def test_an_interrupt_after_a_check(app):
    """Ctrl-C right after a check keeps its sample, and the record is a stopped one."""
    app.write(
        "test_it.py",
        "import os, signal\n"
        "def test_it(llm):\n"
        "    llm.check(case='case-1', answer='Yes.')\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "def test_never(llm):\n"
        "    llm.check(case='case-2', answer='Yes.')\n",
    )
    assert app.pytester.runpytest_subprocess("test_it.py", "-p", "no:cacheprovider").ret == pytest.ExitCode.INTERRUPTED
    run = read_run(app.root / "reports/demo/run.jsonl")
    assert ([sample.key.case for sample in run.samples], run.stopped) == (["case-1"], True)


def test_two_suites_with_equal_cases(app):
    """Suites that have cases of the same names do not share their answers."""
    app.write("suites/other.yaml", app.read("suites/demo.yaml"))
    app.write("golden/other.yaml", app.read("golden/demo.yaml"))
    app.write(
        "test_it.py",
        "def test_it(llm):\n"
        "    for suite in ('demo', 'other'):\n"
        "        assert llm.check(suite=suite, case='case-1', answer=suite).response.text == suite\n",
    )
    app.pytester.runpytest_inprocess("test_it.py", "-p", "no:cacheprovider").assert_outcomes(passed=1, skipped=2)


def test_requested_at_run_time(app):
    """A test that requests the fixture by `getfixturevalue` fails with the way to request it."""
    app.write("test_it.py", "def test_it(request):\n    request.getfixturevalue('llm')\n")
    result = app.pytester.runpytest_subprocess("test_it.py", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*"llm" was requested at run time: make "llm" a parameter of the test*'])


def test_the_same_suite_twice(app):
    """A suite that runs by its name has its own answers."""
    result = checks(app, "--llm-suite=demo", "-k", "test_app and case-3")
    result.stdout.fnmatch_lines(["*suite 'demo' runs with --llm-suite in this session*"])


def test_xdist(app):
    """Workers check, and the controller decides on all samples."""
    app.write("test_app.py", CHECKS.format(edit=""))
    assert app.pytester.runpytest("test_app.py", "--llm-accept").ret == 0
    result = app.pytester.runpytest_subprocess("test_app.py", "-n2", "-p", "no:cacheprovider")
    assert result.ret == 0
    assert app.verdict()["status"] == "pass"
    assert read_run(app.root / "reports/demo/run.jsonl").complete


def test_without_it_nothing_is_loaded(pytester):
    """A project whose tests do not use the fixture runs as without the plugin."""
    pytester.makepyfile(
        "import sys\ndef test_it():\n    assert not {m for m in sys.modules if m.startswith('evalharness.')} - PLAIN\n"
        "PLAIN = {'evalharness.plugin'}\n"
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
