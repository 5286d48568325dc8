"""The pytest plugin: collects suites, and reports cases and gates as test results."""

from __future__ import annotations

from functools import partial

import pytest

from evalharness.errors import EvalHarnessError
from evalharness.pytest_plugin._output import usage_error
from evalharness.pytest_plugin.collection import Collection
from evalharness.pytest_plugin.hooks import EvalPlugin
from evalharness.pytest_plugin.inputs import loaded_files
from evalharness.pytest_plugin.kept_reports import KeptReports
from evalharness.pytest_plugin.log import open_log
from evalharness.pytest_plugin.options import suites_of
from evalharness.pytest_plugin.suites import Suites

__all__ = ["open_plugin"]


def open_plugin(config: pytest.Config, name: str) -> None:
    """Read the options, collect the suites, register the hooks. Raises pytest.UsageError."""
    open_log(config)
    try:
        suites = suites_of(config)
    except EvalHarnessError as error:
        raise usage_error(error) from None
    config.add_cleanup(suites.resources.unlock)
    if suites.paths:
        _collect_suites(config, suites)
    suites.resources.merge_base.loaded = partial(loaded_files, config)
    plugin = EvalPlugin(config, suites)
    if config.pluginmanager.register(plugin, name) is None:
        return  # blocked by `-p no:NAME`: without its hooks, no suite is found
    config.pluginmanager.register(Collection(suites), f"{name}-collection")
    config.pluginmanager.register(plugin.alike, f"{name}-alike")
    files = [path.relative_to(config.rootpath).as_posix() for path in suites.paths]
    config.pluginmanager.register(KeptReports(config, files), f"{name}-reports")


def _collect_suites(config: pytest.Config, suites: Suites) -> None:
    """Collect the suites alone, or in addition to the paths on the command line."""
    given = [] if config.args_source is not pytest.Config.ArgsSource.ARGS else list(config.args)
    named = {(config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in given}
    config.args = given + [str(path) for path in suites.paths if path.resolve() not in named]
