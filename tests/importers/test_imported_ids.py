"""Ids of cases in any script, from a description to every report of a run."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
import yaml
from promptfoo_project import BASE, PromptfooProject

HEAD = "prompts: ['{{q}}']\nproviders: [openai:m]\n"


@pytest.mark.parametrize(
    ("description", "id_"),
    [
        ("返金ポリシー", "返金ポリシー"),
        ("Возврат товара", "Возврат-товара"),
        ("Café größe prüfen", "Café-größe-prüfen"),
        (unicodedata.normalize("NFD", "Café"), "Café"),
        ("हिन्दी में उत्तर", "हिन्दी-में-उत्तर"),
        ("สวัสดี (ชาวโลก)", "สวัสดี-ชาวโลก"),
        ("سؤال عربي؟", "سؤال-عربي"),
        ("עברית: שאלה", "עברית-שאלה"),
        ("Is 2 + 2 = 4?", "Is-2-2-4"),
        ("x² ½ Ⅷ ٤", "x-Ⅷ-٤"),
        ("🎉 party 🎉", "party"),
        ("🎉", "test-1"),
        ("\u0301 mark first", "mark-first"),
        ("gate", "gate-2"),
        ("a\u200bb\u202ec\td", "a-b-c-d"),
        ("-- dashes --", "dashes"),
        ("long " * 60, "long-" * 23 + "long"),
    ],
)
def test_descriptions(project: PromptfooProject, description: str, id_: str) -> None:
    """A description in any script becomes an id that the suite accepts."""
    text = HEAD + yaml.safe_dump({"tests": [{"description": description, "vars": {"q": "x"}}]})
    (case,) = project.result_of(text).suite["cases"]
    assert case["id"] == id_
    assert project.command("validate", "s").output.count(id_) == 0


def test_equal_descriptions(project: PromptfooProject) -> None:
    """Equal descriptions get numbers, also if only case or the form of a letter differs."""
    names = ["Größe", "GRÖSSE", unicodedata.normalize("NFD", "größe"), "größe-2"]
    text = HEAD + yaml.safe_dump({"tests": [{"description": name, "vars": {"q": name}} for name in names]})
    ids = [case["id"] for case in project.result_of(text).suite["cases"]]
    assert len({unicodedata.normalize("NFC", id_).casefold() for id_ in ids}) == len(names)


def test_a_run(project: PromptfooProject) -> None:
    """Ids of any script are whole in the record, in pytest's output and in JUnit, for passed and failed cases."""
    names = ["返金ポリシー", "Возврат-товара", "हिन्दी", "Größe"]
    tests = [
        {"description": name, "vars": {"q": name}, "assert": [{"type": "equals", "value": "no"}]} for name in names
    ]
    found = project.result_of(HEAD + yaml.safe_dump({"tests": tests}))
    assert list(found.golden) == names
    project.write("pyproject.toml", '[tool.evalharness.models.m]\nprovider = "scripted"\nanswers = {"*" = "ok"}\n')
    command = [sys.executable, "-m", "pytest", "--llm-suite=s", "--junitxml=junit.xml", "-p", "no:hypothesispytest"]
    run = subprocess.run(command, cwd=project.root, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    for text in (run.stdout, project.read("junit.xml"), project.read("reports/s/run.jsonl")):
        assert [name for name in names if name not in text] == []


def test_values_of_metadata(project: PromptfooProject) -> None:
    """A tag has a boolean as JSON writes it, and a key without a value gives no tag."""
    found = project.result_of(BASE + "    metadata: {urgent: true, owner: null, flags: [x, false, null]}\n")
    assert found.suite["cases"][0]["tags"] == ["urgent=true", "flags=x", "flags=false"]
