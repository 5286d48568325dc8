"""Configurations of the kinds that public repositories have, each with what promptfoo asks and expects."""

from __future__ import annotations

import pytest
from promptfoo_project import PromptfooProject

HEAD = "prompts: ['{{q}}']\nproviders: [openai:gpt-4o-mini]\n"


def test_graders_in_a_table(project: PromptfooProject) -> None:
    """Cells with graders are listed, code is a check to write, a check is kept, and another cell is the answer."""
    cells = [
        "javascript: output.length < 20",
        "llm-rubric: is polite",
        "grade: mentions a refund",
        "fn:output.includes('x')",
        "python: len(output) < 100",
        "factuality: Paris is the capital of France",
        "not-llm-rubric: is rude",
        "contains: refund",
        "Note: see below",
    ]
    rows = "".join(f"q{number},{cell}\n" for number, cell in enumerate(cells))
    found = project.result_of(f"{HEAD}tests: t.csv\n", t__csv=f"q,__expected\n{rows}")
    kinds = {2: "javascript", 3: "llm-rubric", 5: "javascript", 6: "python", 7: "factuality", 8: "not-llm-rubric"}
    assert all(found.says(f"t.csv:{line}:", f"assertion {kind}: ") for line, kind in kinds.items())
    assert found.says("t.csv:3:", "assertion llm-rubric: needs a judge", "(1 more: t.csv:4)")
    code = [[{"javascript_1": True}], [{"javascript_2": True}], [{"python_1": True}]]
    assert [found.checks[number] for number in (0, 3, 4)] == code
    assert [found.checks[number] for number in (1, 2, 5, 6)] == [[], [], [], []]
    assert found.checks[7:] == [[{"contains": "refund"}], [{"equals": "Note: see below"}]]
    assert found.golden == {"test-9": ["Note: see below"]}


def test_limits_in_a_table(project: PromptfooProject) -> None:
    """Limits of seconds and dollars are gates, with a note that the limit is dropped, and not answers."""
    found = project.result_of(f"{HEAD}tests: t.csv\n", t__csv="q,__expected\nx,latency(3000)\ny,cost(0.01)\n")
    assert [gate["metric"] for gate in found.suite["gates"]] == ["length", "latency", "cost"]
    assert found.says("t.csv:2: ", "latency", "the limit per answer is dropped")
    assert found.says("t.csv:3: ", "cost", "the limit per answer is dropped")
    assert found.golden == {}


def test_a_list_in_the_default_test(project: PromptfooProject) -> None:
    """A variable of defaultTest with several texts gives a case for each."""
    tests = "defaultTest:\n  vars: {to: [French, German]}\ntests:\n  - vars: {q: hello}\n"
    found = project.result_of(HEAD.replace("{{q}}", "{{q}} in {{to}}") + tests)
    assert found.vars == [{"to": "French", "q": "hello"}, {"to": "German", "q": "hello"}]


def test_a_list_that_stays_one_value(project: PromptfooProject) -> None:
    """A test that switches the expansion of lists off is one case."""
    tests = "tests:\n  - vars: {q: [red, green]}\n    options: {disableVarExpansion: true}\n"
    assert project.result_of(HEAD + tests).vars == [{"q": ["red", "green"]}]


def test_variables_in_data_files(project: PromptfooProject) -> None:
    """A .json file is its text, a .yaml file is JSON, and a list in a file is one value."""
    found = project.result_of(
        HEAD + "tests:\n  - vars: {q: file://r.json, rows: file://l.json, set: file://s.yaml}\n",
        r__json='{"name": "Acme", "open": true, "note": null}\n',
        l__json='["a", "b"]',
        s__yaml="name: Acme\nopen: true\nnote: null\n",
    )
    (one,) = found.vars
    assert one["q"] == '{"name": "Acme", "open": true, "note": null}'
    assert one["rows"] == '["a", "b"]'
    assert one["set"] == '{"name":"Acme","open":true,"note":null}'


def test_a_template_in_a_file(project: PromptfooProject) -> None:
    """A template in the file of a variable stays text, and is listed as one in the configuration is."""
    found = project.result_of(HEAD + "tests:\n  - vars: {q: file://q.txt, name: Ada}\n", q__txt="I am {{ name }}\n")
    assert found.vars[0]["q"] == "I am {{ name }}"
    assert found.says("promptfooconfig.yaml:4: ", "the template in this variable is not rendered")


def test_line_ends_of_variables(project: PromptfooProject) -> None:
    """The last line end of a variable is taken off, and the text of a file is trimmed."""
    tests = "tests:\n  - vars:\n      q: |\n        What is it?\n      note: file://note.txt\n"
    found = project.result_of(HEAD + tests, note__txt="\nHello\n\n")
    assert found.vars == [{"q": "What is it?", "note": "Hello"}]


@pytest.mark.parametrize(("name", "prompts"), [("p.md", 1), ("p.txt", 2)])
def test_rules_in_prompt_files(project: PromptfooProject, name: str, prompts: int) -> None:
    """A line of dashes separates the prompts of a .txt file, and is part of a prompt in Markdown."""
    project.write(name, "# Role\n\nYou help.\n\n---\n\n{{q}}\n")
    found = project.result_of(f"prompts: [file://{name}]\nproviders: [openai:x]\ntests: [{{vars: {{q: a}}}}]\n")
    assert len(found.suite["prompts"]) == prompts


def test_descriptions_in_other_scripts(project: PromptfooProject) -> None:
    """The id of a case has the letters of its description, whatever the script."""
    names = ["返金ポリシー", "Возврат товара", "Café größe"]
    tests = "".join(f"  - {{description: {name}, vars: {{q: {name}}}}}\n" for name in names)
    found = project.result_of(f"{HEAD}tests:\n{tests}")
    assert [case["id"] for case in found.suite["cases"]] == ["返金ポリシー", "Возврат-товара", "Café-größe"]


def test_names_in_old_providers(project: PromptfooProject) -> None:
    """An `id` in the settings of a provider is the name of the model, and different settings are listed."""
    providers = "".join(
        f"  - openai:gpt-4o-mini: {{id: {name}, config: {{temperature: {temperature}}}}}\n"
        for name, temperature in (("cold", 0), ("hot", 1))
    )
    found = project.result_of(f"prompts: ['{{{{q}}}}']\nproviders:\n{providers}tests: [{{vars: {{q: a}}}}]\n")
    assert found.suite["models"] == ["cold", "hot"]
    assert found.says("promptfooconfig.yaml:4: ", "'hot' has temperature 1")
