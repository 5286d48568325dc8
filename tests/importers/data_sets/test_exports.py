"""Exports of deepeval, OpenAI evals, LangSmith, Langfuse and Inspect: each field becomes what its documentation says.

Sources of the fields: deepeval.com/docs/evaluation-datasets (`save_as`), github.com/openai/evals (the samples of its
registry), docs.langchain.com/langsmith/example-data-format, api.reference.langfuse.com (DatasetItem) and
inspect.aisi.org.uk/datasets.html (`Sample`). The texts are made up.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from dataset_projects import DatasetProject, Imported, table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.config import Config
from evalharness.importers.datasets import DatasetError, DatasetOptions, import_dataset
from evalharness.importers.datasets.table import Skipped
from evalharness.importers.exports import EXPORTS, form_of

GOLDEN = {
    "input": "Who wrote it?",
    "actual_output": "Bob",
    "expected_output": "Ada",
    "retrieval_context": ["Found."],
    "context": ["One.", "Two."],
    "name": "author",
    "comments": "checked",
    "tools_called": None,
    "additional_metadata": {"topic": "people"},
}
EXAMPLE = {
    "id": "6d0e3c50-0000-4000-8000-000000000001",
    "dataset_id": "d",
    "created_at": "2026-01-02T03:04:05",
    "source_run_id": None,
    "inputs": {"question": "Who?", "style": "short"},
    "outputs": {"answer": "Ada"},
    "metadata": {"dataset_split": ["base"]},
}
ITEM = {
    "id": "item-1",
    "status": "ACTIVE",
    "datasetId": "d",
    "datasetName": "authors",
    "input": {"question": "Who?"},
    "expectedOutput": "Ada",
    "metadata": {"topic": "people"},
    "sourceTraceId": None,
    "createdAt": "2026-01-02T03:04:05Z",
}
SAMPLE = {"input": "1 + 1?", "target": ["2", "two"], "id": 7, "metadata": {"level": 1}}
CHOICE = {"input": "1 + 1?", "choices": ["1", "2"], "target": "B"}
CHAT = [{"role": "user", "content": "1 + 1?"}]
BEFORE = [
    {"role": "system", "content": "Add {{ x }}."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
]
SENT = [{"system": "Add {{ x }}."}, {"user": "Hi"}, {"assistant": "Hello"}]


def converted(project: DatasetProject, form: str, rows: Any, *options: str) -> Imported:
    """The files of an import."""
    project.form = form
    return project.convert("rows.json" if isinstance(rows, dict) else "rows.jsonl", rows, *options)


@pytest.mark.parametrize(
    ("form", "row", "case", "golden"),
    [
        (
            "deepeval",
            GOLDEN,
            {
                "id": "author",
                "vars": {"input": "Who wrote it?", "context": "One.\n\nTwo."},
                "tags": ["topic=people"],
            },
            ["Ada"],
        ),
        ("deepeval", {"input": "x", "expectedOutput": "y", "name": "n"}, {"id": "n", "vars": {"input": "x"}}, ["y"]),
        (
            "openai-evals",
            {"id": "a", "input": CHAT, "ideal": ["2", "two"]},
            {"id": "a", "vars": {"input": "1 + 1?"}},
            ["2", "two"],
        ),
        ("openai-evals", {"item": {"id": "a", "input": "x", "ideal": "y"}}, {"id": "a", "vars": {"input": "x"}}, ["y"]),
        (
            "langsmith",
            EXAMPLE,
            {"id": EXAMPLE["id"], "vars": EXAMPLE["inputs"], "tags": ["dataset_split=base"]},
            ["Ada"],
        ),
        (
            "langsmith",
            {"id": "a", "inputs": {"messages": CHAT}, "outputs": {"message": {"role": "assistant", "content": "2"}}},
            {"id": "a", "vars": {"messages": "1 + 1?"}},
            ["2"],
        ),
        (
            "langsmith",
            {"id": "a", "inputs": {"messages": [*BEFORE, *CHAT], "user_id": 7}, "outputs": {"answer": "2"}},
            {"id": "a", "vars": {"messages": "1 + 1?", "user_id": 7}, "messages": SENT},
            ["2"],
        ),
        (
            "openai-evals",
            {"id": "a", "input": [*BEFORE, *CHAT], "ideal": "2"},
            {"id": "a", "vars": {"input": "1 + 1?"}, "messages": SENT},
            ["2"],
        ),
        ("langfuse", ITEM, {"id": "item-1", "vars": {"question": "Who?"}, "tags": ["topic=people"]}, ["Ada"]),
        (
            "langfuse",
            {"id": "a", "input": "x", "expected_output": {"answer": "y"}},
            {"id": "a", "vars": {"input": "x"}},
            ["y"],
        ),
        ("inspect", SAMPLE, {"id": "7", "vars": {"input": "1 + 1?"}, "tags": ["level=1"]}, ["2", "two"]),
    ],
)
def test_a_row(project: DatasetProject, form: str, row: Any, case: dict[str, Any], golden: list[str]) -> None:
    """A row of each tool becomes this case with these golden answers, in a suite that validates."""
    found = converted(project, form, [row])
    assert (found.cases, found.answers) == ([case], [golden])


def test_expected_calls(project: DatasetProject) -> None:
    """Expected tools of deepeval are what the metric `tool_calls` expects; none is another expectation than null."""
    calls: list[Any] = [
        [{"name": "find", "description": "x", "input_parameters": {"id": 7, "rate": 1.5}}, {"name": "stop"}],
        [],
        None,
    ]
    found = converted(
        project, "deepeval", [GOLDEN | {"name": f"n{n}", "expected_tools": c} for n, c in enumerate(calls)]
    )
    expected = [{"name": "find", "arguments": {"id": 7, "rate": 1.5}}, {"name": "stop"}]
    assert [case.get("tool_calls") for case in found.vars] == [expected, [], None]
    suite = project.read("suites/set.yaml")
    project.write("suites/set.yaml", suite.replace("metrics:\n", "metrics:\n- tool_calls\n"))
    checked = project.command("validate", "set")
    assert checked.exit_code == 0, checked.output
    assert "tool_calls on 2 of 3 cases" in checked.output


def test_options(project: DatasetProject) -> None:
    """Options of Inspect are lettered lines, and the letter is golden."""
    found = converted(project, "inspect", [CHOICE, CHOICE | {"target": ["A"]}])
    assert found.vars[0] == {"input": "1 + 1?", "choices": "A. 1\nB. 2"}
    assert found.answers == [["B"], ["A"]]
    assert found.suite["metrics"] == [{"exact": {"ignore_case": True}}]
    assert found.prompt[0]["user"].startswith("{{ input }}\n\n{{ choices }}\n\nAnswer with the letter")


@pytest.mark.parametrize(
    ("form", "row", "reason"),
    [
        ("deepeval", {"scenario": "A buyer returns a book", "expected_outcome": "x"}, "a conversation with a scenario"),
        ("deepeval", {"input": " ", "expected_output": "x"}, "no 'input'"),
        ("deepeval", {"input": "x", "expected_output": ["a", "b"]}, "the answer in 'expected_output' is not one text"),
        ("deepeval", GOLDEN | {"expected_tools": ["find"]}, "'expected_tools' is not a list of tool calls"),
        ("deepeval", {"input": ["x"], "expected_output": "a"}, "'input' has neither text nor variables"),
        ("openai-evals", {"ideal": "x"}, "no 'input'"),
        ("openai-evals", {"input": [*CHAT, {"role": "assistant", "content": "2"}], "ideal": "2"}, "ends with a turn"),
        ("openai-evals", {"input": CHAT * 1002, "ideal": "2"}, "more than 1,000 earlier turns"),
        ("openai-evals", {"input": [{"role": "tool", "content": "2"}], "ideal": "2"}, "turns of tools, images"),
        ("openai-evals", {"input": "x", "ideal": [["a"], ["b"]]}, "the answer in 'ideal' is not one text"),
        ("langsmith", {"id": "a", "inputs": {}, "outputs": {"answer": "x"}}, "no 'inputs'"),
        ("langfuse", ITEM | {"status": "ARCHIVED"}, "archived in Langfuse"),
        ("langfuse", ITEM | {"input": "Who?"}, "'input' is a text, unlike most rows"),
        ("inspect", SAMPLE | {"files": {"a.txt": "x"}}, "needs a sandbox (files)"),
        ("inspect", SAMPLE | {"sandbox": "docker", "setup": "x"}, "needs a sandbox (sandbox, setup)"),
    ],
)
def test_a_row_that_is_left_out(project: DatasetProject, form: str, row: Any, reason: str) -> None:
    """A row that cannot be a case is listed with its line and the reason, and the other rows are cases."""
    good = {"deepeval": GOLDEN, "openai-evals": {"input": "x", "ideal": "y"}, "langsmith": EXAMPLE}
    good |= {"langfuse": ITEM, "inspect": SAMPLE}
    found = converted(project, form, [good[form], good[form] | {"id": "other", "name": "other"}, row])
    assert len(found.cases) == 2
    (line,) = [line for line in found.output.splitlines() if reason in line]
    assert "(line 3)" in line


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (CHOICE | {"choices": None}, "no 'choices', unlike other rows"),
        (CHOICE | {"target": ["A", "B"]}, "expected one letter of an option in 'target'"),
        (CHOICE | {"target": "C"}, "expected one letter of an option in 'target'"),
        (CHOICE | {"target": "2"}, "expected one letter of an option in 'target'"),
    ],
)
def test_options_that_are_left_out(project: DatasetProject, row: Any, reason: str) -> None:
    """A question without options, or without one right letter, is no multiple-choice question."""
    found = converted(project, "inspect", [CHOICE, CHOICE | {"id": "b"}, row])
    assert len(found.cases) == 2
    assert f"{reason}, left out (line 3)" in found.output


def test_what_each_field_becomes(project: DatasetProject) -> None:
    """The preview names each field, also those that are left out, with the reason."""
    project.configure()
    project.form = "deepeval"
    output = project.preview("a.jsonl", [GOLDEN | {"mood": "calm"}])
    shown = table(output)
    assert shown["actual_output"] == "left out answers of a model; docs/python.md shows how to gate them"
    assert shown["context"] == "variable context not in the prompt; --prompt can use it"
    assert shown["retrieval_context"].startswith("left out contexts that an application found")
    assert shown["mood"] == "left out not a field of goldens of deepeval; --tag or --var uses it"
    assert "prompt:\n  user      │ {{ input }}\n" in output


def test_a_conversation_as_it_is_sent(project: DatasetProject) -> None:
    """Rows with different turns are sent message by message, the question last, and the preview shows them."""
    rows = [{"input": [*BEFORE, *CHAT], "ideal": "2"}, {"input": CHAT, "ideal": "2"}, {"input": "1 + 1?", "ideal": "2"}]
    found = converted(project, "openai-evals", rows)
    assert found.prompt == [{"user": "{{ input }}"}]
    assert [case.get("messages") for case in found.cases] == [SENT, None, None]
    project.suite = "set"
    sent = {sample.key.case: sample.messages for sample in project.evaluate(record="all").samples}
    first = [(message.role, message.content) for message in sent[found.ids[0]]]
    assert first == [*((one["role"], one["content"]) for one in BEFORE), ("user", "1 + 1?")]
    output = project.command("import", "openai-evals", project.put("rows.jsonl", rows)).output
    assert "messages" in table(output)["input: earlier turns"]
    assert "  system    │ Add {{ x }}.\n  user      │ Hi\n  assistant │ Hello\n  user      │ 1 + 1?" in output


def test_several_outputs(project: DatasetProject) -> None:
    """Of several outputs none is chosen: the user names the right one."""
    row = EXAMPLE | {"outputs": {"answer": "Ada", "source": "book"}}
    found = converted(project, "langsmith", [row])
    assert found.answers == [[]]
    project.form = "langsmith"
    shown = table(project.command("import", "langsmith", project.put("rows.jsonl", [row])).output)
    assert shown["outputs.answer"] == "left out one of several outputs; --golden 'outputs.answer' uses it"
    named = converted(project, "langsmith", [row], "--golden", "outputs.answer")
    assert named.answers == [["Ada"]]


def test_the_shown_command(project: DatasetProject) -> None:
    """The last line of the preview writes what the preview shows."""
    project.configure()
    project.form = "inspect"
    command = shlex.split(project.preview("a.jsonl", [SAMPLE]).splitlines()[-1])
    assert command[:3] == ["evalharness", "import", "inspect"]
    assert project.command(*command[1:]).exit_code == 0
    assert json.loads(project.read("suites/cases/a.jsonl"))["id"] == "7"
    assert "#   evalharness import inspect a.jsonl -o suites/a.yaml" in project.read("suites/a.yaml")


@pytest.mark.parametrize(
    ("form", "rows", "message"),
    [
        ("langsmith", [GOLDEN], "expected examples of LangSmith (inputs, outputs)"),
        ("inspect", [ITEM], "these look like items of a Langfuse data set: use evalharness import langfuse"),
        ("langfuse", [SAMPLE], "these look like samples of Inspect: use evalharness import inspect"),
        ("deepeval", "", "is empty"),
        ("deepeval", "{broken", "invalid JSON"),
        ("deepeval", b"\xff\xfe\x00\xd8", "not utf-16"),
        ("deepeval", "[" * 100_000, "nested too deeply"),
    ],
)
def test_another_file(project: DatasetProject, form: str, rows: Any, message: str) -> None:
    """A file of another format is refused, with what it looks like or what is expected."""
    project.form = form
    assert message in project.refusal("a.json", rows)


KEYS = ["id", "input", "inputs", "output", "outputs", "ideal", "target", "expected_output", "choices", "metadata"]
TEXTS = st.text(max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
MESSAGES = st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "tool"]), "content": TEXTS}))
VALUES = st.recursive(SCALARS | MESSAGES, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=6)
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS) | TEXTS, VALUES), min_size=1, max_size=6)


@pytest.mark.parametrize("form", EXPORTS)
@given(rows=ROWS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_row_is_a_case_or_is_listed(project: DatasetProject, form: str, rows: list[dict[str, Any]]) -> None:
    """Whatever the rows hold, each is a case with an id of its own, or is counted with a reason."""
    path = project.root / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = Config(root=project.root)
    try:
        found = import_dataset(path, DatasetOptions(form=form_of(EXPORTS[form])), config)
    except DatasetError:
        return
    cases, skipped = [*found.cases()], Skipped()
    readable = [*found.chosen_rows(skipped)]
    assert found.cases_of is not None
    assert len(readable) + skipped.counts.total() == len(rows)
    assert len(cases) + found.cases_of.skipped.counts.total() == len(readable)
    assert len({case.id for case in cases}) == len(cases) == found.count
