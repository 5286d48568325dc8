"""What a verdict says about a judge with labels: how good it is, what was labelled, and what would decide."""

from __future__ import annotations

import math
from dataclasses import replace

from evalharness.amounts import signed, size, span
from evalharness.gate.defaults import SCREEN
from evalharness.gate.evidence import GateResult
from evalharness.gate.judge_error import JudgeError, share
from evalharness.gate.judged_evidence import JudgedEvidence, labels_show_loss
from evalharness.gate.labelled_changes import FEWEST, LabelledChanges
from evalharness.gate.numbers import in_points
from evalharness.gate.stats.agreement import youden_change
from evalharness.gate.wording import count, not_beside, p_text
from evalharness.records.answer_label import JudgeFacts

_SELECTED = (
    "the {} labelled answers are no random sample of the changed ones: the judge sees another change in them; "
    "run evalharness judge calibrate"
)
_UNCONFIRMED = (
    "fresh samples of both versions do not show the loss that the labels show, so the endpoint may have changed"
)


def facts_of(error: JudgeError, changes: LabelledChanges | None = None, needed: int | None = None) -> JudgeFacts:
    """The numbers of the judge for a verdict."""
    known = JudgeFacts(
        labels=error.labels,
        se=_finite(error.accuracy.sensitivity.share),
        sp=_finite(error.accuracy.specificity.share),
        advisory=error.problems,
    )
    if changes is None:
        return known
    return replace(
        known,
        changed_share=changes.share,
        labelled_changed=changes.labelled,
        needed_labels=needed,
        j_before=_finite(changes.before.youden),
        j_after=_finite(changes.after.youden),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def few_labels(error: JudgeError, changes: LabelledChanges) -> str:
    """Why the ordinary gate decides: 'Se .91 Sp .83 from 62 labels; no label of these answers'."""
    if not changes.labelled:
        return f"{error.summary}; no label of these answers"
    if not changes.is_random:
        return f"{error.summary}; {_SELECTED.format(changes.labelled)}"
    some = f"only {changes.labelled} of {count(changes.changed, 'changed answer')} labelled"
    dependent = (
        f", from {count(changes.groups, 'group')} of dependent cases" if changes.groups < changes.labelled else ""
    )
    return f"{error.summary}; {some}{dependent}: {FEWEST} decide"


def quality(error: JudgeError, changes: LabelledChanges) -> str:
    """How good the judge is, and what was labelled: '45 % of answers changed, 40 labelled; Se .91 Sp .83 ...'."""
    changed = f"{100 * changes.share:.0f} % of answers changed, {changes.labelled} labelled"
    return f"{changed}; {error.summary}{_other_j(changes)}"


def _other_j(changes: LabelledChanges) -> str:
    """A warning if the judge is clearly better or worse on the new answers: one correction for both then misleads."""
    low, high = youden_change(changes.before, changes.after)
    if low <= 0 <= high:
        return ""
    word = "less" if high < 0 else "more"
    both = f"J {share(changes.before.youden)} -> {share(changes.after.youden)}"
    return f"; the judge is {word} accurate on the new answers: {both}"


def judged_reason(result: GateResult, evidence: JudgedEvidence, about: str) -> str:
    """The reason of a verdict by labels. `about` is the `quality` of the judge."""
    rules = evidence.rules
    margin = size(100 * rules.margin, "points")
    tested = f", {p_text(result.p_value)}" if result.verdict == "FAIL" else ""
    interval = span(in_points(result.lower_bound), in_points(result.upper_bound), "points")
    change = f"{signed(in_points(result.change), 'points')} on {count(result.cases, 'case')}, by labels and judge"
    readings = f"{change} ({interval}{tested})"
    if result.verdict == "PASS":
        sure = f"{100 * (1 - rules.alpha_pass):g} %"
        return f"{readings}; a drop of {margin} or more is ruled out ({sure}); {about}"
    if result.verdict == "FAIL":
        return "; ".join(filter(None, [readings, not_beside(evidence.ordinary), about]))
    return f"{readings}; {about}: " + "; ".join(_why_not(result, evidence, margin))


def _why_not(result: GateResult, evidence: JudgedEvidence, margin: str) -> list[str]:
    """Why nothing is decided, and what would decide it."""
    reasons = [evidence.ordinary.screen.blocked or f"cannot rule out a drop of {margin}"]
    if labels_show_loss(evidence):
        return [*reasons, _UNCONFIRMED if evidence.ordinary.looks else f"suspicious, {p_text(result.p_value)}"]
    if evidence.change.p_value <= SCREEN:
        reasons.append(f"suspicious, {p_text(evidence.change.p_value)}")
    if evidence.ordinary.screen.blocked:
        return reasons
    needed = result.judge.needed_labels if result.judge else None
    if needed is None:
        return [*reasons, f"labels of all {evidence.changes.changed} changed answers would not decide: add cases"]
    more = "1 more label" if needed == 1 else f"{needed} more labels"
    return [*reasons, f"about {more} of changed answers would decide"]
