"""Turn cells into the texts of variables, golden answers and tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from evalharness.importers.datasets.printed import printed_value
from evalharness.importers.names import tag_name
from evalharness.suites.document import Bare, plain

_FINAL_ANSWER = re.compile(r"(?:^|\n)####[ \t]*(\S[^\n]*)\s*$")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_STRUCTURE_CHARS = 1_000_000


def is_empty(value: Any) -> bool:
    """Whether a cell has no value: null, blank text, an empty list, or only empty items."""
    if value is None or value == "":
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, dict):
        return all(map(is_empty, value.values()))
    return isinstance(value, list) and all(map(is_empty, value))


def variable(value: Any) -> Any:
    """The value of a variable.

    Numbers that JSON writes in the same way stay numbers; others, such as 007 and 1.10, stay text. A list of texts is
    joined by blank lines, other nested values become JSON text, and a missing value becomes "".
    """
    if value is None:
        return ""
    if isinstance(value, list) and value and all(map(_is_text, value)):
        return whole("\n\n".join(_lines(item) for item in value))
    if isinstance(value, list | dict):
        return json_text(value) if value else ""
    found = plain(value)
    return whole(found) if isinstance(found, str) else found


def _is_text(value: Any) -> bool:
    """Whether the value is a text, or a list of texts at any depth."""
    return all(map(_is_text, value)) if isinstance(value, list) else isinstance(value, str) and type(value) is not Bare


def _lines(value: Any) -> str:
    return "\n".join(map(_lines, value)) if isinstance(value, list) else str(value)


def whole(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, as U+FFFD."""
    return _SURROGATE.sub("\ufffd", str(text))


def json_text(value: Any) -> str:
    """The value as JSON on one line; numbers as they were written."""
    return whole(json.dumps(_tokens(value), ensure_ascii=False, default=str))


def _tokens(value: Any) -> Any:
    if isinstance(value, Bare):
        return plain(value)
    if isinstance(value, dict):
        return {str(name): _tokens(item) for name, item in value.items()}
    return [_tokens(item) for item in value] if isinstance(value, list) else value


def goldens(value: Any, *, yes_no: bool = False) -> Iterator[str]:
    """The golden answers in a cell: the text, each item of a list, `text` of SQuAD, `value` and `aliases` of TriviaQA.

    A text that ends in a line `#### 42` gives 42. A boolean gives true or false, with `yes_no` yes or no.
    """
    if isinstance(value, bool):
        yield (("no", "yes") if yes_no else ("false", "true"))[value]
    elif isinstance(value, str):
        if text := whole(value).strip():
            found = _FINAL_ANSWER.search(text)
            yield found[1].replace(",", "").strip() if found else text
    elif isinstance(value, list):
        for item in value:
            yield from goldens(item, yes_no=yes_no)
    elif isinstance(value, dict):
        known = next(
            (name for name in ("text", "value", "content", "answer", "output", "spans") if name in value), None
        )
        if known is not None:
            yield from goldens(value[known], yes_no=yes_no)
            yield from goldens(value.get("aliases"), yes_no=yes_no)
        elif not is_empty(value):
            yield json_text(value)


def separated(value: Any) -> Iterator[str]:
    """The golden answers in a cell that separates them with semicolons."""
    if isinstance(value, str):
        yield from (text for part in value.split(";") if (text := whole(part).strip()))
    else:
        yield from goldens(value)


def tags(value: Any, name: str) -> Iterator[str]:
    """Tags such as `topic=refunds`; the values alone if `name` is empty, where `;` separates several."""
    if isinstance(value, list):
        for item in value:
            yield from tags(item, name)
    elif not is_empty(value):
        text = json_text(value) if isinstance(value, dict | bool) else whole(value)
        parts = [text] if name else text.split(";")
        for part in parts:
            if tag := tag_name(f"{name}={part}" if name else part):
                yield tag


def structure(value: Any, *, lists: bool) -> Any:
    """The object or list of objects that a text spells in JSON, or as Python and numpy print it; others unchanged.

    With `lists`, a list of texts as well. Other lists stay text, because a cell such as `[3, 1, 2]` can be a question.
    """
    if not isinstance(value, str) or value[:1] not in ("[", "{") or len(value) > _MAX_STRUCTURE_CHARS:
        return value
    found = _parsed(value)
    is_list = isinstance(found, list) and bool(found)
    is_known = is_list and (
        all(isinstance(item, dict) for item in found) or (lists and all(type(item) is str for item in found))
    )
    return found if isinstance(found, dict) or is_known else value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_int=Bare, parse_float=Bare)
    except (ValueError, RecursionError):  # not JSON: maybe a value as Python or numpy prints it
        pass
    try:
        return printed_value(text)
    except ValueError:  # neither: a text that happens to start with a bracket
        return None


def counted(count: int, noun: str) -> str:
    """The number with its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
