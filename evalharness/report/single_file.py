"""Pages in one file.

Style and script are inside, allowed by their hashes; untrusted text is in JSON islands.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_BUFFERED = 50
"""Template pieces that are joined before they are written."""
_TEMPLATES = Path(__file__).parent / "templates"
_UNSAFE = re.compile("[<>&\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
"""Characters that could end an island, or that HTML parsers and editors change or hide."""


def page_pieces(template: str, *, styles: Sequence[str], scripts: Sequence[str], **values: Any) -> Iterator[str]:
    """The file piece by piece, so that a large report is in memory only once."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    style, script = _read(styles), _read(scripts)
    hashes = {"style_hash": _sha256(style), "script_hash": _sha256(script)}
    stream = pages.get_template(template).stream(style=style, script=script, **hashes, **values)
    stream.enable_buffering(_BUFFERED)
    return stream


def island(data: Any) -> str:
    """JSON for a `<script>` element that can neither end it nor start a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _read(names: Sequence[str]) -> str:
    return "\n".join((_TEMPLATES / name).read_text("utf-8") for name in names)


def _sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
