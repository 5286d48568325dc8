"""The page on which people label answers: one file, one answer at a time.

It follows the rules of the report: texts arrive in a JSON island and are shown as text. The page's policy allows one
script and one style sheet, by their hashes. Nothing in the file tells which version an answer is from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from evalharness.records.answer_label import LabelItem
from evalharness.report.single_file import island, page_pieces
from evalharness.store.answer_labels import EXPORT

SCHEMA = 1
MAX_CHARS = 50_000
"""The largest excerpt of one text; the run record has all of it."""


def label_page(suite: str, run: str, seeds: Mapping[str, str], sample: int, items: Sequence[LabelItem]) -> str:
    """The HTML file. `seeds`: of the draw, by metric; `sample`: the number of cases that were drawn at most."""
    header = {"schema": SCHEMA, "kind": EXPORT, "suite": suite, "run": run, "seeds": dict(seeds), "sample": sample}
    shown = [_item(one) for one in items]
    return "".join(
        page_pieces(
            "choices.html.j2",
            styles=["report.css", "choices.css"],
            scripts=["dom.js", "choices.js", "label.js"],
            title="evalharness labels",
            island=island({"id": _id(header, shown), "header": header, "items": shown}),
        )
    )


def _id(*parts: object) -> str:
    """A name for the page's choices in the browser: those of another page are not taken for them."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _item(one: LabelItem) -> dict[str, object]:
    return {
        "of": one.of._asdict(),
        "metric": one.metric,
        "ask": _bounded(one.ask),
        "shown": [[title, _bounded(text)] for title, text in one.shown],
        "keys": [[key, choice] for key, (choice, _) in one.keys.items()],
    }


def _bounded(text: str) -> str:
    omitted = len(text) - MAX_CHARS
    return text if omitted <= 0 else f"{text[:MAX_CHARS]}\n[evalharness: {omitted} more characters are in the run]"
