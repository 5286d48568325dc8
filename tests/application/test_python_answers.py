"""What a function returns or raises: an answer, or a clear error of its case."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalharness import Citation, Context, Message, Response, ToolCall
from evalharness.application.python import PythonProvider
from evalharness.config import Config
from evalharness.execution.sound import sound
from evalharness.providers import Provider
from evalharness.records import SampleError
from evalharness.redaction import scrub
from evalharness.testing import request

SECRET = "sk-abcdefghijklmnop12345"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonProvider]:
    """One child for all rows."""
    root = tmp_path_factory.mktemp("app")
    shutil.copy(Path(__file__).with_name("hostile_app.py"), root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("APP_API_KEY", SECRET)
        provider = PythonProvider("hostile_app:answer", env=["APP_API_KEY"], config=Config(root=root))
        yield provider
        provider.close()


def ask(provider: Provider, text: str) -> Response | SampleError:
    """The response as a run records it, or the error."""
    try:
        given = provider.complete(request(text))
        assert isinstance(given, Response)
        return sound(given)
    except Exception as error:
        return SampleError(getattr(error, "kind", "bug"), scrub(str(error)))


ANSWERS = {
    "str": "plain",
    "subclass": "sub",
    "enum": "red",
    "markup": "<script>alert(1)</script>\x1b[31m::error::",
    "surrogate": "a\ufffdb",
    "empty": "",
    "refusal": "No.",
    "data": '{"days": 30}',
    "nulls": "a",
    "hello": "HELLO",
}


@pytest.mark.parametrize("text", ANSWERS)
def test_texts(app: PythonProvider, text: str) -> None:
    """The text arrives as it is; half a surrogate pair is replaced."""
    found = ask(app, text)
    assert isinstance(found, Response)
    assert found.text == ANSWERS[text]


FIELDS = {
    "mapping": {"contexts": (Context("c"), Context("d", "3", 0.5))},
    "tools": {"tool_calls": (ToolCall("find", {"q": [1, 2]}),)},
    "turns": {"turns": (Message("user", "hi"),), "reasoning": "r"},
    "citations": {"citations": (Citation("a"), Citation("3", "T", "q", 1, 4))},
    "agent": {"turns": (Message("assistant", "", (ToolCall("f", id="1"),)), Message("tool", "ok", (), "1"))},
    "dataclass": {"contexts": (Context("b", "7"),)},
    "pydantic": {"data": {"b": 1}, "cost_usd": None},
    "namedtuple": {"data": 3},
    "surrogate": {"data": {"k\ufffd": "\ufffd"}},
    "refusal": {"refusal": "No."},
}


@pytest.mark.parametrize("text", FIELDS)
def test_fields(app: PythonProvider, text: str) -> None:
    """Mappings, dataclasses, pydantic models and named tuples fill the response."""
    found = ask(app, text)
    assert isinstance(found, Response)
    assert {name: getattr(found, name) for name in FIELDS[text]} == FIELDS[text]


def test_usage(app: PythonProvider) -> None:
    """Token counts have the names of either API."""
    found = ask(app, "mapping")
    assert isinstance(found, Response)
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (4, 0)


WRONG = {
    "none": "got None: does the function return its answer?",
    "int": "pydantic model with text, contexts, tool_calls, data, turns, usage, cost_usd or refusal, got int",
    "bytes": "got bytes: decode it",
    "generator": "got generator: join its parts, and return them",
    "list": "got list",
    "class": "got the class Reply",
    "object": "got object",
    "nothing": "the answer has no 'text', no 'data' and no 'refusal'",
    "typo": "answer: unknown key 'txt'; did you mean 'text'?",
    "text is int": "text: expected a str, got int 3",
    "text is bytes": "answer.text: expected a JSON value, got bytes: decode it",
    "nan": "answer.data[0]: expected a finite number, got nan",
    "infinite": "answer.cost_usd: expected a finite number",
    "negative": "cost_usd: expected dollars, got int -1",
    "long int": "answer.data: expected a finite number",
    "set": "answer.data.x: expected a JSON value, got set",
    "int keys": "answer.data: expected texts as keys, got int",
    "cycle": "expected at most 64 levels of nesting",
    "deep": "expected at most 64 levels of nesting",
    "wide": "answer: expected at most 100,000 values",
    "huge": "answer: expected at most 4,000,000 characters",
    "huge key above many values": "cost_usd: expected dollars, got int -1",
    "huge key": "answer: expected at most 4,000,000 characters",
    "contexts is str": "contexts: expected a list, got str 'c'",
    "context is int": "contexts[0]: expected a text, or an object with text, id and score, got int 3",
    "context without text": "contexts[0].text: expected a str, got null",
    "context with more": "contexts[0]: unknown key 'page'; known: id, score, text",
    "score is str": "contexts[0].score: expected a number, got str '0.5'",
    "citation without source": "citations[0].source: expected a str, got null",
    "citation with half a span": "citations[0].start: expected an integer, got float 1.5",
    "tool without name": "tool_calls[0].name: expected a str, got null",
    "usage is float": "usage.prompt_tokens: expected a token count, got float 1.5",
    "refusal is bool": "refusal: expected a str, got bool True",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_answers(app: PythonProvider, text: str) -> None:
    """Anything else is an error with the place, the type, and what is expected."""
    found = ask(app, text)
    assert isinstance(found, SampleError)
    assert found.kind == "answer"
    assert WRONG[text] in found.message
    assert len(found.message) < 400


RAISED = {
    "exception": "KeyError: 'missing' (hostile_app.py:",
    "secret": "ValueError: 401 for [APP_API_KEY] (hostile_app.py:",
    "cursed": "CursedError (hostile_app.py:",
    "cursed cause": "CausedError: why (hostile_app.py:",
    "caused": "caused by KeyError: 'inner'",
    "group": "ValueError: the inner one",
    "sys.exit": "SystemExit: bye: the application called sys.exit() (hostile_app.py:",
    "interrupt": "KeyboardInterrupt (hostile_app.py:",
    "stop": "StopIteration (hostile_app.py:",
    "recursion": "RecursionError: maximum recursion depth exceeded",
    "memory": "MemoryError (hostile_app.py:",
    "long message": "ValueError: xxxx",
}


@pytest.mark.parametrize("text", RAISED)
def test_exceptions(app: PythonProvider, text: str) -> None:
    """An exception shows type, message, file and line, and the frames of the application; keys are redacted."""
    found = ask(app, text)
    assert isinstance(found, SampleError)
    assert found.kind == "application"
    assert RAISED[text] in found.message
    assert SECRET not in found.message
    assert len(found.message) < 4_000


def test_the_last_frames(app: PythonProvider) -> None:
    """Each frame has its file, line, function and source; there are at most five."""
    found = ask(app, "caused")
    assert isinstance(found, SampleError)
    assert 'in caused: raise RuntimeError("outer") from error' in found.message
    many = ask(app, "recursion")
    assert isinstance(many, SampleError)
    assert many.message.count(" in recurse: ") == 5


def test_the_process_outlived_all_of_them(app: PythonProvider) -> None:
    """No row above ends the child."""
    before = app.child_pid
    assert isinstance(ask(app, "str"), Response)
    assert app.child_pid == before is not None
