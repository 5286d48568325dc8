"""What pytest itself says about its root, its settings file and its plugins, because a change can move them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evalharness.pytest_plugin._output import usage_error

_INSTALLED = {"site-packages", "dist-packages"}


def check_root(config: pytest.Config) -> None:
    """Raise pytest.UsageError if a settings file has led pytest to another root than the nearest one with suites.

    `--rootdir` chooses the root.
    """
    here = config.invocation_params.dir
    nearest = next((folder for folder in (here, *here.parents) if (folder / "suites").is_dir()), None)
    is_chosen = config.getoption("rootdir") or hasattr(config, "workerinput")  # a worker has the root of its controller
    if nearest is None or is_chosen or nearest.resolve() == config.rootpath.resolve():
        return
    raise usage_error(
        f"{config.inipath or 'pytest'} makes {config.rootpath} the root, but the nearest suites/ is in {nearest}; "
        f"remove the settings file, or choose the root with --rootdir={nearest}"
    )


def loaded_files(config: pytest.Config) -> set[str]:
    """The files of the project that pytest has read settings from or loaded as plugins, relative to the root."""
    return set(_below(config.rootpath, _files(config)))


def _files(config: pytest.Config) -> Iterator[Path]:
    plugins = (getattr(plugin, "__file__", None) for plugin in config.pluginmanager.get_plugins())
    yield from (Path(file) for file in plugins if file)
    if config.inipath is not None and config.inipath.name != "pyproject.toml":
        yield config.inipath


def _below(root: Path, files: Iterator[Path]) -> Iterator[str]:
    for file in files:
        if file.is_relative_to(root) and not _INSTALLED & set(file.parts):
            for part in (file, *_packages(root, file)):
                yield part.relative_to(root).as_posix()


def _packages(root: Path, file: Path) -> Iterator[Path]:
    """The files that Python runs before a module: those of the packages that it lies in."""
    for folder in file.parents[: len(file.relative_to(root).parts) - 1]:
        yield from folder.glob("__init__.*")
