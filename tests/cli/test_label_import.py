"""`evalharness labels import` reads labels of answers, and checks each against the run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kept import begin
from labelled_project import build

from evalharness.store.answer_labels import read_answer_labels
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci


def make_page(project: Project) -> None:
    """Make the changed shop, with a page of six answers."""
    build(project.root)
    done = project.command("judge", "calibrate", "demo", "--sample", "3", "--html", str(project.root / "label.html"))
    assert done.exit_code == 0
    assert "label.html: 6 answers; open it" in done.stdout.replace("\n", " ")


@pytest.fixture
def project(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The changed shop, with a page of six answers, made once and copied."""
    leave_ci(monkeypatch)
    project: Project = begin(Project(tmp_path), make_page, tmp_path_factory)
    return project


def exported(project: Project, by: str = "Ada", **changes: object) -> list[dict[str, Any]]:
    """What the page exports after "yes" to each answer."""
    page = project.read("label.html")
    (island,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    data = json.loads(island)
    header = {**data["header"], "by": by, "exported_at": "2026-11-30T10:00:00.000Z"}
    lines = [{"of": one["of"], "metric": one["metric"], "choice": one["keys"][0][1]} for one in data["items"]]
    return [header | changes, *lines]


def write(project: Project, lines: list[dict[str, Any]]) -> str:
    """The path of a file with these lines."""
    project.write("labels.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return str(project.root / "labels.jsonl")


def test_an_import(project: Project) -> None:
    """All labels are drawn and blind, and a second import adds nothing; one of another person adds their own."""
    file = write(project, exported(project))
    done = project.command("labels", "import", file)
    assert done.stdout.splitlines() == [
        "golden/labels/demo.jsonl: 6 of 6 labels are new",
        "let the judge judge them: evalharness judge calibrate demo --no-ask",
    ]
    labels = read_answer_labels(project.root, "demo")
    assert {(one.choice, one.value, one.by, one.blind, one.drawn, one.made_by) for one in labels} == {
        ("yes", 1.0, "Ada", True, True, "person")
    }
    assert project.command("labels", "import", file).stdout.startswith("golden/labels/demo.jsonl: 0 of 6")
    assert "6 of 6" in project.command("labels", "import", file, "--by", "Bo").stdout
    found = json.loads(project.command("labels", "import", file, "--json").stdout)
    assert found == {"suite": "demo", "labels": 6, "added": 0, "changed": 0}
    done = project.command("judge", "calibrate", "demo", "--no-ask")
    assert "6  answers by 2 people" in done.stdout


def test_a_changed_choice_replaces(project: Project) -> None:
    """The same person may change a label by another export."""
    header, *lines = exported(project)
    project.command("labels", "import", write(project, [header, *lines]))
    lines[0]["choice"] = "no"
    done = project.command("labels", "import", write(project, [header, *lines]))
    assert "0 of 6 labels are new, 1 changed" in done.stdout
    assert sorted(one.choice for one in read_answer_labels(project.root, "demo")) == ["no", *["yes"] * 5]


def test_labels_of_a_model_are_marked(project: Project) -> None:
    """They are kept beside those of people, and calibrate nothing."""
    done = project.command("labels", "import", write(project, exported(project)), "--made-by", "model")
    assert done.exit_code == 0
    assert {one.made_by for one in read_answer_labels(project.root, "demo")} == {"model"}
    assert "polite: no labels" in project.command("judge", "calibrate", "demo", "--no-ask").stdout


def test_the_draw_follows_from_the_run(project: Project) -> None:
    """A file that claims a small sample has labels that are not drawn."""
    project.command("labels", "import", write(project, exported(project, sample=1)))
    assert sorted(one.drawn for one in read_answer_labels(project.root, "demo")) == [False] * 4 + [True] * 2


def test_an_older_run(project: Project) -> None:
    """After another run, the record of the labelled one is needed."""
    file = write(project, exported(project))
    shutil.copy(project.root / "reports/demo/run.jsonl", project.root / "old.jsonl")
    project.evaluate()
    done = project.command("labels", "import", file)
    assert done.exit_code == 1
    assert "pass its record with --run" in done.stderr
    assert project.command("labels", "import", file, "--run", str(project.root / "old.jsonl")).exit_code == 0


def test_an_empty_record(project: Project) -> None:
    """A record without a line is none of the labelled run; the others are still read."""
    project.write("empty.jsonl", "")
    arguments = ("labels", "import", write(project, exported(project)), "--run", str(project.root / "empty.jsonl"))
    assert project.command(*arguments).exit_code == 0  # the latest run is the labelled one
    (project.root / "reports/demo/run.jsonl").write_text("")
    done = project.command(*arguments)
    assert done.exit_code == 1
    assert "pass its record with --run" in done.stderr


def changed(place: str, value: object) -> Callable[[list[dict[str, Any]]], object]:
    """A change of the last label."""
    return lambda lines: (lines[-1]["of"] if place != "choice" and place != "metric" else lines[-1]).update(
        {place: value}
    )


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (changed("choice", "maybe"), ":7: expected one of yes, no, got 'maybe'"),
        (changed("metric", "polit"), ":7: unknown judge 'polit'; did you mean 'polite'?"),
        (changed("question", "f" * 12), ":7: the question of 'polite' has changed since"),
        (changed("case", "case-99"), ":7: the case 'case-99' is unknown, or was edited since"),
        (changed("digest", "0" * 64), "is unknown, or was edited since"),
        (changed("answer", "0" * 64), "is neither in run"),
        (lambda lines: lines.append(lines[-1]), ":8: duplicate answer to 'case-"),
        (lambda lines: lines[0].update(by=""), ":1: the name of the person is missing: pass it with --by"),
        (lambda lines: lines[0].update(suite="../demo"), ":1: expected the name of a suite"),
        (lambda lines: lines[0].update(suite="other"), ":1: unknown run"),
        (lambda lines: lines[0].update(extra=1), ":1: extra: Extra inputs are not permitted"),
        (lambda lines: lines[-1].update(value=1), ":7: value: Extra inputs are not permitted"),
        (lambda lines: lines[-1]["of"].update(case="c" * 300), ":7: of.case: String should have at most 200"),
    ],
)
def test_refusals(project: Project, edit: Callable[[list[dict[str, Any]]], object], message: str) -> None:
    """One bad line refuses the file, with its place; nothing is written."""
    lines = exported(project)
    edit(lines)
    done = project.command("labels", "import", write(project, lines))
    assert done.exit_code == 1
    assert message in done.stderr.replace("\n", " ")
    assert not (project.root / "golden/labels").exists()


def test_a_large_file_is_refused(project: Project) -> None:
    """Before its first line is read."""
    file = write(project, exported(project))
    project.write("pyproject.toml", project.read("pyproject.toml") + "[tool.evalharness.limits]\nfile_mb = 0.001\n")
    done = project.command("labels", "import", file)
    assert done.exit_code == 1
    assert "exceed limits.file_mb" in done.stderr


def test_an_edited_question(project: Project) -> None:
    """Labels count for the question that people were asked."""
    file = write(project, exported(project))
    project.write("suites/demo.yaml", project.read("suites/demo.yaml").replace("answer polite", "reply polite"))
    done = project.command("labels", "import", file)
    assert "the question of 'polite' has changed since: write the page again" in done.stderr.replace("\n", " ")


def test_an_existing_page_is_kept(project: Project) -> None:
    """`--force` replaces it."""
    before = project.read("label.html")
    arguments = ("judge", "calibrate", "demo", "--html", str(project.root / "label.html"))
    assert project.command(*arguments).exit_code == 1
    assert project.read("label.html") == before
    assert project.command(*arguments, "--force").exit_code == 0
    assert project.read("label.html") != before
