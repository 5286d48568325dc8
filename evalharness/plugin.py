"""The options of the pytest plugin. `--llm-suite` loads the rest.

Every pytest run in an environment with evalharness imports this module, so it imports pytest alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import pytest

_NAME = "evalharness-plugin"


class _PlainFinder:
    """Imports this package without pytest's assertion rewriting.

    pytest rewrites every module of a distribution with a plugin. Where Python writes no bytecode, as in most container
    images, each process would compile all of them.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of a module of this package; None for others."""
        return PathFinder.find_spec(name, path, target) if name.startswith("evalharness.") else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("llm", "LLM regression tests (evalharness)")
    add = group.addoption
    add(
        "--llm-suite",
        metavar="NAMES",
        action="append",
        help="run these suites (comma-separated, or 'all'): suites/NAME.yaml under the root; repeatable",
    )
    add(
        "--llm-model",
        metavar="NAME",
        action="append",
        default=[],
        help="run this instead of the suite's models; repeatable",
    )
    add(
        "--llm-prompt",
        metavar="NAME",
        action="append",
        default=[],
        help="run this instead of the suite's prompts; repeatable",
    )
    add(
        "--llm-repeat",
        metavar="N",
        type=int,
        default=1,
        help="take N samples per case; a deterministic model gives one",
    )
    add(
        "--llm-settle",
        metavar="N",
        type=int,
        help="take up to N samples per case and version until each gate decides; 1 takes no fresh ones (default: 5, "
        "and of an endpoint only where a gate may fail)",
    )
    add(
        "--llm-shard",
        metavar="I/N",
        help="run the I-th of N parts of the cases; evalharness merge decides the gates of all parts",
    )
    add(
        "--llm-items",
        choices=("case", "suite"),
        default="case",
        help="count each case as a test (default: case), or the whole suite, which takes less memory",
    )
    add(
        "--llm-baseline",
        metavar="PATH|git:REF|none",
        help="compare with this baseline, or with none (default: golden/baselines/SUITE at the merge base)",
    )
    add(
        "--llm-against",
        metavar="REF",
        help="also run the suite at this commit, in turns, and compare with that run",
    )
    add(
        "--llm-base",
        metavar="REF",
        help="use the baselines and gates at the merge base with this branch",
    )
    add("--llm-accept", action="store_true", help="add this run to the baseline; refused in CI and for partial runs")
    add("--llm-because", metavar="TEXT", default="", help="write to golden/HISTORY.jsonl why the run is accepted")
    add(
        "--llm-record",
        choices=("none", "once", "all"),
        default="once",
        help="once (default): replay recorded responses, request the others; all: request all; none: send no request",
    )
    add("--llm-concurrency", metavar="N", type=int, help="keep at most N requests in flight for each model")
    add("--llm-executor", metavar="NAME", help="run the requests there: local, ray, or another executor")
    add("--llm-budget", metavar="USD", type=float, help="skip requests whose worst-case cost exceeds the rest of it")
    add("--llm-deadline", metavar="S", type=float, help="fail the requests and scores that are open after S seconds")
    add(
        "--llm-inconclusive",
        choices=("warn", "fail"),
        default="warn",
        help="skip or fail inconclusive gates (default: warn; use fail on release branches)",
    )
    add(
        "--llm-log",
        metavar="FILE|LEVEL",
        help="append a log to a file, or show INFO or DEBUG lines on the terminal",
    )
    add(
        "--llm-publish",
        metavar="NAME",
        action="append",
        default=[],
        help="send the verdicts to [tool.evalharness.publish.NAME]; repeatable",
    )
    add("--llm-report", metavar="DIR", help="write the reports to this folder (default: reports/SUITE)")


def pytest_configure(config: pytest.Config) -> None:
    """Load the rest of the plugin with `--llm-suite`. Raises pytest.UsageError."""
    config.addinivalue_line("markers", 'llm_suite(name): the suite of the checks of the fixture "llm"')
    if config.getoption("--llm-suite") is not None:
        _load(config)
    elif config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Controller(config), "evalharness-controller")


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """End with status 5 in CI where `--llm-suite` evaluates nothing, as with `--collect-only` among the settings."""
    status = yield
    given = config.getoption("--llm-suite") or [  # pytest parses no further than --help
        word for word in config.invocation_params.args if str(word).startswith("--llm-suite")
    ]
    if status or not given or hasattr(config, "workerinput"):
        return status
    from evalharness.store import in_ci

    plugin: Any = config.pluginmanager.get_plugin(_NAME)
    if (plugin and plugin.has_evaluated) or not in_ci():
        return status
    sys.stderr.write("evalharness: no suite was evaluated: remove options like --collect-only and --help\n")
    return pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_collection_finish(session: pytest.Session) -> None:
    """Load the rest of the plugin if a test uses the fixture `llm`. Raises pytest.UsageError."""
    if any("llm" in getattr(item, "fixturenames", ()) for item in session.items):
        _load(session.config)


@pytest.fixture
def llm(request: pytest.FixtureRequest) -> object:
    """Runs suites, and checks answers of an application: see `evalharness.pytest_plugin.fixture.LLM`."""
    from evalharness.pytest_plugin.fixture import LLM

    plugin: Any = request.config.pluginmanager.get_plugin(_NAME)
    if plugin is None:  # the hooks of a run must be there before its first test
        pytest.fail('the fixture "llm" was requested at run time: make "llm" a parameter of the test', pytrace=False)
    return LLM(request.node, plugin.suites)


class _Controller:
    """Loads the rest of the plugin when an xdist worker sends the first sample."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if getattr(report, "evalharness", None) and not self._config.pluginmanager.has_plugin(_NAME):
            _load(self._config)
            self._plugin().pytest_runtest_logreport(report)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        result = yield
        if plugin := self._plugin():
            plugin.conclude(session, stopped=False)
        return result

    def _plugin(self) -> Any:
        return self._config.pluginmanager.get_plugin(_NAME)


def _load(config: pytest.Config) -> None:
    if config.pluginmanager.has_plugin(_NAME):
        return
    if _PlainFinder not in sys.meta_path:
        sys.meta_path.insert(0, _PlainFinder)
    if os.name != "posix":
        from evalharness.errors import POSIX_ONLY

        raise pytest.UsageError(POSIX_ONLY)
    from evalharness.modules import not_collected

    with not_collected():
        from evalharness.pytest_plugin import open_plugin

        open_plugin(config, _NAME)
