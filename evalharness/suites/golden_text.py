"""Insert answers into the text of a golden file and keep every other byte."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

_BLOCK_STYLES = ("|", ">")
_CASE_INDENT = "  "


@dataclass(frozen=True, slots=True)
class _Edit:
    """Replace the text between two offsets with `text`."""

    start: int
    end: int
    text: str


def with_answers(text: str, *, lines: bool, answers: Mapping[str, Sequence[str]], replace: bool) -> str:
    """The text of a golden file with `answers` added to their cases.

    With `replace`, they replace the existing answers. `lines` means JSONL, YAML if false. A file in an unusual style
    can give a wrong result: load the result and compare it.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix(mark)
    edits = _line_edits(body, answers, replace) if lines else _yaml_edits(body, answers, replace)
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        body = body[: edit.start] + edit.text + body[edit.end :]
    return mark + body


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _at_end(text: str, addition: str) -> _Edit:
    missing = "" if not text or text.endswith("\n") else _line_end(text)
    return _Edit(len(text), len(text), missing + addition)


def _line_edits(text: str, answers: Mapping[str, Sequence[str]], replace: bool) -> list[_Edit]:
    """Edits of a JSONL file: rewrite the lines of known cases and append new cases."""
    edits, start, left = [], 0, dict(answers)
    for line in text.split("\n"):
        value: dict[str, Any] = json.loads(line) if line.strip() else {}
        if new := left.pop(value.get("id", ""), None):
            old = value["golden"] if isinstance(value["golden"], list) else [value["golden"]]
            value["golden"] = [*([] if replace else old), *new]
            edits.append(_Edit(start, start + len(line.rstrip()), json.dumps(value, ensure_ascii=False)))
        start += len(line) + 1
    rows = [json.dumps({"id": case, "golden": list(new)}, ensure_ascii=False) for case, new in left.items()]
    return [*edits, _at_end(text, "".join(row + _line_end(text) for row in rows))] if rows else edits


def _yaml_edits(text: str, answers: Mapping[str, Sequence[str]], replace: bool) -> list[_Edit]:
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    nodes = {str(key.value): (key, value) for key, value in pairs}
    end, edits = _line_end(text), []
    for case, new in answers.items():
        if case in nodes:
            key, value = nodes[case]
            edits += _replaced(text, value, new) if replace else _extended(text, key, value, new)
    fresh = [_entry(case, new, end) for case, new in answers.items() if case not in nodes]
    return [*edits, _at_end(text, "".join(fresh))] if fresh else edits


def _entry(case: str, answers: Sequence[str], end: str) -> str:
    return f"{_key(case)}:{end}" + "".join(f"{_CASE_INDENT}- {quoted(answer)}{end}" for answer in answers)


def _key(case: str) -> str:
    return case if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_./+-]*", case) else quoted(case)


def _replaced(text: str, value: yaml.Node, new: Sequence[str]) -> list[_Edit]:
    start, end = _offsets(text, value)
    if isinstance(value, yaml.ScalarNode):
        given = quoted(new[0]) if len(new) == 1 else _flow(new)
    elif _in_brackets(value):
        given = _flow(new)
    else:
        given = (_line_end(text) + _indent(text, start)).join(f"- {quoted(answer)}" for answer in new)
        end = _offsets(text, value.value[-1])[1]
    return [_Edit(start, end, given)]


def _extended(text: str, key: yaml.Node, value: yaml.Node, new: Sequence[str]) -> list[_Edit]:
    if isinstance(value, yaml.ScalarNode):
        return [_into_list(text, key, value, new)]
    end = _offsets(text, value.value[-1])[1]
    if _in_brackets(value):
        return [_Edit(end, end, "".join(f", {quoted(answer)}" for answer in new))]
    return [_below(text, end, _indent(text, _offsets(text, value)[0]), new)]


def _in_brackets(value: yaml.Node) -> bool:
    return isinstance(value, yaml.CollectionNode) and bool(value.flow_style)


def _into_list(text: str, key: yaml.Node, value: yaml.ScalarNode, new: Sequence[str]) -> _Edit:
    """Turn a single answer into a list of answers."""
    start, end = _offsets(text, value)
    source = text[start:end]
    simple = value.style not in _BLOCK_STYLES and "\n" not in source
    first = source if simple and value.style else quoted(value.value)
    assert key.end_mark is not None
    between = text[key.end_mark.index : start]
    rest = _rest_of_line(text, end)
    if key.start_mark is None or key.start_mark.column or not simple or rest.strip() or between.strip() != ":":
        return _Edit(start, end, _flow_of([first, *map(quoted, new)]))
    newline = _line_end(text) + _CASE_INDENT + "- "
    return _Edit(key.end_mark.index, end, ":" + "".join(newline + item for item in (source, *map(quoted, new))))


def _below(text: str, end: int, indent: str, new: Sequence[str]) -> _Edit:
    """Append items to a block list, one per line, after the item that ends at `end`."""
    newline = _line_end(text) + indent
    place = end + len(_rest_of_line(text, end))
    return _Edit(place, place, "".join(f"{newline}- {quoted(answer)}" for answer in new))


def _rest_of_line(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start : len(text) if end < 0 else end].removesuffix("\r")


def _indent(text: str, start: int) -> str:
    return text[text.rfind("\n", 0, start) + 1 : start]


def _offsets(text: str, node: yaml.Node) -> tuple[int, int]:
    """The start and end of a value, without the empty lines and comments after a block scalar."""
    assert node.start_mark is not None
    assert node.end_mark is not None
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in _BLOCK_STYLES:
        end = start + len(text[start:end].rstrip())
    return start, end


def _flow(answers: Sequence[str]) -> str:
    return _flow_of([quoted(answer) for answer in answers])


def _flow_of(items: Sequence[str]) -> str:
    return f"[{', '.join(items)}]"


def quoted(text: str) -> str:
    """The text as a quoted YAML scalar on one line, with few escapes."""
    if text.isprintable() and ('"' in text or "\\" in text) and "'" not in text:
        return f"'{text}'"
    return "".join(c if c.isprintable() else _escaped(c) for c in json.dumps(text, ensure_ascii=False))


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
