"""The extensions of other packages, and the report formats that the configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points

from evalharness.config import Config
from evalharness.doctor.result import CheckResult
from evalharness.errors import ConfigError
from evalharness.registry import BUILT_IN, find
from evalharness.report import open_formats


def check_extensions(config: Config) -> Iterator[CheckResult]:
    """A result for each installed extension, and for each format or executor of the configuration that is unknown."""
    for kind in BUILT_IN:
        for entry in sorted(entry_points(group=f"evalharness.{kind}")):
            written = kind == "report_formats" and entry.name in config.reports
            package = entry.dist.name if entry.dist else "unknown"
            text = f"{kind[:-1].replace('_', ' ')} {entry.name} of the package {package}"
            yield CheckResult("extensions", "ok", f"{text}, written by each run" if written else text)
    try:
        open_formats(config.reports)
    except ConfigError as error:
        yield CheckResult("extensions", "broken", str(error), needed=True)
    table = config.executors.get(config.executor)
    try:
        find("executors", table.executor if table else config.executor)
    except (LookupError, ConfigError) as error:
        yield CheckResult("extensions", "broken", f"executor: {error.args[0]}", needed=True)
