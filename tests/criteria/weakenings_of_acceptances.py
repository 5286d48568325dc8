"""Weakenings of the next baseline: accepted runs that are not the run of the change. The model answers well."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from repository import Repository
from trust_project import BASELINE, DEMO, GOOD, IDS, Edit, Row, accepted, both, swap, well_accepted

_Samples = Callable[[int, dict[str, Any]], object]
"""Edits the sample of a new run, given the number of its case."""
_ANOTHER_PROMPT = swap(DEMO, '"{{ question }} {{ shop }}"', '"{{ shop }}: {{ question }}"')


def forged(edit: Callable[[dict[str, Any], list[dict[str, Any]]], object]) -> Edit:
    """Edit the header and the cases of the baseline."""

    def apply(repository: Repository) -> None:
        header, *cases = map(json.loads, repository.read(BASELINE).splitlines())
        edit(header, cases)
        repository.write(BASELINE, "".join(json.dumps(line) + "\n" for line in (header, *cases)))

    return apply


def in_samples(edit: _Samples) -> Edit:
    """Edit each sample of the latest accepted run."""

    def of_latest(header: dict[str, Any], cases: list[dict[str, Any]]) -> None:
        for case in cases:
            edit(IDS.index(case["case"]), case["samples"][-1])

    return forged(of_latest)


def _rescored(change: Callable[[int], float]) -> Edit:
    def edit(number: int, sample: dict[str, Any]) -> None:
        sample["scores"]["rouge_l"] += change(number)

    return both(well_accepted, in_samples(edit))


def _accepted_for(edit: Callable[[dict[str, Any]], object]) -> Edit:
    """Accept the answers to a changed prompt, then edit the accepted run."""
    return both(_ANOTHER_PROMPT, well_accepted, forged(lambda header, _: edit(header["runs"][-1])))


def _without_a_case(header: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    header["cases"] = len(cases) - 1
    del cases[3]


def _without_the_earlier_run(header: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    del header["runs"][0]
    for case in cases:
        del case["samples"][0]


def _in_another_order(header: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    header["runs"].reverse()


def _of_the_earlier_run(header: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    cases[0]["samples"][0]["scores"]["rouge_l"] -= 0.1


def _by_another_prompt(repository: Repository) -> None:
    """Accept answers to a changed prompt that the model does not give in CI."""
    _ANOTHER_PROMPT(repository)
    accepted(repository, "Returns within 30 days, {}.")


def _unstable(number: int, sample: dict[str, Any]) -> None:
    sample["text"] += " UNSTABLE" if number == 7 else ""


def _unusual(number: int, sample: dict[str, Any]) -> None:
    sample["text"] += " UNUSUAL" if number == 7 else ""


def _longer(number: int, sample: dict[str, Any]) -> None:
    sample["completion_tokens"] += 5


ACCEPTANCES = [
    Row("accept a run with lower scores", _rescored(lambda _: -0.08), "its rouge_l is 8.0 pts worse than in this run"),
    Row(
        "accept a run with lower scores of a tag",
        _rescored(lambda number: -0.08 if number < 14 else 0.0),
        "its rouge_l of hard is 8.0 pts worse than in this run",
    ),
    Row(
        "accept a run with its scores spread",
        _rescored(lambda number: -0.3 if number % 2 else 0.1),
        "its rouge_l is 10.0 pts worse than in this run",
    ),
    Row(
        "accept a run with its scores spread around their mean",
        _rescored(lambda number: -0.1 if number % 2 else 0.1),
        "its rouge_l differs by 10.0 pts a case from this run",
    ),
    Row(
        "accept a run with more tokens",
        both(well_accepted, in_samples(_longer)),
        "its cost is",
    ),
    Row(
        "accept a run that breaks a stable assertion",
        both(well_accepted, in_samples(_unstable)),
        "it breaks an assertion in case case-7, and this run does not",
    ),
    Row(
        "accept a run that breaks an assertion that accepted runs excuse",
        both(well_accepted, in_samples(_unusual)),
        "it breaks an assertion in case case-7, and this run does not",
    ),
    Row(
        "accept a run with one case far worse",
        _rescored(lambda number: -0.7 if number == 7 else 0.0),
        "its rouge_l of hard is 70.0 pts worse in one case than in this run",
    ),
    Row(
        "accept a run without one case",
        both(_ANOTHER_PROMPT, well_accepted, forged(_without_a_case)),
        "its cases are not those of this run",
    ),
    Row(
        "accept a run in place of the earlier one",
        both(well_accepted, forged(_without_the_earlier_run)),
        "baseline fake.plain: replaced: accepted run",
    ),
    Row(
        "accept a run before the earlier one",
        both(well_accepted, forged(_in_another_order)),
        "added before earlier ones",
    ),
    Row(
        "accept a run and edit the earlier one",
        both(well_accepted, forged(_of_the_earlier_run)),
        "edited by hand: 1 score differ in accepted run",
    ),
    Row(
        "accept worse answers to a changed prompt",
        _by_another_prompt,
        "worse than in this run",
    ),
    Row(
        "accept a run of another prompt",
        _accepted_for(lambda run: run.update(request_digest="0" * 64)),
        "its prompt or parameters are not those of this run",
    ),
    Row(
        "accept a run of another model as this one",
        _accepted_for(lambda run: run["identity"].update(provider="openai")),
        "its prompt or parameters are not those of this run",
    ),
    Row(
        "accept a run with other settings of a metric",
        both(_ANOTHER_PROMPT, well_accepted, swap(BASELINE, "rouge_l|", "rouge_l|x")),
        "its metric settings are not those of this run",
    ),
    Row(
        "accept a run and widen a margin",
        both(well_accepted, swap(DEMO, "metric: cost, margin: 10%", "metric: cost, margin: 90%")),
        "gate cost: margin 10 % -> margin 90",
    ),
]
ACCEPTANCES = [Row(row.sentence, row.edit, row.answer, GOOD) for row in ACCEPTANCES]
