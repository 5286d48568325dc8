"""Responses from a table or a function, with scripted delays and failures: for tests, demos and dry runs.

    [tool.evalharness.models.fake]
    provider = "scripted"
    delay_s = 0.01
    answers = {refund-window = "You have 30 days.", late = {text = "Sorry!", delay_s = 2}, bad = {error = "overloaded"}}

A key is a case id, or `"*"` for all other cases. A value is a text, a table, or a list of them with one entry for each
repeat. A table has `text`, `tool_calls` or `error`, and optionally `delay_s`, `finish_reason`, `logprobs` (a list of
numbers) and `golden_logprobs` (a list of such lists). `decision` is what a judge decides: `{yes = 0.9, no = 0.1}`, or
the text of a choice. `tool_calls` are tables with `name`, `arguments` and `id`. A table with `steps` has a value for
each round of tool calls: `{steps = [{tool_calls = [{name = "find"}]}, "Found."]}`.
"""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from collections.abc import Callable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, get_args

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError, ProviderError, did_you_mean
from evalharness.foreign import describe
from evalharness.providers.attachments import SENDABLE
from evalharness.providers.base import Provider
from evalharness.providers.call_pieces import empty_fields
from evalharness.providers.capabilities import Capabilities
from evalharness.records import FinishReason, Request, Response, Timing, ToolCall, Usage

_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "delay_s": (int, float),
    "error": str,
    "finish_reason": str,
    "logprobs": list,
    "golden_logprobs": list,
    "tool_calls": list,
    "decision": (dict, str),
}
ScriptedResponse = str | Response | Mapping[str, Any]
Script = Callable[[Request], ScriptedResponse]


class _SourceLoader(SourceFileLoader):
    """Loads a module from its source: a commit can bring bytecode in `__pycache__` that differs from it."""

    def get_code(self, fullname: str) -> CodeType:
        """The compiled source."""
        return self.source_to_code(self.get_data(self.path), self.path)


class ScriptedProvider(Provider):
    """A provider that returns scripted responses."""

    def __init__(
        self,
        answers: Mapping[str, Any] | Script | str | None = None,
        *,
        function: str | None = None,
        delay_s: float = 0.0,
        repeats_differ: bool = True,
        concurrency: int = 1,
        config: Config | None = None,
    ) -> None:
        """`answers`: a table, the path of one in JSON, or a function of the request. `function`: `FILE.py:NAME`,
        relative to the root. `delay_s`: before each response. `repeats_differ`: False for a deterministic model.
        Raises ConfigError, ValueError: an invalid option.
        """
        if (answers is None) == (function is None):
            raise ValueError("set either 'answers' or 'function'")
        if not isinstance(concurrency, int) or concurrency < 1:
            raise ValueError(f"'concurrency' must be an integer from 1, got {concurrency!r}")
        if not isinstance(delay_s, int | float):
            raise ValueError(f"'delay_s' must be a number of seconds, got {delay_s!r}")
        self._script = _load_script(answers, function, config.root if config else Path())
        self._delay_s, self._closed = delay_s, threading.Event()
        self.capabilities = Capabilities(
            concurrency=concurrency,
            files=_files(answers, function),
            deterministic="never" if repeats_differ else "always",
            golden_logprobs=True,
            decides="choice",
            tools=True,
            media_types=SENDABLE,
        )

    def identity(self) -> Mapping[str, Any]:
        """Return the same for every script."""
        return {"provider": "scripted"}

    def complete(self, request: Request) -> Response:
        """Return the scripted response. Raises ProviderError: a scripted error, no response for the case, a bug."""
        started = time.perf_counter()
        try:
            answer = self._script(request)
        except ProviderError:
            raise
        except Exception as error:
            raise ProviderError(f"the script raised {describe(error)}", kind="scripted") from None
        if isinstance(answer, Response):
            return answer
        table = _checked(_step_of(answer, request))
        if self._closed.wait(table.get("delay_s", self._delay_s)):
            raise ProviderError("stopped", kind="stopped")
        if "error" in table:
            raise ProviderError(str(table["error"]), kind="scripted")
        return _response(request, table, time.perf_counter() - started)

    def close(self) -> None:
        """End all delays."""
        self._closed.set()


def _files(answers: Mapping[str, Any] | Script | str | None, function: str | None) -> tuple[str, ...]:
    """The files of the script; the configuration for a table in it."""
    if function is not None:
        return (function.rpartition(":")[0],)
    return (answers if isinstance(answers, str) else "pyproject.toml",) if not callable(answers) else ()


def _load_script(answers: Mapping[str, Any] | Script | str | None, function: str | None, root: Path) -> Script:
    if function is not None:
        return _load_function(function, root)
    if callable(answers):
        return answers
    return _from_table(_load_table(answers, root) if isinstance(answers, str) else answers)


