"""A judge that has changed judges the accepted answers again, and the gate compares both sides by today's judge."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judged_project import CASES, POLITE, JudgedProject, verdict_on

from evalharness.evaluation.api import Evaluation
from evalharness.gate import decide_run
from evalharness.providers.answer import response_of
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import GateRule, Timing
from evalharness.report.terminal import summary_lines
from evalharness.testing import baseline, run, sample

OTHERS: tuple[Mapping[str, Any], ...] = (
    POLITE | {"ask": "Is it kind?"},
    POLITE | {"model": "strict"},
    POLITE | {"choices": ["yes", "no", "unclear"]},
    POLITE | {"sees": ["answer"]},
)
"""Other instruments under the same name: question, model, choices, parts."""
DECISION = "{'yes': 0.9, 'no': 0.1} if 'kindly' in shown else {'yes': 0.2, 'no': 0.8}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JudgedProject:
    """A project with a judge."""
    return JudgedProject(tmp_path, monkeypatch)


def summary(evaluation: Evaluation) -> str:
    """The terminal's section in one line."""
    assert evaluation.outcome
    return " ".join(" ".join(line for line, _ in summary_lines(evaluation.outcome)).split())


@pytest.mark.parametrize("other", OTHERS)
def test_both_sides_get_todays_judge(project: JudgedProject, other: Mapping[str, Any]) -> None:
    """After any change of the judge the gate decides, and says how many answers it judged again and at what cost."""
    project.accept_judged()
    assert project.requests == CASES
    evaluation = project.evaluate_judged([other], answer="{} kindly!")
    found = verdict_on(evaluation)
    assert found.status == "pass", found.reason
    assert (found.before, found.after) == (100, 100)
    assert project.requests == 3 * CASES
    cost = f"{CASES} accepted answers judged again ({CASES} requests sent, $"
    assert f"the judge has changed since the baseline was accepted: {cost}" in found.reason
    assert cost in found.notice
    assert f"judged {cost}" in summary(evaluation)


def test_a_stricter_judge_is_no_drop(project: JudgedProject) -> None:
    """Scores of the old judge are not compared with those of the new one; a drop by the new one fails."""
    project.accept_judged()
    strict = [POLITE | {"model": "strict"}]
    found = verdict_on(project.evaluate_judged(strict, answer="{} kindly!", decision="{'yes': 0.25, 'no': 0.75}"))
    assert (found.status, found.before, found.after) == ("pass", 25, 25)
    found = verdict_on(project.evaluate_judged([OTHERS[0]], answer="{} gruffly."))
    assert (found.status, found.before, found.after) == ("fail", 100, 0)


def test_equal_requests_are_sent_once(project: JudgedProject) -> None:
    """A second run judges nothing, an edited answer is judged alone, and an unchanged answer once for both sides."""
    project.accept_judged()
    project.evaluate_judged([OTHERS[0]])
    assert project.requests == 2 * CASES  # the accepted answers are those of the run
    project.evaluate_judged([OTHERS[0]], answer="{} kindly!")
    assert project.requests == 3 * CASES
    second = project.evaluate_judged([OTHERS[0]], answer="{} kindly!")
    assert project.requests == 3 * CASES
    assert f"{CASES} accepted answers judged again (0 requests sent)" in verdict_on(second).reason
    project.evaluate_judged([OTHERS[0]], answer="{} kindly!", other={"case-07": "case-07 kindly, too."})
    assert project.requests == 3 * CASES + 1


def test_an_edited_case_is_not_compared(project: JudgedProject) -> None:
    """Only answers to unedited cases are judged again."""
    project.accept_judged()
    project.names[-1] = "another"
    with_new = project.evaluate_judged([OTHERS[0]], answer="{} kindly!")
    assert verdict_on(with_new).status == "error"  # a case of the baseline is gone
    (judged,) = with_new.run.judged_again
    assert {one.case for one in judged.answers} == set(project.names[:-1])


