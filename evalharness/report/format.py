"""The seam for report formats: a file name and a function that renders it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from evalharness import registry
from evalharness.errors import ConfigError
from evalharness.report.outcome import Outcome

Content = str | bytes | Iterable[str]
"""The content of a file; an iterable yields it piece by piece. Keys are removed from text, not from bytes."""
_TAKEN = ("run.jsonl", "reference.jsonl", "review.jsonl")


@dataclass(frozen=True, slots=True)
class ReportFormat:
    """A kind of report: an entry point in the group `evalharness.report_formats`.

    A format of another package is written by each run once `[tool.evalharness] reports` names it. `evalharness report
    --format NAME` renders any format from a record.
    """

    file_name: str
    """The file in the folder of the reports, without a path."""
    render: Callable[[Outcome], Content]
    every_run: bool = False
    """Each run writes it, without configuration. Ignored for other packages: only the configuration enables code."""
    render_all: Callable[[Sequence[Outcome]], Content] | None = None
    """Several runs in one file; None if the format holds one run."""


def open_format(name: str) -> ReportFormat:
    """The format called `name`.

    Raises ConfigError: unknown, not importable, or not a ReportFormat.
    """
    try:
        found: object = registry.find("report_formats", name)
    except LookupError as error:
        raise ConfigError(str(error)) from None
    if not isinstance(found, ReportFormat):
        raise ConfigError(f"report format '{name}': expected a ReportFormat, got {type(found).__name__}")
    return found


def open_formats(configured: Iterable[str] = ()) -> dict[str, ReportFormat]:
    """The formats that each run writes, by name.

    The built-in ones come first, then those of `[tool.evalharness] reports`.

    Raises ConfigError: see `open_format`; a file name is a path, or two formats share it.
    """
    chosen = {name: one for name, one in registry.built_in("report_formats").items() if one.every_run}
    try:
        chosen |= {name: open_format(name) for name in configured}
    except ConfigError as error:
        raise ConfigError(f"[tool.evalharness] reports: {error}") from None
    _check_file_names(chosen)
    return chosen


def _check_file_names(formats: dict[str, ReportFormat]) -> None:
    owners = dict.fromkeys(_TAKEN, "evalharness")
    for name, one in formats.items():
        if not isinstance(one.file_name, str) or not one.file_name.isprintable() or not _is_plain(one.file_name):
            raise ConfigError(f"report format '{name}': file_name must be a name without a path, got {one.file_name!r}")
        if (owner := owners.setdefault(one.file_name, name)) != name:
            raise ConfigError(f"report format '{name}': {one.file_name} is written by '{owner}' already")


def _is_plain(file_name: str) -> bool:
    return bool(file_name) and PurePath(file_name).name == file_name
