"""Variables of tests: lists, files, line ends and what a prompt prints, as promptfoo does it."""

from __future__ import annotations

import pytest
from jinja2 import Environment, StrictUndefined
from promptfoo_project import BASE, PromptfooProject

PRINT = "prompts: ['<{{v}}>']\nproviders: [openai:gpt-4o-mini]\n"


@pytest.mark.parametrize(
    ("defaults", "test", "expected"),
    [
        ("vars: {v: [a, b]}", "vars: {w: x}", [("a", "x"), ("b", "x")]),
        ("vars: {v: [a, b]}", "vars: {v: c, w: x}", [("c", "x")]),
        ("vars: {w: [x, y]}", "vars: {v: [a, b]}", [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")]),
        ("vars: {w: [1, 2]}", "vars: {v: a}", [("a", [1, 2])]),
        ("options: {disableVarExpansion: true}", "vars: {v: [a, b], w: x}", [(["a", "b"], "x")]),
        ("options: {disableVarExpansion: true}", "{vars: {v: [a, b], w: x}, options: {disableVarExpansion: false}}", 2),
        ("metadata: {}", "{vars: {v: [a, b], w: x}, options: {disableVarExpansion: true}}", [(["a", "b"], "x")]),
    ],
)
def test_lists(project: PromptfooProject, defaults: str, test: str, expected: object) -> None:
    """A list of texts gives a case for each, also in the default test; other lists and disabled ones are values."""
    item = test if test.startswith("{") else f"{{{test}}}"
    found = project.result_of(f"{PRINT}defaultTest: {{{defaults}}}\ntests: [{item}]\n")
    pairs = [(v["v"], v.get("w", found.suite.get("vars", {}).get("w"))) for v in found.vars]
    assert pairs == expected or len(pairs) == expected


def test_lists_in_the_environment(project: PromptfooProject) -> None:
    """The variable that disables the expansion of lists counts where the configuration sets it."""
    env = "env: {PROMPTFOO_DISABLE_VAR_EXPANSION: true}\n"
    found = project.result_of(env + PRINT + "tests: [{vars: {v: [a, b]}}]\n")
    assert found.vars == [{"v": ["a", "b"]}]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", '["x", "y"]\n', '["x", "y"]'),
        ("a.json", '{"a": 1.0}', '{"a": 1.0}'),
        (
            "a.yaml",
            "a: 1.0\nb: [no, 'ü', 1e3, 2024-01-01]\nc: ~\n",
            '{"a":1,"b":["no","ü",1000,"2024-01-01T00:00:00.000Z"],"c":null}',
        ),
        ("a.yml", "- x\n- true\n", '["x",true]'),
        ("a.txt", "\n  two\nlines \n\n", "two\nlines"),
        ("a.md", "# T\n\n---\n", "# T\n\n---"),
        ("a.csv", "a,b\n1,2\n", "a,b\n1,2"),
        ("a.html", "<p>x</p>\n", "<p>x</p>"),
        ("noextension", "\ufeff x ", "x"),
        ("a.go", "package main\n", "package main"),
        ("a.sh", "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexit 1"),
        ("a.rb", "puts 1\n", "puts 1"),
        ("a.tsx", "<A />\n", "<A />"),
    ],
)
def test_files(project: PromptfooProject, name: str, content: str, expected: str) -> None:
    """A variable from a file is one text: trimmed, a .json file as it is written, a .yaml file as JSON."""
    project.write(name, content)
    found = project.result_of(f"{PRINT}tests: [{{vars: {{v: 'file://{name}'}}}}]\n")
    assert found.vars == [{"v": expected}]
    assert found.left_out == []


@pytest.mark.parametrize("name", ["a.pdf", "a.png", "a.py", "a.js", "a.py:make", "a.mjs", "a.ts", "a.go:make"])
def test_files_without_text(project: PromptfooProject, name: str) -> None:
    """A program, a picture or a PDF is not read: the variable is listed, and its test stays."""
    found = project.result_of(f"{PRINT}tests:\n  - vars: {{w: x, v: 'file://{name}'}}\n")
    assert found.says("promptfooconfig.yaml:4: ", "the variable is left out", name)
    assert found.vars == [{"w": "x"}]


