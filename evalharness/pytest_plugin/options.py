"""The command line of pytest as options of an evaluation, checked before the first request."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalharness.config import Config, load_config
from evalharness.evaluation.merge_base import check_baseline
from evalharness.evaluation.options import EvaluationOptions, shard_option
from evalharness.evaluation.publishing import open_named
from evalharness.evaluation.resources import Resources
from evalharness.execution import RecordMode, RunOptions
from evalharness.execution.elsewhere import executor_kind
from evalharness.local.memory import share_bytes
from evalharness.pytest_plugin._output import usage_error
from evalharness.pytest_plugin.inputs import check_root
from evalharness.pytest_plugin.suites import Suites
from evalharness.store import commit_at, in_ci, merge_base
from evalharness.store.baselines import accepted_suites
from evalharness.suites import suite_names, suite_path

_LEAST = {"--llm-repeat": 1, "--llm-settle": 1, "--llm-concurrency": 1, "--llm-budget": 0, "--llm-deadline": 0}
"""Option -> its smallest value."""


def suites_of(config: pytest.Config) -> Suites:
    """The suites of the command line. Raises pytest.UsageError, EvalHarnessError."""
    option, worker = config.getoption, getattr(config, "workerinput", {})
    check_root(config)
    project = load_config(config.rootpath)
    _check_options(option, project)
    destinations = () if worker else open_named(option("--llm-publish"), project)
    record: RecordMode = "none" if project.offline else option("--llm-record")
    project = project.model_copy(update={"processes": worker.get("workercount", 1), "offline": record == "none"})
    options = EvaluationOptions(
        models=tuple(option("--llm-model")),
        prompts=tuple(option("--llm-prompt")),
        repeat=option("--llm-repeat"),
        settle=option("--llm-settle"),
        shard=shard_option(option("--llm-shard"), {name: option(name) for name in ("--llm-accept", "--llm-publish")}),
        baseline=option("--llm-baseline"),
        base=None if worker else merge_base(project.root, option("--llm-base")),
        against=commit_at(project.root, option("--llm-against")) if option("--llm-against") else None,
        report=option("--llm-report"),
        accept=option("--llm-accept"),
        because=option("--llm-because"),
        executor=option("--llm-executor"),
        run=RunOptions(
            record=record,
            concurrency=option("--llm-concurrency"),
            budget_usd=option("--llm-budget"),
            deadline_s=option("--llm-deadline"),
            memory_bytes=share_bytes(project.processes),
            run=worker.get("testrunuid") or secrets.token_hex(8),
        ),
    )
    names = _names(",".join(option("--llm-suite")), project.root) if option("--llm-suite") is not None else ()
    return Suites(
        Resources(project, options, names),
        tuple(suite_path(name, project.root) for name in names),
        fail_inconclusive=option("--llm-inconclusive") == "fail",
        one_item=option("--llm-items") == "suite",
        is_worker=bool(worker),
        destinations=destinations,
    )


def _check_options(option: Callable[..., Any], config: Config) -> None:
    root = config.root
    if config.offline and option("--llm-record") == "all":
        raise usage_error("--llm-record=all: offline = true in [tool.evalharness] forbids model calls")
    for name, least in _LEAST.items():
        if option(name) is not None and not least <= option(name) < math.inf:
            raise usage_error(f"{name}: expected a number from {least}, got {option(name)}")
    if option("--llm-against") and option("dist", "no") != "no":
        raise usage_error("--llm-against runs both versions in one process; remove -n")
    if executor_kind(option("--llm-executor"), config) == "ray" and option("dist", "no") != "no":
        raise usage_error("--llm-executor=ray: one process sends the requests to the cluster; remove -n")
    check_baseline(option("--llm-baseline"), root)
    if option("--llm-accept") and in_ci():
        raise usage_error("--llm-accept: refused in CI; accept on your machine and commit the baseline")
    if option("--llm-because") and not option("--llm-accept"):
        raise usage_error("--llm-because: expected together with --llm-accept")


def _names(given: str, root: Path) -> tuple[str, ...]:
    named = [name.strip() for name in given.split(",")]
    if not all(named):  # as from an unset variable
        raise usage_error(f"--llm-suite={given}: expected names, got an empty one")
    names = suite_names(root) if "all" in named else named
    if "all" in named and (orphans := sorted(set(accepted_suites(root)) - set(names))):
        raise usage_error(
            f"--llm-suite=all: golden/baselines/{orphans[0]} has no suites/{orphans[0]}.yaml; restore the suite or "
            "delete its baselines"
        )
    if not names:
        raise usage_error(f"--llm-suite={given}: no suite in {root / 'suites'}; create one with evalharness init")
    return tuple(dict.fromkeys(names))
