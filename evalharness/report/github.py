"""GitHub annotations: workflow commands, each for a line of the suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from evalharness.report.annotations import Annotation
from evalharness.report.encode import one_line

MAX_PER_LEVEL = 10
"""GitHub shows ten errors and ten warnings per step, and silently drops the rest."""


def workflow_commands(found: Sequence[Annotation], prefix: str = "") -> str:
    """A line for each annotation.

    Beyond ten of a level, the tenth line counts the rest.

    `prefix`: the project's folder within the repository, with a slash; empty at the top.
    """
    return "".join(f"{line}\n" for line in _lines(found, prefix))


def _lines(found: Sequence[Annotation], prefix: str) -> Iterator[str]:
    by_level = sorted(found, key=lambda annotation: annotation.level)
    for level, group in groupby(by_level, lambda annotation: annotation.level):
        mine = list(group)
        shown = mine if len(mine) <= MAX_PER_LEVEL else mine[: MAX_PER_LEVEL - 1]
        yield from (_line(annotation, prefix) for annotation in shown)
        if len(shown) < len(mine):
            yield f"::{level}::evalharness: {len(mine) - len(shown)} more, see the summary of this job"


def _line(annotation: Annotation, prefix: str) -> str:
    file, line = one_line(prefix + annotation.where.file, 400), max(1, annotation.where.line)
    properties = f"file={_property(file)},line={line},title={_property(annotation.title)}"
    return f"::{annotation.level} {properties}::{_data(annotation.message)}"


def _data(text: str) -> str:
    """Escape a command's text as GitHub's own toolkit does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
