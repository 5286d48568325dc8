"""The set-up of `make`: the lock is whole, errors say what to do, and what differs from the lock is listed."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = [Requirement(line) for line in (ROOT / "setup/constraints.txt").read_text().splitlines() if line[0] not in "# "]
MACHINES = {"linux": ["x86_64", "aarch64"], "darwin": ["arm64"]}


def script(name: str) -> ModuleType:
    """Import a script of setup/ as a module."""
    spec = importlib.util.spec_from_file_location(f"setup_{name}", ROOT / "setup" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look modules up here
    spec.loader.exec_module(module)
    return module


def wanted() -> Iterator[Requirement]:
    """Return everything that `make` installs by name: dependencies, extras, groups, build requirements."""
    project = PYPROJECT["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values(), PYPROJECT["build-system"]["requires"]]
    groups = [[word for word in group if isinstance(word, str)] for group in PYPROJECT["dependency-groups"].values()]
    for words in (*lists, *groups):
        yield from (one for one in map(Requirement, words) if one.name != "evalharness")


def pins(python: str, platform: str, machine: str) -> dict[str, list[str]]:
    """Return the locked versions of each package."""
    there = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": platform}
    there |= {
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    found: dict[str, list[str]] = {}
    for line in LOCK:
        if line.marker is None or line.marker.evaluate(there):
            (pin,) = line.specifier
            assert pin.operator == "==", line
            found.setdefault(canonicalize_name(line.name), []).append(pin.version)
    return found


def test_every_named_package_is_locked() -> None:
    """On each Python and platform, each named package has one locked version that fits the requirement."""
    wrong = []
    pythons = [one.rpartition(" ")[2] for one in PYPROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]
    for python, (platform, machines) in product(pythons, MACHINES.items()):
        for machine in machines:
            locked = pins(python, platform, machine)
            wrong += [f"{python} {platform} {name}: {found}" for name, found in locked.items() if len(found) != 1]
            for one in wanted():
                version = locked.get(canonicalize_name(one.name), ["0"])[0]
                if version not in one.specifier:
                    wrong.append(f"{python} {platform}: {one} is locked to {version}")
    assert not wrong, "\n".join(wrong)


def test_differences_from_the_lock_are_listed() -> None:
    """A package in another version than the lock's is listed with both; a build label is no difference."""
    differences = script("differences").differences
    lock = {"torch": "2.13.0", "pyyaml": "6.0.4", "absent": "1"}
    found = {"torch": "2.13.0+cpu", "pyyaml": "6.0.2", "other": "2"}
    assert list(differences(lock, found)) == ["pyyaml  6.0.4 -> 6.0.2"]


def test_the_lock_is_read_for_this_python() -> None:
    """Lines for another Python or platform, and comments, are skipped."""
    lines = [
        "# made by",
        "numpy==1 ; python_full_version < '3'",
        "numpy==2 ; python_full_version >= '3'",
        "",
        "    # x",
    ]
    assert script("differences").locked(lines) == {"numpy": "2"}


def test_a_missing_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compiler the set-up ends at once with two solutions; a compiler set by the user is trusted."""
    install = script("install")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(install.SetupError, match=r"cc and c\+\+ cannot be found.*build-essential.*WHEEL_INDEX=URL"):
        install.check_compilers()
    monkeypatch.setenv("CC", "clang")
    monkeypatch.setenv("CXX", "clang++")
    install.check_compilers()


def test_a_step_that_fails(tmp_path: Path) -> None:
    """A failure shows the end of the output and the path of the rest, and ends parallel steps."""
    install = script("install")
    compiler = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    beside = install.Job("compiling", [sys.executable, "-c", compiler], tmp_path / "a.log")
    words = "for n in range(40): print('line', n)\nraise SystemExit(3)"
    failing = install.Job("installing packages", [sys.executable, "-c", words], tmp_path / "b.log")
    with pytest.raises(install.SetupError, match=r"(?s)installing packages failed\..*b\.log:\n +line 25\n.* line 39"):
        install.wait(failing, beside)
    assert beside.process.wait(60) != 0


def test_a_wheel_is_kept_whole(tmp_path: Path) -> None:
    """A built wheel is moved to the folder of wheels, and no other file stays there."""
    (tmp_path / "built").mkdir()
    (tmp_path / "built/a.whl").write_bytes(b"whole")
    script("install").keep(tmp_path / "built", tmp_path / "wheels")
    assert {path.name: path.read_bytes() for path in (tmp_path / "wheels").iterdir()} == {"a.whl": b"whole"}


@pytest.mark.parametrize(
    ("printed", "step"),
    [
        (b"", ""),
        (b"  [1/83] cc\n  [12/83] /usr/bin/c++ -o x[3].o\n", " 12/83"),
        (b"[  9%] Building\n[ 14%] Linking\n", " 14 %"),
    ],
)
def test_progress_of_a_compiler(tmp_path: Path, printed: bytes, step: str) -> None:
    """The progress is the last step that Ninja or Make printed."""
    install = script("install")
    job = install.Job("compiling", [sys.executable, "-c", ""], tmp_path / "log")
    job.process.wait(60)
    (tmp_path / "log").write_bytes(printed)
    assert job.step == step


def test_versions_come_from_the_lock() -> None:
    """The set-up contains no version of a locked package."""
    install = script("install")
    assert install.locked_version("torch") == pins("3.11", "linux", "x86_64")["torch"][0]
    with pytest.raises(install.SetupError, match="no line for nothing: run `make lock`"):
        install.locked_version("nothing")
