"""The functions that Python programs call: one suite from its name to its verdict.

    evaluation = evalharness.evaluate("support", models=["smollm2"])
    print(evaluation.status, evaluation.means)

The way of an evaluation: `evaluation.py` plans the suite, `execution/executor.py` runs the requests,
`scoring/scorer.py` scores the responses, `confirm.py` samples possibly worse gates again, `gate/decide.py` decides, and
`report/` writes it down.
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from evalharness.config import Config, load_config
from evalharness.evaluation import publishing
from evalharness.evaluation.confirm import confirm
from evalharness.evaluation.evaluation import Evaluation, open_evaluation
from evalharness.evaluation.merge_base import check_baseline
from evalharness.evaluation.options import EvaluationOptions, record_mode, shard_option
from evalharness.evaluation.report_files import delete_stale_reports
from evalharness.evaluation.resources import Resources
from evalharness.execution import Executor, RecordMode, RunOptions
from evalharness.local.memory import share_bytes
from evalharness.modules import LAST_STEPS, import_modules
from evalharness.providers import Provider
from evalharness.records import Sample
from evalharness.root import find_root
from evalharness.store import commit_at, merge_base

__all__ = ["Evaluation", "aevaluate", "evaluate"]

OnSample = Callable[[Sample], None]


def evaluate(
    suite: str,
    *,
    models: Sequence[str] | Mapping[str, Provider] = (),
    prompts: Sequence[str] = (),
    repeat: int = 1,
    settle: int | None = None,
    shard: str | None = None,
    baseline: str | None = None,
    against: str | None = None,
    base: str | None = None,
    record: RecordMode = "once",
    budget_usd: float | None = None,
    deadline_s: float | None = None,
    concurrency: int | None = None,
    executor: str | Executor | None = None,
    report: str | None = None,
    publish: Sequence[str] = (),
    config: Config | None = None,
    on_start: Callable[[Evaluation], None] | None = None,
    on_sample: OnSample | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Evaluation:
    """Run `suites/SUITE.yaml`, compare it with its baseline, and write `reports/SUITE`.

    Args:
        suite: The name of the suite.
        models: Names of configured models to run instead of the suite's own, or providers by name.
        prompts: Names of prompts to run instead of the suite's own.
        repeat: Samples per case, model and prompt.
        settle: Most samples of a case and version until each gate passes or fails; 1 takes no fresh ones. Default: 5,
            and of an endpoint only where a gate may fail.
        shard: `i/n` runs the i-th of n parts of the cases. `evalharness merge` decides the gates of all parts.
        baseline: A baseline's file or folder, `git:REF`, or `none`. Default: the accepted one.
        against: A commit whose version of the suite runs in turns with this one and is what it is compared with.
        base: The branch that this change goes to: baselines and gates count as of the merge base with it.
        record: `once` replays recorded responses, `all` ignores them, `none` forbids model calls.
        budget_usd: No request is sent whose worst case exceeds it.
        deadline_s: Seconds for all requests and scores.
        concurrency: Most requests in flight for each model.
        executor: Where requests run: a name, or an executor. Default: the configured one, or this process.
        report: Folder of the reports, relative to the root.
        publish: Names of `[tool.evalharness.publish.NAME]` that get the outcome; what fails is one of its warnings.
        config: The configuration. Default: `pyproject.toml` of the nearest folder upwards with `suites/`.
        on_start: Called with the evaluation when its requests are on their way.
        on_sample: Called with each sample, in the order of the plan.
        on_message: Called with a line for the user, as when a model cannot be used or a confirmation begins.

    Returns the finished evaluation. Raises SuiteError, ConfigError, MissingExtraError, StoreError, GitError. An
    interrupt closes the record as stopped before it goes on.

    """
    resources = _resources(
        suite,
        models=models,
        prompts=prompts,
        repeat=repeat,
        settle=settle,
        shard=shard,
        baseline=baseline,
        against=against,
        base=base,
        record=record,
        budget_usd=budget_usd,
        deadline_s=deadline_s,
        concurrency=concurrency,
        executor=executor,
        report=report,
        publish=publish,
        config=config,
    )
    evaluation = open_evaluation(suite, resources)
    return _run(evaluation, on_start or _ignore, on_sample or _ignore, on_message or _ignore)


def _resources(
    suite: str,
    *,
    models: Sequence[str] | Mapping[str, Provider],
    prompts: Sequence[str],
    repeat: int,
    settle: int | None,
    shard: str | None,
    baseline: str | None,
    against: str | None,
    base: str | None,
    record: RecordMode,
    budget_usd: float | None,
    deadline_s: float | None,
    concurrency: int | None,
    executor: str | Executor | None,
    report: str | None,
    publish: Sequence[str],
    config: Config | None,
) -> Resources:
    """The resources of one suite, from the arguments of `evaluate`."""
    config = config or load_config(find_root())
    check_baseline(baseline, config.root)
    options = EvaluationOptions(
        models=tuple(models),
        prompts=tuple(prompts),
        repeat=repeat,
        settle=settle,
        shard=shard_option(shard, {"publish": publish}),
        baseline=baseline,
        base=merge_base(config.root, base),
        against=commit_at(config.root, against) if against else None,
        report=report,
        executor=executor,
        publish=publishing.open_named(publish, config),
        run=RunOptions(
            record=record_mode(config, record),
            concurrency=concurrency,
            budget_usd=budget_usd,
            deadline_s=deadline_s,
            memory_bytes=share_bytes(1),
            run=secrets.token_hex(8),
        ),
    )
    config = config.model_copy(update={"offline": options.run.record == "none"})
    return Resources(config, options, (suite,), dict(models) if isinstance(models, Mapping) else {})


def _run(
    evaluation: Evaluation,
    on_start: Callable[[Evaluation], None],
    on_sample: OnSample,
    on_message: Callable[[str], None],
) -> Evaluation:
    resources = evaluation.resources
    delete_stale_reports(resources, evaluation.name)
    running, stopped = ExitStack(), True
    try:
        evaluation.speed.measure(2)
        running.enter_context(resources)  # what fails before the first request leaves no record
    except BaseException:
        resources.unlock()
        raise
    try:
        with running:
            for line in (*resources.refusals(), *resources.estimates([evaluation.assigned.requests])):
                on_message(line)
            evaluation.start()
            on_start(evaluation)
            import_modules(LAST_STEPS)  # while the requests are in flight
            for samples in evaluation.requests.samples(evaluation.selected):
                evaluation.add(*samples)
                for sample in samples:
                    on_sample(sample)
            evaluation.speed.measure(3)
            confirm(evaluation, on_message)
            for line in resources.imports.unused() if resources.imports else ():
                on_message(line)
        stopped = False
    finally:
        evaluation.finish(stopped=stopped)
    publishing.publish(evaluation)
    return evaluation


def _ignore(value: object) -> None:
    """The default of the callbacks."""


async def aevaluate(suite: str, *, on_sample: OnSample | None = None, **arguments: Any) -> Evaluation:
    """`evaluate` in a running event loop, with the same arguments. `on_sample` is called in the loop's thread.

    The suite and the modules are loaded in the loop's thread, before the first request.
    Cancelling the task, or an exception in `on_sample`, does not stop the requests.
    """
    loop = asyncio.get_running_loop()
    given = inspect.signature(evaluate).bind(suite, **arguments)
    given.apply_defaults()
    on_start, _, on_message = (given.arguments.pop(name) or _ignore for name in ("on_start", "on_sample", "on_message"))
    evaluation = open_evaluation(suite, _resources(**given.arguments))
    evaluation.resources.import_modules()

    def seen(sample: Sample) -> None:
        loop.call_soon_threadsafe(on_sample or _ignore, sample)

    return await asyncio.to_thread(_run, evaluation, on_start, seen, on_message)
