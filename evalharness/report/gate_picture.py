"""`gates.svg`: a picture of the gates, each with its change and its bounds, in units of its margin.

Worse is on the left for every gate: the line at -1 is the margin, and the line at 0 means no change. Names and numbers
are text beside each bar, and colours only repeat the word of the verdict. The file has no script and loads nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from html import escape

from evalharness.amounts import signed, span
from evalharness.records import Verdict
from evalharness.records.verdict import SEVERITY
from evalharness.report.encode import one_line
from evalharness.report.outcome import Outcome

_WIDTH, _ROW, _HEAD = 960, 26, 78
"""Pixels."""
_LEFT, _RIGHT = 390, 690
"""Where the bars are."""
_REACH = 3.0
"""Margins on each side of 0; bars beyond end there."""
_MOST_ROWS = 40
_COLOURED = ("pass", "fail", "error", "incomparable")
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML file can have."""
_STYLE = """\
text{font:13px system-ui,sans-serif;fill:#1f2328}rect.page{fill:#fff}line{stroke:#8c959f}
.pass{fill:#1a7f37;stroke:#1a7f37}.fail,.error,.incomparable{fill:#cf222e;stroke:#cf222e}
.other{fill:#6e7781;stroke:#6e7781}.bold{font-weight:600}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect.page{fill:#0d1117}line{stroke:#7d8590}
.pass{fill:#3fb950;stroke:#3fb950}.fail,.error,.incomparable{fill:#f85149;stroke:#f85149}
.other{fill:#8d96a0;stroke:#8d96a0}}"""


def gate_picture(outcome: Outcome) -> str:
    """The picture as an SVG file. At most 40 gates have a row, the worst status first."""
    ordered = sorted(outcome.shown, key=lambda one: (not one.gating, -SEVERITY.index(one.status)))
    rows, more = ordered[:_MOST_ROWS], max(0, len(ordered) - _MOST_ROWS)
    height = _HEAD + _ROW * (len(rows) + 1 + bool(more))
    title = f"{outcome.word} {outcome.run.header.suite}: {outcome.headline}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{_text(title, 300)}</title><style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}"/>',
        f'<text class="bold" x="16" y="26">{_text(title, 120)}</text>',
        *_axis(height - _ROW * (1 + bool(more))),
        *(part for number, one in enumerate(rows) for part in _row(one, _HEAD + _ROW * number)),
    ]
    if more:
        parts.append(f'<text x="16" y="{height - _ROW}">... and {more} more gates in the report</text>')
    return "\n".join([*parts, "</svg>", ""])


def _axis(bottom: int) -> Iterator[str]:
    for margins, label in ((-1.0, "margin"), (0.0, "no change")):
        x = _x(margins)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_HEAD - 10}" y2="{bottom}" stroke-dasharray="3 3"/>'
        yield f'<text x="{x:.1f}" y="{_HEAD - 16}" text-anchor="{"end" if margins else "start"}">{label}</text>'
    yield f'<text x="{_LEFT}" y="{_HEAD - 34}">◀ worse</text>'
    yield f'<text x="{_RIGHT}" y="{_HEAD - 34}" text-anchor="end">better ▶</text>'


def _row(verdict: Verdict, top: int) -> Iterator[str]:
    middle, kind = top + _ROW / 2, verdict.status if verdict.status in _COLOURED else "other"
    word = verdict.status.upper() if verdict.gating else "not gated"
    yield f'<text class="bold" x="16" y="{middle + 4:g}">{_text(word, 16)}</text>'
    yield f'<text x="130" y="{middle + 4:g}">{_text(verdict.name, 36)}</text>'
    yield f'<text x="{_RIGHT + 14}" y="{middle + 4:g}">{_text(_amount(verdict), 60)}</text>'
    yield from _bar(verdict, middle, kind)


def _bar(verdict: Verdict, y: float, kind: str) -> Iterator[str]:
    """The bounds as a line and the change as a dot; nothing for a gate without a change or a margin."""
    if verdict.change is None or math.isnan(verdict.change) or not verdict.margin:
        return
    sign = (-1 if verdict.unit == "percent" else 1) / verdict.margin
    bounds = [-math.inf if verdict.low is None else verdict.low, math.inf if verdict.high is None else verdict.high]
    low, high = sorted(_x(bound * sign) for bound in bounds)
    yield f'<line class="{kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y:g}" y2="{y:g}" stroke-width="3"/>'
    yield f'<circle class="{kind}" cx="{_x(verdict.change * sign):.1f}" cy="{y:g}" r="5"/>'


def _amount(verdict: Verdict) -> str:
    if verdict.change is None or math.isnan(verdict.change):
        return "no change known"
    return f"{signed(verdict.change, verdict.unit)} ({span(verdict.low, verdict.high, verdict.unit)})"


def _x(margins: float) -> float:
    """The pixel of a change in margins, at most `_REACH` from 0; 0 for NaN."""
    reach = 0.0 if math.isnan(margins) else max(-_REACH, min(_REACH, margins))
    return (_LEFT + _RIGHT) / 2 + reach / _REACH * (_RIGHT - _LEFT) / 2


def _text(text: str, width: int) -> str:
    """Untrusted text as the content of an element."""
    return escape(_NOT_XML.sub("\ufffd", one_line(text, width)))
