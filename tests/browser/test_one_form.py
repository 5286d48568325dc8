"""One run at every door: terminal, summary.md, verdict.json, junit.xml and the page do not contradict each other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import evalharness
from evalharness.amounts import levels, signed, span
from evalharness.testing.project import Project

NAMES = [f"case-{number}" for number in range(80)]
METRICS = [{"regex": {"pattern": "fee"}}, "exact", "edit_similarity"]
GATES = [
    *({"metric": metric, "margin": 0.05} for metric in ("exact", "regex", "edit_similarity")),
    *({"metric": metric, "margin": 0.10} for metric in ("cost", "latency")),
]
STATUS = {
    "exact": "fail",
    "regex": "inconclusive",
    "edit_similarity": "pass",
    "cost": "fail",
    "latency": "inconclusive",
}
PACKAGE = str(Path(evalharness.__file__).parents[1])
NUMBER = r"[−+±∞\d.,]+"
MEANS = rf"{NUMBER} → {NUMBER}(?: tokens| s)?"
CHANGE = rf"[−+±]{NUMBER} (?:pts|%)"
BOUNDS = rf"{NUMBER} … {NUMBER} (?:pts|%)"


class Shown(NamedTuple):
    """The numbers of a gate as a reader sees them."""

    means: str
    change: str
    bounds: str


class Doors(NamedTuple):
    """What one run shows."""

    terminal: str
    again: str
    """The terminal of `evalharness gate`."""
    summary: str
    verdict: dict[str, Any]
    junit: ET.Element
    page: str


def accepted_answer(name: str) -> str:
    """The right answer."""
    return f"Yes, there is a fee of 5 euros for {name}."


def new_answer(number: int, name: str) -> str:
    """Every seventh answer is wrong; three of them miss a word."""
    text = accepted_answer(name)
    return text if number % 7 else text.replace("5", "6").replace("fee", "sum" if number % 28 == 0 else "fee")


QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Doors:
    """A red run in a process of its own: a browser holds the event loop of this one."""
    project = Project(tmp_path_factory.mktemp("project"))
    goldens = {name: accepted_answer(name) for name in NAMES}
    project.write_suite(goldens, metrics=METRICS, gates=GATES)
    project.configure(scripted={"provider": "scripted", "answers": "answers.json", "delay_s": 0.002})
    environment = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("GITHUB_")}
    environment |= {"XDG_CACHE_HOME": str(project.cache), "COLUMNS": "80", "PYTHONPATH": PACKAGE}

    def run(*words: str) -> str:
        command = [sys.executable, "-m", *words]
        return subprocess.run(command, cwd=project.root, env=environment, capture_output=True, text=True).stdout

    run("pytest", *QUIET, "--llm-suite=demo", "--llm-accept", "--llm-record=all")
    longer = {"plain": [{"user": "{{ question }} Answer in one sentence."}]}
    project.write_suite(goldens, metrics=METRICS, gates=GATES, prompts=longer)
    project.configure(scripted={"provider": "scripted", "answers": "answers.json", "delay_s": 0.002})
    project.answer({name: new_answer(number, name) for number, name in enumerate(NAMES)})
    terminal = run("pytest", *QUIET, "--llm-suite=demo", "--junitxml=junit.xml", "--llm-record=all")
    summary, page = (project.read(f"reports/demo/{name}") for name in ("summary.md", "report.html"))
    junit, again = ET.parse(project.root / "junit.xml").getroot(), run("evalharness", "gate", "reports/demo")
    return Doors(terminal, again, summary, project.verdict(), junit, page)


def shown(gate: Mapping[str, Any]) -> Shown:
    """The numbers of a gate in a file, as a reader should see them."""
    unit, level_unit = gate["unit"], gate["level_unit"]
    low, high = (None if gate[name] in (None, "") else float(gate[name]) for name in ("low", "high"))
    means = levels(float(gate["before"]), float(gate["after"]), level_unit)
    return Shown(means, signed(float(gate["change"]), unit), span(low, high, unit))


def in_terminal(text: str) -> dict[str, Shown]:
    """The gates of a terminal, whose lines are wrapped."""
    gate = rf"(?:PASS|FAIL|INCONCLUSIVE|not gated) ({'|'.join(STATUS)}) (?:typically |slower than the margin: )?"
    pattern = rf"{gate}({MEANS}), ({CHANGE})[^(]* \(({BOUNDS})"
    return {metric: Shown(*rest) for metric, *rest in re.findall(pattern, " ".join(text.split()))}


def in_summary(text: str) -> dict[str, Shown]:
    """The gates of the first table."""
    rows = [[cell.strip(" `*") for cell in line.split("|")] for line in text.splitlines() if line.startswith("| ")]
    return {row[2]: Shown(*row[3:6]) for row in rows if len(row) > 8 and row[2] in STATUS}


def in_junit(root: ET.Element) -> dict[str, Shown]:
    """The properties of the gates."""
    found = {}
    for case in root.iter("testcase"):
        values = {one.attrib["name"]: one.attrib["value"] for one in case.findall("properties/property")}
        if "change" in values:
            found[values["metric"]] = shown({"low": None, "high": None} | values)
    return found


def in_page(page: Any) -> dict[str, Shown]:
    """The gates of the open page."""
    found = {}
    for row in page.locator("#gates tbody tr").all():
        means, change, bounds = row.locator("td.change").inner_text().split("\n")
        found[row.locator("th .strong").inner_text()] = Shown(means, change, bounds)
    return found


def contradictions(text: str) -> list[str]:
    """Every pair of means in a text whose change is another one."""
    found = []
    for before, after, change, unit in re.findall(rf"({NUMBER}) → ({NUMBER})(?: tokens| s)?, ({NUMBER}) (pts|%)", text):
        old, new, told = (
            float(one.replace("−", "-").replace("±", "").replace(",", "")) for one in (before, after, change)
        )
        expected, slack = (new - old, 0.16) if unit == "pts" else (100 * (new / old - 1), 1.1)
        if abs(expected - told) > slack:
            found.append(f"{before} → {after}, {change} {unit}")
    return found


def test_the_run_has_every_kind_of_gate(doors: Doors) -> None:
    """A red, a green and an inconclusive gate, and both costs."""
    assert {gate["metric"]: gate["status"] for gate in doors.verdict["verdicts"]} == STATUS


def test_every_door_shows_the_same_numbers(doors: Doors, opened: Callable[..., Any]) -> None:
    """The means, the change and the bounds of each gate are those of verdict.json, to the last digit."""
    page = opened(doors.page).page
    page.wait_for_selector("body[data-ready]")
    expected = {gate["metric"]: shown(gate) for gate in doors.verdict["verdicts"]}
    assert in_page(page) == expected
    assert {gate["metric"]: shown(gate) for gate in page.evaluate("data.gates")} == expected
    assert in_summary(doors.summary) == expected
    assert in_junit(doors.junit) == expected
    assert in_terminal(doors.terminal) == expected
    assert in_terminal(doors.again) == expected


def test_no_text_contradicts_itself(doors: Doors, opened: Callable[..., Any]) -> None:
    """Wherever two means and a change stand together, they fit; minus is worse for a score, plus is dearer."""
    page = opened(doors.page).page
    page.wait_for_selector("body[data-ready]")
    reasons = " ".join(node.attrib.get("message", "") + (node.text or "") for node in doors.junit.iter())
    for text in (doors.terminal, doors.again, doors.summary, page.inner_text("body"), reasons):
        assert re.search(rf"{MEANS}, {CHANGE}", " ".join(text.split()))
        assert contradictions(" ".join(text.split())) == []
    signs = {gate["metric"]: gate["change"] for gate in doors.verdict["verdicts"]}
    assert signs["exact"] < 0 < signs["cost"]


def test_every_door_shows_the_same_cases(doors: Doors, opened: Callable[..., Any]) -> None:
    """A case that got worse has the same means and the same change in terminal, summary and page."""
    page = opened(doors.page).page
    page.wait_for_selector("body[data-ready]")
    change = rf"{MEANS}, {CHANGE}"
    terminal = dict(re.findall(rf"^  (case-\d+): ({change})", doors.terminal, re.MULTILINE))
    summary = {
        name: text for text, name in re.findall(rf"^\*\*({change})\*\* `(case-\d+)`", doors.summary, re.MULTILINE)
    }
    rows = page.locator("#cases tbody tr").all()
    found = [re.sub(r"\s+", " ", row.inner_text()) for row in rows]
    on_page = {re.search(r"case-\d+", text)[0]: re.search(change, text)[0] for text in found}  # type: ignore[index]
    assert len(terminal) == 3
    assert len(summary) == len(on_page) == 12
    assert summary == on_page
    assert terminal.items() <= summary.items()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("78.2 → 64.9, −13.3 pts", 0),
        ("78.2 → 64.9, +13.3 pts", 1),
        ("78.2 → 64.9, −13.6 pts", 1),
        ("412 → 455 tokens, +10.4 %", 0),
        ("412 → 455 tokens, −10.4 %", 1),
    ],
)
def test_contradictions_are_found(text: str, count: int) -> None:
    """The search finds a wrong sign and a wrong size."""
    assert len(contradictions(text)) == count
