"""`evalharness calibrate`: measure the noise of a suite, and rehearse its gates."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import click

from evalharness.amounts import level
from evalharness.cli._output import echo, explained, print_json, progress_bar
from evalharness.cli.complete import complete_model, complete_suite
from evalharness.config import load_config
from evalharness.evaluation.assertion_scores import AssertionScores
from evalharness.evaluation.own_words import own_words_of
from evalharness.evaluation.pipeline import Pipeline
from evalharness.evaluation.plan import Plan, make_plan
from evalharness.evaluation.sides import are_gated
from evalharness.execution import Engine, RunOptions
from evalharness.records import ASSERTIONS, Sample
from evalharness.report.encode import one_line
from evalharness.store.origins import Origins, read_origins
from evalharness.suites import load_suite

_Key = tuple[str, str, str]
"""Model, prompt, metric."""

_IN_POINTS = ("mean", "margin", "minimum_detectable_drop")
_LEGEND = """\
mean:   of the scores, in points
icc:    correlation between two runs of a case (1: deterministic model)
runs:   variance between runs, relative to that explained by the cases
margin: of the gate, in points
pass:   unchanged runs that pass, in {rehearsals} rehearsals with one accepted run
fail:   unchanged runs that fail, in the same rehearsals
caught: runs that lost the margin and fail, in {rehearsals} more rehearsals
taken:  samples of a case in an unchanged run, both versions together
detect: the drop in points that one new run detects 80 % of the time, against
        {others} accepted runs"""


@click.command(
    epilog="Example: evalharness calibrate support --runs 6",
    short_help="Measure the noise of a suite, and rehearse its gates.",
)
@click.argument("suite", shell_complete=complete_suite)
@click.option("--runs", default=6, show_default=True, type=click.IntRange(min=3), help="Set the number of runs.")
@click.option(
    "--model",
    "models",
    multiple=True,
    shell_complete=complete_model,
    help="Run this model; repeatable.",
)
@click.option("--prompt", "prompts", multiple=True, help="Run this prompt; repeatable.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Limit the requests in flight to each model.")
@click.option(
    "--over-days",
    is_flag=True,
    help="Add the runs to those of earlier days, kept in reports/SUITE/calibration.jsonl.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_obj
def calibrate(
    root: Path,
    suite: str,
    runs: int,
    models: tuple[str, ...],
    prompts: tuple[str, ...],
    concurrency: int | None,
    over_days: bool,
    as_json: bool,
) -> None:
    """Run SUITE several times unchanged, measure its noise, and rehearse its gates on the answers.

    A rehearsal decides like a run, on answers drawn from these. No recorded response is used: each run has its full
    cost. Runs of one afternoon do not show how much an endpoint changes from day to day: repeat the command with
    --over-days.

    Exit status: 0 measured, 1 an answer is missing, 2 usage.
    """
    with explained():
        config = load_config(root)
        plan = make_plan(load_suite(suite, config), config, models=models, prompts=prompts, repeat=runs)
        deterministic = [model for model, repeats in plan.repeats.items() if repeats < runs]
        samples = _with_assertions(plan, _sampled(plan, RunOptions(record="all", concurrency=concurrency)))
        known = dict(_values(plan, samples, runs))
        values = {key: _with_earlier(plan, key, found) for key, found in known.items()} if over_days else known
    origins = read_origins(config.root)
    figures = {key: _figures(found, key, plan, _own_words(plan, key, origins)) for key, found in values.items()}
    if as_json:
        print_json({"|".join(key): found for key, found in figures.items()})
    else:
        _show(figures)
    for model in deterministic:
        echo(f"{model}: deterministic model: repeated runs are identical, there is no noise to measure")
    missing = [sample for sample in samples if not sample.answered]
    if missing:
        echo(f"{len(missing)} of {len(samples)} answers are missing, first {missing[0].key.case}", err=True)
        raise SystemExit(1)


def _sampled(plan: Plan, options: RunOptions) -> list[Sample]:
    requests = sorted(plan.requests, key=lambda pair: pair[1].key.repeat)  # run by run, as on different days
    models = {**plan.metric_models, **plan.providers}
    engine = Engine(models, options=replace(options, run="calibrate"), pricing=plan.pricing)
    with Pipeline(engine) as pipeline:
        waiting = pipeline.submit_all(requests, plan.scorer)
        with progress_bar(f"{len(waiting)} answers", iterable=waiting, file=sys.stderr) as shown:
            samples = [sample.result() for sample in shown]
    for warning in engine.warnings:
        echo(f"warning: {one_line(warning, 1000)}", err=True)
    return samples


def _with_assertions(plan: Plan, samples: list[Sample]) -> list[Sample]:
    """The samples, with the scores that a gate on assertions compares."""
    if not are_gated(gate.rule for gate in plan.suite.gates):
        return samples
    with closing(AssertionScores(plan.suite, plan.config)) as scores:
        return scores.of_samples(samples)


def _own_words(plan: Plan, key: _Key, origins: Origins) -> frozenset[str]:
    """The cases that cannot fail the gate against this version: only metrics that read golden answers have them."""
    model, prompt, metric = key
    if metric not in {one.name for one in plan.metrics if one.needs_golden}:
        return frozenset()
    return own_words_of(plan.suite, (model, prompt), plan.request_digests[model, prompt], origins)


def _values(plan: Plan, samples: Sequence[Sample], runs: int) -> Iterator[tuple[_Key, dict[str, list[float]]]]:
    """The scores of the runs by case, for cases without a missing answer."""
    found: dict[_Key, dict[str, list[float]]] = {}
    for sample in sorted(samples, key=lambda sample: sample.key):
        for score in sample.scores if sample.answered else ():
            by_case = found.setdefault((sample.key.model, sample.key.prompt, score.metric), {})
            by_case.setdefault(sample.key.case, []).append(score.value)
    for key, by_case in found.items():
        if whole := {case: values for case, values in by_case.items() if len(values) == runs}:
            yield key, whole


def _with_earlier(plan: Plan, key: _Key, found: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """The scores of these runs and of those of earlier days, and keep these. Raises StoreError."""
    from evalharness.store.calibrations import FILE, Settings, add_calibrations, read_calibrations

    model, prompt, metric = key
    signatures = {one.name: one.signature for one in plan.metrics}
    if metric == ASSERTIONS:
        signatures[metric] = AssertionScores(plan.suite, plan.config).signature
    settings = Settings(*key, plan.request_digests[model, prompt], signatures.get(metric, ""))
    root, path = plan.config.root, plan.config.root / "reports" / plan.suite.name / FILE
    earlier = list(read_calibrations(root, path, settings))
    count = len(next(iter(found.values())))
    add_calibrations(root, path, settings, ({case: found[case][run] for case in found} for run in range(count)))
    common = [case for case in found if all(case in run for run in earlier)]
    return {case: [*(run[case] for run in earlier), *found[case]] for case in common}


def _figures(
    values: Mapping[str, Sequence[float]], key: _Key, plan: Plan, own_words: frozenset[str]
) -> dict[str, float]:
    from evalharness.gate.calibration import calibrate  # imports numpy
    from evalharness.gate.defaults import QUALITY_MARGIN

    model, _, metric = key
    margins = [gate.rule.margin for gate in plan.suite.gates if gate.rule.metric == metric and not gate.rule.tag]
    margin = margins[0] if margins else QUALITY_MARGIN
    local = plan.providers[model].capabilities.local
    seed = "|".join((plan.suite.name, *key))
    found = asdict(calibrate(values, margin=margin, same_model=local, own_words=own_words, seed=seed))
    return found | {name: 100 * found[name] for name in _IN_POINTS if found[name] is not None}


def _show(figures: Mapping[_Key, Mapping[str, float]]) -> None:
    if not figures:
        return
    columns = ("mean", "icc", "runs", "margin", "pass", "fail", "caught", "taken", "detect")
    for key, found in figures.items():
        drop = found["minimum_detectable_drop"]
        cells = (
            level(found["mean"], "points"),
            f"{found['correlation']:.2f}",
            f"{found['between_runs']:.2f}",
            f"{found['margin']:g}",
            *(f"{found[name] * 100:.0f} %" for name in ("passes", "false_alarms", "caught")),
            f"{found['samples']:.1f}",
            "nothing" if drop is None else level(drop, "points"),
        )
        echo(", ".join(key))
        echo("".join(f"{name:>8}" for name in columns))
        echo("".join(f"{cell:>8}" for cell in cells))
        if own := found["own_words"]:
            echo(f"own words: {own:g} of {found['cases']:g} golden answers; these cases cannot fail the gate")
    first = next(iter(figures.values()))
    echo(_LEGEND.format(others=first["runs"] - 1, rehearsals=first["rehearsals"]))
