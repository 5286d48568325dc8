"""The extensions of other packages, and the report formats that the configuration names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import entry_points
from typing import Any

from evalharness.config import Config
from evalharness.doctor.result import CheckResult
from evalharness.errors import ConfigError, EvalHarnessError, MissingExtraError
from evalharness.execution.elsewhere import executor_kind
from evalharness.execution.on_ray.environment import ray_settings
from evalharness.publish import open_destinations
from evalharness.registry import BUILT_IN, Kind, find, make
from evalharness.report import open_formats


def check_extensions(config: Config) -> Iterator[CheckResult]:
    """A result for each installed extension, and for each format or executor of the configuration that is unknown."""
    for kind in BUILT_IN:
        for entry in sorted(entry_points(group=f"evalharness.{kind}")):
            written = kind == "report_formats" and entry.name in config.reports
            package = entry.dist.name if entry.dist else "unknown"
            text = f"{kind[:-1].replace('_', ' ')} {entry.name} of the package {package}"
            yield CheckResult("extensions", "ok", f"{text}, written by each run" if written else text)
    yield from (_function("checks", name, config) for name in config.checks)
    yield from (_function("metrics", name, config) for name in config.metrics)
    try:
        open_formats(config.reports)
    except ConfigError as error:
        yield CheckResult("extensions", "broken", str(error), needed=True)
    yield from (_destination(name, config) for name in config.publish)
    yield from _executor(config)


def _executor(config: Config) -> Iterator[CheckResult]:
    """Whether the executor of the configuration exists; of Ray also its settings, without a connection."""
    kind = executor_kind(None, config)
    try:
        find("executors", kind)
        if kind == "ray":
            yield CheckResult("extensions", "ok", ray_settings(os.environ))
    except (LookupError, ConfigError, MissingExtraError) as error:
        yield CheckResult("extensions", "broken", f"executor: {error.args[0]}", needed=True)


def _destination(name: str, config: Config) -> CheckResult:
    """Whether a destination of results can be opened; nothing is sent."""
    try:
        open_destinations([name], config)
    except ConfigError as error:
        return CheckResult("extensions", "broken", f"publish: {error}", needed=True)
    return CheckResult("extensions", "ok", f"destination {name} is configured; nothing was sent")


def _function(kind: Kind, name: str, config: Config) -> CheckResult:
    """Whether a function of the project can be imported, in a process of its own."""
    call, noun = getattr(config, kind)[name].call, kind[:-1]
    try:
        opened: Any = find(kind, name, config) if kind == "checks" else make(kind, name, {}, config=config)
        with closing(opened):
            (opened.prepare if kind == "checks" else opened.warm_up)()
    except EvalHarnessError as error:
        return CheckResult("extensions", "broken", f"{noun} {name}: {error}", needed=True)
    return CheckResult("extensions", "ok", f"{noun} {name}: {call} imports")