def test_a_new_judge(project: JudgedProject) -> None:
    """A judge metric that the baseline has no scores of judges its answers, and the gate decides at once."""
    project.accept_judged()
    evaluation = project.evaluate_judged([POLITE, POLITE | {"name": "kind", "ask": "Kind?"}], answer="{} gruffly.")
    found = verdict_on(evaluation, "kind")
    assert (found.status, found.before, found.after) == ("fail", 100, 0)
    assert f"the judge was added since the baseline was accepted: {CASES} accepted answers" in found.reason
    assert "judged again" not in verdict_on(evaluation).reason


def test_decided_again_from_files(project: JudgedProject) -> None:
    """The record has the scores: a copy of it, decided again, gives the same verdicts without a judge."""
    project.accept_judged()
    project.evaluate_judged([OTHERS[1]], answer="{} gruffly.", decision=DECISION)
    first = project.verdict()["verdicts"]
    for name in ("critic.py", "strict.py"):
        (project.root / name).unlink()
    (project.root / "copy").mkdir()
    shutil.copy(project.root / "reports/demo/run.jsonl", project.root / "copy/run.jsonl")
    result = project.command("gate", project.root / "copy", "--json")
    assert result.exit_code == 1
    again = json.loads(result.output)["verdicts"]
    assert again == first
    assert project.requests == 3 * CASES


def test_a_damaged_line_of_the_record(project: JudgedProject) -> None:
    """The scores of accepted answers are read as strictly as the samples."""
    project.accept_judged()
    project.evaluate_judged([OTHERS[0]])
    path = project.root / "reports/demo/run.jsonl"
    path.write_text(path.read_text().replace('"judged_again":{"metric"', '"judged_again":{"metrics"'))
    result = project.command("gate", path)
    assert result.exit_code == 1
    assert "invalid run record" in result.output


def test_a_baseline_accepted_since(project: JudgedProject) -> None:
    """After the acceptance the baseline has the scores of today's judge, and nothing is judged again."""
    project.accept_judged()
    project.evaluate_judged([OTHERS[0]], answer="{} kindly!").accept()
    sent = project.requests
    again = project.evaluate_judged([OTHERS[0]], answer="{} kindly!")
    assert verdict_on(again).status == "pass"
    assert (project.requests, again.run.judged_again) == (sent, ())
    back = verdict_on(project.evaluate_judged(answer="{} kindly!"))
    assert (back.status, back.before) == ("pass", 100)


def test_a_judge_that_fails(project: JudgedProject) -> None:
    """An accepted answer that the judge cannot judge is an error of the gate, never left out."""
    project.accept_judged()
    decision = "{'yes': 1.0, 'no': 0.0} if 'case-03 kindly.' not in shown else {'maybe': 1.0}"
    found = verdict_on(project.evaluate_judged([OTHERS[1]], answer="{} kindly!", decision=decision))
    assert found.status == "error"
    assert "no score of polite in [0, 1] for case case-03" in found.reason
    assert "1 of them failed: metric: polite: no response of 'strict'" in found.reason


def test_the_budget_of_the_run(project: JudgedProject) -> None:
    """Judging again takes the budget of the run; an answer that it leaves out is an error of the gate."""
    project.accept_judged()
    evaluation = project.evaluate_judged([OTHERS[0]], answer="{} kindly!", budget_usd=45.0)
    assert all(sample.ok for sample in evaluation.samples)
    found, (judged,) = verdict_on(evaluation), evaluation.run.judged_again
    assert found.status == "error"
    assert "of them failed: metric: polite: no response of 'critic': budget: " in found.reason
    assert 0 < judged.sent < CASES
    assert sum(sample.metrics_cost_usd for sample in evaluation.samples) + judged.cost_usd < 45


def test_nothing_is_sent_without_recordings(project: JudgedProject) -> None:
    """With `record="none"` no judge is called: recorded verdicts decide, missing ones are an error."""
    project.accept_judged()
    project.evaluate_judged([OTHERS[0]], answer="{} kindly!")
    sent = project.requests
    replayed = project.evaluate_judged([OTHERS[0]], answer="{} kindly!", record="none")
    assert verdict_on(replayed).status == "pass"
    project.evaluate_judged([OTHERS[0] | {"ask": "Is it short?"}], answer="{} kindly!", record="none")
    assert project.requests == sent


