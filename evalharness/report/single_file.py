"""A page that is one file: its style and script are inside and allowed by their hashes, nothing else is; texts from
elsewhere lie in islands that no character can end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).parent / "templates"
_UNSAFE = re.compile("[<>&\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
"""Could end the island, or would be changed or misread on the way through an HTML parser or an editor."""


def page_pieces(template: str, *, styles: Sequence[str], scripts: Sequence[str], **values: Any) -> Iterator[str]:
    """The file piece by piece: that of many thousand cases is never in memory twice."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    style, script = _read(styles), _read(scripts)
    hashes = {"style_hash": _sha256(style), "script_hash": _sha256(script)}
    return pages.get_template(template).generate(style=style, script=script, **hashes, **values)


def island(data: Any) -> str:
    """JSON that stays itself inside a `<script>` element: it can neither end it nor begin a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _read(names: Sequence[str]) -> str:
    return "\n".join((_TEMPLATES / name).read_text("utf-8") for name in names)


def _sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
