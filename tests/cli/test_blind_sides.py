"""`evalharness review --html`: two models or prompts of one run, a sample, and what the page shows of a prompt."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

_ISLAND = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
CASES = [f"case-{n:02}" for n in range(20)]
SHOTS = [{"user": "Customer: Where?"}, {"assistant": "Here."}]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A run of two models with two prompts; the models differ in 20 cases, the prompts in none."""
    leave_ci(monkeypatch)
    project = Project(tmp_path)
    prompts = {
        "plain": [{"system": "Be brief."}, *SHOTS, {"user": "{{ question }}"}],
        "long": [{"system": "Be long."}, *SHOTS, {"user": "{{ question }}"}],
    }
    project.write_suite(dict.fromkeys(CASES, "Yes."), models=["scripted", "other"], prompts=prompts)
    project.configure(other={"provider": "scripted", "answers": "other.json"})
    project.write("other.json", json.dumps(dict.fromkeys(CASES, "Other.")))
    project.accept()
    return project


def page(project: Project, *arguments: str) -> dict[str, Any]:
    """The data of the page with these arguments."""
    file = project.root / "reports/b.html"
    done = project.command("review", *arguments, "--html", file)
    assert done.exit_code == 0, done.output
    found = _ISLAND.search(file.read_text(encoding="utf-8"))
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def refusal(project: Project, *arguments: str) -> str:
    """What the command says when it refuses."""
    done = project.command("review", *arguments, "--html", project.root / "reports/b.html")
    assert done.exit_code == 1, done.output
    assert not (project.root / "reports/b.html").exists()
    return " ".join(done.output.split())


def test_a_model_and_prompt_against_another(project: Project) -> None:
    """Each case has one pair, the sides are in the header alone, and what all cases share is folded."""
    data = page(project, "demo", "--sides", "scripted.plain,other.plain")
    run = project.record().header.id
    assert data["header"]["a"] == {"run": run, "model": "scripted", "prompt": "plain"}
    assert data["header"]["b"] == {"run": run, "model": "other", "prompt": "plain"}
    assert sorted(item["case"] for item in data["items"]) == CASES
    for item in data["items"]:
        assert item["question"] == [["user", f"{item['case']}?"]]
        assert (item["model"], item["prompt"], item["others"]) == ("", "", [])
        assert item["left" if item["first"] == "a" else "right"] == "Yes."
    assert data["same"] == [[["system", "Be brief."], ["user", "Customer: Where?"], ["assistant", "Here."]]]


def test_two_models_with_every_prompt(project: Project) -> None:
    """Models are compared with each prompt, and --prompt chooses some."""
    data = page(project, "demo", "--sides", "scripted, other")
    assert {item["prompt"] for item in data["items"]} == {"plain", "long"}
    assert (len(data["items"]), data["header"]["a"]["prompt"]) == (40, "")
    one = page(project, "demo", "--sides", "scripted,other", "--prompt", "long")
    assert {(item["model"], item["prompt"]) for item in one["items"]} == {("", "long")}


def test_two_prompts_hide_their_instructions(project: Project) -> None:
    """The page of two prompts has no message that tells one from the other."""
    data = page(project, "demo", "--sides", "scripted.plain,other.long")
    assert data["same"] == [[["user", "Customer: Where?"], ["assistant", "Here."]]]
    assert not re.search("Be brief|Be long", json.dumps(data))


def test_filters_of_runs_and_baselines(project: Project) -> None:
    """--model limits the comparison of a run with all baselines of the suite."""
    project.answer(dict.fromkeys(CASES, "New."))
    project.write("other.json", json.dumps(dict.fromkeys(CASES, "New, too.")))
    project.evaluate()
    baselines = str(project.root / "golden/baselines/demo")
    assert len(page(project, baselines, "demo")["items"]) == 80
    data = page(project, baselines, "demo", "--model", "other", "--prompt", "plain")
    assert {(item["model"], item["prompt"]) for item in data["items"]} == {("other", "plain")}
    assert len(data["items"]) == 20


