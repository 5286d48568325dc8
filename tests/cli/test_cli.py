"""The `evalharness` command: it reads data, locates problems, and exits with a meaningful status."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from evalharness import __version__
from evalharness.cli import main
from evalharness.testing import Project

_REPOSITORY = Path(__file__).parents[2]
_GOOD = """\
schema: 1
models: [fake]
prompts: {ask: [{user: "{{ q }}"}]}
metrics: [json_valid]
cases: [{id: a, vars: {q: x}, tags: [t]}]
"""
_CONFIG = '[tool.evalharness.models.fake]\nprovider = "scripted"\nanswers = {}\n'


def _run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with two good suites."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "pyproject.toml").write_text(_CONFIG)
    for name in ("one", "two"):
        (tmp_path / f"suites/{name}.yaml").write_text(_GOOD)
    return tmp_path


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A test that runs in an empty folder."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def test_validate_all(root: Path) -> None:
    """Without names, every suite is checked, with a line that counts its parts."""
    result = _run("--root", root, "validate")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "suites/one.yaml: ok: 1 case in 1 tag, 1 prompt (ask), 1 metric, 0 gates",
        "suites/two.yaml: ok: 1 case in 1 tag, 1 prompt (ask), 1 metric, 0 gates",
    ]


def test_validate_one(root: Path) -> None:
    """With a name only that suite is checked; another one may be broken."""
    (root / "suites/two.yaml").write_text("nonsense")

    result = _run("--root", root, "validate", "one")

    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)


@pytest.mark.parametrize(
    ("suite", "lines", "count"),
    [
        ("foo: 1\n" + _GOOD, ["suites/two.yaml:1:1: unknown key 'foo'; known: assert,"], "1 problem found"),
        ("foo: 1\nbar: 2\n" + _GOOD, ["suites/two.yaml:1:1: ", "suites/two.yaml:2:1: "], "2 problems found"),
    ],
)
def test_validate_problems(root: Path, suite: str, lines: list[str], count: str) -> None:
    """Problems go to the output a line each, their number to the error stream, and the status is 1."""
    (root / "suites/two.yaml").write_text(suite)

    result = _run("--root", root, "validate")

    assert (result.exit_code, result.stderr.strip()) == (1, count)
    for line, start in zip(result.stdout.splitlines()[1:], lines, strict=True):
        assert line.startswith(start)


def test_hostile_text_in_problems(root: Path) -> None:
    """Quoted text can neither color the terminal nor start a line."""
    (root / "suites/two.yaml").write_text(_GOOD.replace("id: a", 'id: "\\e[31m\\n::error::\\u202e"'))

    result = _run("--root", root, "validate", "two")

    assert len(result.stdout.splitlines()) == 1
    assert all(character.isprintable() for character in result.stdout.rstrip("\n"))


@pytest.mark.parametrize(
    ("name", "message"), [("on", "unknown suite 'on'; did you mean 'one'?"), ("../x", "unknown suite '../x'")]
)
def test_validate_unknown(root: Path, name: str, message: str) -> None:
    """An unknown suite is a problem with the nearest names."""
    result = _run("--root", root, "validate", name)

    assert (result.exit_code, message in result.stdout) == (1, True)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[tool.evalharness]\nmodel = 1\n", "unknown key 'model'; did you mean 'models'?"),
        ("[tool", "Expected"),
        ("tool = 1", "must be a table"),
    ],
)
def test_broken_configuration(root: Path, config: str, message: str) -> None:
    """A broken configuration is an error of one line with status 1, not a traceback."""
    (root / "pyproject.toml").write_text(config)

    result = _run("--root", root, "validate")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: pyproject.toml: ")
    assert message in result.stderr


def test_outside_any_project(elsewhere: Path) -> None:
    """In a folder without suites, the error names the folder."""
    result = _run("validate")

    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: no suite found in {elsewhere.resolve() / 'suites'}\n",
    )


def test_from_a_folder_below(root: Path, elsewhere: Path) -> None:
    """Below a project the nearest folder upwards that has suites/ is the root."""
    (root / "deep/er").mkdir(parents=True)
    os.chdir(root / "deep/er")

    assert _run("validate", "one").exit_code == 0


@pytest.mark.parametrize("arguments", [["--root", "/no/such/folder", "validate"], ["valdate"], ["validate", "--nope"]])
def test_usage(arguments: list[str]) -> None:
    """Wrong usage exits with status 2 and a message."""
    result = _run(*arguments)

    assert result.exit_code == 2
    assert "Usage: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--help"], "pytest --llm-suite=support"),
        (["-h"], "pytest --llm-suite=support"),
        (["validate", "--help"], "Example: evalharness validate support"),
        (["schema", "--help"], "Example: evalharness schema > suite.schema.json"),
        (["--version"], __version__),
    ],
)
def test_help(arguments: list[str], wanted: str) -> None:
    """Help shows an example."""
    result = _run(*arguments)

    assert (result.exit_code, wanted in result.stdout) == (0, True)


def test_schema_is_valid() -> None:
    """`schema` prints a JSON Schema of 2020-12."""
    schema = json.loads(_run("schema").stdout)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_names_what_the_project_has(tmp_path: Path) -> None:
    """Metrics and checks of the configuration are in the schema, in the suite, in a case and in a turn."""
    project = Project(tmp_path)
    cases = [{"id": "a", "assert": [{"is_polite": True, "must_pass": "stable"}]}, {"id": "b", "turns": [{"user": "?"}]}]
    project.write_suite(metrics=["tone"], gates=[], cases=cases, **{"assert": ["is_polite"]})
    suite = yaml.safe_load(project.read("suites/demo.yaml"))
    tables = "".join(f'[tool.evalharness.{name}]\ncall = "a:b"\n' for name in ("metrics.tone", "checks.is_polite"))
    errors = []
    for configuration in ("", tables):
        project.write("pyproject.toml", configuration)
        schema = json.loads(project.command("schema").stdout)
        found = jsonschema.Draft202012Validator(schema).iter_errors(suite)
        errors.append({"/".join(map(str, error.absolute_path)) for error in found})
    assert errors == [{"metrics/0", "assert/0", "cases"}, set()]


@pytest.mark.parametrize("suite", sorted((_REPOSITORY / "suites").glob("*.yaml")), ids=lambda path: path.stem)
def test_real_suites_fit_the_schema(suite: Path) -> None:
    """The suites of this repository are valid under the schema."""
    schema = json.loads(_run("schema").stdout)

    jsonschema.validate(yaml.safe_load(suite.read_text(encoding="utf-8")), schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "change",
    [{"metrcs": []}, {"schema": 2}, {"params": {"max_tokens": 0}}, {"params": {"temperature": 11}},
     {"models": ["a b"]}, {"metrics": ["rogue"]}, {"params": {"max_tokens": "x"}},
     {"prompts": {"a b": [{"user": "x"}]}}, {"gates": [{"metric": "cost", "margin": "ten"}]},
     {"cases": [{"id": "a b"}]}],
)  # fmt: skip
def test_the_schema_finds_mistakes(change: dict[str, object]) -> None:
    """The printed schema refuses what the loader refuses."""
    schema = json.loads(_run("schema").stdout)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**yaml.safe_load(_GOOD), **change}, schema, jsonschema.Draft202012Validator)


def test_real_suites_are_valid() -> None:
    """The suites of this repository have no problem: their metrics open, their prompts render, their answers fit."""
    result = _run("--root", _REPOSITORY, "validate")

    assert (result.exit_code, result.stdout.count(": ok: ")) == (0, 3)


def test_where_there_is_no_posix(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, the error recommends WSL."""
    monkeypatch.setattr("evalharness.cli.os", SimpleNamespace(name="nt"))
    result = CliRunner().invoke(main, ["validate"])
    assert (result.exit_code, "on Windows, use WSL" in result.output) == (1, True)
