"""`evalharness import promptfoo` converts a configuration and lists everything without an equivalent."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from promptfoo_project import BASE
from promptfoo_project import PromptfooProject as Project

from evalharness.importers.promptfoo.assertions import KNOWN

BOMB = "c0: &c0 [x, x]\n" + "".join(f"c{i}: &c{i} [*c{i - 1}, *c{i - 1}]\n" for i in range(1, 40))
"""A few lines that expand to a trillion values."""


def with_assert(assertion: str, where: str = "test") -> str:
    """A configuration with one assertion."""
    shared = f"defaultTest:\n  assert:\n    - {assertion}\n"
    return shared + BASE if where == "default" else BASE + f"    assert:\n      - {assertion}\n"


def test_the_smallest(project: Project) -> None:
    """A prompt, a model and a test give a valid suite with the defaults of promptfoo."""
    assert project.suite_of(BASE) == {
        "schema": 1,
        "models": ["gpt-4o-mini"],
        "prompts": {"prompt-1": [{"user": "Say {{word}}"}]},
        "params": {"max_tokens": 1024, "temperature": 0},
        "metrics": [{"length": {"min_words": 1}}],
        "cases": [{"id": "test-1", "vars": {"word": "hello"}}],
        "gates": [{"metric": "length", "margin": 0.2}],
    }
    assert not (project.root / "golden").exists()


@pytest.mark.parametrize(
    ("assertion", "checks"),
    [
        ("{type: equals, value: Paris}", [{"equals": "Paris"}]),
        ("{type: not-equals, value: Paris}", [{"not_equals": "Paris"}]),
        ("{type: equals, value: 42}", [{"equals": "42"}]),
        ("{type: equals, value: {a: 1}}", [{"json_schema": {"const": {"a": 1}}}]),
        ("{type: contains, value: a b}", [{"contains": "a b"}]),
        ("{type: not-contains, value: a b}", [{"not_contains": "a b"}]),
        ("{type: icontains, value: a.b}", [{"regex": r"(?i)a\.b"}]),
        ("{type: not-icontains, value: an AI}", [{"not_regex": "(?i)an AI"}]),
        ("{type: contains-all, value: [a, b]}", [{"contains": "a"}, {"contains": "b"}]),
        ("{type: icontains-all, value: [a, b]}", [{"regex": "(?i)a"}, {"regex": "(?i)b"}]),
        ('{type: contains-any, value: [a, "(b"]}', [{"regex": r"(a|\(b)"}]),
        ("{type: not-contains-any, value: [a, b]}", [{"not_regex": "(a|b)"}]),
        ("{type: icontains-any, value: [a, b]}", [{"regex": "(?i)(a|b)"}]),
        ("{type: starts-with, value: Hi}", [{"regex": r"\AHi"}]),
        ('{type: regex, value: "^\\\\d{4}$"}'.replace("\\\\", "\\\\"), [{"regex": r"^\d{4}$"}]),
        ("{type: is-json}", [{"json_valid": True}]),
        ("{type: is-json, value: {required: [a]}}", [{"json_schema": {"required": ["a"]}}]),
        ("{type: word-count, value: {min: 2, max: 9}}", [{"min_words": 2}, {"max_words": 9}]),
        ("{type: assert-set, assert: [{type: contains, value: x}]}", [{"contains": "x"}]),
        ('{type: contains, value: "{{word}}!"}', [{"contains": "hello!"}]),
    ],
)
def test_assertions(project: Project, assertion: str, checks: list[dict[str, Any]]) -> None:
    """An assertion with an equivalent becomes a hard check with the same meaning."""
    assert project.suite_of(with_assert(assertion))["cases"][0]["assert"] == checks


@pytest.mark.parametrize(
    ("assertion", "reason"),
    [
        ("{type: llm-rubric, value: kind}", "assertion llm-rubric: needs a judge: configure a model"),
        ("{type: webhook, value: 'https://example.org'}", "assertion webhook: no equivalent check"),
        ("{type: not-contains-all, value: [a, b]}", "its negation has no equivalent"),
        ("{type: not-is-json}", "its negation has no equivalent"),
        ("{type: regex, value: '(?=x)'}", "is not a pattern that RE2 takes"),
        ("{type: contains, value: x, transform: output.trim()}", "'transform' has no equivalent"),
        ("{type: assert-set, threshold: 0.5, assert: []}", "assertion assert-set: no equivalent check"),
        ("{type: contains, value: 'file://../../secret.txt'}", "leaves the project"),
        ("{type: contains, value: '{{ nothing }}'}", "'nothing' is undefined"),
        ("{type: is-json, value: {type: 7}}", "the JSON schema is wrong"),
    ],
)
@pytest.mark.parametrize("where", ["test", "default"])
def test_assertions_without_an_equivalent(project: Project, assertion: str, reason: str, where: str) -> None:
    """Other assertions are skipped and listed with their position, in the terminal and in the suite."""
    result = project.convert(with_assert(assertion, where))
    place = "promptfooconfig.yaml:3:7" if where == "default" else "promptfooconfig.yaml:6:9"
    shown = " ".join(result.stdout.split())
    head = (project.root / "suites/promptfoo.yaml").read_text().partition("schema:")[0]
    for text in (shown, " ".join(head.split())):
        assert place in text
        assert reason in text
    assert "assert" not in project.imported["cases"][0]
    assert "assert" not in project.imported


@pytest.mark.parametrize(
    ("assertion", "metric"),
    [
        ("{type: equals, value: You said hello}", "exact"),
        ("{type: rouge-n, value: You said hello, threshold: 0.6}", "rouge_1"),
        ("{type: levenshtein, value: You said hello, threshold: 5}", "edit_similarity"),
    ],
)
def test_reference_answers(project: Project, assertion: str, metric: str) -> None:
    """A reference answer becomes a golden answer, with a metric and a gate."""
    suite = project.suite_of(with_assert(assertion))
    assert (suite["metrics"], suite["gates"]) == ([metric], [{"metric": metric, "margin": 0.2}])
    assert project.golden == {"test-1": ["You said hello"]}


def test_some_reference_answers(project: Project) -> None:
    """A metric scores the cases with a golden answer, and has a gate if these are at least half of them."""
    result = project.convert(with_assert("{type: rouge-n, value: You said hello}") + "  - vars: {word: two}\n")
    assert "1 of 2 tests have no reference answer" in " ".join(result.stdout.split())
    assert project.imported["metrics"] == ["rouge_1"]
    assert project.imported["gates"] == [{"metric": "rouge_1", "margin": 0.2}]
    assert project.golden == {"test-1": ["You said hello"]}


def test_few_reference_answers(project: Project) -> None:
    """If fewer than half of the cases have a golden answer, the metric has no gate, and empty answers have one."""
    more = "  - vars: {word: two}\n  - vars: {word: three}\n"
    suite = project.suite_of(with_assert("{type: rouge-n, value: You said hello}") + more)
    assert suite["metrics"] == [{"length": {"min_words": 1}}, "rouge_1"]
    assert suite["gates"] == [{"metric": "length", "margin": 0.2}]


def test_defaults(project: Project) -> None:
    """Shared variables, assertions and gates go to the suite, and shared assertions with templates to each case."""
    suite = project.suite_of("""\
