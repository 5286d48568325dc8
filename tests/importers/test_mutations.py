"""No change of a configuration, its tables or its prompts makes the importer crash or write an invalid suite."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from promptfoo_project import PromptfooProject

CONFIG = """\
description: A suite
env: {PROMPTFOO_CSV_DELIMITER: ','}
templates:
  polite: &polite {type: contains, value: please, weight: 2}
prompts:
  - 'Say {{word}} {{n}}'
  - file://p.txt
  - {id: file://p.json, label: Chat}
  - p.*
providers:
  - openai:chat:gpt-4o
  - {id: anthropic:messages:claude, label: C, config: {temperature: 0.5, apiKey: sekret, headers: {a: b}}}
  - groq:llama: {id: cold, config: {apiBaseUrl: https://x.example.org/v1}}
  - file://provider.yaml
defaultTest:
  vars: {n: [one, two], flag: true}
  options: {prefix: 'A ', disableVarExpansion: false}
  assert: [{<<: *polite, value: '{{word}}'}, {$ref: '#/templates/polite'}]
tests:
  - t.csv
  - {description: Größe, vars: {word: [x, 'file://p.txt']}, metadata: {a: [b]}, threshold: 0.5}
  - vars: v.yaml
    assert: [{type: is-json, value: '{type: object}'}, {type: assert-set, assert: [{type: similar, value: [a]}]}]
scenarios:
  - config: [{vars: {word: a}}]
    tests: [{vars: {n: 1.0}}, file://t.csv]
"""
FILES = {
    "promptfooconfig.yaml": CONFIG,
    "t.csv": 'word,__expected,__description,__metadata:a[]\nx,"contains-any: a, b",d,"e,f"\ny,similar(0.8):z,,\n',
    "p.txt": "A {{word}}\n---\nB {% if flag %}{{ flag }}{% endif %}\n",
    "p.json": '[{"role": "user", "content": {{ word | dump }}}]',
    "p.csv": "prompt,label\nC {{word}},c\n",
    "provider.yaml": "id: ollama:chat:llama3\nconfig: {stop: [a], num_predict: 7}\n",
    "v.yaml": "word: w\nn: null\n",
}
PIECES = [
    "",
    "\0",
    "\x1b[31m",
    "[",
    "]",
    "{",
    "}",
    "{{",
    "}}",
    "'",
    '"',
    ":",
    "- ",
    "\n",
    "\t",
    ",",
    "*",
    "&a ",
    "*a",
    "<<: ",
    "$ref",
    "file://",
    "../",
    "~",
    "1e999",
    "!!str ",
    "#",
    "null",
    "😀",
    "http://[",
    "{%",
    "|",
    "\ufeff",
]


@settings(max_examples=30)
@given(st.data())
def test_mutations(data: st.DataObject) -> None:
    """Each run writes a valid suite or reports what is wrong, and never shows a key."""
    name = data.draw(st.sampled_from(sorted(FILES)))
    text = FILES[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.sampled_from(PIECES)) + text[end:]
    with TemporaryDirectory() as folder:
        project = PromptfooProject(Path(folder))
        for file, content in {**FILES, name: text}.items():
            project.write(file, content)
        result = project.command("import", "promptfoo", project.root / "promptfooconfig.yaml", "-o", "suites/s.yaml")
        assert result.exit_code in (0, 1), result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        assert "suites/" not in result.stderr, f"{text}\n{result.stderr}"  # a written suite is valid
        assert name == "promptfooconfig.yaml" or "sekret" not in result.output


def test_the_whole(tmp_path: Path) -> None:
    """The configuration that the mutations start from is imported whole."""
    project = PromptfooProject(tmp_path)
    for file, content in FILES.items():
        project.write(file, content)
    found = project.result_of(CONFIG)
    assert list(found.models) == ["gpt-4o", "C", "cold", "llama3"]
    assert len(found.suite["prompts"]) == 8
    assert len(found.vars) == 2 * 2 + 2 * 2 + 1 + 1 + 2 * 2
    assert found.suite["cases"][0]["vars"]["n"] == "one"
