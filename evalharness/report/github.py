"""Annotations of GitHub: workflow commands that put a finding beside the line of the suite in a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from evalharness.report.encode import one_line
from evalharness.report.findings import Finding

MOST_OF_A_KIND = 10
"""GitHub shows ten errors and ten warnings of a step, and drops the others without a word."""


def workflow_commands(found: Sequence[Finding], folder: str = "") -> str:
    """A line for each finding, and where there are too many, one that counts the rest. `folder`: of the suites'
    project, within the repository.
    """
    return "".join(f"{line}\n" for line in _lines(found, folder))


def _lines(found: Sequence[Finding], folder: str) -> Iterator[str]:
    for level, group in groupby(sorted(found, key=lambda finding: finding.level), lambda finding: finding.level):
        mine = list(group)
        shown = mine if len(mine) <= MOST_OF_A_KIND else mine[: MOST_OF_A_KIND - 1]
        yield from (_line(finding, folder) for finding in shown)
        if len(shown) < len(mine):
            yield f"::{level}::evalharness: {len(mine) - len(shown)} more, see the summary of this job"


def _line(finding: Finding, folder: str) -> str:
    file, line = one_line(folder + finding.where.file, 400), max(1, finding.where.line)
    properties = f"file={_property(file)},line={line},title={_property(finding.title)}"
    return f"::{finding.level} {properties}::{_data(finding.message)}"


def _data(text: str) -> str:
    """As the runner's own toolkit escapes the text of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
