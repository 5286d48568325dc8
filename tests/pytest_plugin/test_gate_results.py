"""Gates as ordinary test results, and baselines from acceptance to replacement."""

from __future__ import annotations

import json
import re

import pytest
from repository import Repository

BASELINE = "golden/baselines/demo/fake.plain.jsonl"


def test_no_baseline_outside_ci(project):
    """Outside of CI a run without a baseline does not fail, and prints the command that accepts it."""
    result = project.run()
    result.assert_outcomes(passed=40, skipped=3)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["NO BASELINE  nothing to compare with yet", "*--llm-suite=demo --llm-accept*"])


def test_no_baseline_in_ci(project, monkeypatch):
    """In CI a missing baseline fails the run."""
    monkeypatch.setenv("CI", "true")
    project.run().assert_outcomes(passed=40, failed=2, skipped=1)


def test_no_baseline_on_purpose(project, monkeypatch):
    """`--llm-baseline none` turns the comparison off: green on a machine, and a status of its own in CI."""
    assert project.run("--llm-baseline=none").ret == 0
    monkeypatch.setenv("CI", "true")
    result = project.run("--llm-baseline=none")
    assert result.ret == 6
    result.assert_outcomes(passed=40, failed=1, skipped=3)
    result.stdout.fnmatch_lines(["*::criteria - NO BASELINE nothing was compared: the baseline is none"])


def test_accept_then_pass(accepted):
    """The next run is compared with the accepted one, and passes if no answer has changed."""
    result = accepted.run()
    result.assert_outcomes(passed=42, skipped=1)
    result.stdout.fnmatch_lines(
        ["PASS  no gate found a regression*", "PASS * rouge_l, cost  unchanged: each answer equals an accepted one*"]
    )
    assert accepted.verdict()["status"] == "pass"


def test_worse_answers_are_red(accepted):
    """Worse answers fail the gate: exit status 1, the drop, the worst cases, and the next step."""
    accepted.answer_badly()
    result = accepted.run()
    assert result.ret == 1
    result.assert_outcomes(passed=40, failed=1, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "FAIL * → *, −* pts on 40 cases and on cases like these (−* … −* pts, p = *);*worst tags: even −*",
            "case-0  rouge_l 87.5 → 0.0, −87.5 pts",
            "golden │ You may return case-0 in 30 days.",
            "was    │ You may return case-0 within 30 days.",
            "now    │ I could not say anything about it, sorry.",
            "if this change is intended, accept it: pytest --llm-suite=demo --llm-accept",
            "FAIL  worse than the baseline: rouge_l",
            "worst cases:",
            "FAILED suites/demo.yaml::gate*rouge_l* - FAIL*",
        ]
    )


def test_longer_answers_are_dearer(accepted):
    """Twice the tokens fail the cost gate."""
    accepted.answer({name: f"You may return {name} within 30 days." + " Indeed so." * 20 for name in accepted.ids})
    accepted.run()
    verdicts = {verdict["metric"]: verdict for verdict in accepted.verdict()["verdicts"]}
    assert verdicts["cost"]["status"] == "fail"
    reason = verdicts["cost"]["reason"]
    assert reason.startswith("typically 16.0 → 56.0 tokens, +250.0 % on 40 cases and on cases like these (+")
    assert re.search(r"; in total 16\.\d → \d+\.\d tokens, \+2\d\d\.\d %, no more than \+", reason)
    assert "worst cases: case-0 +250.0 % tokens, " in reason


def test_latency_never_decides(accepted):
    """Slower answers are reported without a verdict, because a stored time proves no regression."""
    accepted.edit("pyproject.toml", "answers =", "delay_s = 0.02\nanswers =")
    result = accepted.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["not gated * latency *slower than the margin*"])


def test_accepting_a_change(accepted):
    """An intended change is accepted although its gate fails, and the next run passes."""
    accepted.answer_badly()
    result = accepted.run("--llm-accept")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["ACCEPTED  later runs are compared with this run"])


def test_accepted_runs_add_up(project):
    """Accepting the same prompt and model again adds a run to the baseline, which keeps five."""
    for _ in range(6):
        project.accept()
    header, *cases = [json.loads(line) for line in project.read(BASELINE).splitlines()]
    assert len(header["runs"]) == 5
    assert all(len(case["samples"]) == 5 for case in cases)


