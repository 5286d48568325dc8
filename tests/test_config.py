"""Reading `[tool.evalharness]` in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.config import Config, Limits, load_config, resolve_path
from evalharness.errors import ConfigError

_GOOD = """\
[tool.evalharness.models.fake]
provider = "scripted"
delay_s = 0.5
[tool.evalharness.embedders.mini]
path = "package:mini/model"
[tool.evalharness.limits]
cases = 7
"""


def test_a_whole_table(tmp_path: Path) -> None:
    """Models keep the options of their provider; missing settings have their defaults."""
    (tmp_path / "pyproject.toml").write_text(_GOOD)

    config = load_config(tmp_path)

    assert (config.root, config.limits) == (tmp_path, Limits(cases=7))
    assert (config.model("fake").provider, config.model("fake").options) == ("scripted", {"delay_s": 0.5})
    assert config.embedder("mini").batch_size == 64


@pytest.mark.parametrize("text", [None, "", "[project]\nname = 'x'\n", "[tool.other]\nx = 1\n"])
def test_defaults(tmp_path: Path, text: str | None) -> None:
    """A project without a table or without a file has the defaults."""
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)

    config = load_config(tmp_path)

    assert (config.root, config.models, config.limits) == (tmp_path, {}, Limits())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.evalharness]\nmodel = 1", "[tool.evalharness] unknown key 'model'; did you mean 'models'?"),
        ("[tool.evalharness]\nroot = '/'", "[tool.evalharness] 'root' is always the folder of this file: remove it"),
        ("[tool.evalharness.limits]\ncase = 1", "[tool.evalharness.limits] unknown key 'case'; did you mean 'cases'?"),
        ("[tool.evalharness.embedders.a]\npaht = 'x'\npath = 'y'",
         "[tool.evalharness.embedders.a] unknown key 'paht'; did you mean 'path'?"),
        ("[tool.evalharness.models.a]", "[tool.evalharness.models.a] 'provider' is missing"),
        ("[tool.evalharness]\nmodels = {a = 'x'}", "[tool.evalharness.models.a] must be a table, got 'x'"),
        ("[tool.evalharness]\nmodels = 3", "[tool.evalharness.models] must be a table, got '3'"),
        ("[tool]\nevalharness = 3", "[tool.evalharness] must be a table"),
        ("tool = 3", "[tool.evalharness] must be a table"),
        ("[tool.evalharness.limits]\ncases = 'many'", "[tool.evalharness.limits] cases: must be a valid integer"),
        ("[tool.evalharness.limits]\ndepth = 0", "[tool.evalharness.limits] depth: must be greater than or equal to"),
        ("[tool.evalharness.models.m]\nprovider = 's'\nprice = {input = 1e308}",
         "[tool.evalharness.models.m.price] input: must be less than or equal to 1000000000"),
        ("[tool.evalharness]\nprocesses = 0", "[tool.evalharness] processes: must be greater than or equal to 1"),
        ("[tool.evalharness\n", "Expected ']' at the end of a table declaration (at line 1"),
        ("a = 1\na = 2\n", "Cannot overwrite a value (at line 2"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    """An error names the table and the key with a similar known key; TOML errors have the line."""
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)

    assert str(caught.value).startswith(f"pyproject.toml: {message}")


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """Each mistake has its own line."""
    (tmp_path / "pyproject.toml").write_text("[tool.evalharness]\nx = 1\ny = 2\n")

    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)

    assert len(str(caught.value).splitlines()) == 2


def test_not_utf_8(tmp_path: Path) -> None:
    """A file that is not UTF-8 raises ConfigError."""
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match=r"pyproject.toml: .*utf-8"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (_GOOD, "fak", "unknown model 'fak': no [tool.evalharness.models.fak] in pyproject.toml; did you mean 'fake'?"),
        (_GOOD, "zzz", "unknown model 'zzz': no [tool.evalharness.models.zzz] in pyproject.toml; known: fake"),
        ("", "x", "unknown model 'x': no [tool.evalharness.models.x] in pyproject.toml"),
    ],
)
def test_unknown_models(tmp_path: Path, text: str, name: str, message: str) -> None:
    """The error for an unknown model lists similar configured models."""
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path).model(name)

    assert str(caught.value) == message


def test_unknown_embedder() -> None:
    """The error for an unknown embedder lists similar configured embedders."""
    config = Config(embedders={"minilm": {"path": "x"}})  # type: ignore[dict-item]

    with pytest.raises(ConfigError, match=r"no \[tool.evalharness.embedders.minlm\].*did you mean 'minilm'"):
        config.embedder("minlm")


def test_existing_paths(tmp_path: Path) -> None:
    """A path can be absolute, relative to the root, or inside a package."""
    (tmp_path / "a.txt").touch()

    assert resolve_path("a.txt", tmp_path) == tmp_path / "a.txt"
    assert resolve_path(str(tmp_path / "a.txt"), Path("/nowhere")) == tmp_path / "a.txt"
    assert resolve_path("package:evalharness/py.typed", tmp_path).is_file()
    assert resolve_path("package:evalharness", tmp_path).is_dir()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("b.txt", "no such file"),
        ("~no-such-user/x", "no such file"),
        ("package:evalharness/nothing.gguf", "no such file"),
        ("package:no_such_package/x", "the package no_such_package is not installed"),
        ("package:no_such_package.inner/x", "the package no_such_package.inner is not installed"),
        ("package:json.tool.x/x", "the package json.tool.x is not installed"),
        ("package:", "the package  is not installed"),
        ("package:/x", "the package  is not installed"),
        ("package:.x/y", "the package .x is not installed"),
        ("package:string/x", "the package string is not installed"),
    ],
)
def test_missing_paths(tmp_path: Path, path: str, reason: str) -> None:
    """A missing path raises ConfigError with the path."""
    with pytest.raises(ConfigError) as caught:
        resolve_path(path, tmp_path)

    assert str(caught.value).startswith(f"{path}: {reason}")


@pytest.mark.parametrize("folder", ["cache", ".", "a/../b", "../{name}/cache", "{root}/cache"])
def test_cache_in_the_project(tmp_path: Path, folder: str) -> None:
    """A cache that a commit could bring along is refused, however its path is written."""
    given = folder.format(name=tmp_path.name, root=tmp_path)
    (tmp_path / "pyproject.toml").write_text(f'[tool.evalharness]\ncache_dir = "{given}"\n')
    with pytest.raises(ConfigError, match="cache_dir: expected a folder outside of the repository"):
        load_config(tmp_path)


def test_cache_beside_a_project_in_a_repository(tmp_path: Path) -> None:
    """Another folder of the repository that holds the project is refused too."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "app").mkdir()
    (tmp_path / "app/pyproject.toml").write_text('[tool.evalharness]\ncache_dir = "../data"\n')
    with pytest.raises(ConfigError, match="outside of the repository"):
        load_config(tmp_path / "app")


def test_cache_beside_the_project(tmp_path: Path) -> None:
    """A relative cache outside of the project is one for all its clones side by side."""
    (tmp_path / "pyproject.toml").write_text('[tool.evalharness]\ncache_dir = "../cache"\n')
    assert load_config(tmp_path).cache_dir == Path("../cache")


def test_deep_brackets(tmp_path: Path) -> None:
    """A file whose brackets are thousands of levels deep is an error of the file."""
    (tmp_path / "pyproject.toml").write_text(f"x = {'[' * 5000}{']' * 5000}\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml: too deep"):
        load_config(tmp_path)
