"""The steps of `evalharness judge calibrate`: draw, ask people, let the judges judge, print."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal

from evalharness.cli._output import echo, print_json, progress_bar
from evalharness.cli.judge_table import figures, raters_of, table
from evalharness.cli.label_tui import label_all
from evalharness.cli.overwrite import refuse_to_replace
from evalharness.config import Config, load_config
from evalharness.errors import RefusedError, StoreError
from evalharness.evaluation.label_import import ImportedAnswerLabels, import_answer_labels
from evalharness.evaluation.label_judging import Judging, judge_labels, resources_for
from evalharness.evaluation.labelling import Labelling, MetricLabelling, open_labelling
from evalharness.evaluation.merge_base import MergeBase
from evalharness.evaluation.stored_run import reference_of, refuse_paths
from evalharness.gate.judge_error import judge_error
from evalharness.gate.judged import question_of
from evalharness.records import Sample
from evalharness.records.answer_label import AnswerLabel, LabelItem
from evalharness.records.names import is_name
from evalharness.report.encode import one_line
from evalharness.report.label_page import label_page
from evalharness.report.usage import dollars
from evalharness.review.label_steps import LabelSteps
from evalharness.store import merge_base, read_run, write_whole
from evalharness.store.answer_labels import add_answer_labels, read_answer_labels, read_calibrations_of_judges
from evalharness.store.runs import record_in, stored_lines

_WIDTH = 79
_MOST_ERRORS = 3
_STOPPED = 130


def opened(config: Config, suite: str, path: Path, *, metric: str, sample: int, seed: str) -> Labelling:
    """The answers of a run record that people can label. Raises EvalHarnessError."""
    run = read_run(path)
    if run.header.suite != suite:
        raise RefusedError(f"{path}:1: expected a run of the suite '{suite}', got one of '{run.header.suite}'")
    refuse_paths(path, run)
    baselines = MergeBase(config, merge_base(config.root, None)).shown(run, None, reference_of(path))
    return open_labelling(run, baselines, config, metric=metric, sample=sample, seed=seed)


def describe(labelling: Labelling) -> None:
    """Print what is drawn, and what is left out."""
    for name, mine in labelling.metrics.items():
        draw = mine.draw
        what = "changed cases" if draw.changed else "cases"
        echo(f"{name}: {len(draw.items)} answers to {draw.places} of {draw.of} {what}; seed {one_line(draw.seed, 40)}")
        if draw.items and not draw.changed:
            echo("no changed answer to label: these labels calibrate the judge, and correct no change")
        for reason, count in mine.known.left_out.items():
            echo(one_line(f"{name}: {count} answers are left out: {reason}", 2 * _WIDTH))
    for name in labelling.left_out:
        echo(
            one_line(
                f"{name}: left out: people label whole answers, and this judge has a verdict on each sentence", 200
            )
        )


def ask_for_labels(root: Path, labelling: Labelling, by: str) -> None:
    """Ask one person for the labels that are missing. Ctrl-C ends the command."""
    suite = labelling.plan.suite.name
    items = open_items(labelling, read_answer_labels(root, suite), by)
    if not items:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        echo(f"{len(items)} answers have no label by {one_line(by, 40)}: use a terminal, or --html FILE", err=True)
        return
    steps = LabelSteps(items, by, lambda label: _saved(root, suite, label))
    try:
        label_all(steps)
    except KeyboardInterrupt:
        echo(f"\nstopped: {len(steps.made)} of {len(items)} labelled; the same command continues here")
        raise SystemExit(_STOPPED) from None
    echo("")
    echo(f"{len(steps.made)} of {len(items)} answers labelled")


def write_page(root: Path, html: Path, labelling: Labelling, sample: int, *, force: bool) -> None:
    """Write the page with all drawn answers: whoever labels them need not have this project. Raises StoreError."""
    refuse_to_replace(html, root, force=force)
    items = [item for mine in labelling.metrics.values() for item in mine.draw.items]
    seeds = {name: mine.draw.seed for name, mine in labelling.metrics.items()}
    header = labelling.run.header
    write_whole(html, label_page(header.suite, header.id, seeds, sample, items))
    echo(f"{html}: {len(items)} answers; open it in a browser, then import its export")


def open_items(labelling: Labelling, labels: Sequence[AnswerLabel], by: str) -> list[LabelItem]:
    """The drawn answers without a label by this person."""
    done = {label.of for label in labels if label.by == by and label.made_by == "person"}
    return [item for mine in labelling.metrics.values() for item in mine.draw.items if item.of not in done]


def _saved(root: Path, suite: str, label: AnswerLabel) -> None:
    add_answer_labels(root, suite, [label])


def judge_all(
    config: Config, labelling: Labelling, labels: Sequence[AnswerLabel], budget_usd: float | None
) -> dict[str, Judging]:
    """Let each judge judge the labelled answers; only judges that have labels."""
    known = read_calibrations_of_judges(config.root, labelling.plan.suite.name)
    questions = {label.of.question for label in labels if label.made_by == "person"}
    wanted = {name: one for name, one in labelling.metrics.items() if question_of(one.metric.signature) in questions}
    found: dict[str, Judging] = {}
    if not wanted:
        return found
    resources = resources_for(labelling, config, budget_usd)
    with resources:
        for line in resources.refusals():
            _say(line)
        for name, mine in wanted.items():
            found[name] = judge_labels(mine, labels, known.get(name), resources, _watched, _say)
    for warning in resources.warnings:
        _say(f"warning: {warning}")
    return found


def _say(line: str) -> None:
    echo(one_line(line, 1000), err=True)


def _watched(step: str, waiting: Sequence[Future[Sample]]) -> Iterator[Future[Sample]]:
    with progress_bar(f"{len(waiting)} {step}", iterable=waiting, file=sys.stderr) as shown:
        yield from shown


def measured(
    labelling: Labelling, labels: Sequence[AnswerLabel], judged: Mapping[str, Judging], *, as_json: bool
) -> int:
    """Print the figures of all judges. Returns the exit status."""
    if as_json:
        print_json({name: _figures(mine, labels, judged.get(name)) for name, mine in labelling.metrics.items()})
    else:
        for name, mine in labelling.metrics.items():
            _show(name, mine, labels, judged.get(name))
    complete = judged.keys() == labelling.metrics.keys()
    return 0 if complete and not any(one.errors for one in judged.values()) else 1


def _figures(mine: MetricLabelling, labels: Sequence[AnswerLabel], judging: Judging | None) -> dict[str, Any]:
    metric = mine.metric
    error = judge_error(labels, judging.calibration, metric.signature) if judging else None
    return figures(mine, error, judging, raters_of(labels, question_of(metric.signature)))


def _show(name: str, mine: MetricLabelling, labels: Sequence[AnswerLabel], judging: Judging | None) -> None:
    signature = mine.metric.signature
    error = judge_error(labels, judging.calibration, signature) if judging else None
    if error is None or judging is None:
        echo(f"{name}: no labels, so its error is unknown: label answers in a terminal, or with --html FILE")
        return
    for line in judging.errors[:_MOST_ERRORS]:
        echo(one_line(f"no verdict on {line}", 500), err=True)
    if len(judging.errors) > _MOST_ERRORS:
        echo(f"no verdict on {len(judging.errors) - _MOST_ERRORS} more answers", err=True)
    if judging.unknown:
        echo(
            f"{judging.unknown} labelled answers are in no run and no baseline any more, and cannot be judged", err=True
        )
    if judging.judged:
        cost = f" for {dollars(judging.cost_usd)}" if judging.cost_usd else ""
        echo(f"{name}: the judge judged {judging.judged} answers{cost}")
    for line in table(name, error, raters_of(labels, question_of(signature)), compares=mine.metric.compares):
        echo(line)


def import_into(
    root: Path, file: Path, records: Sequence[Path], *, by: str, made_by: Literal["person", "model"]
) -> ImportedAnswerLabels:
    """Add the labels of an exported file, which are checked against one of the records, or the latest run."""
    config = load_config(root)

    def open_run(suite: str, run: str) -> Labelling:
        """The answers of a run that the labels name."""
        if not is_name(suite):
            raise StoreError(f"{file}:1: expected the name of a suite, got {suite[:60]!r}")
        for path in (*records, record_in(root / "reports" / suite)):
            if path.is_file() and next(stored_lines(path), (1, {}))[1].get("id") == run:
                return opened(config, suite, path, metric="", sample=1, seed="")
        raise StoreError(f"{file}:1: unknown run '{run}': pass its record with --run")

    return import_answer_labels(file, config, open_run, by=by, made_by=made_by)
