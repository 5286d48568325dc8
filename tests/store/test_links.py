"""Committed links: what is written, moved or deleted stays below the root."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hang import in_time

from evalharness.errors import StoreError, SuiteError
from evalharness.evaluation.acceptance import Reason, accept_answers
from evalharness.store import read_baseline, read_run, write_below, write_whole
from evalharness.store.files import append_below, create_below, read_below
from evalharness.store.folders import folder_of
from evalharness.store.imported import origin_of
from evalharness.store.lines import append_line, read_lines
from evalharness.store.recordings import read_recording
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

FILES = ("run.jsonl", "run.jsonl.part", "verdict.json", "report.html", "summary.md", "reference.jsonl", ".lock")
FILES += ("scripted.plain.jsonl", "demo.jsonl", "HISTORY.jsonl", "review.jsonl", "scripted.plain.jsonl", "demo.yaml")
IS_A_LINK = "is a symbolic link: delete the link"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder outside of the project, with files that have the names of ours."""
    folder = tmp_path / "outside"
    for place in (folder, folder / "demo", folder / "baselines/demo", folder / "recordings"):
        place.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (place / name).write_text("mine\n")
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project without a baseline."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project(tmp_path / "project")
    project.write_suite()
    return project


def content(folder: Path) -> dict[str, str]:
    """All files of a folder."""
    return {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}


def link(project: Project, name: str, target: Path) -> None:
    """Commit a link, in place of what was there."""
    path = project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(project.root / f"old-{path.name}")
    path.symlink_to(target)


def accept(project: Project) -> object:
    """Accept a run whose reports are elsewhere."""
    return project.accept(report=str(project.root.parent / "reports"))


def accept_golden(project: Project) -> object:
    """Accept an answer as golden."""
    run = project.evaluate(report=str(project.root.parent / "reports")).run
    return accept_answers(run, project.config, {"case-0": ["Sure."]}, Reason("right", "pass"))


WAYS: dict[str, tuple[str, str, Callable[[Project], object]]] = {
    "reports": ("reports", "", Project.evaluate),
    "a suite's reports": ("reports/demo", "", Project.evaluate),
    "a folder of --llm-report": ("out", "", lambda project: project.evaluate(report="out/deep")),
    "dots in --llm-report": ("out", "", lambda project: project.evaluate(report="reports/../out")),
    "golden": ("golden", "", accept),
    "golden/baselines": ("golden/baselines", "baselines", accept),
    "a suite's baselines": ("golden/baselines/demo", "", accept),
    "a baseline": ("golden/baselines/demo/scripted.plain.jsonl", "scripted.plain.jsonl", accept),
    "the history": ("golden/HISTORY.jsonl", "HISTORY.jsonl", accept),
    "a golden file": ("golden/demo.yaml", "demo.yaml", accept_golden),
}


@pytest.mark.parametrize(("name", "target", "act"), WAYS.values(), ids=WAYS)
def test_no_link_is_followed(
    project: Project, outside: Path, name: str, target: str, act: Callable[[Project], object]
) -> None:
    """A run and an acceptance refuse each link on their way, and no file outside is written or deleted."""
    if name == "golden":
        (outside / "demo.yaml").write_text(project.read("golden/demo.yaml"))
        (outside / "demo.jsonl").unlink()
    before = content(outside)
    link(project, name, outside / target)
    with pytest.raises((StoreError, SuiteError), match="symbolic link"):
        act(project)
    assert content(outside) == before


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.part", "verdict.json", "report.html", "summary.md"])
def test_a_report_that_is_a_link(project: Project, outside: Path, name: str) -> None:
    """A link with the name of a report is replaced, and its target stays."""
    before = content(outside)
    link(project, f"reports/demo/{name}", outside / name)
    project.evaluate()
    assert content(outside) == before
    assert not [path for path in (project.root / "reports/demo").iterdir() if path.is_symlink()]


def test_the_lock_is_a_link(project: Project, outside: Path) -> None:
    """A link in place of the lock is refused."""
    link(project, "reports/demo/.lock", outside / ".lock")
    with pytest.raises(StoreError, match=r"reports/demo: cannot be written"):
        project.evaluate()
    assert (outside / ".lock").read_text() == "mine\n"


