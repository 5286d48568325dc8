"""Prompts that are files of the application: what is read, how it is rendered, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalharness.suites import prompt_digest, requests

Make = Callable[..., Any]
INLINE = 'prompts:\n  ask:\n    - user: "{{ q }}"\n'
FILE = "app/prompts/support.md"


@pytest.fixture
def loaded(project: Make, good: str) -> Callable[..., Any]:
    """`loaded(prompt, {NAME: text})` is the project whose prompt `ask` is written like this."""

    def make(prompt: str, files: dict[str, str | bytes], **limits: Any) -> Any:
        assert INLINE in good
        return project(good.replace(INLINE, f"prompts:\n  ask: {prompt}\n"), files=files, **limits)

    return make


def rendered(project: Any) -> list[tuple[str, str]]:
    """Roles and texts of the messages of the only case."""
    suite = project.load()
    ((_, request),) = requests(
        suite, models=["fake"], prompts=["ask"], repeats={"fake": 1}, limits=project.config.limits
    )
    return [(message.role, message.content) for message in request.messages]


TEXTS = {
    "one text is the user message": ("a.md", "# Help\n\nAnswer {{ q }}\n", "", [("user", "# Help\n\nAnswer hello")]),
    "front matter sets the role": (
        "a.md",
        "---\nrole: system\nmodel: x\n---\n\nBe kind.\n",
        "",
        [("system", "Be kind.")],
    ),
    "empty front matter": ("a.txt", "---\n---\nHi\n", "", [("user", "Hi")]),
    "the role of the suite wins": ("a.md", "---\nrole: persona\n---\nHi", "role: system", [("system", "Hi")]),
    "role of the suite": ("a.txt", "Hi", "role: assistant", [("assistant", "Hi")]),
    "line ends of Windows": ("a.txt", "one\r\n{{ q }}\r\n", "", [("user", "one\nhello")]),
    "a rule further down is text": ("a.md", "One\n---\nTwo", "", [("user", "One\n---\nTwo")]),
    "jinja": ("a.jinja", "{% if q %}yes{% endif %} {q}", "", [("user", "yes {q}")]),
    "a named format": ("a.txt", "{q} {{ q }}", "format: jinja", [("user", "{q} hello")]),
    "str.format": (
        "a.txt",
        'Q: {q}\n{{"a": {q}}} {{{{ x }}}}',
        "format: python",
        [("user", 'Q: hello\n{"a": hello} {{ x }}')],
    ),
    "str.format with tags of jinja": (
        "a.txt",
        "{{% if %}} {{# {q} #}} {{{q}}}",
        "format: python",
        [("user", "{% if %} {# hello #} {hello}")],
    ),
    "no variables": ("a.txt", "{{ q }} {% if %} {q} {#", "format: plain", [("user", "{{ q }} {% if %} {q} {#")]),
    "chat of OpenAI": (
        "a.json",
        json.dumps([{"role": "system", "content": "S 😀"}, {"role": "user", "content": "{{ q }}"}]),
        "",
        [("system", "S 😀"), ("user", "hello")],
    ),
    "request of OpenAI": (
        "a.json",
        json.dumps({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "{{ q }}"}]}]}),
        "",
        [("user", "hello")],
    ),
    "chat in YAML": (
        "a.yaml",
        "- system: S\n- role: user\n  content: |\n    {{ q }}!\n",
        "",
        [("system", "S"), ("user", "hello!")],
    ),
    "chat with str.format": ("a.yml", "- {role: user, content: 'Q: {q}'}", "format: python", [("user", "Q: hello")]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_formats(loaded: Make, name: str) -> None:
    """Each form of a prompt file becomes the messages that the application would send."""
    file, text, options, wanted = TEXTS[name]
    project = loaded(f"{{file: {file}{', ' if options else ''}{options}}}", {f"suites/{file}": text.encode()})
    assert rendered(project) == wanted


def test_message_from_a_file(loaded: Make) -> None:
    """One message of a prompt can be a file, next to messages of the suite."""
    prompt = f"[{{system: {{file: ../{FILE}, format: python}}}}, {{user: '{{{{ q }}}}'}}]"

    assert rendered(loaded(prompt, {FILE: "Answer {q}"})) == [("system", "Answer hello"), ("user", "hello")]


def test_equal_texts_have_equal_digests(loaded: Make) -> None:
    """A prompt that moves from the suite to a file is the same prompt; an edit of the file makes it another."""
    moved = loaded(f"{{file: ../{FILE}}}", {FILE: "Answer {{ q }}\n"}).load()
    inline = loaded("[{user: 'Answer {{ q }}'}]", {}).load()
    edited = loaded(f"{{file: ../{FILE}}}", {FILE: "Answer: {{ q }}\n"}).load()

    assert prompt_digest(moved, "ask") == prompt_digest(inline, "ask") != prompt_digest(edited, "ask")


PROBLEMS = {
    "missing": (
        "{file: ../app/support.md}",
        {},
        "suites/s.yaml:4:9: prompt file '../app/support.md' not found: its path",
    ),
    "relative to the root": (
        "{file: app/x.md}",
        {"app/x.md": "Hi"},
        "suites/s.yaml:4:9: prompt file 'app/x.md' not found: its path is relative to this",
    ),
    "above the root": ("{file: ../../x.md}", {}, "suites/s.yaml:4:9: '../../x.md' leaves the project"),
    "absolute": ("{file: /etc/x.md}", {}, "suites/s.yaml:4:9: '/etc/x.md' is an absolute path"),
    "hidden": (
        "{file: ../.git/notes.txt}",
        {".git/notes.txt": "token"},
        "suites/s.yaml:4:9: '../.git/notes.txt' is hidden",
    ),
    "another ending": (
        "{file: ../app/keys.env}",
        {"app/keys.env": "x"},
        "suites/s.yaml:4:9: expected a prompt file that ends in .md, .txt",
    ),
    "a program": ("{file: ../app/p.py}", {"app/p.py": "x"}, "suites/s.yaml:4:9: expected a prompt file that ends in"),
    "empty": ("{file: a.md}", {"suites/a.md": " \n"}, "suites/a.md:1: the prompt is empty"),
    "not UTF-8": ("{file: a.md}", {"suites/a.md": b"a\n\xff"}, "suites/a.md:2: byte 2 is not UTF-8"),
    "open front matter": (
        "{file: a.md}",
        {"suites/a.md": "---\nrole: system\n"},
        "suites/a.md:1:1: front matter without an end: close it",
    ),
    "a text as front matter": (
        "{file: a.md}",
        {"suites/a.md": "---\nHi\n---\n"},
        "suites/a.md:2:1: front matter must be a mapping",
    ),
    "invalid front matter": ("{file: a.md}", {"suites/a.md": "---\na: [\n---\nx"}, "suites/a.md:3:1: invalid YAML"),
    "role": (
        "{file: a.md}",
        {"suites/a.md": "---\na: 1\nrole: sistem\n---\nx"},
        "suites/a.md:3:1: role: unknown role 'sistem' (if it means",
    ),
    "undefined variable": (
        "{file: a.md}",
        {"suites/a.md": "---\nrole: user\n---\n\none\n{{ qq }}\n"},
        "suites/a.md:6: 'qq' is undefined; did you mean 'q'? (with case 'a', suites/s.yaml",
    ),
    "syntax": (
        "{file: a.md}",
        {"suites/a.md": "one\n\n{% if %}\n"},
        "suites/a.md:3: Expected an expression, got 'end of statement block' (with",
    ),
    "a macro": (
        "{file: a.md}",
        {"suites/a.md": "one\n{% macro x() %}{% endmacro %}\n"},
        "suites/a.md:2: 'macro' is not allowed here (with",
    ),
    "handlebars": (
        "{file: a.md}",
        {"suites/a.md": "{{#if q}}x{{/if}}"},
        "Handlebars and Mustache are not supported: write it as jinja2",
    ),
    "not filled in": (
        "{file: a.txt}",
        {"suites/a.txt": "Hi\n{q}"},
        "suites/a.txt:2: {q} is not filled in, because prompts are jinja2 templates: add `format: python`",
    ),
    "not filled in, in a chat": (
        "{file: a.yaml}",
        {"suites/a.yaml": "- user: hi {q}"},
        "suites/a.yaml:1:3: {q} is not filled in",
    ),
    "format of python": (
        "{file: a.txt, format: python}",
        {"suites/a.txt": "x\n{q:>3}"},
        "suites/a.txt:2: expected {NAME}, got {q:>3}",
    ),
    "single brace": (
        "{file: a.txt, format: python}",
        {"suites/a.txt": "x\n\n{\n'a': 1}"},
        "suites/a.txt:3: expected {NAME}, got {",
    ),
    "half a brace": (
        "{file: a.txt, format: python}",
        {"suites/a.txt": "x\n}"},
        "suites/a.txt:2: single '}': write '}}' for a brace that is text",
    ),
    "unknown variable of python": (
        "{file: a.txt, format: python}",
        {"suites/a.txt": "x\n{qq}"},
        "suites/a.txt:2: 'qq' is undefined; did you mean 'q'?",
    ),
    "unknown format": (
        "{file: a.txt, format: fstring}",
        {},
        "suites/s.yaml:4:22: format: must be 'jinja', 'python' or 'plain'",
    ),
    "unknown key": ("{fil: a.txt}", {}, "suites/s.yaml:4:9: unknown key 'fil'; did you mean 'file'?"),
    "a reference": (
        "file://a.md",
        {},
        "suites/s.yaml:4:3: ask: expected a list of messages, or {file: PATH}: write {file: a.md}",
    ),
    "a reference in a message": (
        "[{user: 'file://app/x.md'}]",
        {"app/x.md": "x"},
        "suites/s.yaml:4:10: file:// is text here: to read the file, write {file: ../app/x.md}",
    ),
    "a reference in a file": (
        "{file: a.json}",
        {"suites/a.json": '[{"role": "user",\n "content": "file://b.md"}]'},
        "suites/a.json:2:2: file:// is text here: name that file in the suite",
    ),
    "no list": (
        "{file: a.json}",
        {"suites/a.json": '{"client_email": "x", "private_key": "SECRET"}'},
        "suites/a.json:1:1: expected a list of messages, each with `role`",
    ),
    "invalid JSON": (
        "{file: a.json}",
        {"suites/a.json": '[\n{"role": }]'},
        "suites/a.json:2:10: invalid JSON: Expecting value",
    ),
    "half a character": (
        "{file: a.json}",
        {"suites/a.json": '[{"user": "\\ud83d"}]'},
        "a lone surrogate is not a character",
    ),
    "a tool's message": (
        "{file: a.json}",
        {"suites/a.json": '[{"role": "tool", "content": "x"}]'},
        "suites/a.json:1:3: unknown role 'tool'",
    ),
    "calls of a message": (
        "{file: a.yaml}",
        {"suites/a.yaml": "- role: assistant\n  content: x\n  tool_calls: []"},
        "suites/a.yaml:3:3: unknown key 'tool_calls' of a message",
    ),
    "a picture": (
        "{file: a.yaml}",
        {"suites/a.yaml": "- role: user\n  content: [{type: image_url}]"},
        "suites/a.yaml:2:3: the content of a user message must be a text",
    ),
    "a chat as a message": (
        "[{system: {file: a.yaml}}]",
        {"suites/a.yaml": "- user: x"},
        "suites/s.yaml:4:19: a.yaml has messages: name it as the whole prompt",
    ),
    "role of a message": (
        "[{system: {file: a.md, role: user}}]",
        {"suites/a.md": "x"},
        "suites/s.yaml:4:31: remove 'role': this is the system message",
    ),
    "role of a chat": (
        "{file: a.yaml, role: user}",
        {"suites/a.yaml": "- user: x"},
        "suites/s.yaml:4:23: remove 'role': each message of a.yaml has its own",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems(loaded: Make, name: str) -> None:
    """A problem has its place, in the prompt file where it is there, and says what to write."""
    prompt, files, wanted = PROBLEMS[name]
    *_, line = loaded(prompt, files).problems()

    assert line.startswith(wanted) or (not wanted.startswith("suites/") and wanted in line), line
    assert "SECRET" not in line


def test_links_are_refused(loaded: Make, tmp_path: Path) -> None:
    """A prompt file that is a link, or lies behind one, is not read: its target could lie anywhere."""
    for link, target in (("app/p.md", "other.md"), ("lib", "real")):
        project = loaded(f"{{file: ../{link}{'' if link.endswith('.md') else '/p.md'}}}", {"real/p.md": "x"})
        (tmp_path / link).parent.mkdir(exist_ok=True)
        (tmp_path / link).symlink_to(target)
        (line,) = project.problems()
        assert "goes through a symbolic link" in line


def test_keys_without_effect_are_listed(loaded: Make) -> None:
    """Front matter and requests of other tools have keys that are not read: a suite has them with their place."""
    front = loaded("{file: a.md}", {"suites/a.md": "---\ntitle: T\nrole: system\nmodel: m\n---\nx"}).load()
    chat = loaded("{file: a.json}", {"suites/a.json": '{"model": "m", "messages": [{"user": "x"}]}'}).load()

    assert front.prompts["ask"].ignored == ("suites/a.md:2:1: ignored: title, model",)
    assert chat.prompts["ask"].ignored == ("suites/a.json:1:2: ignored: model",)
