"""The built-in report formats. Each imports its renderer on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.report.encode import json_text
from evalharness.report.format import Content, ReportFormat
from evalharness.report.outcome import Outcome

if TYPE_CHECKING:
    from evalharness.report.annotations import Annotation


def _json(outcome: Outcome) -> str:
    from evalharness.report.verdict_file import verdict_json

    return json_text(verdict_json(outcome)) + "\n"


def _html(outcome: Outcome) -> Iterator[str]:
    from evalharness.report.html import html_pieces, page_of

    return html_pieces(page_of(outcome))


def _csv(outcome: Outcome) -> Iterator[str]:
    from evalharness.report.export import Table, csv_lines

    return csv_lines(Table(outcome.run))


def _parquet(outcome: Outcome) -> bytes:
    from evalharness.report.export import Table, parquet

    return parquet(Table(outcome.run))


def _markdown(outcomes: Sequence[Outcome]) -> str:
    from evalharness.report.markdown import summary

    return summary(outcomes)


def _github(outcomes: Sequence[Outcome]) -> str:
    from evalharness.report.github import workflow_commands

    return workflow_commands(_annotations(outcomes), _prefix(outcomes[0].root))


def _gitlab_metrics(outcomes: Sequence[Outcome]) -> str:
    from evalharness.report.gitlab import metrics

    return metrics(outcomes)


def _gitlab_codequality(outcomes: Sequence[Outcome]) -> str:
    from evalharness.report.gitlab import code_quality

    return code_quality(_annotations(outcomes), _prefix(outcomes[0].root))


def _svg(outcome: Outcome) -> str:
    from evalharness.report.gate_picture import gate_picture

    return gate_picture(outcome)


def _annotations(outcomes: Sequence[Outcome]) -> list[Annotation]:
    from evalharness.report.annotations import find_annotations

    return [found for outcome in outcomes for found in find_annotations(outcome)]


def _prefix(root: Path) -> str:
    """The project's folder within its repository, with a slash: platforms count paths from the top."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    folder = root.relative_to(top).as_posix()
    return "" if folder == "." else f"{folder}/"


def _of_several(
    file_name: str, render_all: Callable[[Sequence[Outcome]], Content], *, every_run: bool = False
) -> ReportFormat:
    return ReportFormat(file_name, lambda outcome: render_all([outcome]), every_run, render_all)


JSON = ReportFormat("verdict.json", _json, every_run=True)
HTML = ReportFormat("report.html", _html, every_run=True)
MARKDOWN = _of_several("summary.md", _markdown, every_run=True)
CSV = ReportFormat("samples.csv", _csv)
PARQUET = ReportFormat("samples.parquet", _parquet)
SVG = ReportFormat("gates.svg", _svg)
GITHUB_ANNOTATIONS = _of_several("github-annotations.txt", _github)
GITLAB_METRICS = _of_several("gitlab-metrics.txt", _gitlab_metrics)
GITLAB_CODEQUALITY = _of_several("gitlab-codequality.json", _gitlab_codequality)
