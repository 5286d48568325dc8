"""What a command says when it cannot go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from evalharness.errors import EvalHarnessError
from evalharness.report.encode import printable


@contextmanager
def explained() -> Iterator[None]:
    """Our own errors as a sentence, without a traceback."""
    try:
        yield
    except EvalHarnessError as error:
        raise click.ClickException(printable(str(error))) from None
