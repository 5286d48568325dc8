"""Tables of tests: each form of `__expected`, and the columns with a meaning.

The forms are those of promptfoo, src/csv.ts.
"""

from __future__ import annotations

import pytest
from promptfoo_project import PromptfooProject

TABLE = "prompts: ['{{q}}']\nproviders: [openai:gpt-4o-mini]\ntests: t.csv\n"


@pytest.mark.parametrize(
    ("cell", "checks"),
    [
        ("Paris", [{"equals": "Paris"}]),
        ("equals: Paris", [{"equals": "Paris"}]),
        ("not-equals:Paris", [{"not_equals": "Paris"}]),
        ("contains:  Paris ", [{"contains": "Paris"}]),
        ("not-contains: Paris", [{"not_contains": "Paris"}]),
        ("icontains:paris", [{"regex": "(?i)paris"}]),
        ("starts-with: The", [{"regex": r"\AThe"}]),
        ("regex:a:b", [{"regex": "a:b"}]),
        ("contains-all: a, b", [{"contains": "a"}, {"contains": "b"}]),
        ('contains-any: "a, b", c', [{"regex": "(a, b|c)"}]),
        ("icontains-any:a,b", [{"regex": "(?i)(a|b)"}]),
        ("is-json", [{"json_valid": True}]),
        ('is-json:{"type": "object",}', [{"json_schema": {"type": "object"}}]),
        ("word-count: 3", [{"min_words": 3}, {"max_words": 3}]),
        ("Answer: yes", [{"equals": "Answer: yes"}]),
        ("containsx: y", [{"equals": "containsx: y"}]),
        ("latency below 3 s", [{"equals": "latency below 3 s"}]),
    ],
)
def test_a_cell_with_a_check(project: PromptfooProject, cell: str, checks: list[dict[str, object]]) -> None:
    """A cell is the check that promptfoo reads in it; a cell of no known form is the answer."""
    quoted = '"' + cell.replace('"', '""') + '"'
    found = project.result_of(TABLE, t__csv=f"q,__expected\nx,{quoted}\n")
    assert found.checks == [checks]
    assert bool(found.golden) == (list(checks[0]) == ["equals"])


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("grade: is polite", "llm-rubric"),
        ("llm-rubric: is polite", "llm-rubric"),
        ("not-llm-rubric: is rude", "not-llm-rubric"),
        ("factuality: water is wet", "factuality"),
        ("model-graded-closedqa: x", "model-graded-closedqa"),
        ("answer-relevance(0.9)", "answer-relevance"),
        ("contains-json", "contains-json"),
        ("is-refusal", "is-refusal"),
        ("is-sql:", "is-sql"),
        ("moderation", "moderation"),
        ("perplexity(5)", "perplexity"),
        ("webhook:https://example.org", "webhook"),
        ("select-best: the funniest", "select-best"),
        ("contains:", "contains"),
        ("not-contains-all: a,b", "not-contains-all"),
    ],
)
def test_a_cell_without_a_check(project: PromptfooProject, cell: str, kind: str) -> None:
    """A cell with an assertion that has no equivalent is listed with its line, and is not taken for an answer."""
    found = project.result_of(TABLE, t__csv=f'q,__expected\nx,fine\ny,"{cell}"\n')
    assert found.says("t.csv:3: ", f"assertion {kind}: ")
    assert found.checks == [[{"equals": "fine"}], []]
    assert found.golden == {"test-1": ["fine"]}


@pytest.mark.parametrize(
    ("cell", "check", "code"),
    [
        ("javascript: output.length", "javascript_1", "output.length"),
        ("fn:output", "javascript_1", "output"),
        ("eval: output", "javascript_1", "output"),
        ("file://check.js", "check", "file://check.js"),
        ("file://lib/check.py:grade", "grade", "file://lib/check.py:grade"),
        ("python: len(output)", "python_1", "len(output)"),
        ("not-python: len(output)", "python_1", "len(output)"),
    ],
)
def test_a_cell_with_code(project: PromptfooProject, cell: str, check: str, code: str) -> None:
    """A cell with code is a check to write in Python, is listed with its line, and is not taken for an answer."""
    found = project.result_of(TABLE, t__csv=f'q,__expected\nx,fine\ny,"{cell}"\n')
    assert found.checks == [[{"equals": "fine"}], [{check: True}]]
    assert found.golden == {"test-1": ["fine"]}
    assert found.says("t.csv:3: ", f"now the check '{check}'")
    assert f"#   {code}\n" in project.read("checks.py")