def test_a_recording_has_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `record export` writes is all that another machine replays: both sides, by today's judge."""
    project = JudgedProject(tmp_path, monkeypatch, recorded=True)
    project.accept_judged()
    changed = {"judges": [OTHERS[0]], "answer": "{} kindly!"}
    project.evaluate_judged(**changed, record="all")
    recording = project.root / "recording.jsonl"
    assert project.command("record", "export", "demo", "--output", recording).exit_code == 0
    assert len(recording.read_text().splitlines()) == 1 + 3 * CASES
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    assert project.command("record", "import", recording).exit_code == 0
    found = verdict_on(project.evaluate_judged(**changed, record="none"))
    assert (found.status, found.before) == ("pass", 100), found.reason


@pytest.mark.parametrize(
    ("sees", "missing"), [(["context"], "context"), (["question", "tool_calls"], "tool calls"), (["answer"], "")]
)
def test_parts_that_no_baseline_keeps(project: JudgedProject, sees: list[str], missing: str) -> None:
    """A judge that sees more than texts of the case and the answer cannot judge again; the verdict names the part."""
    added = {"contexts": ["Be kind."], "tool_calls": []}
    application = ScriptedProvider(lambda request: response_of({"text": "Kindly.", **added}, Timing(0.1)))
    project.accept_judged(models={"scripted": application})
    sent = project.requests
    found = verdict_on(project.evaluate_judged([POLITE | {"sees": sees}], models={"scripted": application}))
    assert found.status == ("incomparable" if missing else "pass"), found.reason
    text = f"the accepted answers cannot be judged again: a baseline does not keep their {missing}"
    assert (text in found.reason) == bool(missing)
    assert project.requests <= sent + CASES  # those of this run alone


def test_a_context_of_the_case(project: JudgedProject) -> None:
    """A context that the case itself brings is there for both sides."""
    seeing = POLITE | {"sees": ["context", "answer"]}
    project.accept_judged(vars={"context": ["Be kind."]})
    found = verdict_on(project.evaluate_judged([seeing], answer="{} kindly!", vars={"context": ["Be kind."]}))
    assert (found.status, found.before) == ("pass", 100)


def test_the_pinned_baseline(project: JudgedProject) -> None:
    """The answers of the pinned baseline are judged again too."""
    project.accept_judged()
    folder = project.root / "golden/baselines/demo"
    (folder / "pinned").mkdir()
    shutil.copy(folder / "scripted.plain.jsonl", folder / "pinned/scripted.plain.jsonl")
    evaluation = project.evaluate_judged([OTHERS[0]], answer="{} gruffly.")
    for pinned in (False, True):
        found = verdict_on(evaluation, pinned=pinned)
        assert (found.status, found.before) == ("fail", 100)
        assert f"{CASES} accepted answers judged again" in found.reason


def test_no_judge_without_a_gate(project: JudgedProject) -> None:
    """Without a baseline, and with `baseline="none"`, nothing is judged again."""
    assert project.evaluate_judged().run.judged_again == ()
    project.accept_judged()
    assert project.evaluate_judged([OTHERS[0]], baseline="none").run.judged_again == ()


def test_a_reference_run_hides_no_change_of_settings() -> None:
    """Fresh samples of the accepted version have today's settings; the accepted scores stay those of the old ones."""
    samples = [sample(f"case-{number}") for number in range(80)]
    beside = [replace(one, key=one.key._replace(repeat=1, purpose="reference")) for one in samples]
    then = baseline(run(samples, id="then", metrics=("exact",), signatures={"exact": "exact|v:0"}))
    now = run(samples, gates=[GateRule("exact", 0.05)], metrics=("exact",), signatures={"exact": "exact|v:1"})
    reference = run(beside, id="reference", metrics=("exact",), signatures={"exact": "exact|v:1"})
    accepted = {("scripted", "plain"): then}
    (found, *_) = decide_run(now, accepted, accept_command="accept", reference=reference)
    assert found.status == "incomparable"
    assert "metric settings changed: baseline exact|v:0" in found.reason
