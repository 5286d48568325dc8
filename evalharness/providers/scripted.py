"""Answers from a table or a function, with scripted delays and failures: for tests, demonstrations and dry runs.

    [tool.evalharness.models.fake]
    provider = "scripted"
    delay_s = 0.01
    answers = {refund-window = "You have 30 days.", late = {text = "Sorry!", delay_s = 2}, bad = {error = "overloaded"}}

A key is a case id; `"*"` answers every other case. A value is a text, a table (`text`, `delay_s`, `error`,
`finish_reason`; `logprobs`, a list of numbers, and `golden_logprobs`, a list of such lists, for suites that ask for
them), or a list of those, one for each repeat.
"""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from evalharness.config import Config, resolve_path
from evalharness.errors import ConfigError, ProviderError, did_you_mean
from evalharness.providers.base import Provider
from evalharness.records import FinishReason, Params, Request, Response, Timing, Usage

_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "delay_s": (int, float),
    "error": str,
    "finish_reason": str,
    "logprobs": list,
    "golden_logprobs": list,
}
ScriptedAnswer = str | Response | Mapping[str, Any]
Script = Callable[[Request], ScriptedAnswer]


class ScriptedProvider(Provider):
    """A provider that says what it was told to say."""

    scores_golden = True

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
        """`answers`: a table, the path of one in JSON, or a function of the request; `function`: `FILE.py:NAME`
        relative to the root. Raises ConfigError or ValueError for anything else.
        """
        root = config.root if config else Path()
        if (answers is None) == (function is None):
            raise ValueError("give either 'answers' or 'function'")
        if not isinstance(concurrency, int) or concurrency < 1:
            raise ValueError(f"'concurrency' is a number from 1, not {concurrency!r}")
        if not isinstance(delay_s, int | float):
            raise ValueError(f"'delay_s' is a number of seconds, not {delay_s!r}")
        if function is not None:
            self._script: Script = _load_function(function, root)
        elif callable(answers):
            self._script = answers
        else:
            self._script = _from_table(_load_table(answers, root) if isinstance(answers, str) else answers)
        self._delay_s, self._repeats_differ = delay_s, repeats_differ
        self.concurrency = concurrency
        self._closed = threading.Event()

    def identity(self) -> Mapping[str, Any]:
        """Scripted answers have no identity but their name."""
        return {"provider": "scripted"}

    def repeats_differ(self, params: Params) -> bool:
        """As the script says."""
        return self._repeats_differ

    def complete(self, request: Request) -> Response:
        """The scripted answer. Raises ProviderError where the script says `error`, has no answer, or raises."""
        started = time.perf_counter()
        try:
            answer = self._script(request)
        except ProviderError:
            raise
        except Exception as error:
            raise ProviderError(f"the script raised {type(error).__name__}: {error}", kind="scripted") from None
        if isinstance(answer, Response):
            return answer
        table = _checked(answer)
        if self._closed.wait(table.get("delay_s", self._delay_s)):
            raise ProviderError("stopped", kind="stopped")
        if "error" in table:
            raise ProviderError(str(table["error"]), kind="scripted")
        return _response(request, table, time.perf_counter() - started)

    def close(self) -> None:
        """Wakes a request that waits for its delay."""
        self._closed.set()


def _response(request: Request, table: Mapping[str, Any], total_s: float) -> Response:
    """Words stand for tokens; log-probabilities are said where they are asked for. Raises ProviderError."""
    text = table["text"]
    usage = Usage(sum(len(message.content.split()) for message in request.messages), len(text.split()))
    own = table.get("logprobs", ()) if request.params.logprobs else ()
    golden = table.get("golden_logprobs", ()) if request.golden else ()
    response = Response(
        text,
        table.get("finish_reason", "stop"),
        usage,
        Timing(total_s=total_s),
        logprobs=tuple(own),
        golden_logprobs=tuple(tuple(one) if isinstance(one, list) else one for one in golden),
    )
    if not response.is_sound:
        raise ProviderError("the script's answer cannot be used: its log-probabilities are none", kind="scripted")
    return response


def _checked(answer: Any) -> Mapping[str, Any]:
    """The answer as a table. Raises ProviderError when it is none that the head of this file names."""
    table = answer if isinstance(answer, Mapping) else {"text": answer}
    unknown = [key for key in table if key not in _KEYS]
    wrong = [key for key, types in _KEYS.items() if key in table and not isinstance(table[key], types)]
    if unknown:
        problem = f"it has the key '{unknown[0]}'{did_you_mean(str(unknown[0]), _KEYS)}"
    elif wrong:
        problem = f"its {wrong[0]} is {table[wrong[0]]!r}"
    elif "text" not in table and "error" not in table:
        problem = "it has neither a text nor an error"
    elif table.get("finish_reason", "stop") not in get_args(FinishReason):
        problem = f"its finish_reason is {table['finish_reason']!r}, not one of {', '.join(get_args(FinishReason))}"
    else:
        return table
    raise ProviderError(f"the script's answer cannot be used: {problem}", kind="scripted")


def _from_table(table: Any) -> Script:
    if not isinstance(table, Mapping):
        raise ValueError(f"'answers' is a table of answers or the path of one, not {table!r}")

    def script(request: Request) -> ScriptedAnswer:
        answer = table.get(request.key.case, table.get("*"))
        if isinstance(answer, list):
            answer = answer[request.key.repeat % len(answer)] if answer else None
        if answer is None:
            raise ProviderError(f"the script has no answer for case '{request.key.case}'", kind="scripted")
        return answer if isinstance(answer, str | Mapping) else str(answer)

    return script


def _load_table(path: str, root: Path) -> Mapping[str, Any]:
    found = resolve_path(path, root)
    try:
        table = json.loads(found.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: a table of answers is a JSON object")
    return table


def _load_function(target: str, root: Path) -> Script:
    """`FILE.py:NAME`. The configuration is trusted: this runs the file."""
    file, _, name = target.rpartition(":")
    spec = importlib.util.spec_from_file_location("evalharness_script", resolve_path(file, root))
    if spec is None or spec.loader is None:
        raise ConfigError(f"{target}: write FILE.py:NAME")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{target}: {type(error).__name__} when it was loaded: {error}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ConfigError(f"{target}: there is no function '{name}' in {file}")
    script: Script = function
    return script
