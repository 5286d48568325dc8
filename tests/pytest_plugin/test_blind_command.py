"""A blind comparison on the command line: the page of two runs, and the import of its export."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from kept import begin

_ISLAND = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
_BASELINE = "golden/baselines/demo/fake.plain.jsonl"
_LABELS = "golden/labels/demo.jsonl"


def call(project: Any, *arguments: str) -> Result:
    """`evalharness ...` in this process."""
    result: Result = project.command(*arguments)
    return result


def make_changed(project: Any) -> None:
    """Make a project whose last run differs from the baseline in ten of forty cases."""
    project.accept()
    project.answer_badly(4)
    project.run()


@pytest.fixture
def changed(project, tmp_path_factory):
    """A project whose last run differs from the baseline in ten of forty cases."""
    return begin(project, make_changed, tmp_path_factory)


def page(project: Any, *arguments: str) -> dict[str, Any]:
    """Return the data of the page of the baseline and the last run."""
    page = str(project.root / "reports/b.html")
    result = call(project, "review", str(project.root / _BASELINE), "demo", "--html", page, *arguments)
    assert result.exit_code == 0, result.output
    found = _ISLAND.search(project.read("reports/b.html"))
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def export(project: Any, choose: Callable[[int], str], *, by: str = "Ada", seed: str = "s") -> list[dict[str, Any]]:
    """Return the page's export after `choose` picked a side for each case number."""
    data = page(project, "--seed", seed)
    lines: list[dict[str, Any]] = [{**data["header"], "by": by, "exported_at": "2026-01-02T03:04:05.000Z"}]
    for number, item in enumerate(data["items"]):
        names = {name: item[name] for name in ("case", "model", "prompt", "first")}
        lines.append({**names, "choice": choose(number)})
    return lines


