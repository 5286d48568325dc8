"""Values of YAML, JSONL and CSV files, and rejected input."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.config import Config, Limits, ModelConfig
from evalharness.errors import SuiteError
from evalharness.suites import load_suite

Make = Callable[..., Any]
_ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_LIGHT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

_TEXTS = ["no", "on", "y", "Yes", "012", "0o17", "1:30", "2024-01-01", "1_000", "0x1F", "1.50", "+1", "1e5", ".5", "5."]
_TEXTS += [".inf", ".nan", "NaN", "=", "1e999", "9" * 400, "2024-01-01T00:00:00Z", "0b1", "--", "nULL", "tRUE"]


@pytest.mark.parametrize("text", [*_TEXTS, "true", "7", "0.5", "null"])
def test_goldens_are_text(project: Make, text: str) -> None:
    """A golden answer is the text as written, even where YAML 1.1 would change its type."""
    text = text.strip()

    assert project(golden=f"a: [{text}]\n").load().cases[0].golden == (text,)
    assert project(golden=f"a: {text}\n").load().cases[0].golden == (text,)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[(text, text) for text in _TEXTS],
        ("7", 7), ("-3", -3), ("0", 0), ("0.5", 0.5), ("1.0", 1.0), ("-0", "-0"), ("true", True), ("False", False),
        ("null", None), ("~", None), ('"7"', "7"), ("'true'", "true"), ('"no"', "no"), ("'~'", "~"), ('""', ""),
        ("[1, '1', no]", [1, "1", "no"]), ("{a: 1, 2: b}", {"a": 1, "2": "b"}),
    ],
)  # fmt: skip
def test_variables(project: Make, good: str, written: str, value: Any) -> None:
    """In a variable, JSON numbers, booleans and null are typed; quoted values are text."""
    found = project(good.replace("hello", "x, v: " + written)).load().cases[0].vars["v"]

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ("|\n        one\n\n        two\n", "one\n\ntwo"),
        ("|-\n        one\n        two\n", "one\ntwo"),
        ("|+\n        one\n\n\n", "one\n\n"),
        (">\n        one\n        two\n", "one two"),
        ('"one\\n\\n"\n', "one\n"),
        ("|\n        {% if q %}\n        yes {{ q }}\n        {% endif %}\n        end\n", "yes hello\nend"),
    ],
)
def test_block_scalars(project: Make, good: str, block: str, text: str) -> None:
    """A block keeps its newlines except the last, and a line with only a tag leaves no empty line."""
    from evalharness.suites import requests

    made = project(good.replace('"{{ q }}"\n', block))
    ((_, request),) = requests(made.load(), models=["fake"], prompts=["ask"], repeats={"fake": 1}, limits=Limits())

    assert request.messages[0].content == text


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("hello", "x, q: y", "9:18: duplicate key 'q'"),
        ("models: [fake]", "models: [fake]\nmodels: [fake]", "3:1: duplicate key 'models'"),
        ("hello", "x, 'q': y", "9:18: duplicate key 'q'"),
        ("hello", "x, <<: {z: 1}", "9:18: merge keys (<<) are not part of YAML 1.2: write the keys out"),
        ("hello", "!!python/object/apply:os.system [id]", "9:15: YAML tag tag:yaml.org,2002:python/object"),
        ("hello", "!mine x", "9:15: YAML tag !mine is not supported"),
        ("hello", "!!binary aGk=", "9:15: YAML tag tag:yaml.org,2002:binary is not supported"),
        ("hello", "!!str 12", "9:15: YAML tag tag:yaml.org,2002:str is not supported: suites hold plain data. Quote"),
        ("{q: hello}", "{!mine q: hello}", "9:12: YAML tag !mine is not supported"),
        ("{q: hello}", "!!set {q}", "9:11: YAML tag tag:yaml.org,2002:set is not supported"),
        ("{q: hello}", "{q: x, [1]: y}", "9:18: a key must be plain text"),
        ("hello", '"\\ud800"', "9:18: invalid YAML: found invalid Unicode character escape code"),
        ("hello", "&a [*a]", "9:15: nested deeper than limits.depth = 32 (each use of an alias"),
        ("hello", "&a {b: *a}", "9:15: nested deeper than limits.depth = 32 (each use of an alias"),
        ("hello", "h\x1bi", "9: character U+001B is not allowed in YAML: control characters are not allowed"),
        ("hello", "h\0i", "9: NUL character found (is the file UTF-16?): save the file as UTF-8"),
    ],
)  # fmt: skip
def test_yaml_refusals(project: Make, good: str, old: str, new: str, wanted: str) -> None:
    """YAML features beyond plain data are rejected with their position."""
    (line,) = project(good.replace(old, new, 1)).problems()

    assert line.startswith("suites/s.yaml:" + wanted)


def _bomb(levels: int) -> str:
    rows = ["  b0: &b0 [x, x]\n"] + [f"  b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9)}]\n" for i in range(1, levels)]
    return "vars:\n" + "".join(rows)


@pytest.mark.parametrize(
    ("text", "limits", "wanted"),
    [
        (_bomb(9), {"nodes": 50_000}, "more than limits.nodes = 50000 values (each use of an alias counts)"),
        (
            f"vars: {{t: &t {'x' * 20_000}, u: [{'*t,' * 100}]}}\n",
            {"file_mb": 1},
            "more text than limits.file_mb = 1 meg",
        ),
        ("vars: {t: [" + "x," * 100 + "]}\n", {"nodes": 100}, "more than limits.nodes = 100 values"),
        ("vars: " + "[" * 200_000, {}, "nested deeper than limits.depth = 32"),
        ("vars:\n" + "- " * 200_000, {}, "nested deeper than limits.depth = 32"),
        ("vars: " + "[" * 1_500, {"depth": 200}, "s.yaml:10:206: nested deeper than limits.depth = 200"),
        ("vars: [" + "x, [{a: " * 400, {}, "nested deeper than limits.depth = 32"),
        ("vars: " + "{a: " * 200_000, {}, "nested deeper than limits.depth = 32"),
        ("# " + "x" * 2_000, {"file_mb": 0.001}, "0.0 MB exceed limits.file_mb = 0.001"),
        ("  - {id: b, vars: {q: x}}\n", {"cases": 1}, "2 cases exceed limits.cases = 1"),
    ],
)
def test_yaml_limits(project: Make, good: str, text: str, limits: dict[str, Any], wanted: str) -> None:
    """The error names the limit with every version of PyYAML, and no alias bomb fills the memory."""
    lines = project(good + text, "a: x\nb: x\n", **limits).problems()

    assert any(wanted in line for line in lines), lines


@pytest.mark.parametrize("quote", ['"', "'"])
def test_brackets_in_text_do_not_nest(project: Make, good: str, quote: str) -> None:
    """A syntax error after many quoted brackets is reported as a syntax error."""
    (line,) = project(good + f"vars: {{t: {quote}{'[' * 900}{quote}, u: ]}}\n").problems()

    assert "invalid YAML: " in line


def test_depth_up_to_its_limit(project: Make, good: str) -> None:
    """A value at the highest allowed depth is read completely."""
    nested = project(good.replace("hello", "x, r: " + "[" * 190 + "]" * 190), depth=200).load().cases[0].vars["r"]

    assert str(nested).count("[") == 190


def test_harmless_aliases(project: Make, good: str) -> None:
    """An alias resolves to the value of its anchor."""
    assert project(good.replace("hello", "&x hello, r: [*x, *x]")).load().cases[0].vars["r"] == ["hello", "hello"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xef\xbb\xbf%s", None),
        (b"%s", None),
        (b"%s# \xff\n", "suites/s.yaml:10: byte 109 is not UTF-8: save the file as UTF-8"),
        (b"%s# \xc0\x80\n", "suites/s.yaml:10: byte 109 is not UTF-8"),
        (b"%s# \xed\xa0\x80\n", "suites/s.yaml:10: byte 109 is not UTF-8"),
    ],
)
def test_encodings(project: Make, good: str, data: bytes, problem: str | None) -> None:
    """UTF-8 is read with or without a byte order mark; an invalid byte is rejected with its line."""
    good = good.ljust(107, "#")[:-1] + "\n" if len(good) < 107 else good
    made = project(data % good.encode())

    lines = made.problems() if problem else []

    assert bool(lines) == bool(problem)
    assert not problem or lines[0].split(" byte ")[0] == problem.split(" byte ")[0]
    assert problem or made.load()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused(project: Make, good: str, encoding: str) -> None:
    """For UTF-16 and UTF-32 the error advises to save the file as UTF-8."""
    assert all("UTF-8" in line for line in project(good.encode(encoding)).problems())
    assert all("UTF-8" in line for line in project(good, "a: b\n".encode(encoding)).problems())


def test_windows_line_ends(project: Make, good: str) -> None:
    """A file with Windows line ends loads the same."""
    assert project(good.replace("\n", "\r\n"), "a: |\r\n  x\r\n  y\r\n").load().cases[0].golden == ("x\ny\n",)


def _loaded(root: Path, files: dict[str, bytes], cases: str = "c.jsonl") -> Any:
    head = f'schema: 1\nmodels: [m]\nprompts: {{p: [{{user: "{{{{ q }}}}"}}]}}\nmetrics: [exact]\ncases: {cases}\n'
    for folder in ("suites", "golden"):
        (root / folder).mkdir(exist_ok=True)
        for old in (root / folder).iterdir():
            old.unlink()
    for name, data in {"suites/s.yaml": head.encode(), **files}.items():
        (root / name).write_bytes(data)
    return load_suite("s", Config(root=root, models={"m": ModelConfig(provider="scripted")}))


@_LIGHT
@given(_ANY, _ANY.filter(lambda text: text.strip()))
def test_any_text_survives_jsonl(tmp_path: Path, variable: str, golden: str) -> None:
    """Any text survives JSONL, as a variable and as a golden answer."""
    rows = {"suites/c.jsonl": {"id": "a", "vars": {"q": variable}}, "golden/s.jsonl": {"id": "a", "golden": golden}}
    for ascii_only in (True, False):
        files = {name: json.dumps(row, ensure_ascii=ascii_only).encode() for name, row in rows.items()}
        (case,) = _loaded(tmp_path, files).cases

        assert (case.vars["q"], case.golden) == (variable, (golden,))


@_LIGHT
@given(_ANY, _ANY.filter(lambda text: text.strip()))
def test_any_text_survives_yaml(tmp_path: Path, variable: str, golden: str) -> None:
    """Any quoted text survives YAML."""
    files = {
        "suites/c.yaml": f"- {{id: a, vars: {{q: {_quoted(variable)}}}}}".encode(),
        "golden/s.yaml": f"a: [{_quoted(golden)}]".encode(),
    }
    (case,) = _loaded(tmp_path, files, "c.yaml").cases

    assert (case.vars["q"], case.golden) == (variable, (golden,))


def _quoted(text: str) -> str:
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text) + '"'


@_LIGHT
@given(_ANY.filter(lambda text: "\0" not in text))
def test_any_text_survives_csv(tmp_path: Path, variable: str) -> None:
    """Any text survives a CSV cell, including quotes, commas and line ends."""
    rows = io.StringIO()
    csv.writer(rows, quoting=csv.QUOTE_ALL).writerows([["id", "q"], ["a", variable]])
    (case,) = _loaded(tmp_path, {"suites/c.csv": rows.getvalue().encode(), "golden/s.yaml": b"a: x"}, "c.csv").cases

    assert case.vars == {"q": variable}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_nothing_but_suite_errors(tmp_path: Path, data: st.DataObject) -> None:
    """For any damaged file the loader returns a suite or raises SuiteError."""
    good = {
        "suites/c.jsonl": b'{"id": "a", "vars": {"q": [1, "x", null], "r": {"s": 2.50}}, "tags": ["t"]}\n',
        "suites/c.csv": b'id,q,tags\na,"x ""y""\n z",t;u\n',
        "suites/c.yaml": b"- id: a\n  vars: {q: &x [a, 1.5, *x2]}\n  assert: [{max_words: 3}]\n",
        "golden/s.yaml": b"a: [x, 'y', |\n  z\n ]\n",
    }
    kind = data.draw(st.sampled_from(["jsonl", "csv", "yaml"]))
    target = data.draw(st.sampled_from([f"suites/c.{kind}", "golden/s.yaml", "suites/s.yaml"]))
    files = {name: text for name, text in good.items() if name in (f"suites/c.{kind}", "golden/s.yaml")}
    text = files.get(
        target, b"schema: 1\nmodels: [m]\nprompts: {p: [{user: '{{ q }}'}]}\nmetrics: [exact]\ncases: []\n"
    )
    files[target] = data.draw(st.one_of(st.binary(max_size=60), _mutated(text)))
    with suppress(SuiteError):
        _loaded(tmp_path, files, f"c.{kind}")


def _mutated(text: bytes) -> st.SearchStrategy[bytes]:
    bits = [b"{", b"}", b"[", b"]", b'"', b"'", b"*a", b"&a ", b"!x ", b"\n", b"\r", b": ", b"- ", b"{{", b"%}", b"\0"]
    bits += [b"<<: ", b"? ", b"|", b",", b"\xff", b"\xf0\x9f\x98\x80", b"~", b"9" * 5000, b"\\ud800", b"#", b"1e999"]
    piece = st.one_of(st.sampled_from(bits), st.binary(max_size=3))
    place = st.integers(0, len(text))
    return st.lists(st.tuples(place, piece, st.integers(0, 9)), min_size=1, max_size=3).map(
        lambda edits: _edited(text, edits)
    )


def _edited(text: bytes, edits: list[tuple[int, bytes, int]]) -> bytes:
    for place, piece, dropped in edits:
        text = text[:place] + piece + text[place + dropped :]
    return text
