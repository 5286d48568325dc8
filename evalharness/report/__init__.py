"""A finished evaluation becomes files: each report format renders the outcome.

    Outcome -> ReportFormat.render -> reports/SUITE/{verdict.json, summary.md, report.html, ...}

`outcome.py` holds the outcome, `format.py` the seam, `formats.py` the built-in formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from evalharness.report.encode import one_line
from evalharness.report.format import Content, ReportFormat, open_format, open_formats
from evalharness.report.outcome import Outcome
from evalharness.store import write_below

__all__ = ["Outcome", "ReportFormat", "open_format", "open_formats", "write_reports"]


def write_reports(outcome: Outcome, formats: Mapping[str, ReportFormat]) -> list[str]:
    """Write each format's file. Returns a line for each format that failed.

    A format that raises loses its own file and nothing else. Raises StoreError: the folder cannot be written.
    """
    return [error for name, one in formats.items() if (error := _written(outcome, name, one))]


def _written(outcome: Outcome, name: str, one: ReportFormat) -> str:
    """Write one file. Returns the error of its renderer; empty if there is none."""
    try:
        write_below(outcome.root, outcome.folder / one.file_name, _rendered(outcome, one))
    except _RenderError as failure:
        from evalharness.foreign import describe

        error = failure.__cause__ or failure
        return one_line(f"{one.file_name} not written: report format '{name}' raised {describe(error)}")
    return ""


class _RenderError(Exception):
    """The code of a format failed; its cause is the original exception."""


def _rendered(outcome: Outcome, one: ReportFormat) -> Content | Iterator[str | bytes]:
    """The content of a file. Raises _RenderError, an iterable at its pieces."""
    try:
        content = one.render(outcome)
    except (Exception, SystemExit) as error:  # code of another package may raise anything
        raise _RenderError from error
    return content if isinstance(content, str | bytes) else _pieces(content)


def _pieces(content: Iterable[str | bytes]) -> Iterator[str | bytes]:
    try:
        for piece in content:
            if not isinstance(piece, str | bytes):
                raise TypeError(f"expected str or bytes, got {type(piece).__name__}")
            yield piece
    except (Exception, SystemExit) as error:
        raise _RenderError from error
