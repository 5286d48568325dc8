"""`evalharness audit`: what was accepted, relaxed, labelled and calibrated, from the files of a real repository."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hostile import MARKDOWN, named
from labelled_project import build, label
from markdown_it import MarkdownIt
from repository import Repository

from evalharness.gate.judge_error import judge_error
from evalharness.records.audit import Audit, AuditedAcceptance, AuditedJudge, AuditedLabels
from evalharness.report.audit import audit_json
from evalharness.store.acceptances import ACCEPTANCES, acceptances_with, new_acceptance
from evalharness.store.answer_labels import (
    calibration_path,
    label_path,
    read_answer_labels,
    read_calibrations_of_judges,
)
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OLD = {
    "schema": 1,
    "kind": "acceptance",
    "at": "2026-01-02T03:04:05+00:00",
    "by": "Ada",
    "because": "first",
    "suite": "demo",
    "run": "r1",
    "commit": None,
    "dirty": False,
    "models": ["m"],
    "prompts": ["p"],
    "baselines": ["golden/baselines/demo/m.p.jsonl"],
    "overrode": "no baseline",
}
"""A line of a version without the fields `verdicts` and `relaxed`."""


@pytest.fixture(autouse=True)
def _at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_ci(monkeypatch)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project without acceptances."""
    project = Project(tmp_path)
    project.write_suite()
    return project


def audit(project: Project, *words: str, status: int = 0) -> dict[str, Any]:
    """What `evalharness audit --format json` prints."""
    result = project.command("audit", "--format", "json", *words)
    assert result.exit_code == status, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def markdown(project: Project, *words: str, status: int = 0) -> str:
    """What `evalharness audit` prints."""
    result = project.command("audit", *words)
    assert result.exit_code == status, result.output
    return result.stdout


def write_history(project: Project, *lines: dict[str, Any] | str) -> None:
    """Write the lines of the history."""
    texts = (one if isinstance(one, str) else json.dumps(one) for one in lines)
    project.write(ACCEPTANCES, "".join(f"{text}\n" for text in texts))


def test_nothing_yet(project: Project) -> None:
    """An empty history is a sentence, and status 0."""
    assert markdown(project) == "# Audit\n\nNothing was accepted, labelled or calibrated yet.\n"
    assert audit(project)["acceptances"] == []


def test_a_relaxed_acceptance(project: Project) -> None:
    """A run accepted after its margin was widened: the audit has person, reason, evidence, gates and the relaxation."""
    repository = Repository(project.root)
    project.write(".gitignore", ".cache/\nreports/\n")
    repository.commit()
    project.evaluate()
    project.command("accept", "demo", "--because", "first answers", "--by", "Ada")
    repository.commit()
    project.edit("suites/demo.yaml", "margin: 0.05", "margin: 0.5")
    project.answer({"case-0": "Maybe.", "case-1": "No."})
    project.evaluate()
    assert project.command("accept", "demo", "--because", "meant so", "--by", "Ada").exit_code == 0
    first, second = audit(project)["acceptances"]
    assert (first["relaxed"], first["verdicts"], first["overrode"]) == ([], {"no baseline": 1}, "no baseline")
    assert (second["by"], second["because"], second["line"]) == ("Ada", "meant so", 2)
    assert second["run"] == project.record().header.id
    assert second["commit"] == repository.git("rev-parse", "HEAD")
    assert sum(second["verdicts"].values()) == 1
    [margin] = [one for one in second["relaxed"] if "margin" in one]
    text = markdown(project)
    assert "- 2 acceptances by 1 person\n" in text
    assert "- of a run with relaxed criteria: 1\n" in text
    assert f"  - relaxed criteria: {len(second['relaxed'])}\n    - `" in text
    assert f"    - `{margin}`\n" in text
    assert "  - relaxed criteria: none\n" in text
    assert "  - reason: `meant so`\n" in text


def test_the_format_is_documented() -> None:
    """The example in docs/data.md has every field of the JSON, in its order, and the schema number."""
    page = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
    [example] = [json.loads(line) for line in page.splitlines() if line.startswith('{"schema"') and '"audit"' in line]
    assert list(example) == list(audit_json(Audit("", (), (), (), (), ())))
    assert (example["schema"], example["kind"]) == (1, "audit")
    parts = {"acceptances": AuditedAcceptance, "judges": AuditedJudge, "labels": AuditedLabels}
    for name, kind in parts.items():
        assert list(example[name][0]) == [field.name for field in fields(kind)]


