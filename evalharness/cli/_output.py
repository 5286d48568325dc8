"""Output of the commands: JSON, and errors without a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from evalharness.errors import EvalHarnessError
from evalharness.report.encode import printable
from evalharness.store.files import LONE_SURROGATES


def print_json(value: Any) -> None:
    """Print JSON as UTF-8.

    Lone surrogates, which answers and tags may hold, stay JSON escapes.
    """
    click.echo(json.dumps(value, ensure_ascii=False, indent=1).encode(errors=LONE_SURROGATES))


@contextmanager
def explained() -> Iterator[None]:
    """Turn an EvalHarnessError into a ClickException, which has no traceback."""
    try:
        yield
    except EvalHarnessError as error:
        raise click.ClickException(printable(str(error))) from None
