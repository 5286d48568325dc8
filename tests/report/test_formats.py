"""Report formats: what the configuration may name, and what a format that fails costs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from outcomes import a_sample, an_outcome, broken

from evalharness import registry
from evalharness.errors import ConfigError
from evalharness.report import Outcome, ReportFormat, open_formats, write_reports
from evalharness.report.terminal import summary_lines

BUILT_IN = {"report.html", "summary.md", "verdict.json"}
THEIRS = """
from evalharness import ReportFormat, StoreError

def fail(outcome):
    yield "started"
    raise KeyError("colour")

def refuse(outcome):
    raise StoreError("no")

broken = ReportFormat("broken.txt", fail)
refusing = ReportFormat("refusing.txt", refuse)
empty = ReportFormat("empty.txt", lambda outcome: None)
ints = ReportFormat("ints.txt", lambda outcome: iter([1]))
data = ReportFormat("data.bin", lambda outcome: b"\\x00\\xff")
taken = ReportFormat("report.html", fail)
record = ReportFormat("run.jsonl", fail)
outside = ReportFormat("../outside.txt", fail)
nameless = ReportFormat("", fail)
text = "not a format"
"""
NAMES = ("broken", "refusing", "empty", "ints", "data", "taken", "record", "outside", "nameless", "text")


@pytest.fixture(autouse=True)
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with formats of every sort."""
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (tmp_path / "their_formats.py").write_text(THEIRS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    lines = [f"{name} = their_formats:{name}" for name in NAMES] + ["gone = their_gone_module:x"]
    (info / "entry_points.txt").write_text("\n".join(["[evalharness.report_formats]", *lines]) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    monkeypatch.delitem(sys.modules, "their_formats", raising=False)


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    """A run with a missing answer, and an empty folder."""
    return replace(an_outcome([broken(0), *map(a_sample, range(1, 9))]), folder=tmp_path / "reports", root=tmp_path)


def written(outcome: Outcome) -> set[str]:
    """The names of the files in its folder."""
    return {path.name for path in outcome.folder.iterdir()}


def test_a_failing_format_loses_its_own_file(outcome: Outcome) -> None:
    """The other reports are written, and the terminal has one line that names format and error."""
    (error,) = write_reports(outcome, open_formats(["broken", "data"]))
    assert written(outcome) == BUILT_IN | {"data.bin"}
    assert error == "broken.txt not written: report format 'broken' raised KeyError: 'colour' (their_formats.py:6)"
    lines = [line for line, _ in summary_lines(replace(outcome, report_errors=(error,)))]
    assert "report broken.txt not written: report format 'broken' raised" in " ".join(" ".join(lines).split())
    assert "report    reports/report.html" in lines


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("refusing", "refusing.txt not written: report format 'refusing' raised StoreError: no (their_formats.py:9)"),
        ("empty", "empty.txt not written: report format 'empty' raised TypeError: 'NoneType' object is not iterable"),
        (
            "ints",
            "ints.txt not written: report format 'ints' raised TypeError: expected str or bytes, got int",
        ),
    ],
)
def test_each_failure_is_one_line(outcome: Outcome, name: str, message: str) -> None:
    """Whatever a format raises or returns, the run keeps its other reports."""
    assert write_reports(outcome, open_formats([name])) == [message]
    assert written(outcome) == BUILT_IN


def test_bytes(outcome: Outcome) -> None:
    """Bytes are written as they are."""
    assert write_reports(outcome, open_formats(["data"])) == []
    assert (outcome.folder / "data.bin").read_bytes() == b"\x00\xff"


def test_installed_is_not_enabled(outcome: Outcome) -> None:
    """Without configuration, no code of another package is loaded."""
    assert {one.file_name for one in open_formats().values()} == BUILT_IN


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("htlm", "[tool.evalharness] reports: unknown report format 'htlm'; did you mean 'html'?"),
        ("gone", "report format 'gone' cannot be imported: ModuleNotFoundError: No module named 'their_gone_module'"),
        ("text", "report format 'text': expected a ReportFormat, got str"),
        ("taken", "report format 'taken': report.html is written by 'html' already"),
        ("record", "report format 'record': run.jsonl is written by 'evalharness' already"),
        ("outside", "report format 'outside': file_name must be a name without a path, got '../outside.txt'"),
        ("nameless", "report format 'nameless': file_name must be a name without a path, got ''"),
    ],
)
def test_refused(name: str, message: str) -> None:
    """A name of the configuration that leads to no usable format is an error before the run."""
    with pytest.raises(ConfigError) as caught:
        open_formats([name])
    assert message in str(caught.value)


@pytest.mark.parametrize("name", registry.BUILT_IN["report_formats"])
def test_every_built_in_renders(name: str, outcome: Outcome) -> None:
    """Each built-in format renders a run, alone and where it can with others."""
    one: ReportFormat = registry.find("report_formats", name)  # type: ignore[assignment]
    assert write_reports(outcome, {name: one}) == []
    assert written(outcome) == {one.file_name}
    if one.render_all:
        assert one.render_all([outcome, outcome])
