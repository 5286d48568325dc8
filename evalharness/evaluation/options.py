"""The options of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.execution import Executor, RecordMode, RunOptions
from evalharness.records import Shard
from evalharness.records.shard import shard_of
from evalharness.store import Commit

if TYPE_CHECKING:
    from evalharness.publish import Opened


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """Models, prompts, baseline and report of an evaluation. The defaults are those of the command line."""

    models: tuple[str, ...] = ()
    """Models to run instead of the suite's own."""
    prompts: tuple[str, ...] = ()
    """Prompts to run instead of the suite's own."""
    repeat: int = 1
    """Samples per case, model and prompt; a deterministic model gives one."""
    baseline: str | None = None
    """Compare with this baseline: a file or folder, `git:REF`, or `none`. None: the accepted one."""
    base: Commit | None = None
    """The merge base: baselines and gates count as they stand there."""
    against: Commit | None = None
    """A commit whose version of the suite runs in turns with this one, and is what this one is compared with."""
    settle: int | None = None
    """Most samples of a case and version until each gate passes or fails; 1: the planned ones only. None: 5, and an
    endpoint's gate gets more samples only if it may have failed.
    """
    shard: Shard | None = None
    """Run this part of the suite; None: all of it."""
    report: str | None = None
    """Folder of the reports, relative to the root. None: `reports/SUITE`."""
    accept: bool = False
    """Make the run part of the baseline."""
    because: str = ""
    """Why the run is accepted."""
    command: str = ""
    """The command that repeats the run. Empty: `pytest --llm-suite` with these options."""
    executor: str | Executor | None = None
    """Where the requests run: a name, or an executor. None: the configured one."""
    publish: tuple[Opened, ...] = ()
    """Where the outcome of `evaluate()` goes."""
    run: RunOptions = field(default_factory=RunOptions)
    """Limits of the requests."""


def shard_option(given: str | None, verdicts: Mapping[str, object]) -> Shard | None:
    """The shard of an option such as `2/4`; None for all cases. `verdicts`: options that need a verdict, by name.

    Raises ConfigError: another form; one of these options, because a shard has no verdict.
    """
    shard = None if given is None else shard_of(given)
    if shard and (refused := next((name for name, value in verdicts.items() if value), None)):
        raise ConfigError(f"{refused}: {shard} has no verdict; run evalharness merge on all shards first")
    return shard


def record_mode(config: Config, record: RecordMode) -> RecordMode:
    """The record mode under a configuration. Raises ConfigError: `all` contradicts `offline = true`."""
    if config.offline and record == "all":
        raise ConfigError("record = all: offline = true in [tool.evalharness] forbids model calls; remove one of them")
    return "none" if config.offline else record
