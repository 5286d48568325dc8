"""An application that returns and does everything that tests need, by the text of its one message."""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import enum
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

KEY = os.environ.get("APP_API_KEY", "no key")


@dataclasses.dataclass
class Passage:
    """A retrieved text."""

    text: str
    id: int = 7


@dataclasses.dataclass
class Reply:
    """An answer with contexts."""

    text: str
    contexts: list[Passage]


def pydantic_model() -> Any:
    """An answer with data. The import is slow, and most processes do not need it."""
    import pydantic

    class Model(pydantic.BaseModel):
        text: str
        data: dict[str, int]
        cost_usd: float | None = None

    return Model(text="a", data={"b": 1})


class Pair(NamedTuple):
    """A named tuple."""

    text: str
    data: int


class Text(str):
    """A text of another type."""

    __slots__ = ()


class Color(enum.StrEnum):
    """A text that is an enum."""

    RED = "red"


class CursedError(Exception):
    """An exception that cannot be printed."""

    def __str__(self) -> str:
        raise ValueError("unprintable")


class CausedError(Exception):
    """An exception whose cause cannot be read."""

    @property
    def __cause__(self) -> Any:
        raise ValueError("no cause")


def cycle() -> dict[str, Any]:
    """An answer that contains itself."""
    value: dict[str, Any] = {"text": "a"}
    value["data"] = value
    return value


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def caused() -> None:
    """Raise an exception with a cause."""
    try:
        {}["inner"]
    except KeyError as error:
        raise RuntimeError("outer") from error


def grouped() -> None:
    """Raise a group of one exception."""
    raise ExceptionGroup("tasks", [ValueError("the inner one")])


def recurse(level: int = 0) -> int:
    """Call itself forever."""
    return recurse(level + 1) + 1


def raised(error: BaseException) -> Any:
    """Raise the error."""
    raise error


RETURNS: dict[str, Any] = {
    "str": lambda: "plain",
    "subclass": lambda: Text("sub"),
    "enum": lambda: Color.RED,
    "markup": lambda: "<script>alert(1)</script>\x1b[31m::error::",
    "surrogate": lambda: {"text": "a\ud800b", "data": {"k\udfff": "\ud800"}},
    "empty": lambda: "",
    "mapping": lambda: {
        "text": "a",
        "contexts": ["c", {"id": 3, "text": "d", "score": 0.5}],
        "usage": {"input_tokens": 4},
    },
    "tools": lambda: {"text": "a", "tool_calls": [{"name": "find", "arguments": {"q": (1, 2)}, "result": None}]},
    "turns": lambda: {"text": "a", "turns": [{"role": "user", "content": "hi"}], "reasoning": "r"},
    "dataclass": lambda: Reply("a", [Passage("b")]),
    "pydantic": pydantic_model,
    "namedtuple": lambda: Pair("a", 3),
    "refusal": lambda: {"refusal": "No."},
    "data": lambda: {"data": {"days": 30}},
    "citations": lambda: {
        "text": "a",
        "citations": ["a", {"source": 3, "title": "T", "quote": "q", "start": 1, "end": 4}],
    },
    "agent": lambda: {
        "text": "a",
        "turns": [
            {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "id": "1"}]},
            {"role": "tool", "content": "ok", "call_id": "1"},
        ],
    },
    "nulls": lambda: dict.fromkeys(("contexts", "tool_calls", "usage", "cost_usd"), None) | {"text": "a"},
    "none": lambda: None,
    "int": lambda: 3,
    "bytes": lambda: b"abc",
    "generator": lambda: (part for part in "abc"),
    "list": lambda: ["a"],
    "class": lambda: Reply,
    "object": lambda: object(),
    "nothing": dict,
    "typo": lambda: {"txt": "a"},
    "text is int": lambda: {"text": 3},
    "text is bytes": lambda: {"text": b"a"},
    "nan": lambda: {"text": "a", "data": [float("nan")]},
    "infinite": lambda: {"text": "a", "cost_usd": float("inf")},
    "negative": lambda: {"text": "a", "cost_usd": -1},
    "long int": lambda: {"text": "a", "data": 10**400},
    "set": lambda: {"text": "a", "data": {"x": {1, 2}}},
    "int keys": lambda: {"text": "a", "data": {1: 2}},
    "cycle": cycle,
    "deep": lambda: {"text": "a", "data": deep(2_000)},
    "wide": lambda: {"text": "a", "data": [0] * 200_000},
    "huge": lambda: "x" * 5_000_000,
    "huge key above many values": lambda: {"text": "a", "data": {"x" * 3_000_000: [0] * 90_000}, "cost_usd": -1},
    "huge key": lambda: {"text": "a", "data": {"x" * 5_000_000: 1}},
    "contexts is str": lambda: {"text": "a", "contexts": "c"},
    "context is int": lambda: {"text": "a", "contexts": [3]},
    "context without text": lambda: {"text": "a", "contexts": [{"id": "c"}]},
    "context with more": lambda: {"text": "a", "contexts": [{"text": "c", "page": 3}]},
    "score is str": lambda: {"text": "a", "contexts": [{"text": "c", "score": "0.5"}]},
    "citation without source": lambda: {"text": "a", "citations": [{"title": "T"}]},
    "citation with half a span": lambda: {"text": "a", "citations": [{"source": "a", "start": 1.5}]},
    "tool without name": lambda: {"text": "a", "tool_calls": [{"arguments": {}}]},
    "usage is float": lambda: {"text": "a", "usage": {"input_tokens": 1.5}},
    "refusal is bool": lambda: {"text": "a", "refusal": True},
    "exception": lambda: {}["missing"],
    "secret": lambda: raised(ValueError(f"401 for {KEY}")),
    "long message": lambda: raised(ValueError("x" * 1_000_000)),
    "cursed": lambda: raised(CursedError()),
    "cursed cause": lambda: raised(CausedError("why")),
    "caused": caused,
    "group": grouped,
    "sys.exit": lambda: sys.exit("bye"),
    "interrupt": lambda: raised(KeyboardInterrupt()),
    "stop": lambda: raised(StopIteration()),
    "recursion": recurse,
    "memory": lambda: raised(MemoryError()),
}