def test_a_sample(project: Project) -> None:
    """The seed decides which cases are drawn, a larger sample contains the smaller, and the header has both numbers."""
    arguments = ("demo", "--sides", "scripted.plain,other.plain", "--seed", "s")
    drawn = [[item["case"] for item in page(project, *arguments, "--sample", str(n))["items"]] for n in (3, 8, 90)]
    assert [len(one) for one in drawn] == [3, 8, 20]
    assert drawn[2][:8] == drawn[1]
    assert drawn[1][:3] == drawn[0] != sorted(drawn[2])[:3]
    header = page(project, *arguments, "--sample", "3")["header"]
    assert (header["cases"], header["of"], header["seed"]) == (3, 20, "s")
    done = project.command("review", *arguments, "--sample", "3", "--html", project.root / "reports/b.html")
    assert "a random 3 of 20 cases" in " ".join(done.output.split())


def test_refusals(project: Project) -> None:
    """An unknown side, sides of two kinds, one side, the same side twice, and options without a page have a reason."""
    for sides, message in (
        ("scripted.plain,othr.plain", "unknown side 'othr.plain'; did you mean 'other.plain'"),
        ("scripted.plain,other", "expected two models, two prompts or two MODEL.PROMPT"),
        ("scripted,plain", "expected two models, two prompts or two MODEL.PROMPT"),
        ("scripted", "expected two sides with a comma between them"),
        ("scripted,scripted", "nothing to compare: every common answer is the same"),
        ("plain,long", "nothing to compare: every common answer is the same"),
    ):
        assert message in refusal(project, "demo", "--sides", sides)
    assert "has no model 'othr'; did you mean 'other'" in refusal(
        project, "demo", "--sides", "plain,long", "--model", "othr"
    )
    for options in (("--sides", "plain,long"), ("--sample", "3"), ("--model", "other")):
        done = project.command("review", "demo", *options)
        assert (done.exit_code, "a blind comparison requires --html FILE" in done.output) == (2, True)
    done = project.command("review", "demo", "--sides", "a,b", "--json", "--html", project.root / "reports/b.html")
    assert (done.exit_code, "have no effect with --html" in done.output) == (2, True)


def test_import_and_tally(project: Project) -> None:
    """The export needs no option, and `labels tally` prints the result again, of all people and pages."""
    missing = project.command("labels", "tally", "demo")
    assert (missing.exit_code, "no choices in golden/labels/demo.jsonl" in missing.output) == (1, True)
    file = project.root / "labels.jsonl"
    for by, sides, better in (
        ("Ada", "scripted.plain,other.plain", "a"),
        ("Bo", "other.plain,scripted.plain", "b"),
        ("Ada", "scripted,other", "a"),
    ):
        data = page(project, "demo", "--sides", sides, "--sample", "9")
        names = [{name: item[name] for name in ("case", "model", "prompt", "first")} for item in data["items"]]
        lines = [
            {**data["header"], "by": by, "exported_at": "2026-01-02"},
            *({**one, "choice": better} for one in names),
        ]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = project.command("labels", "import", file)
        assert done.exit_code == 0, done.output
    shown = project.command("labels", "tally").output.splitlines()
    assert shown[0] == "golden/labels/demo.jsonl: 18 choices by Ada, Bo"
    assert shown[1].endswith("(scripted, plain)")
    assert re.search("^A is preferred in (\\d+) of \\1 cases: more than chance explains", shown[4])
    assert shown[5:7] == ["golden/labels/demo.jsonl: 9 choices by Ada", shown[6]]
    assert shown[6].endswith("(scripted)")
    first, second = json.loads(project.command("labels", "tally", "demo", "--json").output)
    assert (first["by"], first["people"], first["b"], second["a"]) == (["Ada", "Bo"], 2, 0, 9)
    assert first["sides"]["a"]["model"] == "scripted"
    assert project.command("labels", "tally", "../demo").exit_code == 2
    project.write("golden/labels/demo.jsonl", "{}\n")
    assert "golden/labels/demo.jsonl:1" in project.command("labels", "tally").output
