"""The HTML report: one file, safe to open with untrusted text in it.

    Page -> overview -> JSON island          -> report.js -> textContent
         -> rows     -> gzip, base64 island  -> cases.js  -> textContent

The template has no untrusted text. Each untrusted text is in a JSON island and reaches the page as a text node. The
page's policy allows one script and one style sheet, by their hashes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from evalharness.records import SEVERITY, CriteriaChange, PromptChange, Run, SampleKey, Verdict
from evalharness.records.coverage import coverage_of
from evalharness.records.marks import Mark, marked_keys, metrics_of
from evalharness.report.causes import Cause, causes
from evalharness.report.columns import SEAM, Column, by_tag, number, summary
from evalharness.report.gate_data import gate_data
from evalharness.report.leader import leader, sentence
from evalharness.report.outcome import Outcome
from evalharness.report.pictures import pictures_of
from evalharness.report.prompt_diffs import pieces
from evalharness.report.rows import packed, rows_of
from evalharness.report.score_details import ScoreDetails, score_details
from evalharness.report.shown import Shown, shown_of
from evalharness.report.single_file import island, page_pieces

if TYPE_CHECKING:  # brings numpy
    from evalharness.gate.pairwise import Pairwise

MAX_NAME = 1_000
"""Characters of a name or a headline."""
MAX_ERRORS = 50
"""Causes of errors on the page; the cases have all of them."""
_SHOWN = (
    *("model", "prompt", "metric", "tag", "pinned", "status", "reason", "gating"),
    *("unit", "level_unit", "margin", "before", "after", "change", "low", "high", "p_value", "cases"),
)
"""Fields of a verdict on the page."""
_SCRIPTS = (
    "dom.js",
    "amounts.js",
    "diff.js",
    "case_details.js",
    "matrix.js",
    "cases.js",
    "which.js",
    "side_by_side.js",
    "changes.js",
    "report.js",
)


@dataclass(frozen=True)
class Page:
    """The content of a report."""

    overall: str
    """A status, `accepted` or `comparison`."""
    headline: str
    """Empty: a sentence on the best of the columns."""
    facts: Mapping[str, str]
    columns: Sequence[Column]
    verdicts: Sequence[Verdict] = ()
    criteria: Sequence[CriteriaChange] = ()
    prompts: Sequence[PromptChange] = ()
    errors: Sequence[Mapping[str, str]] = ()
    """For each cause of errors: the number of cases, the first ones, the text, and what to do."""
    extent: str = "complete"
    answered: int = 0
    planned: int = 0
    earlier: str = "the baseline"
    """The name of the side that answers are compared with."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 -> data URL of the pictures in the messages."""
    details: ScoreDetails = field(default_factory=ScoreDetails)
    changed: Collection[SampleKey] = ()
    """The samples with the largest changes: a page with too many samples shows these first."""

    @property
    def metrics(self) -> list[str]:
        """The metrics, in the order of the samples' scores."""
        return list(dict.fromkeys(metric for column in self.columns for metric in metrics_of(column.samples)))

    @cached_property
    def shown(self) -> Shown:
        """The samples that the page shows."""
        return shown_of(self.columns, self.changed, self.facts.get("run", ""))


def page_of(outcome: Outcome) -> Page:
    """The report of one run."""
    run, planned = outcome.run, outcome.run.header.planned
    unanswered = () if run.complete else planned.lacking(marked_keys(run.samples, Mark.ANY, Mark.ERROR))
    return Page(
        overall=outcome.word.lower(),
        headline=outcome.headline,
        facts=facts_of(run) | {"coverage": "; ".join(map(str, coverage_of(run)))},
        columns=outcome.contents.columns,
        verdicts=outcome.shown,
        criteria=outcome.criteria,
        prompts=outcome.prompts,
        errors=[_error(cause, outcome) for cause in causes(run.samples)[:MAX_ERRORS]],
        extent=extent_of(run),
        answered=len(planned) - sum(1 for _ in unanswered),
        planned=len(planned),
        earlier=f"the version at {run.header.against[:12]}" if run.header.against else "the baseline",
        pictures=pictures_of(run.samples, outcome.root),
        details=score_details(run, outcome.root),
        changed=outcome.contents.answers.changed,
    )


