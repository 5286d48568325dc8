"""Read variables of tests: values, texts from files, and lists that give a test for each value.

Files and lists as in promptfoo, src/evaluatorHelpers.ts and `generateVarCombinations` in src/evaluator.ts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from evalharness.importers.promptfoo.cells import js_trim
from evalharness.importers.promptfoo.source import FILE, Node, Source, is_data_file, is_program
from evalharness.suites.document import Bare, plain

_BINARY = tuple(
    ".pdf .jpg .jpeg .png .gif .bmp .webp .svg .mp4 .webm .ogg .mov .avi .wmv .mkv .m4v .mp3 .wav .flac .m4a".split()  # noqa: SIM905
)
_YAML = (".yaml", ".yml")
_TEXTS = (".rb", ".go", ".sh", ".bash", ".pl", ".jsx", ".tsx")
"""Programs that promptfoo reads as text here: it runs variables in Python and JavaScript only."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d[\d_]*(\.[\d_]*)?|\.\d[\d_]*)([eE][-+]?\d+)?", re.ASCII)
_MAX_NUMBER_CHARS = 24


class Choices(tuple[Any, ...]):
    """The values of a variable that gives a test for each of them."""


def read_vars(source: Source, node: Node) -> dict[str, Any]:
    """The variables of a node by name. A variable without a value that can be imported is missing, with a note."""
    found: dict[str, Any] = {}
    for mapping in _mappings(source, node):
        for name, item in mapping.items():
            for value in _values(source, item):
                found[name] = value
    return found


def _mappings(source: Source, node: Node) -> Iterator[Node]:
    """The mappings of variables: the node, or the files that it names."""
    if isinstance(node.value, dict):
        yield node
        return
    folder = source.folder_of(node)
    for item in node.each():
        for name in source.expand(item, item.text, folder) if item.text else ():
            if is_data_file(name) and (opened := source.open_reference(item, name, folder)):
                yield opened
            elif not is_data_file(name):
                source.note(item, f"expected variables in a .yaml or .json file, got {name[:80]!r}")


def _values(source: Source, node: Node) -> Iterator[Any]:
    """The value of a variable: none if it cannot be imported."""
    value = node.value
    if isinstance(value, list) and value and isinstance(value[0], str) and isinstance(plain(value[0]), str):
        chosen = [found for item in node.each() for found in _single(source, item)]
        if chosen:
            yield Choices(chosen)
        return
    if not node.text.startswith(FILE):
        yield from _single(source, node)
        return
    names = source.expand(node, node.text)
    chosen = [text for name in names for text in _from_file(source, node, name)]
    if chosen:
        yield chosen[0] if len(names) == 1 else Choices(chosen)


def _single(source: Source, node: Node) -> Iterator[Any]:
    if node.text.startswith(FILE):
        yield from _from_file(source, node, node.text)
        return
    _check_templates(source, node, node.value)
    value = node.plain
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # JavaScript prints 1.0 as 1
    if value is None:
        value = ""  # nunjucks prints null as nothing
    yield value.removesuffix("\n") if isinstance(value, str) else value


def _from_file(source: Source, node: Node, reference: str) -> Iterator[str]:
    suffix = PurePosixPath(reference).suffix.lower()
    is_run = is_program(reference) and suffix not in _TEXTS
    if suffix in _BINARY or is_run:
        what = "a program, which is not run" if is_run else "not a text file"
        source.note(node, f"the variable is left out: {reference.removeprefix(FILE)[:80]!r} is {what}")
        return
    if suffix in _YAML:
        opened = source.open_reference(node, reference)
        text = None if opened is None else js_json(opened.value)
    else:
        text = source.text_of(node, reference)
    if text is not None:
        _check_templates(source, node, text)
        yield js_trim(text)


def _check_templates(source: Source, node: Node, value: Any) -> None:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        source.note(node, "the template in this variable is not rendered: variables are data")
    for item in inner:
        _check_templates(source, node, item)


def js_json(value: Any) -> str:
    """The text of a YAML value as `JSON.stringify` of JavaScript writes it, with the scalars of js-yaml."""
    return json.dumps(_js_value(value), ensure_ascii=False, separators=(",", ":"))


def _js_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _js_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_js_value(item) for item in value]
    found = _js_scalar(value) if isinstance(value, Bare) else value
    return int(found) if isinstance(found, float) and found.is_integer() and abs(found) < 1e21 else found


def _js_scalar(text: Bare) -> Any:
    """The value of a bare scalar in js-yaml, which reads more forms of numbers, and dates."""
    if _DATE.fullmatch(text):
        return f"{text}T00:00:00.000Z"
    if _NUMBER.fullmatch(text) and len(text) < _MAX_NUMBER_CHARS:
        digits = text.replace("_", "")
        number = float(digits) if re.search(r"[.eE]", digits) else int(digits)
        return number if math.isfinite(number) else None
    return plain(text)
