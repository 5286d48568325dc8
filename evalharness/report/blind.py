"""The page of a blind comparison: one file that reveals the sides at the end.

It follows the rules of the report: texts arrive in a JSON island and are shown as text. The page's policy allows one
script and one style sheet, by their hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from evalharness.report.single_file import island, page_pieces

LABELS_SCHEMA = 1
MAX_CHARS = 50_000
"""The largest excerpt of one text; the run record has all of it."""
SideLetter = Literal["a", "b"]
Turn = tuple[str, str]
"""The role and the text of a message."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two compared sides."""

    run: str
    model: str
    """Empty if the side has several models; each pair then names its own. The same for `prompt`."""
    prompt: str


@dataclass(frozen=True, slots=True)
class ShownPrompt:
    """The messages of one case in the order of their importance."""

    question: tuple[Turn, ...] = ()
    """One message; none if the files store no messages."""
    others: tuple[Turn, ...] = ()
    """The other messages of this case alone."""
    same: tuple[Turn, ...] = ()
    """The messages that are the same in every case."""


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """One case with the answers of both sides."""

    case: str
    model: str
    """The model of both answers; empty if they differ. The same for `prompt`."""
    prompt: str
    shown: ShownPrompt
    golden: tuple[str, ...]
    a: str
    b: str


def first_side(seed: str, case: str, model: str, prompt: str) -> SideLetter:
    """The side on the left; the same for the same seed, on every machine."""
    return "a" if _number(seed, "side", case, model, prompt) % 2 else "b"


def _number(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).digest()[:8], "big")


def blind_page(suite: str, a: Side, b: Side, pairs: Sequence[AnswerPair], seed: str, sample: int | None = None) -> str:
    """The HTML file. The seed decides the order of the cases, which come first in a sample, and their sides."""
    shuffled = sorted(pairs, key=lambda one: _number(seed, "order", one.case, one.model, one.prompt))[:sample]
    header = {
        "schema": LABELS_SCHEMA,
        "kind": "labels",
        "suite": suite,
        "seed": seed,
        "a": asdict(a),
        "b": asdict(b),
        "cases": len(shuffled),
        "of": len(pairs),
    }
    same = {turns: number for number, turns in enumerate(dict.fromkeys(one.shown.same for one in shuffled))}
    items = [_item(one, seed, same[one.shown.same]) for one in shuffled]
    content = {"header": header, "same": [_turns(one) for one in same], "items": items}
    return "".join(
        page_pieces(
            "choices.html.j2",
            styles=["report.css", "choices.css"],
            scripts=["dom.js", "choices.js", "blind.js"],
            title="evalharness blind comparison",
            island=island({"id": _id(content), **content}),
        )
    )


def _id(content: object) -> str:
    """A name for the page's choices in the browser: those of another page are not taken for them."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def _item(one: AnswerPair, seed: str, same: int) -> dict[str, object]:
    first = first_side(seed, one.case, one.model, one.prompt)
    left, right = (one.a, one.b) if first == "a" else (one.b, one.a)
    return {
        "case": one.case,
        "model": one.model,
        "prompt": one.prompt,
        "question": _turns(one.shown.question),
        "others": _turns(one.shown.others),
        "same": same,
        "golden": [_bounded(text) for text in one.golden],
        "left": _bounded(left),
        "right": _bounded(right),
        "first": first,
    }


def _turns(turns: Sequence[Turn]) -> list[list[str]]:
    return [[role, _bounded(text)] for role, text in turns]


def _bounded(text: str) -> str:
    omitted = len(text) - MAX_CHARS
    return text if omitted <= 0 else f"{text[:MAX_CHARS]}\n[evalharness: {omitted} more characters are in the run]"