def take(project: Any, lines: list[dict[str, Any]], *arguments: str) -> Result:
    """`evalharness labels import` of these lines."""
    file = project.write("labels.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return call(project, "labels", "import", str(file), *arguments)


def test_the_page(changed):
    """The page has only the differing cases, shuffled by the seed; the same seed gives the same page."""
    data = page(changed, "--seed", "one")
    assert len(data["items"]) == 10 == data["header"]["cases"]
    assert {item["first"] for item in data["items"]} == {"a", "b"}
    first = changed.read("reports/b.html")
    page(changed, "--seed", "one")
    assert changed.read("reports/b.html") == first
    other = page(changed, "--seed", "two")
    assert [item["case"] for item in other["items"]] != [item["case"] for item in data["items"]]
    item = data["items"][0]
    assert (item["model"], item["prompt"]) == ("fake", "plain")
    assert [role for role, _ in item["question"]] == ["user"]
    assert [role for role, _ in data["same"][item["same"]]] == ["system"]
    assert item["golden"] == [f"You may return {item['case']} in 30 days."]


def test_two_prompts(changed):
    """Runs of different prompts are compared case by case; the page shows the question only and no prompt name."""
    before = changed.root / "before.jsonl"
    shutil.copy(changed.root / "reports/demo/run.jsonl", before)
    changed.edit("suites/demo.yaml", "prompts:\n", 'prompts:\n  other:\n    - user: "{{ question }} Please."\n')
    changed.answer(dict.fromkeys(changed.ids, "Other."))
    changed.run("--llm-prompt=other", "--llm-baseline=none")
    html = changed.root / "reports/b.html"
    assert call(changed, "review", str(before), "demo", "--html", str(html)).exit_code == 0
    found = _ISLAND.search(html.read_text())
    assert found
    data = json.loads(found[1])
    assert (data["header"]["a"]["prompt"], data["header"]["b"]["prompt"]) == ("plain", "other")
    assert len(data["items"]) == 40
    assert {role for item in data["items"] for role, _ in item["question"]} == {"user"}
    assert (data["same"], {len(item["others"]) for item in data["items"]}) == ([[]], {0})
    assert {item["prompt"] for item in data["items"]} == {""}


def test_nothing_to_choose(changed):
    """The same run twice, a single run, or runs of two suites are errors with a reason."""
    out = str(changed.root / "reports/b.html")
    same = call(changed, "review", "demo", "demo", "--html", out)
    assert (same.exit_code, "nothing to compare" in same.output) == (1, True)
    for arguments in (("demo", "--html", out), ("demo", "demo"), ("demo", "--seed", "x")):
        alone = call(changed, "review", *arguments)
        assert (alone.exit_code, "a blind comparison requires --html FILE, and RUN and OTHER" in alone.output) == (
            2,
            True,
        )
    text = changed.read("reports/demo/run.jsonl")
    other = changed.write("other.jsonl", text.replace('"suite":"demo"', '"suite":"else"'))
    two = call(changed, "review", "demo", str(other), "--html", out)
    assert (two.exit_code, "expected two runs of one suite, got demo and else" in two.output) == (1, True)
    assert not (changed.root / "b.html").exists()


def test_import(changed):
    """Labels hold the person, the choice and the runs; the tally is explained; a second import adds nothing."""
    lines = export(changed, lambda number: "b" if number < 9 else "a")
    result = take(changed, lines)
    assert result.output.splitlines()[0] == f"{_LABELS}: 10 of 10 labels are new"
    assert result.output.splitlines()[-1] == ("B is preferred in 9 of 10 cases: more than chance explains (p = 0.021).")
    text = changed.read(_LABELS)
    label = json.loads(text.splitlines()[0])
    assert (label["schema"], label["by"], label["choice"], label["case"]) == (1, "Ada", "b", lines[1]["case"])
    assert label["b"]["run"] == json.loads(changed.read("reports/demo/run.jsonl").splitlines()[0])["id"]
    again = take(changed, lines)
    assert (again.exit_code, again.output.splitlines()[0]) == (0, f"{_LABELS}: 0 of 10 labels are new")
    assert changed.read(_LABELS) == text


def test_several_people(changed):
    """Each person and each case count once; a second choice by the same person replaces the first."""
    take(changed, export(changed, lambda _: "b"))
    take(changed, export(changed, lambda _: "a", by="Bob", seed="t"))
    result = take(changed, export(changed, lambda number: "bad" if number else "skip", by="Cleo"), "--json")
    assert json.loads(result.output) == {
        "added": 10, "changed": 0, "a": 0, "b": 0, "even": 10, "people": 3, "p_value": None
    }  # fmt: skip
    result = take(changed, export(changed, lambda number: "b" if number % 2 else "equal", by="Bob", seed="t"))
    first, *_, last = result.output.splitlines()
    assert first == f"{_LABELS}: 0 of 10 labels are new, 10 changed"
    assert last.startswith("B is preferred in 10 of 10 cases")
    assert len(changed.read(_LABELS).splitlines()) == 30


def test_no_winner(changed):
    """If chance explains the tally, or no case has a preference, the output says so."""
    even = take(changed, export(changed, lambda number: "ab"[number % 2]))
    assert even.output.splitlines()[-1] == (
        "At most 5 of 10 cases favor one side: chance explains this (p = 1.000), no winner."
    )
    (changed.root / _LABELS).unlink()
    none = take(changed, export(changed, lambda _: "equal"))
    assert none.output.splitlines()[-1].startswith("No case has a preference")


def test_untrusted(changed):
    """Lines that differ from the page's export are refused with file and line, and nothing is written."""
    good = export(changed, lambda _: "a")

    def edited(line: int, **values: Any) -> list[dict[str, Any]]:
        return [{**one, **values} if number == line else one for number, one in enumerate(good)]

    wrong = "b" if good[1]["first"] == "a" else "a"
    for lines, message in (
        ([], "labels.jsonl:1: schema: Field required"),
        (edited(0, schema=2), "labels.jsonl:1: schema: "),
        (edited(0, extra=1), "labels.jsonl:1: extra: "),
        (edited(0, suite="../demo"), "unknown suite '../demo'"),
        (edited(0, by=" "), "labels.jsonl:1: the name of the person is missing"),
        (edited(0, by="x" * 201), "labels.jsonl:1: by: String should have at most 200 characters"),
        (edited(0, a={**good[0]["a"], "run": "unknown"}), "labels.jsonl:1: unknown run 'unknown'"),
        (edited(2, case="case-99"), "labels.jsonl:3: unknown case 'case-99'"),
        (edited(2, choice="left"), "labels.jsonl:3: choice: "),
        (edited(2, choice=1), "labels.jsonl:3: choice: "),
        (edited(1, first=wrong), "labels.jsonl:2: the sides of "),
        ([*good, good[3]], "labels.jsonl:12: duplicate case "),
        ([*good, {}], "labels.jsonl:12: case: Field required"),
    ):
        result = take(changed, lines)
        assert (result.exit_code, message in " ".join(result.output.split())) == (1, True), (message, result.output)
    for text, message in (("[1]\n", "a JSON object"), ("\xff", "not"), ('{"a": NaN}\n', "NaN"), ("{}", "cut off")):
        (changed.root / "labels.jsonl").write_text(text, encoding="latin-1")
        result = call(changed, "labels", "import", str(changed.root / "labels.jsonl"))
        assert (result.exit_code, message in result.output) == (1, True), result.output
    assert not (changed.root / _LABELS).exists()
    assert take(changed, edited(0, by=""), "--by", "Dan").exit_code == 0


def test_too_large(changed):
    """A file beyond the limit is not read."""
    changed.write("pyproject.toml", changed.read("pyproject.toml") + "[tool.evalharness.limits]\nfile_mb = 0.001\n")
    file = changed.write("labels.jsonl", "{}\n" * 1000)
    result = call(changed, "labels", "import", str(file))
    assert (result.exit_code, "exceed limits.file_mb = 0.001" in result.output) == (1, True)


def test_a_run_from_elsewhere(changed, tmp_path: Path):
    """A run outside of reports/ is found with `--run` and its record."""
    lines = export(changed, lambda _: "a")
    record = tmp_path / "elsewhere.jsonl"
    shutil.move(changed.root / "reports/demo/run.jsonl", record)
    refused = take(changed, lines)
    assert (refused.exit_code, "pass its record with --run" in " ".join(refused.output.split())) == (1, True)
    changed.write("reports/demo/run.jsonl", "{}")
    skipped = take(changed, lines, "--run", str(record))
    assert (skipped.exit_code, "run.jsonl:1: the last line is cut off" in skipped.stderr) == (0, True)
    record.write_text("{}")
    damaged = take(changed, lines, "--run", str(record))
    assert (damaged.exit_code, "elsewhere.jsonl:1: the last line is cut off" in damaged.output) == (1, True)


def test_damaged_labels(changed):
    """Unreadable labels are reported, and the file is kept."""
    changed.write(_LABELS, '{"schema": 1}\n')
    result = take(changed, export(changed, lambda _: "a"))
    assert (result.exit_code, f"{_LABELS}:1: a: Field required" in result.output) == (1, True)
    assert changed.read(_LABELS) == '{"schema": 1}\n'
