"""Commands that read runs and baselines, on turns, a simulated user and a conversation that has begun."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from talk import CASE, GOLDENS, talk

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

MODEL = """\
def answer(request):
    said = [message.content for message in request.messages if message.role == "user"]
    if said[-1] == "What is my name?":
        return "Your name is Ada." if "My name is Ada." in said else "I do not know."
    return "Hello Ada." if "name" in said[-1] else "Noted."
"""
USER = {"start": "ask", "states": {"ask": {"says": "My name is Ada.", "reactions": [{"go": "end"}]}}}
BEGUN = [{"user": "My name is Ada."}, {"assistant": "Hello."}]
CASES = [CASE, {"id": "simulated", "user": USER}, {"id": "begun", "messages": BEGUN, "vars": {"user": "Noted?"}}]
ANSWERS = GOLDENS | {"simulated": "Hello Ada.", "begun": "Noted."}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose last run has forgotten the name in turn 3."""
    leave_ci(monkeypatch)
    found = talk(tmp_path, cases=CASES, models=["fake"])
    found.write("golden/demo.yaml", yaml.safe_dump(ANSWERS))
    found.configure(fake={"provider": "scripted", "function": "model.py:answer", "repeats_differ": False})
    found.write("model.py", MODEL)
    found.accept()
    found.write("model.py", MODEL.replace('"My name is Ada." in said', "False"))
    found.evaluate()
    return found


def printed(project: Project, *words: str, stdin: str | None = None, exit_code: int = 0) -> str:
    """The output of a command."""
    result = project.command(*words, stdin=stdin)
    assert result.exit_code == exit_code, result.output
    return result.output


def test_reports(project: Project) -> None:
    """Each turn is a row under its own name; a verdict names the turn, and its conversation is one cluster."""
    run = str(project.root / "reports/demo")
    found = json.loads(printed(project, "compare", "golden/baselines/demo", run, "--json"))
    assert {duel["cases"] for duel in found["pairwise"]} == {len(ANSWERS)}
    rows = list(csv.DictReader(io.StringIO(printed(project, "report", run, "--format=csv"))))
    assert {row["case"]: row["cluster"] for row in rows} == {
        name: "memory" if name.startswith("memory") else "" for name in ANSWERS
    }
    verdict = json.loads(printed(project, "report", run, "--format=json"))["verdicts"][0]
    assert (verdict["worst"], verdict["up"], verdict["down"]) == ([["memory#3", -100.0]], 0, 1)
    assert re.search(r"exact .* 100\.0 → 80\.0\*", printed(project, "history", "demo"))


def test_review(project: Project) -> None:
    """The turn that has changed is reviewed with what was said before it, and its label is imported."""
    page, baseline = str(project.root / "b.html"), str(project.root / "golden/baselines/demo/fake.plain.jsonl")
    printed(project, "review", baseline, "demo", "--html", page)
    data: dict[str, Any] = json.loads(re.findall(r'id="data">(.*?)</script>', project.read("b.html"), re.DOTALL)[0])
    (item,) = data["items"]
    assert item["case"] == "memory#3"
    said = ["Be brief.", "My name is Ada.", "Hello Ada.", "My order is 4711.", "Noted.", "What is my name?"]
    shown = [*data["same"][item["same"]], *item["others"], *item["question"]]
    assert sorted(text for _, text in shown) == sorted(said)
    assert item["question"][-1][1] == said[-1]
    assert "memory#3 · I do not know." in printed(project, "review", "demo", stdin="q\n")
    label = {name: item[name] for name in ("case", "model", "prompt", "first")} | {"choice": "a"}
    header = {**data["header"], "by": "Ada", "exported_at": "2026-01-02T03:04:05.000Z"}
    file = project.write("labels.jsonl", json.dumps(header) + "\n" + json.dumps(label) + "\n")
    printed(project, "labels", "import", str(file))
    assert json.loads(project.read("golden/labels/demo.jsonl"))["case"] == "memory#3"


def test_a_golden_answer_of_a_turn(project: Project) -> None:
    """`accept --golden` adds the answer of the turn that has changed, and keeps whose answer it is."""
    printed(project, "accept", "demo", "--golden", "--yes", "--because", "meant so")
    golden = yaml.safe_load(project.read("golden/demo.yaml"))
    assert golden == ANSWERS | {"memory#3": ["Your name is Ada.", "I do not know."]}
    line = json.loads(project.read("golden/HISTORY.jsonl").splitlines()[-1])
    assert (line["cases"], [*line["origins"][0]["answers"]]) == (["memory#3"], ["memory#3"])
    assert project.evaluate().means["fake", "plain"] == {"exact": 1.0}
