"""Assertions: values from files, schemas as text, weights, defaults that tests switch off, and transforms."""

from __future__ import annotations

import pytest
from promptfoo_project import BASE, PromptfooProject


def with_assert(assertion: str) -> str:
    """A configuration with one assertion."""
    return BASE + f"    assert:\n      - {assertion}\n"


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ('\'{"type": "object", "required": ["a"],}\'', {"type": "object", "required": ["a"]}),
        ("'{type: object, required: [a]}'", {"type": "object", "required": ["a"]}),
        ('"type: object\\nrequired: [a]\\n"', {"type": "object", "required": ["a"]}),
        ("file://s.yaml", {"type": "object", "maxProperties": 2}),
        ("file://s.json", {"type": "object", "title": "{{word}}"}),
        ("file://s.txt", {"type": "array"}),
        ("'{required: [\"{{word}}\"]}'", {"required": ["hello"]}),
    ],
)
def test_schemas(project: PromptfooProject, value: str, schema: dict[str, object]) -> None:
    """A schema is a mapping, a text that is read as YAML, or a file, in which templates are not rendered."""
    found = project.result_of(
        with_assert(f"{{type: is-json, value: {value}}}"),
        s__yaml="type: object\nmaxProperties: 2\n",
        s__json='{"type": "object", "title": "{{word}}"}',
        s__txt="{type: array}\n",
    )
    assert found.checks == [[{"json_schema": schema}]]


@pytest.mark.parametrize(
    ("assertion", "checks"),
    [
        ("{type: contains, value: file://v.txt}", [{"contains": "a {{word}}"}]),
        ("{type: equals, value: file://v.json}", [{"json_schema": {"const": {"a": [1]}}}]),
        ("{type: contains-any, value: [x, file://v.txt]}", [{"regex": "(x|a \\{\\{word\\}\\})"}]),
        (
            "{type: contains-all, value: 'a, \"b, c\", , d'}",
            [{"contains": "a"}, {"contains": "b, c"}, {"contains": "d"}],
        ),
        ("{type: contains-any, value: [true, 1]}", [{"regex": "(true|1)"}]),
        ("{type: contains, value: '<{{yes}}>'}", [{"contains": "<true>"}]),
        ("file://a.yaml", [{"contains": "p"}, {"contains": "q"}]),
    ],
)
def test_values(project: PromptfooProject, assertion: str, checks: list[dict[str, object]]) -> None:
    """A value may be in a file, which is trimmed and no template, or in a list."""
    text = with_assert(assertion).replace("{word: hello}", "{word: hello, 'yes': true}")
    found = project.result_of(
        text,
        v__txt="\n a {{word}} \n",
        v__json='{"a": [1]}',
        a__yaml="- {type: contains, value: p}\n- {type: contains, value: q}\n",
    )
    assert found.checks == [checks]


@pytest.mark.parametrize(
    ("assertion", "reason"),
    [
        ("{type: contains, value: x, weight: 0}", "with weight 0 it never fails"),
        ("{type: contains, value: ''}", "expected a text that is not empty"),
        ("{type: starts-with, value: ''}", "expected a text that is not empty"),
        ("{type: regex, value: ''}", "expected a text that is not empty"),
        ("{type: contains, value: file://v.py}", "its value is a program"),
        ("{type: contains, value: 'file://v.js:get'}", "its value is a program"),
        ("{type: contains, value: file://v.md}", "expected a .json, .yaml or .txt file"),
        ("{type: is-json, value: '{a: [}'}", "its schema cannot be read"),
        ("{type: is-json, value: 'no schema'}", "expected a JSON schema"),
        ("{type: similar:dot, value: x}", "no equivalent check"),
        ("{type: equals, value: x, normalizeUnicode: true}", "'normalizeUnicode' has no equivalent"),
    ],
)
def test_left_out(project: PromptfooProject, assertion: str, reason: str) -> None:
    """An assertion that a check cannot express is listed, and adds no check and no golden answer."""
    found = project.result_of(with_assert(assertion))
    assert found.says("promptfooconfig.yaml:6: ", reason)
    assert (found.checks, found.golden) == ([[]], {})


SIMILAR: dict[str, tuple[str | list[str], float]] = {
    "{type: similar, value: 'Say {{word}}', threshold: 0.8}": ("Say hello", 0.8),
    "{type: 'similar:cosine', value: x}": ("x", 0.75),
    "{type: similar, value: [one, two]}": (["one", "two"], 0.75),
}
NOT_SIMILAR = {
    "{type: not-similar, value: x}": "its negation has no equivalent",
    "{type: similar, value: x, threshold: 80}": "threshold: expected a cosine above 0 and at most 1, got 80",
    "{type: similar, value: x, threshold: 0}": "threshold: expected a cosine above 0 and at most 1, got 0",
    "{type: similar, value: {a: b}}": "to: expected a text",
    "{type: similar, value: []}": "to: expected a text",
}


