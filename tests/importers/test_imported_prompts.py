"""Prompts: each kind of file, chats, names, texts around them, and a stub for programs.

Kinds of files as in promptfoo, src/prompts/processors.
"""

from __future__ import annotations

import json

import pytest
import yaml
from promptfoo_project import BASE, PromptfooProject

REST = "providers: [openai:gpt-4o-mini]\ntests: [{vars: {q: x}}]\n"
CHAT = '[{"role": "system", "content": "Be brief"}, {"role": "user", "content": "{{q}}"}]'
TURNS = [{"system": "Be brief"}, {"user": "{{q}}"}]


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("p.txt", "\nA {{q}}\n---\r\nB\n  ---  \n\n---\nC\n", ["A {{q}}", "B", "C"]),
        ("p.txt", "a --- b\r\n----\r\n", ["a --- b\n----"]),
        ("p.csv", f"prompt,label\n{'x' * 200_000},y\n", ["x" * 200_000]),
        ("p.md", "# A\n\n---\n\n{{q}}", ["# A\n\n---\n\n{{q}}"]),
        ("p.j2", "A\n---\n{{ q | upper }}", ["A\n---\n{{ q | upper }}"]),
        ("p.csv", 'prompt,label\nA {{q}},one\n"B, b",two\n', ["A {{q}}", "B, b"]),
        ("p.csv", "prompt\nA {{q}}\nB\n", ["A {{q}}", "B"]),
        ("p.csv", "A {{q}}\nB\n", ["A {{q}}", "B"]),
        ("p.json", "no JSON: {{q}}", ["no JSON: {{q}}"]),
    ],
)
def test_text_files(project: PromptfooProject, name: str, content: str, texts: list[str]) -> None:
    """A .txt file is split at lines of `---`, a .csv file has a prompt for each row, others are one prompt."""
    found = project.result_of(f"prompts: [file://{name}]\n{REST}", **{name.replace(".", "__"): content})
    assert found.texts == texts
    assert found.left_out == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.json", CHAT),
        ("p.json", CHAT.replace('"{{q}}"', "{{ q | dump }}")),
        ("p.yaml", '- {role: system, content: Be brief}\n- {role: user, content: "{{q}}"}\n'),
        ("p.yml", CHAT),
        ("p.txt", CHAT),
        ("p.txt", '- role: system\n  content: Be brief\n- role: user\n  content: "{{q}}"\n'),
        ("p.jsonl", CHAT + "\n"),
        ("p.json", CHAT.replace('"Be brief"', '[{"type": "text", "text": "Be brief"}]')),
    ],
)
def test_chats(project: PromptfooProject, name: str, content: str) -> None:
    """Messages are read from JSON and YAML, in a file of any kind."""
    found = project.result_of(f"prompts: [file://{name}]\n{REST}", **{name.replace(".", "__"): content})
    messages = [
        [{role: text.replace("{{ q }}", "{{q}}") for role, text in turn.items()} for turn in turns]
        for turns in found.suite["prompts"].values()
    ]
    assert messages == [TURNS]
    assert found.left_out == []


@pytest.mark.parametrize(
    "content",
    [
        '[{"role": "user", "content": "a"}{% for x in q %}, {"role": "user", "content": "{{x}}"}{% endfor %}]',
        '{"text": "{{q}}"}',
        '[{"role": "user", "content": "half a character: \\ud83d"}]',
        '[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]',
    ],
)
def test_chats_of_another_form(project: PromptfooProject, content: str) -> None:
    """Messages that only exist once the template is rendered, or with pictures, are listed and never sent as text."""
    found = project.result_of(f"prompts: [file://p.json]\n{REST}", p__json=content)
    assert found.says("promptfooconfig.yaml:1: ", "messages")
    assert "role" not in str(found.suite["prompts"])


def test_emoji_in_json(project: PromptfooProject) -> None:
    """JSON may escape a character as two surrogates, in tests and in chats."""
    found = project.result_of(
        "prompts: [file://p.json]\nproviders: [openai:x]\ntests: file://t.json\n",
        p__json='[{"role": "user", "content": "\\ud83d\\ude00 {{q}} \\\\ud83d"}]',
        t__json='[{\t"vars": {"q": "\\ud83d\\ude01"}}]',
    )
    assert found.texts == ["😀 {{q}} \\ud83d"]
    assert found.vars == [{"q": "😁"}]


