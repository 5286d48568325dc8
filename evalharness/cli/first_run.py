"""The first run of a new suite: its answers become golden if the user confirms, and its metrics compare with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalharness.cli._output import confirmed, echo
from evalharness.cli.accept import list_answers
from evalharness.cli.summary import print_summary
from evalharness.config import load_config
from evalharness.evaluation.acceptance import Reason, accept_answers, refuse_ci
from evalharness.evaluation.evaluation import Evaluation
from evalharness.importers.datasets import Dataset
from evalharness.importers.datasets.output import suite_text
from evalharness.importers.datasets.suite import metrics_for
from evalharness.review.diffs import changed_answers, new_answers

_BECAUSE = "answers of the first run, proposed by evalharness init"


def first_run(root: Path, name: str, dataset: Dataset, *, yes: bool) -> None:
    """Run the suite, and propose its answers as golden. Raises EvalHarnessError; SystemExit 1 after an error."""
    refuse_ci()
    evaluation = _evaluated(root, name)
    outcome = evaluation.outcome
    assert outcome, "a finished evaluation has an outcome"
    if outcome.status == "error":
        print_summary(outcome)
        raise SystemExit(1)
    answers = _proposed(evaluation)
    if not answers:
        echo("every case has a golden answer: the first run proposes none")
        return
    echo(f"answers of {outcome.run.header.id}, proposed as golden:")
    list_answers(answers)
    if not yes and not confirmed(f"make these answers to {_cases(len(answers))} golden?"):
        echo(f"nothing is golden. To choose: evalharness accept {name} --golden --case ID --because '...'")
        return
    path = accept_answers(outcome.run, load_config(root), answers, Reason.of(outcome, _BECAUSE), replace=False)
    echo(f"golden      {path.relative_to(root).as_posix()}: read it, and correct it by hand")
    echo("            golden/HISTORY.jsonl keeps that these are answers of this run")
    if not dataset.has_golden:
        _compare(root, name, dataset, [text for texts in answers.values() for text in texts])


def _evaluated(root: Path, name: str) -> Evaluation:
    from evalharness.cli.progress import Progress
    from evalharness.evaluation.api import evaluate

    with Progress() as progress:
        return evaluate(
            name,
            config=load_config(root),
            on_start=progress.start,
            on_sample=progress.advance,
            on_message=progress.message,
        )


def _proposed(evaluation: Evaluation) -> Mapping[str, Sequence[str]]:
    """The answers to the cases without a golden answer."""
    run, suite = evaluation.run, evaluation.plan.suite
    known = {case.id for case in suite.cases if case.golden}
    return {case: texts for case, texts in new_answers(changed_answers(run, {})).items() if case not in known}


def _cases(count: int) -> str:
    return f"{count} case{'s' if count > 1 else ''}"


def _compare(root: Path, name: str, dataset: Dataset, goldens: Sequence[str]) -> None:
    """Write the suite again, with metrics that compare with these golden answers."""
    path = root / f"suites/{name}.yaml"
    head = path.read_text(encoding="utf-8").splitlines()[1].removeprefix("#   ")
    dataset.metrics = metrics_for(goldens, ())
    path.write_text(suite_text(dataset, name, head), encoding="utf-8")
    shown = ", ".join(one if isinstance(one, str) else next(iter(one)) for one in dataset.metrics)
    echo(f"extended    suites/{name}.yaml: {shown}")