@pytest.mark.parametrize("assertion", [*SIMILAR, *NOT_SIMILAR])
def test_similar(project: PromptfooProject, assertion: str) -> None:
    """With an embedding model, `similar` is the check with its threshold, or is listed; it is never a golden answer."""
    left_out = project.result_of(with_assert(assertion))
    assert (left_out.checks, left_out.golden) == ([[]], {})
    reason = "its negation" if "not-" in assertion else "add [tool.evalharness.embedders.NAME] to pyproject.toml"
    assert left_out.says("promptfooconfig.yaml:6: ", reason)
    project.write("pyproject.toml", "[tool.evalharness.embedders.mini]\nbase_url = 'http://localhost:1'\nmodel = 'm'\n")
    (project.root / "suites/s.yaml").unlink()
    found = project.result_of(with_assert(assertion))
    if assertion in SIMILAR:
        text, least = SIMILAR[assertion]
        assert found.checks == [[{"similar": {"to": text, "model": "mini", "threshold": least}}]]
    else:
        assert found.checks == [[]]
    assert found.says("promptfooconfig.yaml:6: ", NOT_SIMILAR.get(assertion, "the embedding model 'mini'"))
    assert (found.golden, found.suite["metrics"]) == ({}, [{"length": {"min_words": 1}}])


def test_a_cell_with_similar(project: PromptfooProject) -> None:
    """The limit in brackets of a cell is the threshold; the suite is valid with the model."""
    project.write("pyproject.toml", "[tool.evalharness.embedders.mini]\nbase_url = 'http://localhost:1'\nmodel = 'm'\n")
    table = "prompts: ['{{q}}']\nproviders: [openai:gpt-4o-mini]\ntests: file://t.csv\n"
    found = project.result_of(table, t__csv="q,__expected\nx,similar(0.8): Paris\n")
    assert found.checks == [[{"similar": {"to": "Paris", "model": "mini", "threshold": 0.8}}]]


def test_sets(project: PromptfooProject) -> None:
    """The weight of a set is listed, its assertions are checks."""
    text = with_assert("{type: assert-set, weight: 2, config: {}, assert: [{type: contains, value: x}]}")
    found = project.result_of(text)
    assert found.checks == [[{"contains": "x"}]]
    assert found.says("'weight' has no equivalent")
    assert found.says("'config' has no equivalent")


def test_defaults_that_a_test_switches_off(project: PromptfooProject) -> None:
    """A shared assertion goes to each case that does not switch the defaults off."""
    shared = "defaultTest: {assert: [{type: contains, value: x}, {type: equals, value: y}, {type: cost}]}\n"
    found = project.result_of(shared + BASE + "  - {vars: {word: b}, options: {disableDefaultAsserts: true}}\n")
    assert "assert" not in found.suite
    assert found.checks == [[{"contains": "x"}, {"equals": "y"}], []]
    assert found.golden == {"test-1": ["y"]}
    assert "cost" in [gate["metric"] for gate in found.suite["gates"]]


@pytest.mark.parametrize("option", ["transform", "postprocess"])
def test_transforms(project: PromptfooProject, option: str) -> None:
    """Checks survive a transform of the answer, which is listed."""
    found = project.result_of(
        f"defaultTest:\n  options: {{{option}: output.x}}\n" + with_assert("{type: equals, value: x}")
    )
    assert found.says("promptfooconfig.yaml:2: ", f"option '{option}' has no equivalent: the checks read the whole")
    assert found.checks == [[{"equals": "x"}]]


@pytest.mark.parametrize(
    ("assertion", "checks", "reason"),
    [
        ("{type: equals, value: ''}", [[{"equals": ""}]], ""),
        ("{type: rouge-n, value: ' '}", [[]], "assertion rouge-n: expected a reference answer"),
        ("{type: levenshtein, value: ''}", [[]], "assertion levenshtein: expected a reference answer"),
    ],
)
def test_empty_references(
    project: PromptfooProject, assertion: str, checks: list[list[dict[str, object]]], reason: str
) -> None:
    """A test that expects an empty answer keeps its check, and has no golden answer, which may not be empty."""
    found = project.result_of(with_assert(assertion))
    assert found.checks == checks
    assert found.golden == {}
    assert found.says(reason) == bool(reason)


def test_shared_templates_in_a_file(project: PromptfooProject) -> None:
    """A template in a file of shared assertions is rendered for each test, like one in the configuration."""
    found = project.result_of(
        BASE + "defaultTest: {assert: file://a.yaml}\n",
        a__yaml="- {type: contains, value: '{{word}}!'}\n- {type: not-contains, value: bye}\n",
    )
    assert found.checks == [[{"contains": "hello!"}]]
    assert found.suite["assert"] == [{"not_contains": "bye"}]
