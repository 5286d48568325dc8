"""A finished evaluation becomes files: each report format renders the outcome.

    Outcome -> ReportFormat.render -> reports/SUITE/{verdict.json, summary.md, report.html, ...}

`outcome.py` holds the outcome, `format.py` the seam, `formats.py` the built-in formats.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping

from evalharness.logs import get_logger
from evalharness.report.encode import one_line
from evalharness.report.format import ReportFormat, open_format, open_formats
from evalharness.report.outcome import Outcome
from evalharness.store import write_whole

__all__ = ["Outcome", "ReportFormat", "open_format", "open_formats", "write_reports"]
_log = get_logger(__name__)


def write_reports(outcome: Outcome, formats: Mapping[str, ReportFormat]) -> list[str]:
    """Write each format's file. Returns a line for each format that failed.

    A format that raises loses its own file and nothing else. Raises StoreError: the folder cannot be written.
    """
    return [error for name, one in formats.items() if (error := _written(outcome, name, one))]


def _written(outcome: Outcome, name: str, one: ReportFormat) -> str:
    """Write one file. Returns the error of its renderer; empty if there is none."""
    try:
        write_whole(outcome.folder / one.file_name, _pieces(outcome, one))
    except _RenderError as failure:
        error = failure.__cause__
        _log.debug("report format %s failed: %s", name, "".join(traceback.format_exception(error)))
        return one_line(f"{one.file_name} not written: report format '{name}' raised {type(error).__name__}: {error}")
    return ""


class _RenderError(Exception):
    """The code of a format failed; its cause is the original exception."""


def _pieces(outcome: Outcome, one: ReportFormat) -> Iterator[str | bytes]:
    """The content of a file. Raises _RenderError."""
    try:
        content = one.render(outcome)
        for piece in [content] if isinstance(content, str | bytes) else content:
            if not isinstance(piece, str | bytes):
                raise TypeError(f"expected str or bytes, got {type(piece).__name__}")
            yield piece
    except (Exception, SystemExit) as error:  # code of another package may raise anything
        raise _RenderError from error
