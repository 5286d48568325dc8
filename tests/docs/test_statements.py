"""What the pages promise about green is the same on each page, and each promise has a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RELAXED = "tests/pytest_plugin/test_ways_without_verdict.py::test_what_relaxes_is_never_green"
STATUS = "tests/report/test_outcome.py::test_exit_status"
WAYS = "tests/pytest_plugin/test_ways_without_verdict.py::test_it_is_not_verified"
ACTION = "tests/ci/test_action.py::test_pytest_is_green_and_verify_is_not"
STATEMENTS = [
    ("README.md", "a change that relaxes its own criteria is listed and never green", RELAXED),
    ("docs/trust.md", "A change that relaxes the criteria is never green: its run ends with [status 6]", RELAXED),
    ("docs/ci.md", "A change that relaxes the criteria is never green, whatever `--llm-inconclusive` is", RELAXED),
    ("docs/ci.md", "| 6 | nothing got worse, but the change relaxes the criteria, or nothing was compared", STATUS),
    ("docs/gate.md", "It is 6 if the criteria are relaxed, and in CI if nothing is compared", STATUS),
    ("docs/gate.md", "It is 0 for PASS, and for INCONCLUSIVE unless you set `--llm-inconclusive fail`", STATUS),
    (
        "docs/commands.md",
        "| 6 | nothing got worse, but the change relaxes the criteria, whatever `--llm-inconclusive`",
        STATUS,
    ),
    ("docs/commands.md", "`evalharness run` and `evalharness gate` end with the same 0, 1, 5 and 6", RELAXED),
    (
        "docs/trust.md",
        "pytest can end with 0 and have judged nothing. `evalharness verify` reads the record",
        WAYS,
    ),
    ("docs/trust.md", "A record names its commit, so no commit can bring a report of itself", WAYS),
    ("docs/ci.md", "Its last step ends with pytest's status, or with that of `verify` where pytest's is 0", ACTION),
    ("docs/ci.md", "The summary and the comment of a job that only `verify` finds red begin with its sentence", ACTION),
]


@pytest.mark.parametrize(("page", "sentence", "test"), STATEMENTS)
def test_a_statement_has_a_test(page: str, sentence: str, test: str) -> None:
    """The page has the sentence, and its test exists."""
    assert sentence in " ".join((ROOT / page).read_text(encoding="utf-8").split())
    file, _, name = test.partition("::")
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
