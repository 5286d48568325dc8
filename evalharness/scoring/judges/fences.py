"""What a judge is shown: texts of others between lines that they cannot write themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from evalharness.errors import MetricError

Shown = tuple[str, str]
"""A title and a text."""
_MARK_CHARS = 16


def fenced(ask: str, texts: Sequence[Shown]) -> tuple[str, str]:
    """Return the mark of a request and its texts, each between two lines with this mark.

    The mark is a SHA-256 of the question and all texts. So equal requests are equal byte by byte, and no text can
    contain the mark, except by finding a text with its own hash in it: MetricError.
    """
    mark = _mark(ask, texts)
    for title, text in texts:
        if mark in text:
            raise MetricError(f"the {title} contains the mark of its own request, {mark}: it cannot be judged")
    blocks = (f"[{mark} begin: {title}]\n{text}\n[{mark} end: {title}]" for title, text in texts)
    return mark, "\n\n".join(blocks)


def _mark(ask: str, texts: Sequence[Shown]) -> str:
    content = json.dumps([ask, *texts])
    return hashlib.sha256(content.encode()).hexdigest()[:_MARK_CHARS]
