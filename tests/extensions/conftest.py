"""A third party's package: one file for each kind of extension, registered by the entry points in `installed/`.

To add an extension: write `tests/extensions/KIND.py` (at most 60 lines) and `test_KIND_extension.py`, and add one line
below its group in `installed/acme_evals-1.0.dist-info/entry_points.txt`: `NAME = extensions.KIND:OBJECT`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import evalharness
from evalharness import Sample, read_run

RunSuite = Callable[[str, str], list[Sample]]

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def acme_evals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Install the third party's package for one test, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(HERE.parent)  # `extensions.KIND` is a module below tests/
    monkeypatch.syspath_prepend(HERE / "installed")


@pytest.fixture(params=["pytest", "evaluate"])
def run_suite(request: pytest.FixtureRequest, pytester: pytest.Pytester) -> RunSuite:
    """Run a suite of two cases with a record mode, by pytest or by `evaluate`. Returns its samples."""

    def by_pytest(suite: str, record: str) -> list[Sample]:
        options = (f"--llm-suite={suite}", f"--llm-record={record}", "-p", "no:cacheprovider")
        pytester.runpytest_inprocess(*options).assert_outcomes(passed=2)
        return list(read_run(pytester.path / f"reports/{suite}/run.jsonl").samples)

    def by_evaluate(suite: str, record: str) -> list[Sample]:
        config = evalharness.load_config(pytester.path)
        return evalharness.evaluate(suite, config=config, record=record).samples  # type: ignore[arg-type]

    return by_pytest if request.param == "pytest" else by_evaluate