def test_outside_of_git(project: Project) -> None:
    """Without a commit to compare with, what was relaxed is unknown, and not nothing."""
    project.evaluate()
    project.command("accept", "demo", "--because", "first answers")
    [one] = audit(project)["acceptances"]
    assert (one["relaxed"], one["commit"]) == (None, None)
    assert "relaxed criteria: unknown, not recorded" in markdown(project)


def test_older_lines(project: Project) -> None:
    """Lines of earlier versions are read; their gates and relaxations are unknown."""
    write_history(project, OLD)
    [one] = audit(project)["acceptances"]
    assert (one["by"], one["verdicts"], one["relaxed"]) == ("Ada", None, None)
    text = markdown(project)
    assert "relaxed criteria: unknown, not recorded" in text
    assert "status before: **NO BASELINE**\n" in text


def test_damaged_lines(project: Project) -> None:
    """A damaged line is a problem with file and line, and status 1; the others are shown."""
    write_history(project, OLD, '{"schema": 1', {**OLD, "at": "yesterday"})
    found = audit(project, status=1)
    assert [one["line"] for one in found["acceptances"]] == [1, 3]
    assert [text.split(": ")[0] for text in found["problems"]] == [f"{ACCEPTANCES}:2:13", f"{ACCEPTANCES}:3"]
    text = markdown(project, status=1)
    assert "**2 problems**: the audit is incomplete" in text
    assert f"{ACCEPTANCES}:2" in text


def test_since_a_commit(project: Project) -> None:
    """Lines that the commit has are left out, by content: a time in a line cannot hide it."""
    repository = Repository(project.root)
    write_history(project, OLD)
    repository.commit()
    repository.git("tag", "v1")
    write_history(project, OLD, {**OLD, "run": "r2", "at": "2020-01-01T00:00:00+00:00"})
    assert [one["run"] for one in audit(project, "--since", "v1")["acceptances"]] == ["r2"]
    assert markdown(project, "--since", "v1").startswith("# Audit since `v1`\n")
    repository.commit()
    assert markdown(project, "--since", "HEAD").endswith("Nothing was accepted, labelled or calibrated since `HEAD`.\n")


def test_lost_since_a_commit(project: Project) -> None:
    """A line that was edited since the commit is a problem: lines may only be added."""
    repository = Repository(project.root)
    write_history(project, OLD)
    repository.commit()
    write_history(project, {**OLD, "because": "nicer"})
    [problem] = audit(project, "--since", "HEAD", status=1)["problems"]
    assert problem.startswith(f"{ACCEPTANCES}: 1 line of HEAD removed or edited")


def test_since_a_date(project: Project) -> None:
    """A date counts by the time in each line; a time without a zone is UTC."""
    times = ("2026-01-31T23:59:59+00:00", "2026-02-01T00:00:00+00:00", "2026-02-01T00:30:00+01:00", "2026-02-03")
    write_history(project, *({**OLD, "at": at, "run": at} for at in times))
    found = audit(project, "--since", "2026-02-01")["acceptances"]
    assert [one["run"] for one in found] == [times[1], times[3]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--since", "2026-13-01"), "expected a date such as 2026-01-31, or a commit, got '2026-13-01'"),
        (("--since", "v9"), "not in a git repository"),
        (("dem",), "unknown suite 'dem'; did you mean 'demo'?"),
    ],
)
def test_mistakes(project: Project, words: tuple[str, ...], message: str) -> None:
    """An impossible date, an unknown commit and an unknown suite are errors of one line."""
    result = project.command("audit", *words)
    assert result.exit_code == 1
    assert message in result.output


def test_one_suite(project: Project) -> None:
    """Named suites alone are shown; a deleted suite with acceptances has a name too."""
    write_history(project, OLD, {**OLD, "suite": "gone", "run": "r2"})
    assert [one["run"] for one in audit(project, "gone")["acceptances"]] == ["r2"]
    assert markdown(project, "gone").startswith("# Audit of `gone`\n")


