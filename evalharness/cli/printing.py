"""What a command prints for other programs."""

from __future__ import annotations

import json
from typing import Any

import click

from evalharness.store.files import LONE_SURROGATES


def print_json(value: Any) -> None:
    """As UTF-8; half a surrogate pair, which an answer or a tag may hold, stays a JSON escape."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1).encode(errors=LONE_SURROGATES))