@pytest.mark.parametrize(
    ("cell", "metric"),
    [
        ("levenshtein(5): Paris", "edit_similarity"),
        ("rouge-n(0.6):Paris", "rouge_1"),
        ("bleu:Paris", "bleu"),
    ],
)
def test_a_cell_with_a_reference(project: PromptfooProject, cell: str, metric: str) -> None:
    """A cell with a measure becomes a golden answer; the limit in brackets is listed."""
    found = project.result_of(TABLE, t__csv=f"q,__expected\nx,{cell}\n")
    assert found.golden == {"test-1": ["Paris"]}
    assert found.says("t.csv:2: ", "now a golden answer")
    assert found.suite["metrics"] == [metric]


def test_cells_with_limits(project: PromptfooProject) -> None:
    """A limit in brackets without a colon is a gate, with a note that the limit is dropped."""
    found = project.result_of(TABLE, t__csv="q,__expected\nx,latency(3000)\ny,cost(0.01)\n")
    assert [gate["metric"] for gate in found.suite["gates"]] == ["length", "latency", "cost"]
    assert found.says("t.csv:2: ", "latency: now a gate")
    assert found.golden == {}


def test_columns(project: PromptfooProject) -> None:
    """Columns with a meaning set the id, tags and checks of a case, other columns are variables."""
    table = (
        "q , __expected1,__expected2,__description,__metadata:topic,__metadata:kind[],__metadata:none,__metric,"
        "__threshold,__providerOutput,__config:__expected2:threshold,__other\n"
        'one,a,rouge-n:b,Ärger,t,"u, v\\,w",,m,0.5,out,0.9,z\n'
    )
    found = project.result_of(TABLE, t__csv=table)
    (case,) = found.suite["cases"]
    assert case == {
        "id": "Ärger",
        "vars": {"q": "one", "__other": "z"},
        "tags": ["topic=t", "kind=u", "kind=v,w"],
        "assert": [{"equals": "a"}],
    }
    for text in ("the threshold (0.9)", "'threshold' has no equivalent", "'metric' has no", "'providerOutput' has no"):
        assert found.says("t.csv:2: ", text)


@pytest.mark.parametrize(
    ("name", "table", "env"),
    [
        ("t.csv", "\ufeffq,__expected\none,two\n", ""),
        ("t.csv", "q;__expected\r\none;two\r\n", ""),
        ("t.tsv", "q\t__expected\none\ttwo\n", ""),
        ("t.csv", "q|__expected\none|two\n", "env: {PROMPTFOO_CSV_DELIMITER: '|'}\n"),
        ("t.csv", "q,__expected\n\none,two\n,\n", ""),
        ("t.csv", 'q,__expected\none,"two"\n', ""),
        ("t.csv", "q,__expected,__expected\none,other,two\n", ""),
    ],
)
def test_forms_of_a_table(project: PromptfooProject, name: str, table: str, env: str) -> None:
    """A table may have a byte order mark, another delimiter, empty rows, quotes and repeated columns."""
    found = project.result_of(env + TABLE.replace("t.csv", name), **{name.replace(".", "__"): table})
    assert found.vars == [{"q": "one"}]
    assert found.checks == [[{"equals": "two"}]]


def test_quotes_and_lines_in_cells(project: PromptfooProject) -> None:
    """A quote within a bare cell is a character, a quoted cell may have lines, and a note names the first line."""
    found = project.result_of(TABLE, t__csv='q,__expected\nsay "hi",x\n"a\nb",y\nz,is-refusal\n')
    assert [case["q"] for case in found.vars] == ['say "hi"', "a\nb", "z"]
    assert found.says("t.csv:5: ", "is-refusal")


def test_a_broken_table(project: PromptfooProject) -> None:
    """A table with a row of another length or an open quote is listed, and the suite has a case to fill in."""
    for table, message in (("q,a\n1\n", "expected 2 cells"), ('q\n"open\n', "invalid CSV")):
        found = project.result_of(TABLE, t__csv=table)
        assert found.says("promptfooconfig.yaml:3: ", message)
        assert len(found.suite["cases"]) == 1
        (project.root / "suites/s.yaml").unlink()


@pytest.mark.parametrize("column", ["__config:__expected:weight", "__config:limit", "__config:__expected0:threshold"])
def test_settings_of_a_cell(project: PromptfooProject, column: str) -> None:
    """A column that sets anything but the threshold of an assertion is listed; promptfoo refuses or ignores it."""
    found = project.result_of(TABLE, t__csv=f"q,__expected,{column}\nx,fine,2\n")
    assert found.left_out == [f"t.csv:2: of a test: the column '{column}' has no equivalent"]
    assert found.checks == [[{"equals": "fine"}]]