def _response(request: Request, table: Mapping[str, Any], total_s: float) -> Response:
    """Return a response; each word counts as a token. Raises ProviderError: invalid log-probabilities."""
    text, calls = table.get("text", ""), _calls(table, request)
    usage = Usage(sum(len(message.content.split()) for message in request.messages), len(text.split()) + len(calls))
    own = table.get("logprobs", ()) if request.params.logprobs else ()
    golden = table.get("golden_logprobs", ()) if request.golden else ()
    decision = _decision(table, request)
    response = Response(
        text,
        table.get("finish_reason", "stop"),
        usage,
        Timing(total_s=total_s),
        logprobs=tuple(own),
        golden_logprobs=tuple(tuple(one) if isinstance(one, list) else one for one in golden),
        decision=decision,
        tool_calls=calls,
        empty=empty_fields(request, calls),
    )
    if problem := response.problem:
        raise ProviderError(f"scripted response: {problem}", kind="scripted")
    return response


def _decision(table: Mapping[str, Any], request: Request) -> tuple[float, ...]:
    """Return the scripted decision between the choices. Raises ProviderError: none, or one between other choices."""
    if not request.choices:
        return ()
    given = table.get("decision")
    shares = {given: 1.0} if isinstance(given, str) else given or {}
    if not shares or shares.keys() - set(request.choices):
        expected = f"a decision between {', '.join(request.choices)}"
        raise ProviderError(f"scripted response: expected {expected}, got {given!r}", kind="scripted")
    return tuple(shares.get(choice, 0.0) for choice in request.choices)


def _step_of(answer: Any, request: Request) -> Any:
    """Return the value for this round of tool calls. Raises ProviderError: there is none."""
    if not isinstance(answer, Mapping) or "steps" not in answer:
        return answer
    steps, number = answer["steps"], sum(bool(message.tool_calls) for message in request.messages)
    if len(answer) > 1 or not isinstance(steps, list):
        raise ProviderError("scripted response: expected a list 'steps' and no other key", kind="scripted")
    if number >= len(steps):
        raise ProviderError(f"scripted response: expected a step {number + 1}, got {len(steps)}", kind="scripted")
    return steps[number]


def _calls(table: Mapping[str, Any], request: Request) -> tuple[ToolCall, ...]:
    """Return the scripted calls. One without an id gets its number in the conversation."""
    if "tool_calls" not in table:
        return ()
    first = 1 + sum(len(message.tool_calls) for message in request.messages)
    calls = enumerate(table.get("tool_calls", ()), start=first)
    return tuple(_call(call, f"call_{number}") for number, call in calls)


def _call(value: Any, name: str) -> ToolCall:
    try:
        return ToolCall(**{"id": name, "arguments": {}, **value})
    except TypeError:
        message = f"scripted response: tool_calls: expected name, arguments and id, got {value!r}"
        raise ProviderError(message, kind="scripted") from None


def _checked(answer: Any) -> Mapping[str, Any]:
    """Return the scripted value as a table. Raises ProviderError: an invalid table."""
    table = answer if isinstance(answer, Mapping) else {"text": answer}
    unknown = [key for key in table if key not in _KEYS]
    wrong = [key for key, types in _KEYS.items() if key in table and not isinstance(table[key], types)]
    if unknown:
        problem = f"unknown key '{unknown[0]}'{did_you_mean(str(unknown[0]), _KEYS)}"
    elif wrong:
        problem = f"'{wrong[0]}' has the wrong type: {table[wrong[0]]!r}"
    elif not table.keys() & {"text", "error", "tool_calls", "decision"}:
        problem = "expected a text, tool calls or an error, got none of them"
    elif table.get("finish_reason", "stop") not in get_args(FinishReason):
        known = ", ".join(get_args(FinishReason))
        problem = f"finish_reason: expected one of {known}, got {table['finish_reason']!r}"
    else:
        return table
    raise ProviderError(f"scripted response: {problem}", kind="scripted")


def _from_table(table: Any) -> Script:
    if not isinstance(table, Mapping):
        raise ValueError(f"'answers' must be a table or the path of one, got {table!r}")

    def script(request: Request) -> ScriptedResponse:
        answer = table.get(request.key.case, table.get("*"))
        if isinstance(answer, list):
            answer = answer[request.key.repeat % len(answer)] if answer else None
        if answer is None:
            raise ProviderError(f"no scripted response for case '{request.key.case}'", kind="scripted")
        return answer if isinstance(answer, str | Mapping) else str(answer)

    return script


def _load_table(path: str, root: Path) -> Mapping[str, Any]:
    found = resolve_path(path, root)
    try:
        table = json.loads(found.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: expected a JSON object of scripted responses")
    return table


def _load_function(target: str, root: Path) -> Script:
    """Import `FILE.py:NAME`, which runs the file: the configuration is trusted. Raises ConfigError."""
    file, _, name = target.rpartition(":")
    path = resolve_path(file, root)
    spec = importlib.util.spec_from_loader("evalharness_script", _SourceLoader("evalharness_script", str(path)))
    if path.suffix != ".py" or spec is None or spec.loader is None:
        raise ConfigError(f"{target}: expected FILE.py:NAME")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{target}: importing {file} raised {describe(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ConfigError(f"{target}: {file} has no function '{name}'")
    script: Script = function
    return script
