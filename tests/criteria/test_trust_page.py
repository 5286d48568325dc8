"""docs/trust.md and docs/trust-tables.md say what the tests try: the same rows in both directions.

`EVALHARNESS_TRUST=write` writes the tables from the tests.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import test_innocent_changes
import test_weakenings_of_pytest
from ci_jobs import TABLE, TABLE_EVENTS
from weakenings_of_acceptances import ACCEPTANCES
from weakenings_of_applications import APPLICATIONS
from weakenings_of_projects import CONFIGURATION, GIT, PYTHON
from weakenings_of_suites import GOLDENS, SUITES

from evalharness.criteria.inputs.every import INPUTS

ROOT = Path(__file__).parents[2]
PAGE, TABLES = ROOT / "docs/trust.md", ROOT / "docs/trust-tables.md"
WEAKENINGS = {
    "Suites and cases": SUITES,
    "Applications and conversations": APPLICATIONS,
    "Goldens, baselines, recordings, labels": GOLDENS,
    "Accepted runs that are not those of the change": ACCEPTANCES,
    "Configuration": CONFIGURATION,
    "pytest and Python": [*PYTHON, *test_weakenings_of_pytest.ROWS],
    "Git and names": GIT,
}


def page() -> str:
    """The whole page of tables."""
    return "\n".join([*_weakenings(), *_innocent(), *_events(), *_inputs()])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, and an empty one."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |".replace("| --- |", "|---|").replace(" --- |", "---|")
    yield ""


def _weakenings() -> Iterator[str]:
    yield from ("# Trust: tables", "")
    yield from ("What the tests try, for [the threat model](trust.md). A test tries each row.", "")
    count = sum(map(len, WEAKENINGS.values()))
    yield from (f"## {count} weakenings", "")
    yield "A pull request makes this change, and the model answers badly, or well in the table of accepted runs. No run"
    yield "is green. The line that lists the change as relaxing, or the error that refuses it, contains the text on the"
    yield from ("right.", "")
    for title, rows in WEAKENINGS.items():
        yield from (f"### {title}", "")
        yield from table(("change", "listed or refused as"), ([one.sentence, f"`{one.answer}`"] for one in rows))


def _innocent() -> Iterator[str]:
    rows = test_innocent_changes.ROWS
    yield from (f"## {len(rows)} innocent changes", "")
    yield from ("Nothing is listed as relaxing, and a run with good answers passes.", "")
    yield from table(("change",), ([one.sentence] for one in rows))


def _events() -> Iterator[str]:
    yield from ("## Base of each CI event", "")
    yield "A push is one to the default branch. `--llm-base`: the system does not name the base, and a run without the"
    yield from ("option is an error. -: there is no such event.", "")
    cells = ([system, *(cell[0] if cell else "-" for cell in row)] for system, row in TABLE.items())
    yield from table(("system", *TABLE_EVENTS), cells)


def _inputs() -> Iterator[str]:
    yield from ("## Inputs of a verdict", "")
    yield "A change of a trusted input is not listed, a change of a compared one is, and a refused input is an error. A"
    yield "file that is in no row is read by nothing that decides. A setting that is in no row is compared."
    yield ""
    for kind, rows in INPUTS.items():
        yield from (f"### {kind}", "")
        cells = ([", ".join(_code(name) for name in row.names), row.treatment, row.reason] for row in rows)
        yield from table(("input", "class", "reason"), cells)


def _code(name: str) -> str:
    return name if " " in name else f"`{name}`"


def test_tables() -> None:
    """The page has the rows of the tests, and no other."""
    if os.environ.get("EVALHARNESS_TRUST") == "write":
        TABLES.write_text(page(), encoding="utf-8")
    assert TABLES.read_text(encoding="utf-8") == page()


def test_enough_rows() -> None:
    """At least 60 weakenings and 30 innocent changes, each with its own sentence."""
    weakenings = [one.sentence for rows in WEAKENINGS.values() for one in rows]
    innocent = [one.sentence for one in test_innocent_changes.ROWS]
    assert len(set(weakenings)) == len(weakenings) >= 60
    assert len(set(innocent)) == len(innocent) >= 30


def test_tests_of_the_threat_model() -> None:
    """Each test that the page names exists."""
    named = re.findall(r"`(tests/[\w/]+\.py)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).is_file()] == []