def test_line_ends(project: PromptfooProject) -> None:
    """The last line end of a variable is taken off, one only, in texts, lists and tables."""
    text = PRINT + 'tests:\n  - vars: {v: "a\\n"}\n  - vars: {v: ["b\\n\\n"]}\n  - t.csv\n'
    found = project.result_of(text, t__csv='v\n"c\n"\n')
    assert [one["v"] for one in found.vars] == ["a", "b\n", "c"]


@pytest.mark.parametrize(
    "value", ["'{{ w }}'", "file://t.txt", "[x, '{{ w }}']", "[x, file://t.txt]", "{a: ['{% if w %}']}"]
)
def test_templates(project: PromptfooProject, value: str) -> None:
    """A template inside a variable stays as it is written, wherever it is, and is listed."""
    found = project.result_of(f"{PRINT}tests:\n  - vars: {{w: y, v: {value}}}\n", t__txt="see {{ w }}")
    assert found.says("promptfooconfig.yaml:4: ", "the template in this variable is not rendered")


def test_a_template_in_the_default_test(project: PromptfooProject) -> None:
    """A template inside a variable of the default test is listed as well."""
    found = project.result_of(PRINT + "defaultTest:\n  vars: {v: 'a {{ w }}'}\ntests: [{vars: {w: x}}]\n")
    assert found.says("promptfooconfig.yaml:4: ", "not rendered")


def test_patterns(project: PromptfooProject) -> None:
    """A pattern gives a case for each file in order; one without a file is listed."""
    for name in ("b.txt", "a.txt", ".hidden.txt", "deep/c.txt"):
        project.write(f"d/{name}", name)
    text = PRINT + "tests:\n  - vars: {v: 'file://d/*.txt'}\n  - vars: {v: 'file://d/**/{c,x}.txt'}\n"
    found = project.result_of(text + "  - vars: {w: x, v: 'file://none/*.txt'}\n")
    assert [one.get("v") for one in found.vars] == ["a.txt", "b.txt", "deep/c.txt", None]
    assert found.says("promptfooconfig.yaml:6: ", "no file matches")


def test_variables_in_a_file(project: PromptfooProject) -> None:
    """`vars` may name files, next to the file of the test; later ones override."""
    project.write("sub/one.yaml", "v: 1\nw: 1\n")
    project.write("sub/two.yaml", "w: 2\n")
    project.write("sub/tests.yaml", "- vars: [one.yaml, two.yaml]\n- vars: two*.yaml\n")
    found = project.result_of(PRINT + "tests: sub/tests.yaml\n")
    assert found.vars == [{"v": 1, "w": 2}, {"w": 2}]


def test_files_above(project: PromptfooProject) -> None:
    """A reference may go up within the project, and not out of it, also by a link or a pattern."""
    (project.root.parent / "secret.txt").write_text("sekret")
    project.write("pyproject.toml", "[tool.evalharness]\n")
    project.write("shared/a.txt", "shared")
    (project.root / "shared/link.txt").symlink_to(project.root.parent / "secret.txt")
    names = [
        "../shared/a.txt",
        "../../secret.txt",
        "../shared/link.txt",
        "../../*.txt",
        "*/../../../s*.txt",
        "/etc/hosts",
    ]
    tests = "".join(f"  - vars: {{w: x, v: 'file://{name}'}}\n" for name in names)
    found = project.result_of(f"{PRINT}tests:\n{tests}", file="evals/promptfooconfig.yaml")
    assert [one.get("v") for one in found.vars] == ["shared", *[None] * (len(names) - 1)]
    assert found.says("promptfooconfig.yaml:5: ", "leaves the project")
    assert len(found.left_out) == len(names) - 1 + 1  # `v` is empty in those tests
    assert "sekret" not in str(found)


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        (["true", "false"], ["<true>", "<false>"]),
        (["1.0", "1.5"], ["<1>", "<1.5>"]),
        (["null", "x"], ["<>", "<x>"]),
        (["{x: {y: null}}", "{x: {y: z}}"], ["[]", "[z]"]),
        (["{x: {y: true}}"], ["[true]"]),
        (["{a: 1}"], ['<{"a": 1}>']),
        (["[1, 2]"], ["<1,2>"]),
    ],
)
def test_what_a_prompt_prints(project: PromptfooProject, values: list[str], sent: list[str]) -> None:
    """A prompt prints true, null, numbers and lists as nunjucks does."""
    tests = "".join(f"  - vars: {{v: {value}}}\n" for value in values)
    prompt = "'[{{ v.x.y }}]'" if "x:" in values[0] else "'<{{v}}>'"
    project.result_of(f"prompts: [{prompt}]\nproviders: [openai:gpt-4o-mini]\ntests:\n{tests}")
    project.write(
        "pyproject.toml", '[tool.evalharness.models.gpt-4o-mini]\nprovider = "scripted"\nanswers = {"*" = "ok"}\n'
    )
    run = project.command("run", "s")
    assert "Traceback" not in run.output
    record = project.read("reports/s/run.jsonl")
    for text in sent:
        assert text.replace('"', '\\"') in record