def test_names(project: PromptfooProject) -> None:
    """A prompt is named by its label, its id, its file or a number; a name that loses letters is listed."""
    for name in ("a.txt", "b.txt"):
        project.write(f"p/{name}", "{{q}}")
    text = """\
prompts:
  - {label: Café noir, raw: '1 {{q}}'}
  - {id: second, raw: '2 {{q}}'}
  - {id: file://p/a.txt, label: third}
  - file://p/*.txt
  - p/b.txt
  - {label: 返金, raw: '3 {{q}}'}
"""
    found = project.result_of(text + REST)
    assert list(found.suite["prompts"]) == ["Cafe-noir", "second", "third", "a", "b", "b-2", "prompt-7"]
    assert found.left_out == [
        "promptfooconfig.yaml:7: the prompt '返金' is named 'prompt-7': names of prompts are ASCII"
    ]


def test_a_map_of_prompts(project: PromptfooProject) -> None:
    """The old form, a mapping from file to label, gives each prompt its label."""
    found = project.result_of("prompts: {a.txt: one, b.txt: two}\n" + REST, a__txt="A", b__txt="B")
    assert found.suite["prompts"] == {"one": [{"user": "A"}], "two": [{"user": "B"}]}


@pytest.mark.parametrize(
    "text", ["Is 1/2 more than 1/3?", "Why? Read notes.txt", "a*b", "Version 1.2", "[INST] {{q}} [/INST]"]
)
def test_texts_that_look_like_paths(project: PromptfooProject, text: str) -> None:
    """A text with slashes, dots or wildcards stays a text where no such file exists."""
    found = project.result_of(f"prompts: ['{text}']\n{REST}")
    assert (found.texts, found.left_out) == ([text], [])


@pytest.mark.parametrize(
    "prompt",
    [
        "file://make.py",
        "make.js",
        "file://make.mjs:build",
        "exec:./make.sh",
        "langfuse://x:1",
        "file://none.txt",
        "'{{ q | nofilter }}'",
    ],
)
def test_a_stub(project: PromptfooProject, prompt: str) -> None:
    """Where no prompt can be imported, the suite has one to fill in, and all tests and checks."""
    text = BASE.replace("'Say {{word}}'", prompt) + "    assert: [{type: contains, value: x}]\n"
    found = project.result_of(text)
    assert found.says("promptfooconfig.yaml:1: ", "complete the prompt 'prompt-1'")
    assert len(found.left_out) == 2
    assert found.texts == ["Replace this text with the prompt.\nword: {{ word }}"]
    assert found.checks == [[{"contains": "x"}]]
    assert "vars" not in found.suite


def test_no_prompts(project: PromptfooProject) -> None:
    """Without prompts, the variable `prompt` is the prompt."""
    found = project.result_of("providers: [openai:x]\ntests: [{vars: {prompt: Hi}}]\n")
    assert (found.texts, found.left_out) == (["{{prompt}}"], [])


def test_no_tests(project: PromptfooProject) -> None:
    """Without tests, the prompts are sent once."""
    found = project.result_of("prompts: [Hi]\nproviders: [openai:x]\n")
    assert (found.suite["cases"], found.left_out) == ([{"id": "test-1"}], [])


def test_the_environment(project: PromptfooProject) -> None:
    """A variable of the environment becomes a variable of the suite, without its value."""
    found = project.result_of("env: {NAME: sekret}\nprompts: ['Hi {{ env.NAME }}']\n" + REST)
    assert found.texts == ["Hi {{ env_NAME }}"]
    assert found.suite["vars"] == {"env_NAME": ""}
    assert found.says("promptfooconfig.yaml:2: ", "set the variable 'env_NAME'")
    assert "sekret" not in str(found)


def test_a_missing_mapping(project: PromptfooProject) -> None:
    """A key of a variable that is not set is empty text, as in nunjucks."""
    found = project.result_of("prompts: ['{{ a.b.c }}{{ a.b.d }}{% if a.e %}x{% endif %} {{q}}']\n" + REST)
    assert found.suite["vars"] == {"a": {"b": {"c": "", "d": ""}, "e": ""}}
    assert found.says("promptfooconfig.yaml:1: ", "'a' is not set in 1 tests")


