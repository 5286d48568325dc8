"""The scripted provider returns the answers of its table or function."""

from __future__ import annotations

import json
import py_compile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalharness.config import Config, ModelConfig
from evalharness.errors import ConfigError, ProviderError
from evalharness.providers import open_provider
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Message, Params, Request, Response, SampleKey, Timing, Usage


def _request(case: str = "a", repeat: int = 0) -> Request:
    return Request(SampleKey(case, "p", "m", repeat), (Message("user", "one two three"),), 0, Params())


def _open(root: Path, **options: Any) -> Any:
    return open_provider("m", Config(root=root, models={"m": ModelConfig(provider="scripted", **options)}))


@pytest.mark.parametrize(
    ("answers", "case", "repeat", "text", "reason"),
    [
        ({"a": "yes"}, "a", 0, "yes", "stop"),
        ({"a": "yes", "*": "other"}, "b", 0, "other", "stop"),
        ({"a": "yes", "*": "other"}, "a", 0, "yes", "stop"),
        ({"a": ["one", "two"]}, "a", 1, "two", "stop"),
        ({"a": ["one", "two"]}, "a", 2, "one", "stop"),
        ({"*": ["one", {"text": "two"}]}, "b", 1, "two", "stop"),
        ({"a": {"text": "cut", "finish_reason": "length"}}, "a", 0, "cut", "length"),
        ({"a": 7}, "a", 0, "7", "stop"),
        ({"a": ""}, "a", 0, "", "stop"),
    ],
)
def test_tables(tmp_path: Path, answers: dict[str, Any], case: str, repeat: int, text: str, reason: str) -> None:
    """A table has answers by case id and repeat, and `*` for every other case; words count as tokens."""
    response = _open(tmp_path, answers=answers).complete(_request(case, repeat))

    assert (response.text, response.finish_reason) == (text, reason)
    assert response.usage == Usage(prompt_tokens=3, completion_tokens=len(text.split()))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"a": {"error": "overloaded"}}, "overloaded"),
        ({"b": "x"}, "no scripted response for case 'a'"),
        ({"a": []}, "no scripted response for case 'a'"),
        ({"a": {"txt": "x"}}, "scripted response: unknown key 'txt'; did you mean 'text'?"),
        ({"a": {"delay_s": 0}}, "scripted response: expected a text, tool calls or an error, got none of them"),
        ({"a": {"text": 3}}, "scripted response: 'text' has the wrong type: 3"),
        ({"a": {"text": "x", "delay_s": "1"}}, "scripted response: 'delay_s' has the wrong type: '1'"),
        (
            {"a": {"text": "x", "finish_reason": "done"}},
            "scripted response: finish_reason: expected one of stop, length",
        ),
    ],
)
def test_failures(tmp_path: Path, answers: dict[str, Any], message: str) -> None:
    """A scripted failure, a missing answer and an invalid one fail their request alone."""
    provider = _open(tmp_path, answers={**answers, "fine": "yes"})
    with pytest.raises(ProviderError) as caught:
        provider.complete(_request())

    assert caught.value.kind == "scripted"
    assert str(caught.value).startswith(message)
    assert provider.complete(_request("fine")).text == "yes"


@pytest.mark.parametrize("returned", [None, 3, ["x"]])
def test_a_function_that_returns_nonsense(returned: Any) -> None:
    """A function's result that is not a text, a table or a response fails the request."""
    with pytest.raises(ProviderError, match="scripted response: 'text' has the wrong type"):
        ScriptedProvider(lambda request: returned).complete(_request())


def test_a_function_that_raises() -> None:
    """An error in a function fails the request with its name; a ProviderError stays unchanged."""

    def fail(request: Request) -> str:
        raise (ProviderError("gone", kind="crash") if request.key.case == "b" else KeyError("x"))

    with pytest.raises(ProviderError, match="the script raised KeyError: 'x'"):
        ScriptedProvider(fail).complete(_request())
    with pytest.raises(ProviderError, match="gone") as caught:
        ScriptedProvider(fail).complete(_request("b"))
    assert caught.value.kind == "crash"


def test_a_response_passes_as_it_is() -> None:
    """A function may return the whole response, times and counts included."""
    whole = Response("x", "length", Usage(1, 2), Timing(3.0))

    assert ScriptedProvider(lambda request: whole).complete(_request()) is whole


@pytest.mark.parametrize(
    "options", [{"delay_s": 0.05, "answers": {"a": "x"}}, {"answers": {"a": {"text": "x", "delay_s": 0.05}}}]
)
def test_delays(tmp_path: Path, options: dict[str, Any]) -> None:
    """A delay of the model or of the answer passes before the response, and is part of its time."""
    assert _open(tmp_path, **options).complete(_request()).timing.total_s >= 0.05