prompts: ['{{a}} {{b}}']
providers: [openai:gpt-4o-mini]
defaultTest:
  vars: {a: A}
  metadata: {team: red}
  assert:
    - {type: contains, value: x}
    - {type: contains, value: '{{b}}'}
    - {type: latency, threshold: 100}
tests:
  - {vars: {b: one}, metadata: {topic: [t, u]}}
  - {vars: {b: two}}
""")
    assert suite["vars"] == {"a": "A"}
    assert suite["assert"] == [{"contains": "x"}]
    assert suite["cases"] == [
        {
            "id": "test-1",
            "vars": {"b": "one"},
            "tags": ["team=red", "topic=t", "topic=u"],
            "assert": [{"contains": "one"}],
        },
        {"id": "test-2", "vars": {"b": "two"}, "tags": ["team=red"], "assert": [{"contains": "two"}]},
    ]
    assert {"metric": "latency", "margin": "10%"} in suite["gates"]


def test_prompts(project: Project) -> None:
    """Texts, chats and files are imported; programs and templates that jinja2 cannot read are noted."""
    project.write("p/chat.json", '[{"role": "system", "content": "Be {{a}}"}, {"role": "user", "content": "{{b}}"}]')
    project.write("p/two.txt", "One {{a}}\n---\nTwo {{b}}\n")
    text = """\
