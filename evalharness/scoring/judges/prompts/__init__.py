"""The texts that a judge gets: the frame of each request, and the questions of the presets, each in a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import NamedTuple

from evalharness.errors import did_you_mean
from evalharness.records import Message
from evalharness.scoring.judges.fences import Shown, fenced

PRESETS = ("concise", "correct", "grounded", "helpful", "polite", "refuses", "relevant", "same_meaning")


class Preset(NamedTuple):
    """A question with what the judge sees."""

    ask: str
    sees: tuple[str, ...]
    each: str = ""


def preset(name: str) -> Preset:
    """Return a preset. Raises ValueError with near names."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset '{name}'{did_you_mean(name, PRESETS)}")
    first, _, ask = _read(f"preset-{name}").partition("\n")
    settings = dict(one.split(": ") for one in first.split("; "))
    return Preset(ask.strip(), tuple(settings["sees"].split(", ")), settings.get("each", ""))


def messages(ask: str, texts: Sequence[Shown], choices: Sequence[str]) -> tuple[Message, Message]:
    """Return the request to a judge: the frame, which is equal in all requests, and the question about the texts.

    Raises MetricError: a text contains the mark of its own request.
    """
    mark, blocks = fenced(ask, texts)
    content = Template(_read("question")).substitute(mark=mark, texts=blocks, ask=ask, choices=", ".join(choices))
    return Message("system", _read("system")), Message("user", content)


def thinking(ask: str, texts: Sequence[Shown], choices: Sequence[str]) -> tuple[Message, Message]:
    """Return the request for a text about the question: like `messages`, with another last paragraph of the frame.

    Raises MetricError: a text contains the mark of its own request.
    """
    frame, _, _ = _read("system").rpartition("\n\n")
    return Message("system", f"{frame}\n\n{_read('think')}"), messages(ask, texts, choices)[1]


@cache
def digest(*more: str) -> str:
    """The digest of the frame, and of more texts by name, for signatures."""
    texts = [_read(name) for name in ("system", "question", *more)]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12]


@cache
def _read(name: str) -> str:
    return files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8").strip()