def test_close_wakes_a_delayed_request() -> None:
    """Closing from another thread ends a request that waits; closing twice has no effect."""
    provider = ScriptedProvider({"a": {"text": "x", "delay_s": 600}})

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(provider.complete, _request())
        provider.close()
        with pytest.raises(ProviderError, match="stopped") as caught:
            waiting.result(60)

    assert caught.value.kind == "stopped"
    provider.close()


def test_a_table_in_a_file(tmp_path: Path) -> None:
    """Answers can be in a JSON file relative to the root."""
    (tmp_path / "answers.json").write_text(json.dumps({"a": "from the file"}))

    assert _open(tmp_path, answers="answers.json").complete(_request()).text == "from the file"


def test_a_function_in_a_file(tmp_path: Path) -> None:
    """`FILE.py:NAME` is loaded from the root and called with the request."""
    (tmp_path / "script.py").write_text("def reply(request):\n    return request.messages[-1].content.upper()\n")

    assert _open(tmp_path, function="script.py:reply").complete(_request()).text == "ONE TWO THREE"


def test_committed_bytecode(tmp_path: Path) -> None:
    """Bytecode beside the file, which Python runs without a look at the source, is not used."""
    source = tmp_path / "script.py"
    source.write_text("def reply(request): return 'committed bytecode'\n")
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), invalidation_mode=unchecked)
    source.write_text("def reply(request): return 'source'\n")
    assert _open(tmp_path, function="script.py:reply").complete(_request()).text == "source"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"answers": {"a": "x"}, "function": "script.py:reply"}, "set either 'answers' or 'function'"),
        ({"answers": 3}, "'answers' must be a table or the path of one, got 3"),
        ({"answers": []}, "'answers' must be a table or the path of one, got []"),
        ({"answers": {"a": "x"}, "delay_s": "1"}, "'delay_s' must be a number of seconds, got '1'"),
        ({"answers": "missing.json"}, "missing.json: no such file"),
        ({"answers": "bad.json"}, "bad.json: Expecting value"),
        ({"answers": "list.json"}, "list.json: expected a JSON object of scripted responses"),
        ({"answers": "folder"}, "folder: "),
        ({"function": "script.py:nothing"}, "script.py:nothing: script.py has no function 'nothing'"),
        ({"function": "script.py:number"}, "script.py:number: script.py has no function 'number'"),
        ({"function": "missing.py:reply"}, "missing.py: no such file"),
        ({"function": "script.py"}, "script.py: expected FILE.py:NAME"),
        ({"function": "bad.json:reply"}, "bad.json:reply: expected FILE.py:NAME"),
        ({"function": "broken.py:reply"}, "broken.py:reply: importing broken.py raised SyntaxError"),
        ({"function": "raises.py:reply"}, "raises.py:reply: importing raises.py raised ZeroDivisionError"),
    ],
)
def test_mistakes_in_the_configuration(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """Answers that cannot be loaded are an error of the configuration before any request."""
    files = {"bad.json": "{", "list.json": "[]", "script.py": "number = 3\n", "broken.py": "def", "raises.py": "1 / 0"}
    for name, text in files.items():
        (tmp_path / name).write_text(text.replace("{", "nope"))
    (tmp_path / "folder").mkdir()

    with pytest.raises(ConfigError) as caught:
        _open(tmp_path, **options)

    assert str(caught.value).startswith(f"[tool.evalharness.models.m]: {message}")


@pytest.mark.parametrize("differ", [True, False])
def test_repeats(tmp_path: Path, differ: bool) -> None:
    """The script declares whether repeats differ."""
    provider = _open(tmp_path, answers={}, repeats_differ=differ)

    assert provider.capabilities.repeats_differ(Params()) is differ
    assert provider.identity() == {"provider": "scripted"}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"decision": {"yes": 0.75, "no": 0.25}}, (0.75, 0.25)),
        ({"decision": {"no": 1}}, (0, 1)),
        ({"decision": "yes"}, (1, 0)),
        ("yes", "expected a decision between yes, no, got None"),
        ({"decision": "maybe"}, "expected a decision between yes, no, got 'maybe'"),
        ({"decision": {"yes": 0.75}}, "decision: expected probabilities that add up to 1"),
        ({"decision": 1}, "'decision' has the wrong type: 1"),
    ],
)
def test_decisions(tmp_path: Path, answer: Any, found: tuple[float, ...] | str) -> None:
    """A table decides between the choices of a request, in their order; another request ignores the decision."""
    provider, asked = _open(tmp_path, answers={"*": answer}), replace(_request(), choices=("yes", "no"))
    if isinstance(found, tuple):
        assert provider.complete(asked).decision == found
        assert provider.complete(_request()).decision == ()
    else:
        with pytest.raises(ProviderError, match=found):
            provider.complete(asked)