def _error(cause: Cause, outcome: Outcome) -> dict[str, str]:
    """A cause of errors as plain data."""
    todo = cause.remedy(outcome.again)
    return {"cases": cause.count, "first": cause.first, "text": cause.headline, "detail": cause.detail, "todo": todo}


def render_html(page: Page) -> str:
    """The HTML file."""
    return "".join(html_pieces(page))


def html_pieces(page: Page, live: str = "") -> Iterator[str]:
    """The HTML file, piece by piece.

    `live` is the island of a page that asks the server it came from for changes (`evalharness view`); empty for a file.
    """
    return page_pieces(
        "report.html.j2",
        styles=["report.css"],
        scripts=(*_SCRIPTS, "live.js") if live else _SCRIPTS,
        live=live,
        overall=page.overall,
        overview=island(overview(page)),
        rows=packed(rows_of(page.columns, page.metrics, page.details, page.pictures, page.shown.samples)),
        has_pictures=bool(page.pictures),
    )


def overview(page: Page) -> dict[str, Any]:
    """Everything on the page except the cases, as plain data."""
    bounded: dict[str, Any] = _bounded(_overview(page))
    return bounded


def _bounded(data: Any) -> Any:
    """The data with texts cut to `MAX_NAME` characters: a page shows a name many times."""
    if isinstance(data, str):
        return data if len(data) <= MAX_NAME else f"{data[:MAX_NAME]}…"
    if isinstance(data, Mapping):
        return {key: _bounded(value) for key, value in data.items()}
    return [_bounded(value) for value in data] if isinstance(data, list) else data


def _overview(page: Page) -> dict[str, Any]:
    metrics, pairs = page.metrics, _pairs(page)
    columns = [summary(column, metrics) for column in page.columns]
    first = leader(columns, pairs, metrics)
    led = sentence(first, [column.title for column in page.columns]) if len(columns) > 1 else ""
    return {
        "overall": page.overall,
        "headline": page.headline or led,
        "leader": led,
        "facts": {**page.facts, "shown": page.shown.left_out},
        "extent": page.extent,
        "answered": page.answered,
        "planned": page.planned,
        "earlier": page.earlier,
        "metrics": metrics,
        "gates": [_gate(verdict) for verdict in sorted(page.verdicts, key=_gravity)],
        "criteria": [asdict(change) for change in page.criteria],
        "prompts": [{"name": one.name, "file": one.file, "pieces": pieces(one)} for one in page.prompts],
        "errors": [dict(error) for error in page.errors],
        "columns": columns,
        "pairwise": [_pair(one) for one in pairs],
        "tags": list(by_tag(page.columns, metrics)),
    }


def _pairs(page: Page) -> list[Pairwise]:
    """Every two columns, with bare names of metrics."""
    from evalharness.gate.pairwise import pairwise

    if len(page.columns) < 2:
        return []
    clusters = {case: name for column in page.columns for case, name in column.clusters.items()}
    found = pairwise([column.comparable for column in page.columns], clusters)
    return [replace(one, metric=one.metric.partition(SEAM)[0]) for one in found]


def _pair(one: Pairwise) -> dict[str, Any]:
    """A comparison as plain data, in points."""
    in_points = {name: number(100 * getattr(one, name)) for name in ("before", "after", "change", "low", "high")}
    return {**asdict(one), **in_points, "p_value": number(one.p_value)}


def facts_of(run: Run) -> dict[str, str]:
    """Suite, file, start, commit, machine and id of a run."""
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
    """How much of the plan has samples: complete, partial, incomplete or stopped."""
    if run.complete:
        return "complete"
    if run.stopped:
        return "stopped"
    return "partial" if len(run.selected) < len(run.header.planned) else "incomplete"


def _gravity(verdict: Verdict) -> tuple[bool, int]:
    """A sort key: gates first, bad before good."""
    return not verdict.gating, -SEVERITY.index(verdict.status)


def _gate(verdict: Verdict) -> dict[str, Any]:
    """The fields of a verdict that the page shows."""
    data = gate_data(verdict)
    return {name: data[name] for name in _SHOWN}