def test_another_prompt_starts_a_new_baseline(accepted):
    """Runs with different requests are never in one baseline."""
    accepted.edit("suites/demo.yaml", "You answer customers", "You are rude to customers")
    accepted.accept()
    assert len(json.loads(accepted.read(BASELINE).splitlines()[0])["runs"]) == 1


@pytest.mark.parametrize("arguments", [("-k", "even"), ("suites/demo.yaml::case-1[fake-plain]",)])
def test_a_partial_run_is_not_accepted(accepted, arguments):
    """Accepting a run of some cases changes no baseline, and fails."""
    before = accepted.read(BASELINE)
    result = accepted.run("--llm-accept", *arguments)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["not accepted: expected a complete run, but it has * of 40 samples*"])
    assert accepted.read(BASELINE) == before


def test_nothing_is_accepted_in_ci(project, monkeypatch):
    """`--llm-accept` in CI is a usage error before the first request."""
    monkeypatch.setenv("CI", "1")
    result = project.run("--llm-accept")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not (project.root / "golden/baselines").exists()


def test_a_selection_never_passes(accepted):
    """With `-k` the gates compare the selected cases, and are skipped instead of passed."""
    result = accepted.run("-k", "case-1 or even or odd and not case-39")
    assert "passed" in result.parseoutcomes()
    assert {verdict["status"] for verdict in accepted.verdict()["verdicts"]} == {"inconclusive"}


def test_a_selection_can_fail(accepted):
    """With `-k` a regression still fails."""
    accepted.answer_badly()
    assert accepted.run("-k", "even or case-1").ret == 1


def test_inconclusive_can_be_red(project):
    """`--llm-inconclusive fail` makes an inconclusive gate fail."""
    project.edit("suites/demo.yaml", "margin: 10%", "margin: 1%")
    project.accept()
    project.answer_badly(40)
    assert project.run().ret == 0
    assert project.run("--llm-inconclusive=fail").ret == 1


def test_another_baseline_file(accepted):
    """`--llm-baseline FILE` compares the run with that file, whatever its prompt."""
    accepted.edit("suites/demo.yaml", "vars:", '  short:\n    - user: "{{ question }}"\nvars:')
    accepted.answer_badly()
    result = accepted.run("--llm-prompt=short", f"--llm-baseline={BASELINE}")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAIL  worse than the baseline: rouge_l"])


def test_a_missing_baseline_file(project):
    """A missing `--llm-baseline` file is an error before the first request."""
    result = project.run("--llm-baseline=golden/nothing.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*baseline golden/nothing.jsonl: no such file or folder*"])


def test_nothing_selected_in_a_repository(project):
    """With changed criteria and no selected case, pytest's own exit status for an empty run stays."""
    repository = Repository(project.root)
    repository.commit()
    repository.branch()
    project.edit("suites/demo.yaml", "margin: 10%", "margin: 20%")
    assert project.run("-k", "nothing_is_called_so").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_report_folder(project):
    """`--llm-report DIR` writes the four files to another folder."""
    project.run("--llm-report=out")
    written = {path.name for path in (project.root / "out").iterdir()}
    assert written == {"report.html", "run.jsonl", "verdict.json", "summary.md"}


def test_a_second_run_replaces_the_first(accepted):
    """The files of an earlier run are deleted when a new one begins."""
    accepted.run()
    accepted.answer({"case-0": "FORBIDDEN", "*": "Yes."})
    accepted.run("-x")
    assert accepted.verdict()["status"] == "error"
    assert len(accepted.samples()) == 1


def test_a_pinned_baseline(accepted):
    """A pinned baseline catches small drops that add up, because accepted runs do not move it."""
    folder = accepted.root / "golden/baselines/demo"
    (folder / "pinned").mkdir()
    (folder / "fake.plain.jsonl").rename(folder / "pinned/fake.plain.jsonl")
    accepted.answer_badly(2)
    accepted.accept()
    result = accepted.run()
    assert result.ret == 1
    statuses = {(v["metric"], v["pinned"]): v["status"] for v in accepted.verdict()["verdicts"]}
    assert (statuses["rouge_l", False], statuses["rouge_l", True]) == ("pass", "fail")
    result.stdout.fnmatch_lines(["FAIL * rouge_l (pinned) *", "*gate?fake-plain-rouge_l-pinned? - FAIL *"])
