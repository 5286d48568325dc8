"""Weakenings that pytest alone sees: its root, its settings file, the plugins that it has loaded."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from repository import Repository
from trust_project import BAD, Edit, answer, both, moved, put

import evalharness.evaluation.acceptance
import evalharness.gate.pairwise
import evalharness.pytest_plugin
from evalharness.modules import LAST_STEPS, import_modules

import_modules(LAST_STEPS)
LOADED = (evalharness,)
"""Imported here, because pytester unloads what an inner run imports, and numpy cannot be loaded twice."""
HARMLESS = "def pytest_report_header(): return 'shop'\n"


@dataclass(frozen=True)
class Attempt:
    """A change, and the command line of the job."""

    sentence: str
    edit: Edit
    answer: str
    """A part of a line that relaxes, or of the error that refuses."""
    before: Edit = lambda _: None
    """What main already has."""
    options: tuple[str, ...] = ()


ROWS = [
    Attempt(
        "edit a plugin that the job loads by name",
        put("shop_plugin.py", HARMLESS + "#\n"),
        "file shop_plugin.py: ",
        before=put("shop_plugin.py", HARMLESS),
        options=("-p", "shop_plugin"),
    ),
    Attempt(
        "edit a plugin that an unchanged conftest.py loads",
        put("tools/shop_hooks.py", HARMLESS + "#\n"),
        "file tools/shop_hooks.py: ",
        before=both(
            put("conftest.py", 'pytest_plugins = ["tools.shop_hooks"]\n'), put("tools/shop_hooks.py", HARMLESS)
        ),
    ),
    Attempt(
        "add a package around a plugin that an unchanged conftest.py loads",
        put("tools/__init__.py", HARMLESS),
        "file tools/__init__.py: added",
        before=both(
            put("conftest.py", 'pytest_plugins = ["tools.shop_hooks"]\n'), put("tools/shop_hooks.py", HARMLESS)
        ),
    ),
    Attempt(
        "add conftest.py to a folder that the job names",
        put("checks/conftest.py", HARMLESS),
        "file checks/conftest.py: added",
        before=put("checks/test_one.py", "def test_one(): assert True\n"),
        options=("checks",),
    ),
    Attempt(
        "edit the settings file that the job names",
        put("ci/shop.ini", "[pytest]\npython_files = x\n"),
        "file ci/shop.ini: ",
        before=put("ci/shop.ini", "[pytest]\n"),
        options=("-c", "ci/shop.ini", "--rootdir=."),
    ),
    Attempt(
        "move pytest's root with a settings file below",
        put("tests/pytest.ini", "[pytest]\n"),
        "but the nearest suites/ is in",
        options=("tests",),
    ),
    Attempt(
        "move pytest's root with a settings file in a folder of the job's command line",
        both(put("checks/pyproject.toml", "[tool.pytest.ini_options]\n"), put("checks/test_one.py")),
        "but the nearest suites/ is in",
        options=("checks",),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_weakening_of_pytest(
    pull_request: Repository, prepared: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, row: Attempt
) -> None:
    """The run is not green, and the weakening is listed as relaxing or refused."""
    row.before(pull_request)
    pull_request.commit()
    pull_request.git("update-ref", "refs/remotes/origin/main", "HEAD")
    row.edit(pull_request)
    pull_request.commit()
    answer(prepared / "outside/answers.json", BAD)
    monkeypatch.chdir(pull_request.root)
    monkeypatch.syspath_prepend(str(pull_request.root))
    result = pytester.runpytest_inprocess("--llm-suite=demo", *row.options)
    verdict = pull_request.root / "reports/demo/verdict.json"
    listed = json.loads(verdict.read_text())["criteria"] if verdict.exists() else []
    assert result.ret != 0
    lines = [f"{one['what']}: {one['now']}" for one in listed if one["relaxes"]]
    assert any(row.answer in line for line in [*lines, *result.errlines]), lines


def test_settings_above_the_project(
    pull_request: Repository, tmp_path: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A settings file above a project in a folder of the repository moves pytest's root: an error."""
    monkeypatch.delenv("GITHUB_ACTIONS")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    shop = tmp_path / "shop"
    moved("pyproject.toml", "unused.toml")(pull_request)
    pull_request.root.rename(shop)
    monkeypatch.chdir(shop)
    result = pytester.runpytest_inprocess("--llm-suite=demo")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*makes {tmp_path} the root, but the nearest suites/ is in {shop}*"])
    shop.rename(pull_request.root)


def test_project_code_that_is_no_plugin(
    pull_request: Repository, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Application code that a test imports is not listed."""
    pull_request.write("src/shop/app.py", "PRICE = 9\n")
    pull_request.write("tests/test_shop.py", "import shop.app\n\ndef test_shop(): assert shop.app.PRICE\n")
    pull_request.commit()
    monkeypatch.chdir(pull_request.root)
    monkeypatch.syspath_prepend(str(pull_request.root / "src"))
    assert pytester.runpytest_inprocess("--llm-suite=demo", "tests").ret == 0
    verdict = json.loads((pull_request.root / "reports/demo/verdict.json").read_text())
    assert [one["what"] for one in verdict["criteria"] if one["relaxes"]] == []
    sys.modules.pop("shop", None)
