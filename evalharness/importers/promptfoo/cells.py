"""Read the expected answer in a cell of a table: an assertion in short form.

Forms as in promptfoo, src/csv.ts and src/util/parseCommaSeparatedValues.ts.
"""

from __future__ import annotations

import re
from typing import Any

_JS_SPACE = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_TRIM = re.compile(f"^[{_JS_SPACE}]+|[{_JS_SPACE}]+$")
_TYPES = """
    agent-rubric answer-relevance bleu classifier contains contains-all contains-any contains-html contains-json
    contains-sql contains-xml context-faithfulness context-recall context-relevance conversation-relevance cost equals
    factuality finish-reason g-eval gleu guardrails human icontains icontains-all icontains-any is-html is-json
    is-refusal is-sql is-valid-function-call is-valid-openai-function-call is-valid-openai-tools-call is-xml javascript
    latency levenshtein llm-rubric max-score meteor model-graded-closedqa model-graded-factuality moderation perplexity
    perplexity-score pi python regex rouge-l rouge-n rouge-s ruby search-rubric select-best similar similar:cosine
    similar:dot similar:euclidean skill-used starts-with tool-call-f1 trace-error-spans trace-span-count
    trace-span-duration trajectory:goal-success trajectory:step-count trajectory:tool-args-match
    trajectory:tool-sequence trajectory:tool-used webhook word-count
""".split()  # noqa: SIM905
"""All names, also those without an equivalent: a cell of this form is not an answer."""
_CELL = re.compile(
    rf"(?P<type>(not-)?({'|'.join(sorted(_TYPES, key=len, reverse=True))}))"
    r"(\((?P<threshold>\d+(\.\d+)?)\))?(:(?P<value>.*))?",
    re.DOTALL | re.ASCII,
)
_PREFIXES = {
    "javascript:": "javascript",
    "fn:": "javascript",
    "eval:": "javascript",
    "grade:": "llm-rubric",
    "llm-rubric:": "llm-rubric",
    "python:": "python",
}
_SCRIPTS = (
    (re.compile(r"file://.*\.(py|py:.*)", re.DOTALL), "python"),
    (re.compile(r"file://.*\.[cm]?[jt]sx?(:.*)?", re.DOTALL), "javascript"),
)
_QUOTED = re.compile(r'"((?:\\["\\]|""|[^"])*)"\s*(?:,|$)')


def js_trim(text: str) -> str:
    """The text without the white space that JavaScript's `trim` takes off."""
    return _TRIM.sub("", text)


def expected_cell(text: str) -> dict[str, Any]:
    """The assertion in a table cell, such as `contains: Paris` or an answer."""
    cell = js_trim(text)
    for prefix, kind in _PREFIXES.items():
        if cell.startswith(prefix):
            return {"type": kind, "value": cell.removeprefix(prefix)}
    for pattern, kind in _SCRIPTS:
        if pattern.fullmatch(cell):
            return {"type": kind, "value": cell}
    match = _CELL.fullmatch(cell)
    if match is None:
        return {"type": "equals", "value": cell}
    found = {"type": match["type"], "value": _value(match), "threshold": match["threshold"]}
    return {key: item for key, item in found.items() if item is not None}


def _value(match: re.Match[str]) -> Any:
    if match["value"] is None:
        return None
    value = js_trim(match["value"])
    return comma_separated(value) if match["type"].endswith(("-any", "-all")) else value


def comma_separated(text: str) -> list[str]:
    """The parts of a list in one text; quotes keep a comma. Empty parts count only in quotes."""
    parts, rest = [], text.lstrip()
    while rest:
        quoted = _QUOTED.match(rest)
        if quoted:
            parts.append(re.sub(r'\\(["\\])|""', lambda escape: escape[1] or '"', quoted[1]))
            rest = rest[quoted.end() :].lstrip()
            continue
        part, _, rest = rest.partition(",")
        parts += [js_trim(part)] if js_trim(part) else []
        rest = rest.lstrip()
    return parts
