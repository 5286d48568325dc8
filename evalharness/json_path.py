"""JSONPath in the configuration: `$`, `.name`, `['name']`, `[0]` and `[*]` of RFC 9535."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from evalharness.errors import ConfigError, did_you_mean
from evalharness.redaction import shortened

Step = str | int | None
"""A name, an index, or None for `[*]`."""
MISSING: Any = object()
"""The value of a path that finds nothing."""

_STEP = re.compile(
    r"""\.(?P<name>[^\W\d][\w-]*) | \.(?P<star>\*)
      | \[\s*(?:(?P<index>-?\d{1,9})|(?P<all>\*)|'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)")\s*\]""",
    re.VERBOSE,
)
_FORMS = "expected .name, ['name'], [0] or [*]"
_MOST_CHARS, _MOST_KEYS, _MOST_COMPARED, _KEY_CHARS = 1_000, 12, 200, 40


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path, ready to be applied."""

    text: str
    steps: tuple[Step, ...]

    def find(self, value: Any) -> list[Any]:
        """Return all values at this path, in order."""
        found = [value]
        for step in self.steps:
            found = [inner for one in found for inner in _inner(one, step)]
        return found

    def first(self, value: Any) -> Any:
        """Return the first value at this path, MISSING if there is none."""
        return next(iter(self.find(value)), MISSING)

    def joined(self, value: Any) -> Any:
        """Return the first value at this path, or with `[*]` the joined texts; MISSING if there is none."""
        found = self.find(value) if None in self.steps else []
        return "".join(found) if found and all(isinstance(one, str) for one in found) else self.first(value)

    def split(self) -> tuple[JsonPath, JsonPath]:
        """Return the path up to its last `[*]`, and the rest as a path of its own."""
        at = len(self.steps) - self.steps[::-1].index(None) if None in self.steps else 0
        return _made(self.steps[:at]), _made(self.steps[at:])

    def why_missing(self, value: Any) -> str:
        """Return which step finds nothing, and the keys that are there, at most twelve."""
        found = [value]
        for at, step in enumerate(self.steps):
            inner = [one for holder in found for one in _inner(holder, step)]
            if not inner:
                return f"{_made(self.steps[:at]).text} is {_shape(found[0], step)}"
            found = inner
        return ""


def parse_path(text: Any, option: str) -> JsonPath:
    """Return the path. Raises ConfigError with the place in it, and what was expected."""
    if not isinstance(text, str) or not text:
        raise ConfigError(f"{option}: expected a JSONPath, such as '$.answer.text', got {shortened(repr(text), 60)}")
    if len(text) > _MOST_CHARS:
        raise ConfigError(f"{option}: expected a JSONPath of at most {_MOST_CHARS:,} characters")
    if not text.startswith("$"):
        near = "$" + (text if text.startswith(("[", ".")) else f".{text}")
        hint = f"; did you mean '{near}'?" if _is_path(near) else ""
        raise ConfigError(f"{option}: expected a JSONPath that starts with '$', got {shortened(text, 60)!r}{hint}")
    return JsonPath(text, tuple(_steps(text, option)))


def _steps(text: str, option: str) -> Iterator[Step]:
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ConfigError(f"{option}: {_problem(text, at)}")
        yield _step(found)
        at = found.end()


def _step(found: re.Match[str]) -> Step:
    kind, given = found.lastgroup, found[found.lastgroup or 0]
    if kind in ("star", "all"):
        return None
    if kind == "index":
        return int(given)
    return given if kind == "name" else re.sub(r"\\(.)", r"\1", given)


def _problem(text: str, at: int) -> str:
    """What is wrong at this character."""
    rest = text[at:]
    place = f"{shortened(text, 80)!r}, character {at + 1}"
    if rest.startswith(".."):
        return f"{place}: '..' is not supported: write the whole path, such as $.answer.docs[*]"
    if rest.startswith(("[?", "[(")):
        return f"{place}: filters are not supported: {_FORMS}"
    if re.match(r"\[[\d:,\s-]+\]", rest):
        return f"{place}: slices and lists of indexes are not supported: {_FORMS}"
    if quoted := re.match(r"\[\s*([^\W\d][\w-]*)\s*\]", rest):
        return f"{place}: {_FORMS}; did you mean ['{quoted[1]}']?"
    return f"{place}: {_FORMS}, got {shortened(rest, 20)!r}"


def _is_path(text: str) -> bool:
    try:
        return bool(list(_steps(text, "")))
    except ConfigError:
        return False


def _inner(value: Any, step: Step) -> Iterable[Any]:
    if step is None:
        return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(step, str):
        return [value[step]] if isinstance(value, dict) and step in value else ()
    is_there = isinstance(value, list) and -len(value) <= step < len(value)
    return [value[step]] if is_there else ()


def _made(steps: tuple[Step, ...]) -> JsonPath:
    return JsonPath("$" + "".join(map(_written, steps)), steps)


def _written(step: Step) -> str:
    if isinstance(step, str):
        return f".{step}" if re.fullmatch(r"[^\W\d][\w-]*", step) else f"[{step!r}]"
    return "[*]" if step is None else f"[{step}]"


def _shape(value: Any, step: Step) -> str:
    """A value in words: its keys, its length, or its type."""
    if isinstance(value, dict):
        near = [shortened(key, _KEY_CHARS) for key in list(value)[:_MOST_COMPARED]]
        hint = did_you_mean(step, near) if isinstance(step, str) else ""
        return f"an object with {keys_of(value)}{hint if hint.startswith('; did') else ''}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "null" if value is None else f"a {type(value).__name__}"


def keys_of(value: dict[str, Any]) -> str:
    """Return the first keys of an object in words."""
    shown = ", ".join(repr(shortened(key, _KEY_CHARS)) for key in list(value)[:_MOST_KEYS])
    more = f" and {len(value) - _MOST_KEYS} more" if len(value) > _MOST_KEYS else ""
    return f"the keys {shown}{more}" if value else "no keys"