def test_a_skipped_prompt_leaves_nothing(project: PromptfooProject) -> None:
    """A prompt that is skipped adds no variables to the suite."""
    found = project.result_of("prompts: ['{{q}}', '{{ c }} {{ q.b }}']\n" + REST)
    assert found.texts == ["{{q}}"]
    assert "vars" not in found.suite


@pytest.mark.parametrize(
    ("defaults", "tests", "texts", "variables"),
    [
        ("{prefix: 'A '}", "[{vars: {q: x}}, {vars: {q: y}}]", ["A {{q}}"], [{"q": "x"}, {"q": "y"}]),
        ("{suffix: ' Z'}", "[{vars: {q: x}, options: {suffix: ' Z'}}]", ["{{q}} Z"], [{"q": "x"}]),
        (
            "{}",
            "[{vars: {q: x}, options: {prefix: 'A {{q}} '}}, {vars: {q: y}}]",
            ["{{ prefix }}{{q}}"],
            [{"q": "x", "prefix": "A x "}, {"q": "y"}],
        ),
    ],
)
def test_texts_around_prompts(
    project: PromptfooProject, defaults: str, tests: str, texts: list[str], variables: list[dict[str, str]]
) -> None:
    """`prefix` and `suffix` are part of the prompt, or a variable where tests have different ones."""
    text = f"prompts: ['{{{{q}}}}']\nproviders: [openai:x]\ndefaultTest: {{options: {defaults}}}\ntests: {tests}\n"
    found = project.result_of(text)
    assert (found.texts, found.vars, found.left_out) == (texts, variables, [])


def test_texts_around_chats(project: PromptfooProject) -> None:
    """`prefix` is not added to a chat, with a note."""
    found = project.result_of(
        "prompts: [file://p.json]\nproviders: [openai:x]\ntests: [{vars: {q: x}, options: {prefix: A}}]\n", p__json=CHAT
    )
    assert found.suite["prompts"] == {"p": TURNS}
    assert found.says("promptfooconfig.yaml:3: ", "'prefix' is not added")


def test_labels_in_a_table(project: PromptfooProject) -> None:
    """The column `label` of a table of prompts names each prompt; a row without a label is named like the file."""
    found = project.result_of(
        f"prompts: [file://p.csv]\n{REST}", p__csv='prompt,label\n"Tell me, {{q}}",Basic query\nExplain {{q}},\n'
    )
    assert found.suite["prompts"] == {"Basic-query": [{"user": "Tell me, {{q}}"}], "p": [{"user": "Explain {{q}}"}]}


@pytest.mark.parametrize(("name", "content"), [("e.txt", "\n---\n \n"), ("e.md", " "), ("e.csv", "prompt,label\n,x\n")])
def test_empty_files(project: PromptfooProject, name: str, content: str) -> None:
    """A file without a prompt is listed next to prompts that are imported."""
    found = project.result_of(f"prompts: ['A {{{{q}}}}', file://{name}]\n{REST}", **{name.replace(".", "__"): content})
    assert found.texts == ["A {{q}}"]
    assert found.left_out == [f"promptfooconfig.yaml:1: the prompt {name} is empty"]


def test_prompts_stay_in_their_files(project: PromptfooProject) -> None:
    """A prompt file that means the same here is named; one that needs a translation is copied into the suite."""
    project.write("prompts/same.txt", "Say {{q}}\n")
    project.write("prompts/chat.json", CHAT)
    project.write("prompts/braces.md", "{q} {{q}}")
    project.write("prompts/two.txt", "Say {{q}}\n---\nTell {{q}}\n")
    project.write("prompts/front.md", "---\nrole: system\n---\nSay {{q}}")
    project.write("prompts/.hidden.txt", "Say {{q}}")
    files = [f"file://prompts/{name}" for name in ("same.txt", "chat.json", "braces.md", "two.txt", "front.md")]
    project.result_of(f"prompts: {json.dumps([*files, 'file://prompts/.hidden.txt'])}\n{REST}")
    written = yaml.safe_load(project.read("suites/s.yaml"))["prompts"]
    named = {name: prompt for name, prompt in written.items() if isinstance(prompt, dict)}
    assert named == {
        "same": {"file": "../prompts/same.txt"},
        "chat": {"file": "../prompts/chat.json"},
        "braces": {"file": "../prompts/braces.md", "format": "jinja"},
    }
    assert len(written) == 7
