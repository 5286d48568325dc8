"""The files of evalharness that a run of one scripted case enters, and the number of changes between them.

    python benchmarks/spine.py

A change of file is a call or a return that takes a thread from one file of the package to another. Imports are left
out, because a first run loads everything. The second figure is for a run with a baseline, in which the gates compare.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

import evalharness

PACKAGE = str(Path(evalharness.__file__).parent)
SUITE = """\
schema: 1
models: [fake]
prompts:
  plain:
    - user: "{{ question }}"
metrics: [rouge_l]
cases:
  - {id: a, vars: {question: "Can I return it?"}}
gates:
  - {metric: rouge_l, margin: 5%}
"""
CONFIG = '[tool.evalharness.models.fake]\nprovider = "scripted"\nanswers = "answers.json"\n'


class Journey:
    """The entered files and the changes between them, of all threads."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.changes = 0
        self._places = threading.local()

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        """The profile function for `sys.setprofile`."""
        if event == "return":
            frame = frame.f_back or frame
        elif event != "call":
            return
        name = frame.f_code.co_filename
        if name.startswith(PACKAGE):
            self.files.add(name)
            self.changes += getattr(self._places, "file", name) != name
            self._places.file = name

    @contextlib.contextmanager
    def recorded(self) -> Iterator[None]:
        """Record the calls of all threads in the block."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]


def write_project(root: Path) -> None:
    """Write a suite of one case."""
    for name, text in (
        ("pyproject.toml", CONFIG),
        ("suites/one.yaml", SUITE),
        ("golden/one.yaml", "a: Yes.\n"),
        ("answers.json", '{"a": "Yes."}'),
    ):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def run(root: Path, *arguments: str) -> None:
    """Run `pytest --llm-suite=one` in this process."""
    command = ["--llm-suite=one", f"--rootdir={root}", "-q", "-p", "no:cacheprovider", *arguments]
    with contextlib.chdir(root), contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(command)
    assert code == 0, code


def main() -> None:
    """Print a line for each run."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        write_project(root)
        run(root, "--llm-accept")  # loads everything
        for name, arguments in (("one case", ["--llm-baseline=none"]), ("with a baseline", [])):
            journey = Journey()
            with journey.recorded():
                run(root, *arguments)
            print(f"{name:<16} {len(journey.files):>4} files, {journey.changes:>5} changes of file")


if __name__ == "__main__":
    main()
