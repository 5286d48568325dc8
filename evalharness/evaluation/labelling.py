"""The judge metrics of a suite with the answers of a run that people can label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalharness.config import Config
from evalharness.errors import RefusedError, did_you_mean
from evalharness.evaluation.known_answers import KnownAnswers, known_answers
from evalharness.evaluation.label_draw import Draw, derived_seed, draw
from evalharness.evaluation.plan import Plan, make_plan
from evalharness.gate.judged import question_of
from evalharness.records import Baselines, Run
from evalharness.scoring.metrics import Metric
from evalharness.suites import load_suite


@dataclass(frozen=True, slots=True)
class MetricLabelling:
    """One judge metric, the answers whose texts are known, and those that people are asked about."""

    metric: Metric
    known: KnownAnswers
    draw: Draw


@dataclass(frozen=True, slots=True)
class Labelling:
    """All of a suite's judge metrics that people can label."""

    plan: Plan
    run: Run
    metrics: Mapping[str, MetricLabelling]
    left_out: tuple[str, ...] = ()
    """Judge metrics that people cannot label."""


def open_labelling(
    run: Run, baselines: Baselines, config: Config, *, metric: str = "", sample: int = 40, seed: str = ""
) -> Labelling:
    """The judge metrics of the run's suite, or one of them, with an equal draw for equal arguments.

    Raises RefusedError: no judge metric of this name, or one that people cannot label; SuiteError, ConfigError.
    """
    plan = make_plan(load_suite(run.header.suite, config), config)
    chosen, left_out = _chosen(plan, metric)
    found = {}
    for one in chosen:
        known = known_answers(one, run, baselines, plan.suite)
        drawn = draw(one, known, seed or derived_seed(one, run, baselines), sample)
        found[one.name] = MetricLabelling(one, known, drawn)
    return Labelling(plan, run, found, tuple(one.name for one in left_out))


def _chosen(plan: Plan, name: str) -> tuple[list[Metric], list[Metric]]:
    """The metrics that people can label, and the other judge metrics."""
    file, judges = plan.suite.file, [one for one in plan.metrics if question_of(one.signature)]
    if not judges:
        raise RefusedError(f"{file}: metrics: expected a judge, got {_names(plan.metrics) or 'no metric'}")
    if name and name not in {one.name for one in judges}:
        near = did_you_mean(name, [one.name for one in judges])
        raise RefusedError(f"{file}: metrics: '{name}' is not a judge of this suite: expected {_names(judges)}{near}")
    wanted = [one for one in judges if not name or one.name == name]
    able = [one for one in wanted if one.label_question]
    if not able:
        raise RefusedError(
            f"{file}: metrics: {_names(wanted)}: people label whole answers, and this judge has a verdict on each "
            "sentence: calibrate a judge without `each`"
        )
    return able, [one for one in wanted if not one.label_question]


def _names(metrics: Sequence[Metric]) -> str:
    return ", ".join(one.name for one in metrics)
