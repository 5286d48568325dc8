"""JUnit files hold the numbers and stay valid XML for any answer; the terminal of the same run shows text."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hostile import ALL, COMMAND, SOME, invisible


def written(project: Any, *arguments: str) -> ET.Element:
    """Parse the JUnit file of a run with expat."""
    project.run("--junitxml=junit.xml", *arguments)
    return ET.parse(project.root / "junit.xml").getroot()


def properties(node: ET.Element) -> dict[str, str]:
    """Return the properties of a suite or of a test case."""
    return {found.attrib["name"]: found.attrib["value"] for found in node.findall("properties/property")}


def cases(root: ET.Element) -> dict[str, dict[str, str]]:
    """Return the properties of all test cases, by name."""
    return {node.attrib["name"]: properties(node) for node in root.iter("testcase")}


def test_properties(accepted):
    """Each case has its scores, model, prompt and status, each gate its result, and the file the verdict."""
    accepted.answer_badly()
    root = written(accepted)
    found = cases(root)
    assert len(found) == 43
    case = found["case-1[fake-plain]"]
    assert (case["model"], case["prompt"], case["status"], case["tags"]) == ("fake", "plain", "pass", "odd")
    assert float(case["score.rouge_l"]) == pytest.approx(0.88, abs=0.02)
    gate = found["gate[fake-plain-rouge_l]"]
    assert (gate["status"], gate["margin"], gate["unit"], gate["cases"]) == ("fail", "10", "points", "40")
    assert float(gate["change"]) < -40
    assert float(gate["p_value"]) < 0.01
    whole = properties(root[0])
    assert whole["demo.status"] == "fail"
    assert whole["demo.headline"] == "worse than the baseline: rouge_l"
    assert whole["demo.fake-plain-rouge_l.status"] == "fail"
    assert (root[0].attrib["tests"], root[0].attrib["failures"]) == ("43", "1")


def test_properties_from_a_worker(project):
    """Under xdist the properties come from the worker that sent the request."""
    project.edit("suites/demo.yaml", "metrics: [rouge_l, ", "metrics: [edit_similarity, ")  # quick to import
    project.edit("suites/demo.yaml", "metric: rouge_l", "metric: edit_similarity")
    case = cases(written(project, "-n1", "-k", "case-1"))["case-1[fake-plain]"]
    assert (case["model"], case["status"], case["score.edit_similarity"][:4]) == ("fake", "pass", "0.89")


def test_broken_cases(project):
    """A case without an answer, and one that breaks an assertion, have their status."""
    project.answer({"*": "Yes.", "case-0": {"error": "overloaded"}, "case-1": "FORBIDDEN"})
    found = cases(written(project))
    assert [found[f"case-{n}[fake-plain]"]["status"] for n in (0, 1, 2)] == ["error", "fail", "pass"]


def test_nothing_is_added_without_a_file(project):
    """Without a JUnit file no report carries properties, because reports stay in memory."""
    project.pytester.makeconftest("""
        def pytest_runtest_logreport(report):
            assert not report.user_properties or "gate" in report.nodeid
    """)
    assert project.run().ret == 0


@pytest.mark.parametrize("texts", [SOME, pytest.param(ALL, marks=pytest.mark.deep)], ids=["some", "all"])
def test_hostile_answers_and_errors(project, texts):
    """With hostile texts as answers and errors, the file is XML, and no line of the terminal is a command."""
    project.ids = [f"case-{number}" for number in range(len(texts))]
    project.write("suites/cases.jsonl", "".join(json.dumps(project.case(name)) + "\n" for name in project.ids))
    project.write("golden/demo.yaml", "".join(f"{name}: Yes.\n" for name in project.ids))
    project.answer({
        name: {"error": text} if number % 2 else f"{text} FORBIDDEN {text}"
        for number, (name, text) in enumerate(zip(project.ids, texts, strict=True))
    })  # fmt: skip
    result = project.run("--junitxml=junit.xml")
    nodes = ET.parse(project.root / "junit.xml").iter("testcase")
    assert sum(node.find("failure") is not None for node in nodes) >= len(texts)
    printed = result.stdout.str() + result.stderr.str()
    assert not COMMAND.search(printed)
    assert not invisible(printed)
    summary = project.read("reports/demo/summary.md")
    assert summary.startswith("**ERROR** `demo`: ")
    assert not COMMAND.search(summary)
