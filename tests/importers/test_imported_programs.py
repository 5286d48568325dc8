"""Assertions in JavaScript and Python: checks of the project that the user writes in Python."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest
from promptfoo_project import BASE, Imported, PromptfooProject

from evalharness.testing.ci import leave_ci

STUB = 'raise NotImplementedError("write this check in Python")'
CODE = """\
    assert:
      - {type: python, value: 'len(output) < 100'}
      - {type: not-javascript, value: "output.includes('x')", threshold: 0.5}
      - {type: python, value: 'file://checks/tone.py:grade', config: {level: 2}}
      - {type: javascript, value: 'output.trim()', metric: Is it trimmed?}
"""


def functions(source: str) -> dict[str, str]:
    """The name of each function of a module, with its source."""
    return {
        one.name: ast.unparse(one.body[0]).replace("'", '"')
        for one in ast.parse(source).body
        if isinstance(one, ast.FunctionDef)
    }


def test_each_is_a_stub(project: PromptfooProject) -> None:
    """Each assertion is a check with a name of its own, a stub and a line in the list."""
    found = project.result_of(BASE + CODE)
    names = ["python_1", "javascript_1", "grade", "is_it_trimmed"]
    assert found.checks == [[{name: True} for name in names]]
    assert found.golden == {}
    source = project.read("checks.py")
    assert functions(source) == dict.fromkeys(names, STUB)
    for line, kind, name in zip((6, 7, 8, 9), ("python", "not-javascript", "python", "javascript"), names, strict=True):
        assert found.says(f"promptfooconfig.yaml:{line}: ", f"assertion {kind}: now the check '{name}', a stub")
    assert "#   len(output) < 100\n" in source
    assert "# promptfooconfig.yaml:7:9: not-javascript, with a score of at least 0.5\n" in source
    assert '# config: {"level": 2}\n' in source


def test_from_the_import_to_a_run(project: PromptfooProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the shown tables the suite validates; until the check is written each answer is an error, and then not."""
    leave_ci(monkeypatch)
    project.suite = "promptfoo"
    project.write("pyproject.toml", "")
    shown = project.convert(BASE + "    assert: [{type: python, value: 'len(output) < 100'}]\n").output
    table = '[tool.evalharness.checks.python_1]\ncall = "checks:python_1"\n'
    assert table in shown
    assert table.replace("\n", "\n# ").removesuffix("# ") in project.read("suites/promptfoo.yaml")
    model = '[tool.evalharness.models.gpt-4o-mini]\nprovider = "scripted"\nanswers = {"*" = "hi"}\n'
    project.write("pyproject.toml", model + table)
    assert project.command("validate", "promptfoo").exit_code == 0
    (sample,) = project.evaluate(record="all").samples
    assert sample.error is not None
    assert "write this check in Python" in sample.error.message
    project.write("checks.py", project.read("checks.py").replace(STUB, "return len(text) < 100"))
    (sample,) = project.evaluate(record="all").samples
    assert sample.ok


def imported(project: PromptfooProject, items: list[dict[str, Any]], **files: str) -> Imported:
    """A configuration with these assertions in one test."""
    lines = "".join(f"      - {json.dumps(item)}\n" for item in items)
    return project.result_of(f"{BASE}    assert:\n{lines}", **files)


def test_equal_code_is_one_check(project: PromptfooProject) -> None:
    """Tests that share an assertion share its check, also where the code has a template."""
    shared = "defaultTest: {assert: [{type: python, value: '{{q}}'}]}\n"
    text = "prompts: ['{{q}}']\nproviders: [openai:x]\ntests: t.csv\n" + shared
    found = project.result_of(text, t__csv="q,__expected\na,python: x\nb,fn:x\nc,python: x\n")
    assert found.checks == [[{"python_2": True}], [{"javascript_1": True}], [{"python_2": True}]]
    assert found.suite["assert"] == [{"python_1": True}]
    assert [*functions(project.read("checks.py"))] == ["python_1", "python_2", "javascript_1"]


@pytest.mark.parametrize(
    "code",
    [
        'x"""\nimport os\nos.system("touch owned")\n"""',
        "x\r\nimport os",
        "x\u2028import os",
        "x\fimport os",
        "x\\\nimport os",
        "# coding: utf-7\n+AAo-import os",
        "x\x00y",
        "line\n" * 5_000,
    ],
)
def test_code_is_a_comment(project: PromptfooProject, code: str) -> None:
    """Whatever the code is, the module has nothing but stubs, and the code stands in comments."""
    imported(project, [{"type": "python", "value": code, "metric": code}])
    source = project.read("checks.py")
    assert set(functions(source).values()) == {STUB}
    assert len(ast.parse(source).body) == 2
    assert len(source.splitlines()) < 100


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("contains", "contains_2"),
        ("class", "check_class"),
        ("3 words", "check_3_words"),
        ("日本", "python_1"),
        ("mine", "mine_2"),
    ],
)
def test_names(project: PromptfooProject, metric: str, name: str) -> None:
    """A name is one that Python accepts, and that no other check has."""
    table = '[tool.evalharness.checks.mine]\ncall = "own:mine"\n'
    project.write("pyproject.toml", table)
    project.write("own.py", "def mine(text):\n    return True\n")
    assert imported(project, [{"type": "python", "value": "x", "metric": metric}]).checks == [[{name: True}]]


def test_a_project_with_checks(project: PromptfooProject) -> None:
    """A module `checks` of the project is kept: the stubs are in a module of the suite."""
    project.write("checks.py", "MINE = 1\n")
    imported(project, [{"type": "python", "value": "x"}])
    assert project.read("checks.py") == "MINE = 1\n"
    assert [*functions(project.read("checks_s.py"))] == ["python_1"]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"type": "python"}, "expected code, or a file with code"),
        ({"type": "javascript", "value": " "}, "expected code, or a file with code"),
        ({"type": "python", "value": "x", "weight": 0}, "with weight 0 it never fails"),
        ({"type": "python", "value": "x", "transform": "y"}, "'transform' has no equivalent"),
    ],
)
def test_left_out(project: PromptfooProject, item: dict[str, Any], reason: str) -> None:
    """An assertion without code, or with what a check cannot have, is listed and makes no stub."""
    found = imported(project, [item])
    assert found.says("promptfooconfig.yaml:6: ", reason)
    assert found.checks == [[]]
    assert not (project.root / "checks.py").exists()


def test_the_report(project: PromptfooProject) -> None:
    """The JSON of the command names the module and the checks to configure."""
    path = project.write("c.yaml", BASE + CODE)
    report = json.loads(project.command("import", "promptfoo", path, "--json").stdout)
    assert report["written"] == ["suites/c.yaml", "checks.py"]
    assert report["checks_to_configure"]["grade"] == "checks:grade"
    assert re.search("4 parts|not imported", project.read("suites/c.yaml"))