def prints() -> str:
    """Print a lot, in each way."""
    print("printed by the application")  # noqa: T201
    for _ in range(3_000):
        print("x" * 1_000)  # noqa: T201
    os.write(1, b'{"event": "done", "id": 1}\n')
    subprocess.run(["/bin/echo", "printed by a program"], check=True)
    return "printed"


def closes() -> str:
    """Close all outputs."""
    sys.stdout.close()
    os.close(1)
    os.close(2)
    return "closed"


def reads() -> str:
    """Read the input."""
    return repr(sys.stdin.read())


def forks() -> str:
    """Return twice."""
    os.fork()
    return "forked"


def abandons() -> None:
    """Die, and leave a fork and a program behind, whose ids are in a file."""
    program = subprocess.Popen(["/bin/sleep", "300"])
    fork = os.fork()
    if not fork:
        time.sleep(300)
    Path("abandoned.txt").write_text(f"{program.pid} {fork}")
    os._exit(4)


def leaks() -> str:
    """Leave threads behind."""
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(1_000,)).start()
    return "leaked"


def handles() -> str:
    """Ignore signals."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGTERM)
    return "handled"


ACTS = {
    "prints": prints,
    "closes": closes,
    "reads": reads,
    "forks": forks,
    "leaks": leaks,
    "abandons": abandons,
    "handles": handles,
    "exits": lambda: os._exit(3),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfaults": lambda: ctypes.string_at(0),
    "hangs": lambda: time.sleep(1_000),
}


def answer(question: str) -> Any:
    """Return or do what the question names."""
    return {**RETURNS, **ACTS}.get(question, lambda: question.upper())()


async def later(messages: list[dict[str, str]], variables: dict[str, Any], case: str, *, params: Any) -> dict[str, Any]:
    """An async function with all parameters."""
    if case == "hangs":
        await asyncio.sleep(1_000)
    if case == "blocks":
        time.sleep(1_000)
    await asyncio.sleep(0.1)
    return {"text": f"{messages[-1]['content']} {variables} {case} {params['max_tokens']}"}


def environment(_: str) -> dict[str, Any]:
    """What the application sees."""
    return {"data": {"env": dict(os.environ), "cwd": str(Path.cwd()), "pid": os.getpid(), "argv": len(sys.argv)}}


def slow(question: str) -> str:
    """Hangs for one question, crashes for another."""
    if question == "hangs":
        time.sleep(1_000)
    time.sleep(0.2)
    if question == "exits":
        os._exit(5)
    return question.upper()


def two(first: str, second: str) -> str:
    """Takes more than evalharness can give."""
    return first + second


def optional(question: str = "default", *rest: str, limit: int = 3, **more: Any) -> str:
    """Has parameters with defaults."""
    return f"{question} {limit} {rest} {more}"
