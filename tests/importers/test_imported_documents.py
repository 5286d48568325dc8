"""YAML as js-yaml reads it, references within a document, scenarios, patterns of tests, and bounds."""

from __future__ import annotations

import pytest
from promptfoo_project import BASE, PromptfooProject

HEAD = "prompts: ['{{a}} {{b}}']\nproviders: [openai:gpt-4o-mini]\n"


def test_merge_keys(project: PromptfooProject) -> None:
    """A merge key adds keys: own keys win, and of several mappings the first."""
    text = """\
tests:
  - vars: &one {a: 1, b: 1}
  - vars: &two {a: 2, c: 2}
  - vars: {<<: *one, a: 3}
  - vars: {a: 3, <<: *one}
  - vars: {<<: [*two, *one]}
  - vars: {<<: *one, <<: *two}
  - vars: {"<<": text}
"""
    assert project.result_of(HEAD + text).vars[2:] == [
        {"a": 3, "b": 1},
        {"a": 3, "b": 1},
        {"a": 2, "b": 1, "c": 2},
        {"a": 1, "b": 1, "c": 2},
        {"<<": "text"},
    ]


@pytest.mark.parametrize(
    "value", ["{<<: text}", "{<<: [1]}", "{a: 1, a: 2}", "{<<: {a: 1}, b: 1, b: 2}", "&x {<<: *x}", "&x {a: *x}"]
)
def test_wrong_merge_keys(project: PromptfooProject, value: str) -> None:
    """A merge of something else, a repeated key and a value that contains itself are errors with their line."""
    result = project.convert(f"{HEAD}tests:\n  - vars: {value}\n")
    assert result.exit_code == 1
    assert "promptfooconfig.yaml:4:" in result.stderr


def test_a_bomb_of_merges(project: PromptfooProject) -> None:
    """Merge keys count against the limits as aliases do."""
    levels = "".join(f"c{i}: &c{i} {{l: {{<<: *c{i - 1}}}, r: {{<<: *c{i - 1}}}}}\n" for i in range(1, 25))
    result = project.convert("c0: &c0 {a: 1}\n" + levels)
    assert result.exit_code == 1
    assert "limits." in result.stderr


