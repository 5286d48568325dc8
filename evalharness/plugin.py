"""The pytest plugin's switch: options, and nothing else until `--llm-suite` is given.

Every pytest run in this environment imports this module, so it imports pytest alone.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest


class _PlainFinder:
    """Finds this package's modules before pytest's import hook does.

    The hook rewrites the assertions of every module of a distribution that has a plugin. Where no bytecode is written,
    as in most container images, it would compile all of them in each process.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module of this package, None for any other."""
        return PathFinder.find_spec(name, path, target) if name.startswith("evalharness.") else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called at start-up: declares the options."""
    group = parser.getgroup("llm", "LLM regression tests (evalharness)")
    add = group.addoption
    add(
        "--llm-suite",
        metavar="NAMES",
        action="append",
        help="suites to run, comma-separated, or 'all': suites/NAME.yaml under the root; repeatable",
    )
    add(
        "--llm-model", metavar="NAME", action="append", default=[], help="instead of the suite's own models; repeatable"
    )
    add(
        "--llm-prompt",
        metavar="NAME",
        action="append",
        default=[],
        help="instead of the suite's own prompts; repeatable",
    )
    add("--llm-repeat", metavar="N", type=int, default=1, help="draws per case (one where a second would be a copy)")
    add(
        "--llm-baseline",
        metavar="PATH|git:REF|none",
        help="compare with this baseline (default: golden/baselines/SUITE, as of the merge base); none: do not compare",
    )
    add(
        "--llm-against",
        metavar="REF",
        help="also run the suite as it stands at this commit, in turns with this one, and compare with that",
    )
    add(
        "--llm-base",
        metavar="REF",
        help="what this change is to be merged into: baselines and margins count as of the merge base with it",
    )
    add(
        "--llm-accept",
        action="store_true",
        help="make this run part of the baseline (never in CI, never a partial run)",
    )
    add("--llm-because", metavar="TEXT", default="", help="why it is accepted: kept in golden/HISTORY.jsonl")
    add(
        "--llm-record",
        choices=("none", "once", "all"),
        default="once",
        help="none: recorded responses only, no socket is opened; once (default): ask what is not recorded; all: anew",
    )
    add("--llm-concurrency", metavar="N", type=int, help="at most so many requests under way at each model")
    add("--llm-budget", metavar="USD", type=float, help="no request leaves whose worst case would go beyond it")
    add(
        "--llm-deadline",
        metavar="S",
        type=float,
        help="seconds for the whole run; what is not answered by then is lost",
    )
    add(
        "--llm-inconclusive",
        choices=("warn", "fail"),
        default="warn",
        help="what an inconclusive gate does (default: warn; use fail on release branches)",
    )
    add(
        "--llm-log",
        metavar="FILE|LEVEL",
        help="log what the run does: append DEBUG lines to a file, or show INFO or DEBUG lines on the terminal",
    )
    add("--llm-report", metavar="DIR", help="where report.html, run.jsonl and verdict.json go (default: reports/SUITE)")


def pytest_configure(config: pytest.Config) -> None:
    """Called once the command line is known: with `--llm-suite`, the door is opened."""
    if config.getoption("--llm-suite") is not None:
        if _PlainFinder not in sys.meta_path:
            sys.meta_path.insert(0, _PlainFinder)
        if os.name != "posix":
            from evalharness.errors import POSIX_ONLY

            raise pytest.UsageError(POSIX_ONLY)
        from evalharness.pytest_plugin import open_plugin

        open_plugin(config)
        gc.freeze()  # without it, the collector scans the imported modules again and again: 13 % of a short run