def test_judges_and_labels(tmp_path: Path) -> None:
    """A calibrated judge has its error on the labels of today, and each person a row."""
    project = build(tmp_path)
    repository = Repository(project.root)
    repository.commit()
    label(project)
    label(project, by="Bob", sample=5)
    project.command("judge", "calibrate", "demo", "--no-ask")
    found = audit(project)
    calibration = read_calibrations_of_judges(project.root, "demo")["polite"]
    labels = read_answer_labels(project.root, "demo")
    error = judge_error(labels, calibration, calibration.signature)
    [judge] = found["judges"]
    assert error
    assert (judge["se"], judge["sp"]) == (error.accuracy.sensitivity.share, error.accuracy.specificity.share)
    assert (judge["labels"], judge["people"], judge["problems"]) == (error.labels, 2, list(error.problems))
    assert judge["labels"] > 30
    people = {one["by"]: one["labels"] for one in found["labels"]}
    assert people == {by: sum(one.by == by for one in labels) for by in ("Ada", "Bob")}
    text = markdown(project)
    assert f"| {judge['se']:.2f} (" in text
    assert "## Judges" in text
    assert f"- `polite` of `demo` is `{judge['signature'][:900]}" in text
    assert "## Labels" in text
    repository.commit()
    later = audit(project, "--since", "HEAD")
    assert (later["judges"], later["labels"], later["problems"]) == ([], [], [])


def test_lost_labels(tmp_path: Path) -> None:
    """Labels that were removed since the commit are a problem."""
    project = build(tmp_path)
    label(project)
    Repository(project.root).commit()
    path = label_path(project.root, "demo")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    [problem] = audit(project, "--since", "HEAD", status=1)["problems"]
    assert problem == "golden/labels/demo.jsonl: 1 label of HEAD removed or edited"


def test_deleted_labels_and_judges(tmp_path: Path) -> None:
    """A deleted file of labels or judges is a problem, although nothing of it is left."""
    project = build(tmp_path)
    count = label(project)
    project.command("judge", "calibrate", "demo", "--no-ask")
    Repository(project.root).commit()
    for path in (label_path(project.root, "demo"), calibration_path(project.root, "demo")):
        path.unlink()
    assert audit(project, "--since", "HEAD", status=1)["problems"] == [
        "golden/labels/demo.judges.jsonl: 1 calibration of HEAD removed or edited",
        f"golden/labels/demo.jsonl: {count} labels of HEAD removed or edited",
    ]


def test_damaged_labels(project: Project) -> None:
    """A damaged label is a problem with file and line."""
    project.write("golden/labels/demo.jsonl", '{"schema": 1, "kind": "answer"}\n')
    project.write("golden/labels/demo.judges.jsonl", "{}\n")
    problems = audit(project, status=1)["problems"]
    assert [text.split(": ")[0] for text in problems] == [
        "golden/labels/demo.judges.jsonl:1",
        "golden/labels/demo.jsonl:1",
    ]


def test_choices_of_blind_comparisons(project: Project) -> None:
    """The choices of a blind comparison are labels of the person who made them."""
    lines = [{"schema": 1, "kind": "label", "by": "Cleo", "at": f"2026-01-0{day}", "case": "a"} for day in (2, 1)]
    project.write("golden/labels/demo.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    [one] = audit(project)["labels"]
    assert (one["by"], one["labels"], one["first"], one["last"]) == ("Cleo", 2, "2026-01-01", "2026-01-02")
    assert "| blind comparison | `Cleo` | 2 |" in markdown(project)


@pytest.mark.parametrize("text", MARKDOWN[::5], ids=named)
def test_texts_stay_texts(project: Project, text: str) -> None:
    """No name, reason, file or relaxed criterion becomes markup."""
    names = dict.fromkeys(("at", "by", "because", "suite", "run", "commit"), text)
    lists = {key: [text] for key in ("models", "prompts", "baselines", "cases", "relaxed")}
    one = new_acceptance(**{**OLD, **names, **lists})
    project.write(ACCEPTANCES, acceptances_with(project.root, one).decode())
    project.write("golden/labels/demo.jsonl", json.dumps({"kind": "label", "by": text, "at": text}) + "\n")
    page = markdown(project, status=1)
    kinds = {token.type for block in RENDERER.parse(page) for token in [block, *(block.children or ())]}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "fence", "code_block", "blockquote_open"}
    assert page.count("\n# ") == 0