prompts:
  - file://p/chat.json
  - {id: file://p/two.txt, label: Two parts}
  - '[{"role": "user", "content": "inline {{a}}"}]'
  - 'Hello {{ a | upper }}'
  - file://p/make.py
  - '{% if a === b %}x{% endif %}'
  - '{{ a | dump }}'
  - file://../outside.txt
  - '[{"role": "tool", "content": "x"}]'
  - langfuse://x
providers: [openai:gpt-4o-mini]
tests: [{vars: {a: A, b: B}}]
"""
    assert project.suite_of(text)["prompts"] == {
        "chat": {"file": "../p/chat.json"},
        "Two-parts": [{"user": "One {{a}}"}],
        "Two-parts-2": [{"user": "Two {{b}}"}],
        "prompt-4": [{"user": "inline {{a}}"}],
        "prompt-5": [{"user": "Hello {{ a | upper }}"}],
    }
    notes = json.loads(project.convert(text, "-o", "suites/again.yaml", "--json").stdout)["left_out"]
    assert [note["line"] for note in notes] == [6, 7, 8, 9, 10, 11]


def test_providers(project: Project) -> None:
    """Known providers become tables, unknown ones placeholders, programs notes; no key is copied."""
    text = BASE.replace(
        "providers: [openai:gpt-4o-mini]",
        textwrap.dedent("""\
        providers:
          - openai:chat:gpt-4o
          - {id: anthropic:messages:claude-sonnet-4-5, label: claude, config: {apiKey: sk-secret, temperature: 0}}
          - ollama:chat:llama3:8b
          - strange:thing
          - python:mine.py
        env: {OPENAI_API_KEY: sk-secret}"""),
    )
    report = json.loads(project.convert(text, "--json").stdout)
    assert report["models"] == {
        "gpt-4o": {"provider": "openai", "base_url": "https://api.openai.com/v1", "model": "gpt-4o"},
        "claude": {"provider": "anthropic", "model": "claude-sonnet-4-5"},
        "llama3-8b": {"provider": "openai", "base_url": "http://localhost:11434/v1", "model": "llama3:8b"},
        "thing": {"provider": "openai", "base_url": "https://...", "model": "thing"},
    }
    assert "sk-secret" not in json.dumps(report) + (project.root / "suites/promptfoo.yaml").read_text()
    messages = " ".join(note["message"] for note in report["left_out"])
    for word in (
        "'apiKey' is not copied",
        "unknown provider 'strange:thing'",
        "'python:mine.py' is a program",
        "'env'",
    ):
        assert word in messages


@pytest.mark.parametrize(
    "config",
    [
        "apiBaseUrl: 'https://u:sekret@host/v1'",
        "baseUrl: 'https://host/v1?key=sekret'",
        "apiBaseUrl: 'https://[sekret'",
        "apiBaseUrl: 'u:sekret@host/v1'",
        "apiKeyEnvar: sk-sekret",
    ],
)
@pytest.mark.parametrize("id_", ["openai:gpt-4o", "anthropic:messages:claude"])
def test_a_key_in_the_wrong_place(project: Project, config: str, id_: str) -> None:
    """A key in a URL or in place of a variable name is never shown."""
    provider = f"[{{id: '{id_}', config: {{{config}}}}}]"
    result = project.convert(BASE.replace("[openai:gpt-4o-mini]", provider))
    assert result.exit_code == 0, result.output
    assert "sekret" not in result.output + (project.root / "suites/promptfoo.yaml").read_text()
    assert "is not copied" in " ".join(result.output.split()) or "apiKeyEnvar" not in config


def test_tests_in_files(project: Project) -> None:
    """Tests load from YAML, JSONL and CSV with `__expected` columns; a program is noted."""
    project.write("t.yaml", "- {vars: {word: yaml}}\n")
    project.write("t.jsonl", '{"vars": {"word": "jsonl"}}\n')
    project.write(
        "t.csv",
        "word,__expected,__expected2,__description,__metadata:topic,__prefix\n"
        'csv,Paris,"contains-any: a,b",In a table,geo,Please: \n',
    )
    text = BASE.replace(
        "  - vars: {word: hello}\n", "  - file://t.yaml\n  - file://t.jsonl\n  - file://t.csv\n  - file://t.py:make\n"
    )
    suite = project.suite_of(text)
    assert suite["cases"] == [
        {"id": "test-1", "vars": {"word": "yaml"}},
        {"id": "test-2", "vars": {"word": "jsonl"}},
        {
            "id": "In-a-table",
            "vars": {"word": "csv", "prefix": "Please: "},
            "tags": ["topic=geo"],
            "assert": [{"equals": "Paris"}, {"regex": "(a|b)"}],
        },
    ]
    assert suite["vars"] == {"prefix": ""}
    assert suite["prompts"] == {"prompt-1": [{"user": "{{ prefix }}Say {{word}}"}]}
    head = (project.root / "suites/promptfoo.yaml").read_text()
    assert "promptfooconfig.yaml:7:5: the tests 't.py:make': programs are not run: write out the tests" in head


def test_combinations(project: Project) -> None:
    """A list of texts gives a case for each, a list of numbers is one value; a file outside is noted."""
    project.write("long.txt", "from a file")
    suite = project.suite_of(
        BASE.replace("word: hello", "word: [one, 'file://long.txt', 'file:///etc/x.txt'], n: [1, 2], m: [a, b]")
    )
    assert [tuple(case["vars"].values()) for case in suite["cases"]] == [
        ("one", [1, 2], "a"),
        ("one", [1, 2], "b"),
        ("from a file", [1, 2], "a"),
        ("from a file", [1, 2], "b"),
    ]
    assert "'/etc/x.txt' is an absolute path" in (project.root / "suites/promptfoo.yaml").read_text()


def test_a_missing_variable(project: Project) -> None:
    """A missing variable is empty text, as in nunjucks, with a note."""
    suite = project.suite_of(BASE.replace("Say {{word}}", "Say {{word}} {{tone}}"))
    assert suite["vars"] == {"tone": ""}
    assert "'tone' is not set in 1 tests" in (project.root / "suites/promptfoo.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "promptfooconfig.yaml:2:1: invalid YAML"),
        ("- a\n", "expected a promptfoo configuration"),
        ("prompts: !!python/object/apply:os.system ['echo']\n", "YAML tag"),
        (BOMB, "more than limits.nodes"),
    ],
)
def test_invalid_configurations(project: Project, text: str, message: str) -> None:
    """An invalid configuration is an error with its position and status 1, and nothing is written."""
    result = project.convert(text)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (project.root / "suites").exists()


def test_a_program(project: Project) -> None:
    """A configuration in JavaScript is not run, and the error says what to do."""
    result = project.command("import", "promptfoo", project.write("promptfooconfig.js", "module.exports = {}"))
    assert result.exit_code == 1
    assert "promptfooconfig.js: a configuration that is a program is not run: save it as YAML" in result.stderr


def test_the_second_run(project: Project) -> None:
    """A second import overwrites nothing; `-o` chooses another suite name."""
    project.convert(BASE)
    again = project.convert(BASE)
    assert again.exit_code == 1
    assert "suites/promptfoo.yaml: the file exists: choose another name with -o" in again.stderr
    assert project.convert(BASE, "-o", "suites/other.yaml").exit_code == 0
    assert project.convert(BASE, "-o", "../other.yaml").exit_code == 2


def test_hostile_texts(project: Project) -> None:
    """Quoted texts cannot start a line or change colors, in the terminal or in the comment of the suite."""
    result = project.convert('"\\e[31m\\nevil: 1\\u202e": x\n' + BASE.replace("hello", '"\\u0007: {{7*7}} # x"'))
    assert result.exit_code == 0, result.stderr
    assert all(line.isprintable() for line in result.stdout.split("\n"))
    assert "evil" not in project.imported
    assert project.imported["cases"][0]["vars"] == {"word": "\x07: {{7*7}} # x"}


def test_values_of_any_kind(project: Project) -> None:
    """A value of an unexpected type is an error or a note, never a traceback."""
    odd = ["5", "true", "null", "[]", "{}", "[[1]]", "{a: [b]}", "[null, {}]", "'file://x'", "[{id: [1]}]", "''"]
    keys = ["prompts", "providers", "targets", "tests", "defaultTest", "description", "env"]
    inner = ["vars", "assert", "metadata", "description"]
    assertion = ["type", "value", "threshold", "assert", "weight"]
    for value in odd:
        texts = [re.sub(rf"^{key}:.*\n(  .*\n)*", "", BASE, flags=re.MULTILINE) + f"{key}: {value}\n" for key in keys]
        texts += [BASE + f"    {key}: {value}\n" for key in inner if key != "vars"]
        texts += [BASE.replace("{word: hello}", value), BASE.replace("hello", value)]
        texts += [f"defaultTest: {{{key}: {value}}}\n{BASE}" for key in inner]
        texts += [
            with_assert(f"{{type: {kind}, {key}: {value}}}") for kind in ("equals", "is-json") for key in assertion[1:]
        ]
        texts += [
            with_assert(f"{{type: {value}}}"),
            with_assert(value),
            with_assert(f"{{type: contains-any, value: {value}}}"),
        ]
        texts += [with_assert(f"{{type: {kind}, value: {value}}}") for kind in ("word-count", "similar", "assert-set")]
        texts += [
            BASE.replace("[openai:gpt-4o-mini]", f"[{{id: openai:x, {key}: {value}}}]") for key in ("config", "label")
        ]
        for number, text in enumerate(texts):
            result = project.convert(text, "-o", f"suites/odd-{odd.index(value)}-{number}.yaml")
            assert result.exit_code in (0, 1), text
            assert "suites/" not in result.stderr, f"{text}{result.stderr}"  # a written suite is valid


def test_the_page() -> None:
    """docs/promptfoo.md lists every supported assertion."""
    page = (Path(__file__).parents[2] / "docs/promptfoo.md").read_text(encoding="utf-8")
    assert {name for name in KNOWN if f"`{name}`" not in page} == set()