def test_references(project: PromptfooProject) -> None:
    """`$ref` is replaced by its target, keys next to it override; a reference within a schema stays."""
    text = """\
assertionTemplates:
  polite: {type: contains, value: please}
  a/b: {type: not-contains, value: x}
tests:
  - vars: {a: 1, b: 2}
    assert:
      - $ref: '#/assertionTemplates/polite'
      - {$ref: '#/assertionTemplates/polite', value: thanks}
      - {$ref: '#/assertionTemplates/a~1b'}
      - {$ref: '#/assertionTemplates/none'}
      - type: is-json
        value: {$defs: {t: {type: string}}, properties: {a: {$ref: '#/$defs/t'}}}
"""
    found = project.result_of(HEAD + text)
    schema = {"$defs": {"t": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/t"}}}
    assert found.checks == [
        [{"contains": "please"}, {"contains": "thanks"}, {"not_contains": "x"}, {"json_schema": schema}]
    ]
    assert found.left_out == ["promptfooconfig.yaml:12: assertion (no type): no equivalent check"]


@pytest.mark.parametrize("cycle", ["{$ref: '#/x'}", "{a: {$ref: '#/x'}}", "[{$ref: '#/x'}, {$ref: '#/x'}]"])
def test_references_without_end(project: PromptfooProject, cycle: str) -> None:
    """A reference that contains itself stays as it is."""
    assert project.result_of(f"x: {cycle}\n{BASE}").vars == [{"word": "hello"}]


def test_scenarios(project: PromptfooProject) -> None:
    """Each row of a scenario with each of its tests is a case, after the tests, with the defaults below both."""
    project.write("s.yaml", "- config: [{vars: {a: 9}}]\n  tests: [{vars: {b: 9}}]\n")
    project.write("rows.csv", "b,__expected\n1,contains: one\n2,\n")
    text = """\
defaultTest:
  vars: {c: 0}
  metadata: {team: red}
tests:
  - {description: alone, vars: {a: 0, b: 0}}
scenarios:
  - description: a matrix
    config:
      - {vars: {a: x, b: low}, assert: [{type: contains, value: X}], metadata: {kind: k}}
      - vars: {a: [y, z]}
    tests:
      - rows.csv
      - {description: last, vars: {b: 3}}
  - file://s.yaml
"""
    found = project.result_of(HEAD + text)
    assert [(v["a"], v["b"]) for v in found.vars] == [
        (0, 0),
        *[("x", "1"), ("x", "2"), ("x", 3)],
        *[("y", "1"), ("z", "1"), ("y", "2"), ("z", "2"), ("y", 3), ("z", 3)],
        (9, 9),
    ]
    assert found.checks[1] == [{"contains": "X"}, {"contains": "one"}]
    assert found.suite["cases"][1]["tags"] == ["team=red", "kind=k"]
    assert [case["id"] for case in found.suite["cases"]][-3:] == ["last-2", "last-3", "test-11"]


def test_patterns_of_tests(project: PromptfooProject) -> None:
    """Tests may be in files that match a pattern, in files that name files, and in other formats."""
    project.write("t/b.yaml", "- vars: {a: b}\n- file://t/more.yml\n")
    project.write("t/a.json", '[{"vars": {"a": "a"}}]')
    project.write("t/more.yml", "vars: {a: more}\n")
    project.write("t/x.jsonl", '{"vars": {"a": "x"}}\n')
    text = "tests: ['t/[ab].*', file://t/x.jsonl, {path: t/more.yml, config: {n: 1}}]\n"
    found = project.result_of(HEAD + text)
    assert [v["a"] for v in found.vars] == ["a", "b", "more", "x", "more"]
    assert found.says("promptfooconfig.yaml:3: ", "'config' has no equivalent")


@pytest.mark.parametrize(
    ("tests", "reason"),
    [
        ("https://docs.google.com/spreadsheets/d/x", "are remote"),
        ("huggingface://datasets/a/b", "are remote"),
        ("az://a/b.csv", "are remote"),
        ("t.xlsx#Sheet1", "expected a .yaml"),
        ("file://t.py:make", "programs are not run"),
        ("t.ts", "programs are not run"),
        ("none/*.yaml", "no file matches"),
        ("none.yaml", "file not found"),
        ("../x.yaml", "leaves the project"),
    ],
)
def test_tests_elsewhere(project: PromptfooProject, tests: str, reason: str) -> None:
    """Tests that are a program or elsewhere are listed; the suite has a case to fill in, with the shared checks."""
    text = f"{HEAD}defaultTest: {{assert: [{{type: contains, value: x}}]}}\ntests:\n  - {tests}\n"
    found = project.result_of(text)
    assert found.says("promptfooconfig.yaml:5: ", reason)
    assert found.says("no test can be imported: complete the case 'test-1'")
    assert len(found.suite["cases"]) == 1
    assert found.suite["assert"] == [{"contains": "x"}]


def test_other_keys(project: PromptfooProject) -> None:
    """Every key without an equivalent is listed with its line."""
    keys = ("evaluateOptions", "commandLineOptions", "sharing", "outputPath", "redteam", "extensions", "derivedMetrics")
    found = project.result_of(BASE + "".join(f"{key}: {{repeat: 3}}\n" for key in keys))
    for line, key in enumerate(keys, start=5):
        assert found.says(f"promptfooconfig.yaml:{line}: ", f"'{key}' has no equivalent")
    options = "{vars: {word: x}, provider: openai:y, options: {storeOutputAs: z}, threshold: 0.5}"
    found = PromptfooProject(project.root / "two").result_of(BASE.replace("vars: {word: hello}", options))
    for word in ("'provider'", "option 'storeOutputAs'", "'threshold' has no equivalent: every check must pass"):
        assert found.says("promptfooconfig.yaml:4: ", word)
