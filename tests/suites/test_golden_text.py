"""Answers are inserted into a golden file, and every other byte stays."""

from __future__ import annotations

import difflib
import json
from itertools import product
from pathlib import Path

import pytest
import yaml

from evalharness.suites.golden_text import with_answers

_ROOT = Path(__file__).parents[2]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NEW = ['He said "no"', "two\nlines, it's \u2028 \u0085 \U0001f600 and a \t tab"]
_STYLES = """\
# A file as people write it.
plain: One answer   # given once
quoted: "One, answer"
block:
  - é \U0001f600 first  # behind a sign that is two units long elsewhere
  - 'second'

# another part
flow: [one, 'two', ]
folded: >-
  One answer
  on two lines

literal:
- |
  One answer

- |
  Another


wide:
    - "x"
split:
  over two
  lines
"""


def _meant(text: str, case: str, *, replace: bool) -> dict[str, object]:
    value: dict[str, object] = yaml.load(text, _LOADER)
    old = value.get(case, [])
    kept = [old] if isinstance(old, str) else old
    assert isinstance(kept, list)
    return {**value, case: _NEW if replace else [*kept, *_NEW]}


def _is_meant(text: str, case: str, result: str, *, replace: bool) -> bool:
    ends = result.count("\n") if "\r\n" in text else 0
    means = yaml.load(result, _LOADER) == _meant(text, case, replace=replace)
    return means and _comments(result) == _comments(text) and result.count("\r\n") == ends


def _comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#")]


def test_every_style() -> None:
    """Each YAML style accepts new answers, and its comments and line ends stay."""
    cases, endings, lasts = [*yaml.safe_load(_STYLES), "new/case@1"], ["\n", "\r\n"], [True, False]
    failures = []
    for case, last, ending, replace in product(cases, lasts, endings, [False, True]):
        text = (_STYLES if last else _STYLES.rstrip("\n")).replace("\n", ending)
        result = with_answers(text, lines=False, answers={case: _NEW}, replace=replace)
        if not _is_meant(text, case, result, replace=replace):
            failures.append(f"{case}, a last line end: {last}, {ending!r}, replace: {replace}: {result!r}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("file", ["golden/support.yaml", "golden/extract.yaml"])
def test_real_files(file: str) -> None:
    """In this repository's golden files, two new answers add two lines and change no other line."""
    text = (_ROOT / file).read_text(encoding="utf-8")
    for case in yaml.safe_load(text):
        result = with_answers(text, lines=False, answers={case: _NEW}, replace=False)
        assert yaml.load(result, _LOADER) == _meant(text, case, replace=False)
        changed = [line for line in difflib.ndiff(text.splitlines(), result.splitlines()) if line[0] in "+-"]
        assert [line[0] for line in changed] == ["+", "+"]


def test_real_lines() -> None:
    """In a JSONL file, only the line of the case changes."""
    text = (_ROOT / "golden/summarise.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    for number, row in enumerate(rows):
        result = with_answers(text, lines=True, answers={row["id"]: _NEW}, replace=False).split("\n")
        assert json.loads(result[number]) == {**row, "golden": [*row["golden"], *_NEW]}
        assert [*result[:number], *result[number + 1 :]] == [
            line for other, line in enumerate(text.split("\n")) if other != number
        ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "\ufeff", "---\n"])
def test_first_answer(text: str) -> None:
    """A file without answers accepts its first one and keeps its byte order mark."""
    result = with_answers(text, lines=False, answers={"a": ["x"]}, replace=False)
    assert yaml.safe_load(result) == {"a": ["x"]}
    assert result.startswith(text)
