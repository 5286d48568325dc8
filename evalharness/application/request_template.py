"""The body and the query of a request: JSON values of the configuration with placeholders in their texts.

A text that is one placeholder becomes its value. In a longer text, the value is inserted as text. JSON is written
afterwards, so that no value can leave its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from evalharness.errors import ConfigError, ProviderError, did_you_mean
from evalharness.records import Request
from evalharness.records.application import json_problem
from evalharness.redaction import shortened

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_SECRET = re.compile(r"^(api|access|auth)[_-]?(key|token)$|secret$|passw(or)?d$|^authorization$", re.IGNORECASE)
_PARAMS = ("max_tokens", "temperature", "seed", "top_p", "top_k", "min_p", "repeat_penalty", "stop", "json_schema")
CONVERSATION = "conversation_id"
"""The placeholder of an application that keeps conversations."""
_VALUES: Mapping[str, Callable[[Request], Any]] = {
    "messages": lambda request: [message.to_data() for message in request.new_messages],
    "question": lambda request: _last(request, "user"),
    "system": lambda request: _last(request, "system"),
    "variables": lambda request: dict(request.variables),
    "case": lambda request: request.key.case,
    "tools": lambda request: [{**tool.to_data(), "parameters": tool.schema} for tool in request.tools],
    CONVERSATION: lambda request: request.conversation.id if request.conversation else "",
}
_KNOWN = (*_VALUES, "variables.NAME", *(f"params.{name}" for name in _PARAMS))
_Render = Callable[[Request], Any]


class RequestTemplate:
    """A JSON value with placeholders, checked."""

    def __init__(self, value: Any, option: str) -> None:
        """Raises ConfigError: an unknown placeholder, or a value that is not JSON."""
        self.params: set[str] = set()
        """The parameters of the suite that it sends."""
        self.takes_tools = False
        self.keeps_conversation = False
        """Whether it sends the id of the conversation."""
        self._option, self._render = option, self._compiled(value, option)
        if problem := json_problem(value, option):
            raise ConfigError(problem)

    def render(self, request: Request) -> Any:
        """Return the value for this request. Raises ProviderError: a variable is missing, or is not a JSON value."""
        made = self._render(request)
        if problem := json_problem(made, self._option):
            raise ProviderError(problem, kind="request")
        return made

    def _compiled(self, value: Any, place: str) -> _Render:
        if isinstance(value, Mapping):
            inner = {key: self._compiled(one, f"{place}.{key}") for key, one in value.items()}
            if wrong := [key for key in inner if "{{" in key]:
                raise ConfigError(f"{place}: expected placeholders in values only, got the key {wrong[0]!r}")
            if secret := [key for key, one in value.items() if _SECRET.search(key) and _is_literal(one)]:
                raise ConfigError(f"{place}: '{secret[0]}' may be a secret: send it by headers_env")
            return lambda request: {key: one(request) for key, one in inner.items()}
        if isinstance(value, list | tuple):
            items = [self._compiled(one, f"{place}[{index}]") for index, one in enumerate(value)]
            return lambda request: [one(request) for one in items]
        return self._text(value, place) if isinstance(value, str) else lambda _: value

    def _text(self, text: str, place: str) -> _Render:
        rest = _PLACEHOLDER.sub("", text)
        if "{{" in rest or "}}" in rest:
            raise ConfigError(f"{place}: expected '{{{{ NAME }}}}', got {shortened(text, 60)!r}")
        if whole := _PLACEHOLDER.fullmatch(text):
            return self._value(whole[1], place)
        values = [self._value(name, place) for name in _PLACEHOLDER.findall(text)]
        between = _PLACEHOLDER.split(text)[::2]
        return partial(_joined, between, values) if values else lambda _: text

    def _value(self, name: str, place: str) -> _Render:
        first, _, rest = name.partition(".")
        self.keeps_conversation |= name == CONVERSATION
        if name in _VALUES:
            self.takes_tools = self.takes_tools or name == "tools"
            return _VALUES[name]
        if first == "variables" and all(rest.split(".")):
            return lambda request: _variable(request.variables, rest, place)
        if first == "params" and rest in _PARAMS:
            self.params.add(rest)
            return partial(_param, rest)
        raise ConfigError(f"{place}: unknown placeholder '{{{{ {shortened(name, 40)} }}}}'{_hint(name)}")


def _is_literal(value: Any) -> bool:
    return isinstance(value, str) and not _PLACEHOLDER.search(value)


def query_of(values: Mapping[str, Any]) -> str:
    """Return rendered values as a query, percent-encoded. A list repeats its name; null is left out."""
    pairs = [
        (name, _as_text(one))
        for name, value in values.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]
    return urlencode(pairs, encoding="utf-8", errors="replace")


def _hint(name: str) -> str:
    near = did_you_mean(name, _KNOWN)
    is_plain = re.fullmatch(r"\w+", name) and not near.startswith("; did")
    return f"; a variable of the case is '{{{{ variables.{name} }}}}'; known: {', '.join(_KNOWN)}" if is_plain else near


def _joined(between: list[str], values: list[_Render], request: Request) -> str:
    texts = [_as_text(value(request)) for value in values]
    return between[0] + "".join(text + after for text, after in zip(texts, between[1:], strict=True))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _last(request: Request, role: str) -> str:
    """The last message of this role; "" without one."""
    return next((message.content for message in reversed(request.messages) if message.role == role), "")


def _param(name: str, request: Request) -> Any:
    value = getattr(request.params, name)
    if name == "json_schema":
        return json.loads(value) if value else None
    return list(value) if isinstance(value, tuple) else value


def _variable(variables: Mapping[str, Any], path: str, place: str) -> Any:
    found: Any = variables
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            known = list(found)[:20] if isinstance(found, Mapping) else []
            hint = did_you_mean(name, [shortened(one, 40) for one in known])
            raise ProviderError(f"{place}: the case has no variable '{path}'{hint}", kind="variable")
        found = found[name]
    return found
