"""Accepting by pytest or by the command: a baseline or golden answers, and one line of history each time."""

from __future__ import annotations

import json
from typing import Any

import yaml
from click.testing import Result

_BECAUSE = ("--because", "meant so")


def accept(project: Any, *arguments: str, stdin: str | None = None) -> Result:
    """`evalharness accept demo ...` in this process."""
    result: Result = project.command("accept", "demo", *arguments, stdin=stdin)
    return result


def history(project: Any) -> list[dict[str, Any]]:
    """The lines of the history."""
    path = project.root / "golden/HISTORY.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def golden(project: Any) -> dict[str, Any]:
    """The golden answers."""
    value: dict[str, Any] = yaml.safe_load(project.read("golden/demo.yaml"))
    return value


def test_pytest_records(project):
    """`--llm-accept` adds a line: author, time, run, reason, and the result of the gates."""
    assert project.run("--llm-accept", "--llm-because=first answers").ret == 0
    [line] = history(project)
    run = json.loads(project.read("reports/demo/run.jsonl").splitlines()[0])
    assert line["run"] == run["id"]
    assert (line["because"], line["overrode"], line["suite"]) == ("first answers", "no baseline", "demo")
    assert (line["models"], line["prompts"]) == (["fake"], ["plain"])
    assert line["baselines"] == ["golden/baselines/demo/fake.plain.jsonl"]
    assert line["by"]
    assert line["at"].endswith("+00:00")
    project.accept()
    assert [one["because"] for one in history(project)] == ["first answers", ""]


def test_a_reason_for_nothing(project):
    """A reason without `--llm-accept` is a usage error before the first request."""
    result = project.run("--llm-because=oh")
    assert result.ret == 4
    assert "expected together with --llm-accept" in result.stderr.str()


def test_a_refused_run_adds_no_history(project):
    """An incomplete run is not accepted, and adds no line."""
    project.run("--llm-accept", "-k", "case-1")
    assert history(project) == []


def test_no_history_no_baseline(project):
    """If the line cannot be written, nothing is accepted."""
    (project.root / "golden/HISTORY.jsonl").mkdir(parents=True)
    result = project.run("--llm-accept")
    assert "HISTORY.jsonl: cannot be written" in result.stdout.str()
    assert not list((project.root / "golden/baselines").rglob("*.jsonl"))


def test_a_run_from_its_file(changed):
    """The command accepts the record as pytest does: as another run of the same baseline."""
    result = accept(changed, *_BECAUSE, "--by", "ada")
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].startswith("accepted  golden/baselines/demo/fake.plain.jsonl: commit it")
    header = json.loads(changed.read("golden/baselines/demo/fake.plain.jsonl").splitlines()[0])
    assert len(header["runs"]) == 2
    assert len({run["request_digest"] for run in header["runs"]}) == 1
    line = history(changed)[-1]
    assert (line["by"], line["because"], line["overrode"]) == ("ada", "meant so", "fail")


def test_never_in_ci(changed, monkeypatch):
    """The command refuses to accept in CI."""
    monkeypatch.setenv("CI", "true")
    before = changed.read("golden/demo.yaml")
    for more in ((), ("--golden", "--yes")):
        result = accept(changed, *_BECAUSE, *more)
        assert (result.exit_code, "nothing is accepted in CI" in result.output) == (1, True)
    assert (len(history(changed)), changed.read("golden/demo.yaml")) == (1, before)


def test_never_a_part(changed):
    """An incomplete record is refused."""
    changed.run("-k", "case-1")
    for more in ((), ("--golden", "--yes")):
        result = accept(changed, *_BECAUSE, *more)
        assert (result.exit_code, "expected a complete run" in result.output) == (1, True)


def test_a_record_from_elsewhere(changed):
    """Names in a record are not used as paths."""
    record = changed.read("reports/demo/run.jsonl")
    for old, new, message in (
        ('"suite":"demo"', '"suite":"../demo"', "expected the name of a suite, model or prompt, got '../demo'"),
        ('"plain"', '"../../plain"', "expected the name of a suite, model or prompt, got '../../plain'"),
        ('"prompts":{"plain"', '"prompts":{"other"', "has no identity for fake or plain"),
        ('"fake"', '"../../fake"', "expected the name of a suite, model or prompt, got '../../fake'"),
    ):
        changed.write("reports/demo/run.jsonl", record.replace(old, new))
        before = sorted(changed.root.rglob("*.jsonl"))
        result = accept(changed, *_BECAUSE)
        assert (result.exit_code, message in result.output) == (1, True), result.output
        assert sorted(changed.root.rglob("*.jsonl")) == before


