"""The HTML report: one file that needs nothing else and trusts nothing that it shows.

    Page -> overview -> JSON island          -> report.js -> textContent
         -> rows     -> gzip, base64 island  -> cases.js  -> textContent

The page holds our own words only. Every text that came from somewhere else is in an island, where no character can end
it, and reaches the page as text; the policy in the page allows one script and one style sheet, by their hashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from evalharness.records import SEVERITY, Change, Run, Status, Verdict
from evalharness.report.columns import SEAM, Column, by_tag, number, summary
from evalharness.report.rows import packed, rows_of
from evalharness.report.single_file import island, page_pieces

MAX_NAME = 1_000
"""Characters of a name or a sentence."""
_SCRIPTS = ("dom.js", "diff.js", "cases.js", "side_by_side.js", "report.js")


@dataclass(frozen=True, slots=True)
class Page:
    """All that a report shows."""

    overall: Status | Literal["comparison"]
    sentence: str
    facts: Mapping[str, str]
    columns: Sequence[Column]
    verdicts: Sequence[Verdict] = ()
    criteria: Sequence[Change] = ()
    extent: str = "complete"
    answered: int = 0
    planned: int = 0
    earlier: str = "the baseline"
    """What the answers are compared with."""

    @property
    def metrics(self) -> list[str]:
        """In the order in which the samples have them."""
        return list(
            dict.fromkeys(
                score.metric for column in self.columns for sample in column.samples for score in sample.scores
            )
        )


def render_html(page: Page) -> str:
    """The whole file."""
    return "".join(html_pieces(page))


def html_pieces(page: Page) -> Iterator[str]:
    """The same, piece by piece."""
    return page_pieces(
        "report.html.j2",
        styles=["report.css"],
        scripts=_SCRIPTS,
        overall=page.overall,
        overview=island(overview(page)),
        rows=packed(rows_of(page.columns, page.metrics)),
    )


def overview(page: Page) -> dict[str, Any]:
    """What the page shows before anybody asks for a case, as plain data."""
    bounded: dict[str, Any] = _bounded(_overview(page))
    return bounded


def _bounded(data: Any) -> Any:
    """Names are short; what is not is no name, and would be drawn many times."""
    if isinstance(data, str):
        return data if len(data) <= MAX_NAME else f"{data[:MAX_NAME]}…"
    if isinstance(data, Mapping):
        return {key: _bounded(value) for key, value in data.items()}
    return [_bounded(value) for value in data] if isinstance(data, list) else data


def _overview(page: Page) -> dict[str, Any]:
    from evalharness.gate.pairwise import versus

    metrics = page.metrics
    alike = versus([column.comparable for column in page.columns])
    return {
        "overall": page.overall,
        "sentence": page.sentence,
        "facts": dict(page.facts),
        "extent": page.extent,
        "answered": page.answered,
        "planned": page.planned,
        "earlier": page.earlier,
        "metrics": metrics,
        "gates": [_gate(verdict) for verdict in sorted(page.verdicts, key=_gravity)],
        "exam": [asdict(change) for change in page.criteria],
        "columns": [summary(column, metrics) for column in page.columns],
        "versus": [_finite(asdict(one)) | {"metric": one.metric.partition(SEAM)[0]} for one in alike],
        "tags": list(by_tag(page.columns, metrics)),
    }


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: number(value) if isinstance(value, float) else value for key, value in values.items()}


def facts_of(run: Run) -> dict[str, str]:
    """Where a run comes from."""
    header = run.header
    return {
        "suite": header.suite,
        "file": header.file,
        "started": header.started_at,
        "commit": _commit(header.environment.get("git")),
        "machine": header.machine_class,
        "run": header.id,
    }


def _commit(git: Any) -> str:
    if not isinstance(git, Mapping) or not git.get("commit"):
        return ""
    return str(git["commit"])[:12] + (" with local changes" if git.get("dirty") else "")


def extent_of(run: Run) -> str:
    """One word for how much of the plan is behind the verdict."""
    if run.complete:
        return "complete"
    if run.stopped:
        return "stopped"
    return "partial" if len(run.selected) < len(run.header.planned) else "incomplete"


def _gravity(verdict: Verdict) -> tuple[bool, int]:
    """Sorts what decides before what informs, and bad before good."""
    return not verdict.gating, -SEVERITY.index(verdict.status)


def _gate(verdict: Verdict) -> dict[str, Any]:
    """A verdict; the page speaks of drops only."""
    return {
        "model": verdict.model,
        "prompt": verdict.prompt,
        "metric": verdict.metric,
        "tag": verdict.tag,
        "pinned": verdict.pinned,
        "status": verdict.status,
        "reason": verdict.reason,
        "gating": verdict.gating,
        "ratio": verdict.unit == "ratio",
        "margin": number(verdict.margin),
        "drop": number(verdict.drop),
        "bound": number(verdict.largest_drop),
        "p_value": number(verdict.p_value),
        "cases": verdict.cases,
    }
