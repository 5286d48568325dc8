"""The page of a blind comparison: one file, no server. Who is who is told at the end.

It follows the rules of the report: texts reach it through a JSON island and are shown as text; the policy in the page
allows one script and one style sheet, by their hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from evalharness.records import Message
from evalharness.report.single_file import island, page_pieces

LABELS_SCHEMA = 1
MOST_CHARS = 50_000
"""Of one text; the run record holds all of it."""
Side = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class Party:
    """One of the two that are compared."""

    run: str
    model: str
    """Empty where the answers of several are compared; each says then of whom it is. The same for `prompt`."""
    prompt: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One case, and what both answered to it."""

    case: str
    model: str
    """Of both; empty where they differ in it. The same for `prompt`."""
    prompt: str
    messages: tuple[Message, ...]
    golden: tuple[str, ...]
    a: str
    b: str


def first_side(seed: str, case: str, model: str, prompt: str) -> Side:
    """Who stands on the left: the same for the same seed, on every machine."""
    return "a" if _number(seed, "side", case, model, prompt) % 2 else "b"


def _number(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).digest()[:8], "big")


def blind_page(suite: str, a: Party, b: Party, choices: Sequence[Choice], seed: str) -> str:
    """The whole file."""
    shuffled = sorted(choices, key=lambda one: _number(seed, "order", one.case, one.model, one.prompt))
    header = {
        "schema": LABELS_SCHEMA,
        "kind": "labels",
        "suite": suite,
        "seed": seed,
        "a": asdict(a),
        "b": asdict(b),
        "cases": len(choices),
    }
    return "".join(
        page_pieces(
            "blind.html.j2",
            styles=["report.css", "blind.css"],
            scripts=["dom.js", "blind.js"],
            island=island({"header": header, "items": [_item(one, seed) for one in shuffled]}),
        )
    )


def _item(one: Choice, seed: str) -> dict[str, object]:
    first = first_side(seed, one.case, one.model, one.prompt)
    left, right = (one.a, one.b) if first == "a" else (one.b, one.a)
    return {
        "case": one.case,
        "model": one.model,
        "prompt": one.prompt,
        "messages": [[message.role, _bounded(message.content)] for message in one.messages],
        "golden": [_bounded(text) for text in one.golden],
        "left": _bounded(left),
        "right": _bounded(right),
        "first": first,
    }


def _bounded(text: str) -> str:
    left_out = len(text) - MOST_CHARS
    return text if left_out <= 0 else f"{text[:MOST_CHARS]}\n[evalharness: {left_out} more characters are in the run]"