def test_golden_of_a_case(changed):
    """The answer of a named case is added to its golden answers; comments and other cases keep their bytes."""
    changed.edit("golden/demo.yaml", "case-1:", "# a comment\ncase-1:")
    before = changed.read("golden/demo.yaml")
    result = accept(changed, *_BECAUSE, "--golden", "--case", "case-8")
    assert result.exit_code == 0, result.output
    old, new = "You may return case-8 in 30 days.", "I could not say anything about it, sorry."
    assert changed.read("golden/demo.yaml") == before.replace(f"case-8: {old}\n", f'case-8:\n  - {old}\n  - "{new}"\n')
    line = history(changed)[-1]
    assert (line["cases"], line["goldens"], line["baselines"]) == (["case-8"], "golden/demo.yaml", [])
    assert "pytest --llm-suite=demo --llm-accept" in result.output


def test_then_accept(changed):
    """Accepting afterwards scores the recorded answers with the new golden answers, as the output explains."""
    accept(changed, *_BECAUSE, "--golden", "--yes")
    assert changed.run("--llm-accept").ret == 0
    assert changed.run().ret == 0


def test_all_changed(changed):
    """Without names, the changed answers are listed before the prompt; without a terminal nothing is accepted."""
    before = changed.read("golden/demo.yaml")
    refused = accept(changed, *_BECAUSE, "--golden")
    assert (refused.exit_code, changed.read("golden/demo.yaml")) == (1, before)
    assert "choose cases with --case, or pass --yes" in refused.output
    assert accept(changed, *_BECAUSE, "--golden", "--yes").exit_code == 0
    cases = [f"case-{number}" for number in range(0, 40, 8)]
    assert sorted(history(changed)[-1]["cases"]) == sorted(cases)
    assert [case for case, answers in golden(changed).items() if isinstance(answers, list)] == cases
    again = accept(changed, *_BECAUSE, "--golden", "--case", "case-8")
    assert (again.exit_code, len(history(changed))) == (0, 3)


def test_a_case_edited_after_the_run(changed):
    """A case that was edited after the run takes no answer of it; another case does."""
    changed.edit("suites/cases.jsonl", "Can I return case-8?", "Where is case-8?")
    before = changed.read("golden/demo.yaml")
    result = accept(changed, *_BECAUSE, "--golden", "--case", "case-8")
    assert result.exit_code == 1
    assert "not accepted: the case 'case-8' was edited after this run: run the suite again" in result.output
    assert (changed.read("golden/demo.yaml"), len(history(changed))) == (before, 1)
    assert accept(changed, *_BECAUSE, "--golden", "--case", "case-16").exit_code == 0


def test_replace(changed):
    """With `--replace` the new answer is the only golden answer."""
    assert accept(changed, *_BECAUSE, "--golden", "--case", "case-8", "--replace").exit_code == 0
    assert golden(changed)["case-8"] == "I could not say anything about it, sorry."
    assert history(changed)[-1]["replaced"] is True


def test_an_unsafe_edit_is_not_written(changed):
    """A golden file that cannot be edited safely is left unchanged, and no line is written."""
    answers = golden(changed)
    text = "".join(f"{case}: {text}\n" for case, text in answers.items() if case not in ("case-8", "case-9"))
    changed.write("golden/demo.yaml", f"case-8: &same One answer\ncase-9: *same\n{text}")
    changed.run()
    before = changed.read("golden/demo.yaml")
    result = accept(changed, *_BECAUSE, "--golden", "--case", "case-9")
    assert (result.exit_code, "golden/demo.yaml: nothing was changed" in result.output) == (1, True), result.output
    assert (changed.read("golden/demo.yaml"), len(history(changed))) == (before, 1)


def test_invalid_arguments(changed):
    """Invalid combinations of arguments are explained."""
    for arguments, status, message in (
        (("--because", " "), 2, "expected a reason, got an empty text"),
        ((), 2, "Missing option '--because'"),
        ((*_BECAUSE, "--case", "case-8"), 2, "require --golden"),
        ((*_BECAUSE, "--golden", "--case", "case-88"), 1, "this run has no case 'case-88'"),
        ((*_BECAUSE, "--golden", "--model", "x"), 1, "this run has no model 'x'"),
    ):
        result = accept(changed, *arguments)
        assert (result.exit_code, message in result.output) == (status, True), result.output


def test_no_run(project):
    """For a suite without a run, the error names the command that creates one."""
    result = accept(project, *_BECAUSE)
    assert (result.exit_code, "demo: no run found" in result.output) == (1, True)
    result = project.command("accept", "n" * 300, *_BECAUSE)
    assert (result.exit_code, "n: no run found" in result.output) == (1, True)


def test_validate_reads_the_history(changed):
    """`evalharness validate` counts the acceptances, and reports a damaged line."""
    good = changed.command("validate")
    assert (good.exit_code, good.stdout.splitlines()[-1]) == (0, "golden/HISTORY.jsonl: ok: 1 acceptance")
    with (changed.root / "golden/HISTORY.jsonl").open("a") as file:
        file.write('{"schema": 1')
    bad = changed.command("validate")
    assert bad.exit_code == 1
    assert "golden/HISTORY.jsonl:2: the last line is cut off" in bad.stdout
