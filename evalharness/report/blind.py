"""The page of a blind comparison: one file that reveals the sides at the end.

It follows the rules of the report: texts arrive in a JSON island and are shown as text. The page's policy allows one
script and one style sheet, by their hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from evalharness.records import Message
from evalharness.report.single_file import island, page_pieces

LABELS_SCHEMA = 1
MAX_CHARS = 50_000
"""The largest excerpt of one text; the run record has all of it."""
SideName = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two compared sides."""

    run: str
    model: str
    """Empty if the side has several models; each pair then names its own. The same for `prompt`."""
    prompt: str


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """One case with the answers of both sides."""

    case: str
    model: str
    """The model of both answers; empty if they differ. The same for `prompt`."""
    prompt: str
    messages: tuple[Message, ...]
    golden: tuple[str, ...]
    a: str
    b: str


def first_side(seed: str, case: str, model: str, prompt: str) -> SideName:
    """The side on the left; the same for the same seed, on every machine."""
    return "a" if _number(seed, "side", case, model, prompt) % 2 else "b"


def _number(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).digest()[:8], "big")


def blind_page(suite: str, a: Side, b: Side, pairs: Sequence[AnswerPair], seed: str) -> str:
    """The HTML file. The seed decides the order of the cases and their sides."""
    shuffled = sorted(pairs, key=lambda one: _number(seed, "order", one.case, one.model, one.prompt))
    header = {
        "schema": LABELS_SCHEMA,
        "kind": "labels",
        "suite": suite,
        "seed": seed,
        "a": asdict(a),
        "b": asdict(b),
        "cases": len(pairs),
    }
    return "".join(
        page_pieces(
            "blind.html.j2",
            styles=["report.css", "blind.css"],
            scripts=["dom.js", "blind.js"],
            island=island({"header": header, "items": [_item(one, seed) for one in shuffled]}),
        )
    )


def _item(one: AnswerPair, seed: str) -> dict[str, object]:
    first = first_side(seed, one.case, one.model, one.prompt)
    left, right = (one.a, one.b) if first == "a" else (one.b, one.a)
    return {
        "case": one.case,
        "model": one.model,
        "prompt": one.prompt,
        "messages": [[message.role, _bounded(message.shown)] for message in one.messages],
        "golden": [_bounded(text) for text in one.golden],
        "left": _bounded(left),
        "right": _bounded(right),
        "first": first,
    }


def _bounded(text: str) -> str:
    omitted = len(text) - MAX_CHARS
    return text if omitted <= 0 else f"{text[:MAX_CHARS]}\n[evalharness: {omitted} more characters are in the run]"
