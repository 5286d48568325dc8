"""Ways in which a pull request can weaken what judges it. None of them is green with nothing listed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import pytest
from repository import Repository
from trust_project import BAD, Row, answer, commit_changes, judged
from weakenings_of_acceptances import ACCEPTANCES
from weakenings_of_applications import APPLICATIONS
from weakenings_of_projects import CONFIGURATION, GIT, PYTHON, make_submodule
from weakenings_of_suites import GOLDENS, SUITES

from evalharness.errors import EvalHarnessError

AREAS = [SUITES, PYTHON, GOLDENS, CONFIGURATION, GIT]
ALONE = [*APPLICATIONS, *ACCEPTANCES, *(row for area in AREAS for row in area if row.is_alone)]
TOGETHER = zip_longest(*([row for row in area if not row.is_alone] for area in AREAS))
PULL_REQUESTS = [*([row] for row in ALONE), *([row for row in rows if row] for rows in TOGETHER)]
"""A pull request weakens one thing of each area: they do not hide one another, and each run takes a while."""


def outcome_of(repository: Repository, suite: str) -> tuple[str, list[str]]:
    """The status of a run and its lines that relax; a refusal is the status `refused` and its message."""
    try:
        evaluation = judged(repository, suite)
    except EvalHarnessError as error:
        return "refused", [str(error)]
    assert evaluation.outcome
    return evaluation.outcome.status, [str(change) for change in evaluation.outcome.relaxing]


def test_bad_answers_alone(pull_request: Repository, prepared: Path) -> None:
    """Without a weakening the bad answers are red, and nothing is listed."""
    answer(prepared / "outside/answers.json", BAD)
    assert outcome_of(pull_request, "demo") == ("fail", [])


def test_a_submodule_of_another_commit(pull_request: Repository, prepared: Path) -> None:
    """Suites that are a submodule at the merge base too are compared by its commit."""
    margin = pull_request.read("suites/demo.yaml")
    make_submodule(pull_request)
    pull_request.write("suites/demo.yaml", margin)
    for repository in (Repository(pull_request.root / "suites", new=False), pull_request):
        repository.commit()
    pull_request.git("update-ref", "refs/remotes/origin/main", "HEAD")
    answer(prepared / "outside/answers.json", BAD)
    assert not any("submodule" in line for line in outcome_of(pull_request, "demo")[1])
    pull_request.write("suites/demo.yaml", margin.replace("margin: 15%", "margin: 90%"))
    for repository in (Repository(pull_request.root / "suites", new=False), pull_request):
        repository.commit()
    status, lines = outcome_of(pull_request, "demo")
    assert status != "pass"
    assert any(line.startswith("submodule suites: ") for line in lines), lines


@pytest.mark.parametrize("rows", PULL_REQUESTS, ids=lambda rows: "; ".join(row.sentence for row in rows))
def test_weakenings(
    pull_request: Repository, prepared: Path, monkeypatch: pytest.MonkeyPatch, rows: Sequence[Row]
) -> None:
    """The run is not green, and each weakening is listed as relaxing or refused, in a line of its own."""
    commit_changes(pull_request, rows, monkeypatch)
    answer(prepared / "outside/answers.json", rows[0].answers or BAD)
    status, lines = outcome_of(pull_request, rows[0].suite)
    assert status != "pass"
    found = {row.sentence: next((line for line in lines if row.answer in line), None) for row in rows}
    assert None not in found.values(), f"{status}: {found}, {lines}"
    assert len(set(found.values())) == len(rows), f"{status}: {found}, {lines}"