def test_a_recording(project: Project, outside: Path) -> None:
    """`record export` follows no link to its own folder, and follows one that the user names."""
    link(project, "golden/recordings", outside / "recordings")
    before = content(outside)
    refused = project.command("record", "export", "demo", "--partial")
    assert (refused.exit_code, IS_A_LINK in refused.output) == (1, True)
    assert content(outside) == before
    path = project.root / "golden/recordings/new.jsonl"
    chosen = project.command("record", "export", "demo", "--partial", "-o", path)
    assert chosen.exit_code == 0
    assert (outside / "recordings/new.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("golden/baselines/demo/scripted.plain.jsonl", lambda path: read_baseline(path, path.parents[3])),
        ("golden/recordings/demo.jsonl", read_recording),
        ("golden/recordings/demo.jsonl", lambda path: origin_of(path, path.parents[2])),
        ("reports/demo/run.jsonl", read_run),
        ("golden/HISTORY.jsonl", lambda path: read_lines(path, path.name)),
    ],
)
def test_a_device(project: Project, name: str, read: Callable[[Path], object]) -> None:
    """A link to a device is refused: reading `/dev/zero` does not end."""
    link(project, name, Path("/dev/zero"))
    with in_time(), pytest.raises(StoreError, match=r"not a regular file|leads out of the project"):
        read(project.root / name)


def test_an_output_in_a_linked_folder(project: Project, outside: Path) -> None:
    """The user may name a folder that is a link for a page."""
    project.evaluate()
    link(project, "pages", outside)
    page = project.root / "pages/p.html"
    done = project.command("report", project.root / "reports/demo", "--format", "html", "-o", page)
    assert done.exit_code == 0
    assert (outside / "p.html").read_text().startswith("<!doctype html>")


def test_decisions_and_new_files(tmp_path: Path, outside: Path) -> None:
    """Each function that writes a file of the project refuses a link to its folder."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "demo").symlink_to(outside / "demo")
    path, before = root / "demo/review.jsonl", content(outside)
    for write in (
        lambda: write_below(root, path, "new"),
        lambda: create_below(root, root / "demo/new", "new"),
        lambda: append_below(root, path, "new"),
        lambda: append_line(path, {"a": 1}, root),
        lambda: read_below(root, path),
    ):
        with pytest.raises(StoreError, match=f"'demo' {IS_A_LINK}"):
            write()
    assert content(outside) == before


def test_a_root_behind_a_link(tmp_path: Path) -> None:
    """Links above the root are followed, and a path may name the root in another way than the root does."""
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to("real")
    write_below(tmp_path / "alias", tmp_path / "alias/a/file", "a")
    write_below(tmp_path / "real", tmp_path / "alias/b/file", "b")
    assert (tmp_path / "real/a/file").read_text() + (tmp_path / "real/b/file").read_text() == "ab"
    (tmp_path / "real/c").symlink_to("a")
    with pytest.raises(StoreError, match=IS_A_LINK):
        write_below(tmp_path / "real", tmp_path / "alias/c/file", "c")


def test_a_folder_that_is_replaced_by_a_link(tmp_path: Path, outside: Path) -> None:
    """A folder that becomes a link after it was opened leads nowhere else."""
    with folder_of(tmp_path / "root/reports/file", tmp_path / "root") as folder:
        (tmp_path / "root/reports").rename(tmp_path / "root/moved")
        (tmp_path / "root/reports").symlink_to(outside)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    assert (tmp_path / "root/moved/file").exists()
    assert not (outside / "file").exists()


def test_a_new_file_replaces_none(tmp_path: Path) -> None:
    """`create_below` refuses a file that exists."""
    write_whole(tmp_path / "file", "old")
    with pytest.raises(StoreError, match="cannot be written: File exists"):
        create_below(tmp_path, tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("name", ["..", ".", "-x", "a b", "a.b", "a\u202eb", "x" * 65])
def test_names_of_suites(project: Project, name: str) -> None:
    """A suite whose name is not one for a folder is refused before anything is deleted or written."""
    project.write(f"suites/{name}.yaml", project.read("suites/demo.yaml"))
    project.write("verdict.json", "mine")
    project.suite = name
    with pytest.raises(SuiteError, match="invalid file name: expected a name of"):
        project.evaluate()
    assert project.read("verdict.json") == "mine"
    assert not (project.root / "reports").exists()