def test_values_of_several_types(project: PromptfooProject) -> None:
    """A variable that is a text in one test and a list in another is listed with the prompt that prints it."""
    found = project.result_of(PRINT + "tests: [{vars: {v: x}}, {vars: {v: [1]}}]\n")
    assert found.says("promptfooconfig.yaml:1: ", "'v' has values of several types")


@pytest.mark.deep
def test_a_large_product(project: PromptfooProject) -> None:
    """Combinations beyond the limit are skipped with a note."""
    many = "[" + ", ".join(f"x{number}" for number in range(101)) + "]"
    found = project.result_of(BASE.replace("word: hello", f"word: {many}, n: {many}"))
    assert len(found.vars) == 10_000
    assert found.says("promptfooconfig.yaml:4: ", "combinations of variables")


@pytest.mark.parametrize(
    ("prompt", "sent", "is_noted"),
    [
        ("{{word}} {{ tone | default('polite') }}", ["hello polite", "hello rude"], False),
        ("{{word}}{% if tone is defined %}: {{ tone }}{% endif %}", ["hello", "hello: rude"], False),
        ("{{word}} {{ tone }}", ["hello ", "hello rude"], True),
        ("{{word}} {{ env.TONE | default('kind') }}", ["hello kind", "hello kind"], True),
        ("{{word}} {{ user.name | default('you') }}{{ user.age }}", ["hello you", "hello you"], True),
        ("{{word}} {{ tone | default(other) }}", ["hello ", "hello rude"], True),
    ],
)
def test_defaults_in_a_prompt(project: PromptfooProject, prompt: str, sent: list[str], is_noted: bool) -> None:
    """A prompt that reads a missing variable with `default` keeps its default; another missing variable is empty."""
    text = BASE.replace("Say {{word}}", prompt.replace("'", "''")) + "  - vars: {word: hello, tone: rude}\n"
    found = project.result_of(text)
    template = Environment(undefined=StrictUndefined).from_string(found.texts[0])
    shared = found.suite.get("vars", {})
    assert [template.render({**shared, **own}) for own in found.vars] == sent
    assert found.says("is not set in") == is_noted


@pytest.mark.parametrize(
    ("prompt", "is_noted"),
    [
        ("{{word}} {{ o['k'] }}", True),
        ("{% for f in flags %}{{ f }}{% endfor %}", True),
        ("{{ flags }}", True),
        ("{{ flag }} {{ o.k }} {{ flags | tojson }}", False),
        ("True {% if flag %}yes{% endif %} {{word}}", False),
    ],
)
def test_printed_constants(project: PromptfooProject, prompt: str, is_noted: bool) -> None:
    """A prompt that prints True where nunjucks prints true is listed, and one that reads or converts it is not."""
    variables = "{word: x, flag: true, o: {k: true}, flags: [[false, null]]}"
    text = BASE.replace("Say {{word}}", prompt.replace("'", "''")).replace("{word: hello}", variables)
    assert project.result_of(text).says("promptfooconfig.yaml:1: ", "prints True, False or None") == is_noted
