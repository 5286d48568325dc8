"""Annotations and GitLab reports, with harmless and hostile texts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hostile import ALL, SOME, invisible
from hostile_outcome import hostile
from outcomes import a_sample, an_outcome, broken

from evalharness.records import Location, SampleKey
from evalharness.report.annotations import Annotation, find_annotations
from evalharness.report.github import MAX_PER_LEVEL, workflow_commands
from evalharness.report.gitlab import code_quality, metrics

ONE = r"::(error|warning) file=[^,:]*,line=1,title=[^,:]*::[^\r\n]*$"
METRIC = re.compile(r'evalharness_\w+\{(\w+="(\\.|[^"\\])*",?)+\} [0-9.e+-]+')


@pytest.mark.parametrize("texts", [SOME, pytest.param(ALL, marks=pytest.mark.deep)], ids=["some", "all"])
def test_hostile_texts(texts):
    """Each annotation is one command on one line; metrics and code quality stay well-formed."""
    for text in texts:
        outcome = hostile(text)
        found = find_annotations(outcome)
        lines = workflow_commands(found, f"{text}/").split("\n")
        assert all(re.match(ONE, line) for line in lines[:-1])
        assert lines[-1] == ""
        assert not invisible("".join(lines))
        issues = json.loads(code_quality(found, f"{text}/"))
        assert len(issues) == len(found)
        assert not any(invisible(issue["description"]) for issue in issues)
        *rows, end, nothing = metrics([outcome]).split("\n")
        assert (end, nothing) == ("# EOF", "")
        assert all(row.startswith("# ") or METRIC.fullmatch(row) for row in rows)


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (9, 9), (10, 10), (11, 10), (500, 10)])
def test_at_most_ten_of_a_kind(count, shown):
    """GitHub silently drops the eleventh, so the tenth counts the rest."""
    kinds: tuple[Any, Any] = ("error", "warning")
    found = [Annotation(kind, "case", str(n), Location("a", 1), "t", "m") for kind in kinds for n in range(count)]
    lines = workflow_commands(found).splitlines()
    assert shown <= MAX_PER_LEVEL
    assert len(lines) == 2 * shown
    if count > MAX_PER_LEVEL:
        assert lines[9] == f"::error::evalharness: {count - 9} more, see the summary of this job"


def test_what_is_found() -> None:
    """Missing answers and broken assertions are errors; open gates and relaxed criteria are warnings."""
    outcome = an_outcome([broken(0, "gone"), a_sample(1, failed_checks=("must not say no",)), a_sample(2)])
    found = {(one.level, one.check, one.name): one.message for one in find_annotations(outcome)}
    assert found["error", "case", "case-0[smollm2-concise]"] == "no answer for 1 case: crash: gone"
    assert found["error", "case", "case-1[smollm2-concise]"] == "the answer must not say no"
    assert ("error", "gate", "smollm2-concise-chrf") in found


def test_a_case_counts_once() -> None:
    """Each case has the same weight, whatever its number of samples."""
    again = [a_sample(9, 0.0, key=SampleKey("case-9", "concise", "smollm2", repeat)) for repeat in range(11)]
    text = metrics([an_outcome([*(a_sample(number, 1.0) for number in range(9)), *again])])
    assert 'evalharness_score{suite="support",model="smollm2",prompt="concise",metric="chrf"} 0.9000\n' in text


def test_fingerprints_of_names_that_read_the_same() -> None:
    """Model a-b with prompt c is not model a with prompt b-c: neither a case of them, nor a gate."""
    pairs = [("a-b", "c"), ("a", "b-c")]
    outcome = an_outcome(
        [a_sample(0, failed_checks=("no",), key=SampleKey("case-0", prompt, model, 0)) for model, prompt in pairs]
    )
    verdict = an_outcome([broken(0)]).verdicts[0]
    gates = tuple(replace(verdict, model=model, prompt=prompt) for model, prompt in pairs)
    found = find_annotations(replace(outcome, verdicts=gates))
    assert len(found) == 4
    assert len({issue["fingerprint"] for issue in json.loads(code_quality(found))}) == 4
