"""A decided run, for tests of gates and of report formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalharness.gate import decide_run
from evalharness.records import Baseline, Run
from evalharness.report import Outcome
from evalharness.testing.builders import baseline as accepted
from evalharness.testing.builders import run as run_of


def outcome(run: Run | None = None, baseline: Baseline | None = None, **changes: Any) -> Outcome:
    """The outcome of a run after the gates compared it with a baseline: all that a report format needs.

    Defaults: `run()`, compared with the baseline that it would be itself. `changes` are fields of `Outcome`; with
    `baselines={}` there is nothing to compare with.
    """
    run = run or run_of()
    baselines = changes.pop("baselines", None)
    if baselines is None:
        known = baseline or accepted(run)
        baselines = {(known.model, known.prompt): known}
    command = f"pytest --llm-suite={run.header.suite} --llm-accept"
    verdicts = () if run.stopped else tuple(decide_run(run, baselines, accept_command=command))
    folder = Path("reports") / run.header.suite
    given = {"verdicts": verdicts, "baselines": baselines, "folder": folder, "accept_command": command}
    return Outcome(run, **given | changes)
