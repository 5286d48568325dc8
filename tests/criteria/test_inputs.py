"""Each input of a verdict is in one class: trusted, compared or refused."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import _pytest
import click
import pytest
from _pytest.config import Config as PytestConfig
from _pytest.config import get_config
from _pytest.config.findpaths import CONFIG_LOADERS_BY_NAME

import evalharness
from evalharness import plugin
from evalharness.cli.run import run
from evalharness.config import Config
from evalharness.criteria.inputs import MODULES, Input, names
from evalharness.criteria.inputs.every import INPUTS
from evalharness.store.ci import CI_VARIABLES

PACKAGE = Path(evalharness.__file__).parent


def sources(folder: Path) -> Iterator[str]:
    """The text of each module below a folder."""
    return (path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))


@pytest.fixture
def of_pytest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PytestConfig:
    """The configuration of pytest with its own plugins and ours, without those of other packages."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    (tmp_path / "pytest.ini").touch()
    config = get_config(["-p", "no:pytester"])
    config.pluginmanager.register(plugin, "evalharness.plugin")
    config.parse(["-c", str(tmp_path / "pytest.ini"), "--rootdir", str(tmp_path)])
    return config


def options(config: PytestConfig) -> dict[str, str]:
    """Option -> the name of its group."""
    groups = [config._parser._anonymous, *config._parser._groups]
    return {name: group.name for group in groups for option in group.options for name in option.names()}


def test_every_option(of_pytest: PytestConfig) -> None:
    """Each option of pytest and each of ours is in one row."""
    found = options(of_pytest)
    ours = {name for name, group in found.items() if group == "llm"}
    assert ours == set(names(INPUTS["Options of evalharness"]))
    assert found.keys() - ours == set(names(INPUTS["Options of pytest"]))


def test_every_setting_of_pytest(of_pytest: PytestConfig) -> None:
    """Each setting of pytest is in one row, and each file that it reads settings from."""
    known = {*of_pytest._parser._inidict, *of_pytest._parser._ini_aliases}
    assert known - {"pytester_example_dir"} == set(names(INPUTS["Settings of pytest"])) - {"pytester_example_dir"}
    assert set(CONFIG_LOADERS_BY_NAME) <= set(names(INPUTS["Files"]))


def test_every_setting_of_ours() -> None:
    """Each key of `[tool.evalharness]` is in one row."""
    assert sorted(Config.model_fields) == sorted(names(INPUTS["Settings of evalharness"]))


def test_the_command_line_has_no_other_options() -> None:
    """`evalharness run` has the options of pytest."""
    same = {name.replace("--llm-", "--") for name in names(INPUTS["Options of evalharness"])}
    found = {name for one in run.params if isinstance(one, click.Option) for name in one.opts}
    assert found <= same


def test_every_variable() -> None:
    """Each environment variable that pytest or this package reads by its name is in one row."""
    literal = re.compile(r'environ(?:\.get\(|\[)\s*"([A-Z_]+)"')
    ours = {name for text in sources(PACKAGE) for name in literal.findall(text)}
    quoted = re.compile(r'environ[^\n]*"(PYTEST_[A-Z_]+)"')
    pytests = {name for text in sources(Path(_pytest.__file__).parent) for name in quoted.findall(text)}
    rows = names(INPUTS["Environment variables"])
    missing = [one for one in {*ours, *pytests, *CI_VARIABLES} if not any(fnmatch(one, row) for row in rows)]
    assert not missing


def test_every_module() -> None:
    """Each module of another distribution that this package imports, some of it late, is in one row."""
    trees = [ast.parse(text) for text in sources(PACKAGE)]
    absolute = {node.module or "" for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = {
        one.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
    }
    found = {name.partition(".")[0] for name in absolute | plain} - {"evalharness", "__future__"}
    assert found - sys.stdlib_module_names <= set(names(MODULES))


@pytest.mark.parametrize("kind", INPUTS)
def test_one_class_each(kind: str) -> None:
    """No name is in two rows, and each row has a reason."""
    rows: tuple[Input, ...] = INPUTS[kind]
    assert len(names(rows)) == len(set(names(rows)))
    assert all(row.names and row.reason and row.treatment in ("trusted", "compared", "refused") for row in rows)
