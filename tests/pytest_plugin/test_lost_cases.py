"""Many ways to lose a case or its result: none is green, and each is reported.

accept (green) ── one damage ──> run ──> not green, and the case, or file and line, is named
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click.testing
import httpx2
import pytest
from hang import in_time
from kept import begin

import evalharness
from evalharness.cli import main
from evalharness.config import load_config
from evalharness.errors import EvalHarnessError, StoreError
from evalharness.evaluation.confirm import confirm
from evalharness.evaluation.evaluation import open_evaluation
from evalharness.evaluation.options import EvaluationOptions
from evalharness.evaluation.report_files import delete_stale_reports
from evalharness.evaluation.resources import Resources
from evalharness.gate import decide_run
from evalharness.providers import scripted
from evalharness.report import Outcome, html
from evalharness.report.terminal import summary_lines
from evalharness.report.verdict_file import verdict_json
from evalharness.scoring.metrics import overlap
from evalharness.store import merge_base, read_baseline, read_run
from evalharness.store.runs import record_in
from evalharness.suites import suite_path
from evalharness.testing.fault_server import FaultServer

LOADED = (httpx2, overlap, scripted, html)
"""Imported here, because pytester unloads the modules that an inner run imports."""
Project = Any
"""The type of the fixture `project`."""
Damage = Callable[[Project], object]
BASELINE = "golden/baselines/demo/fake.plain.jsonl"
CASES = "suites/cases.jsonl"
GOLDEN = "golden/demo.yaml"
SUITE = "suites/demo.yaml"
VERDICT = "reports/demo/verdict.json"
RECORD = "reports/demo/run.jsonl"
PART = f"{RECORD}.part"
GATES = """\
gates:
  - {metric: edit_similarity, margin: 12%}
  - {metric: cost, margin: 12%}
  - {metric: latency, margin: 12%}
"""


@dataclass(frozen=True)
class Way:
    """A damage to an accepted project, the arguments of the next run, and its expected message and status."""

    damage: Damage
    message: str
    arguments: tuple[str, ...] = ()
    status: str = "red"
    """Of the run: red; the verdict of a run with exit status 0: inconclusive, no baseline; not green; or of two suites
    of which one may be green.
    """

    def missed(self, ret: int, verdict: Mapping[str, Any] | None, output: str) -> list[str]:
        """List the expectations that a run with this exit status, verdict and output does not meet."""
        status, words = verdict["status"] if verdict else "without a verdict", " ".join(output.split())
        is_named, wanted = self.status in ("inconclusive", "no baseline", "pass"), f"{self.status.upper()}  "
        checks = {
            f"expected {self.message!r}, got {words[:500]!r}": self.message in words,
            "it passes": self.status == "of two" or (status != "pass" and "PASS no gate found" not in words),
            f"its exit status is {ret}": ret != 0 or (self.status != "red" and verdict is not None),
            f"it is {status}, with exit status {ret}": not (verdict and is_named) or (ret, status) == (0, self.status),
            f"no line says {wanted}": not (verdict and is_named) or f"\n{wanted}" in f"\n{output}",
        }
        return [what for what, holds in checks.items() if not holds]


def good(case: str) -> str:
    """Return the accepted answer."""
    return f"You may return {case} within 30 days."


def every(*damages: Damage) -> Damage:
    """Apply several damages in order."""

    def all_of_them(project: Project) -> None:
        for damage in damages:
            damage(project)

    return all_of_them


def edit(file: str, old: str, new: str) -> Damage:
    """Replace a text that must be in the file."""
    return lambda project: project.edit(file, old, new)


def write(file: str, text: str) -> Damage:
    """Write a file with this text."""
    return lambda project: project.write(file, text)


def remove(file: str) -> Damage:
    """Delete a file."""
    return lambda project: (project.root / file).unlink()


def lines(file: str, change: Callable[[list[str]], Iterable[str]]) -> Damage:
    """Change the lines of a file."""
    return lambda project: project.write(file, "".join(change(project.read(file).splitlines(keepends=True))))


def records(file: str, number: int, change: Callable[[dict[str, Any]], object]) -> Damage:
    """Change the JSON object in line `number` (from 1) in place."""

    def damage(project: Project) -> None:
        written = project.read(file).splitlines(keepends=True)
        value = json.loads(written[number - 1])
        change(value)
        written[number - 1] = json.dumps(value, ensure_ascii=False) + "\n"
        project.write(file, "".join(written))

    return damage


def selected_without(case: str) -> Callable[[dict[str, Any]], None]:
    """Take one of the cases out of the selection of a whole run."""
    keys = [[f"case-{number}", "plain", "fake", 0, "planned"] for number in range(30)]

    def change(value: dict[str, Any]) -> None:
        assert value["end"]["selected"] == "planned"
        value["end"]["selected"] = [key for key in keys if key[0] != case]

    return change


def without(number: int) -> Callable[[list[str]], list[str]]:
    """Drop one line, counted from 1."""
    return lambda written: written[: number - 1] + written[number:]


def doubled(number: int) -> Callable[[list[str]], list[str]]:
    """Repeat one line, counted from 1."""
    return lambda written: written[:number] + written[number - 1 :]


def cut(file: str, characters: int) -> Damage:
    """Truncate the file by some characters."""
    return lambda project: project.write(file, project.read(file)[:-characters])


def spoilt(file: str, old: bytes, new: bytes) -> Damage:
    """Replace bytes of the file."""

    def damage(project: Project) -> None:
        path = project.root / file
        assert old in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(old, new))

    return damage


def conftest(*body: str) -> Damage:
    """Write a conftest.py."""
    return write("conftest.py", "\n".join(["import os", "import pytest", *body, ""]))


def on_items(statement: str) -> Damage:
    """Write a conftest.py that changes the collected items."""
    return conftest("def pytest_collection_modifyitems(config, items):", f"    {statement}")


def on_case(hook: str, statement: str, case: int = 3) -> Damage:
    """Write a conftest.py with a hook that acts at one case."""
    return conftest(f"def {hook}:", f"    if 'case-{case}[' in item.nodeid:", f"        {statement}")


def answers(odd: str) -> Damage:
    """Use a model that changes only its answer to `case-9`."""
    return every(
        edit("pyproject.toml", 'answers = "answers.json"', 'function = "script.py:answer"'),
        write(
            "script.py",
            "import os, sys, time\n"
            "from evalharness import Response, Timing, Usage\n"
            "def answer(request):\n"
            "    text = f'You may return {request.key.case} within 30 days.'\n"
            "    if request.key.case == 'case-9':\n"
            f"        {odd}\n"
            "    return text\n",
        ),
    )


def never_answered(*cases: str) -> Damage:
    """Use a model that does not answer these cases within any deadline."""
    late = {case: {"text": good(case), "delay_s": 3_600} for case in cases}
    return lambda project: project.answer({name: good(name) for name in project.ids} | late)


def metric(mood: str) -> Damage:
    """Use an installed metric `mood`, accepted with plain scores, that then treats `case-9` differently."""

    def damage(project: Project) -> None:
        project.pytester.syspathinsert()
        entry = "[evalharness.metrics]\nmood = moody:mood\n"
        project.write("moody-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: moody\nVersion: 1\n")
        project.write("moody-1.dist-info/entry_points.txt", entry)
        project.write("moody.py", MOODY)
        project.write("mood", "0.5")
        project.edit(SUITE, "metrics: [", "metrics: [mood, ")
        project.edit(SUITE, "gates:\n", "gates:\n  - {metric: mood, margin: 12%}\n")
        project.accept()
        project.write("mood", mood)

    return damage


MOODY = """\
from pathlib import Path
from evalharness import Metric

def score(views, responses):
    mood = Path("mood").read_text()
    if mood == "one short":
        return [0.5 for view in views if "case-9 " not in view.text]
    return [eval(mood) if "case-9 " in view.text else 0.5 for view in views]

def mood() -> Metric:
    version = 2 if Path("mood").read_text() == "0.25 + 0.25" else 1
    return Metric("mood", f"mood|v:{version}", score, needs_golden=False)
"""


def second_prompt(project: Project) -> None:
    """Accept the suite with two prompts."""
    project.edit(SUITE, "vars:", '  short:\n    - user: "{{ question }}"\nvars:')
    project.accept()


def second_model(project: Project) -> None:
    """Accept the suite with two models."""
    project.edit(SUITE, "models: [fake]", "models: [fake, other]")
    table = '[tool.evalharness.models.other]\nprovider = "scripted"\nanswers = "answers.json"\n'
    project.edit("pyproject.toml", "[tool.pytest", table + "[tool.pytest")
    project.accept()


def second_suite(project: Project) -> None:
    """Accept a second suite `other` with the same cases."""
    project.write("suites/other.yaml", project.read(SUITE))
    project.write("golden/other.yaml", project.read(GOLDEN))
    assert project.pytester.runpytest("--llm-suite=all", "--llm-accept").ret == 0


def other_test(project: Project) -> None:
    """Add a passing test next to the suite."""
    project.write("test_other.py", "def test_other():\n    pass\n")


def committed(project: Project) -> None:
    """Commit the state that the pull request shares with its target branch."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    for words in (["init", "-q", "-b", "main"], ["add", "suites", "golden", "pyproject.toml"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *who, *words], cwd=project.root, check=True, capture_output=True)


def repeated(project: Project) -> None:
    """Accept a baseline of two runs."""
    project.accept()
    assert len(json.loads(project.read(BASELINE).splitlines()[0])["runs"]) == 2


FILES = {
    "a case deleted": Way(
        every(lines(CASES, without(4)), lines(GOLDEN, without(4))), f"but not in the suite: case case-3 ({BASELINE}:"
    ),
    "a case renamed": Way(
        every(edit(CASES, '"case-3"', '"case-x"'), edit(GOLDEN, "case-3:", "case-x:")), "case case-3 ("
    ),
    "a case edited": Way(edit(CASES, "return case-3?", "keep case-3?"), "case case-3", status="inconclusive"),
    "a case blank": Way(every(lines(CASES, lambda w: [*w[:3], "\n", *w[4:]]), lines(GOLDEN, without(4))), "case-3"),
    "a case twice": Way(lines(CASES, doubled(4)), f"{CASES}:5:1: duplicate id 'case-3'"),
    "two keys in one case": Way(edit(CASES, '{"id": "case-3"', '{"id": "case-2", "id": "case-3"'), f"{CASES}:4:1: "),
    "a case commented out": Way(edit(CASES, '{"id": "case-3"', '# {"id": "case-3"'), f"{CASES}:4:1: invalid JSON"),
    "the last cases cut off": Way(
        every(lines(CASES, lambda w: w[:27]), lines(GOLDEN, lambda w: w[:27])), "3 cases (case-27, case-28, case-29)"
    ),
    "the case file cut within a line": Way(cut(CASES, 20), f"{CASES}:30:"),
    "the case file empty": Way(write(CASES, ""), "the suite has no cases"),
    "the case file missing": Way(remove(CASES), f"{SUITE}:11:1: case file 'cases.jsonl' not found"),
    "the case file in Latin-1": Way(spoilt(CASES, b"return case-3?", b"return caf\xe9?"), f"{CASES}:4: byte"),
    "the case file in UTF-16": Way(
        lambda p: (p.root / CASES).write_bytes(p.read(CASES).encode("utf-16")), f"{CASES}:1: byte 0 is not UTF-8"
    ),
    "the case file a link": Way(
        every(
            lambda p: (p.root / CASES).rename(p.root / "real.jsonl"),
            lambda p: (p.root / CASES).symlink_to(p.root / "real.jsonl"),
        ),
        "goes through a symbolic link",
    ),
    "a case swallowed by a quote": Way(
        every(
            edit(SUITE, "cases.jsonl", "cases.csv"),
            lambda p: p.write(
                "suites/cases.csv",
                "id,tags,question\n"
                + "".join(
                    f"case-{i},{'even' if i % 2 == 0 else 'odd'},"
                    + ('"' if i == 3 else "")
                    + f"Can I return case-{i}?"
                    + ('"' if i == 4 else "")
                    + "\n"
                    for i in range(30)
                ),
            ),
            lines(GOLDEN, without(5)),
        ),
        "case-4",
    ),
    "a golden emptied": Way(edit(GOLDEN, "You may return case-3 in 30 days.", '""'), f"{GOLDEN}:4:"),
    "a golden without answers": Way(edit(GOLDEN, "You may return case-3 in 30 days.", "[]"), f"{GOLDEN}:4:"),
    "a golden of spaces": Way(edit(GOLDEN, "You may return case-3 in 30 days.", '"  "'), f"{GOLDEN}:4:"),
    "a golden deleted": Way(lines(GOLDEN, without(4)), "case case-3", status="inconclusive"),
    "a golden edited": Way(edit(GOLDEN, "case-3 in 30", "case-3 in 90"), "case case-3", status="inconclusive"),
    "a golden twice": Way(lines(GOLDEN, doubled(4)), f"{GOLDEN}:5:"),
    "the golden file missing": Way(remove(GOLDEN), f"{GOLDEN}: file not found"),
    "the golden file empty": Way(write(GOLDEN, ""), GOLDEN),
    "the golden file twice": Way(write("golden/demo.jsonl", ""), "demo.yaml and demo.jsonl both exist"),
    "the golden file in Latin-1": Way(spoilt(GOLDEN, b"return case-3 in", b"return caf\xe9 in"), f"{GOLDEN}:4: byte"),
    "no model": Way(edit(SUITE, "models: [fake]", "models: []"), f"{SUITE}: no model to run"),
    "no prompt": Way(lines(SUITE, lambda w: [*w[:2], "prompts: {}\n", *w[6:]]), f"{SUITE}:3:"),
    "no metric": Way(edit(SUITE, "metrics: [edit_similarity, token_f1]", "metrics: []"), f"{SUITE}:8:"),
    "the suite empty": Way(write(SUITE, ""), SUITE),
    "the suite missing": Way(remove(SUITE), f"{SUITE}: unknown suite 'demo'"),
    "the suite cut off": Way(lines(SUITE, lambda w: [*w[:10], w[10][:3]]), f"{SUITE}:12:1: invalid YAML"),
    "no suites at all": Way(
        every(remove(SUITE), remove(CASES), lambda p: (p.root / "suites").rmdir()), "unknown suite 'demo'"
    ),
    "a gate on a metric that is gone": Way(
        edit(SUITE, "edit_similarity, token_f1", "token_f1"), "no metric 'edit_similarity'"
    ),
    "a metric renamed": Way(
        every(edit(SUITE, "[edit_similarity,", "[exact,"), edit(SUITE, "metric: edit_similarity", "metric: exact")),
        "the baseline has no scores of exact",
    ),
    "a metric and its gate removed": Way(
        every(
            committed,
            edit(SUITE, "[edit_similarity, token", "[token"),
            edit(SUITE, "  - {metric: edit_similarity, margin: 12%}\n", ""),
        ),
        "edit_similarity",
        status="not green",
    ),
    "a metric removed": Way(
        every(committed, edit(SUITE, "[edit_similarity, token_f1]", "[edit_similarity]")),
        "token_f1",
        status="inconclusive",
    ),
    "a gate removed": Way(
        every(committed, edit(SUITE, "  - {metric: edit_similarity, margin: 12%}\n", ""), lambda p: p.answer_badly()),
        "edit_similarity",
        status="not green",
    ),
    "all gates removed": Way(edit(SUITE, GATES, ""), "the suite has no gates", status="inconclusive"),
    "the only model renamed": Way(
        every(edit(SUITE, "[fake]", "[fake2]"), edit("pyproject.toml", "models.fake]", "models.fake2]")),
        "nothing to compare with yet",
        status="no baseline",
    ),
    "the only prompt renamed": Way(
        edit(SUITE, "  plain:", "  plane:"), "nothing to compare with yet", status="no baseline"
    ),
    "a prompt of two removed": Way(
        every(second_prompt, committed, edit(SUITE, '  short:\n    - user: "{{ question }}"\n', "")),
        "short",
        status="inconclusive",
    ),
    "a prompt of two not run": Way(
        every(second_prompt, committed, edit(SUITE, "vars:", "default_prompts: [plain]\nvars:")),
        "short",
        status="inconclusive",
    ),
    "a prompt of two renamed": Way(
        every(second_prompt, edit(SUITE, "  short:", "  brief:")), "nothing to compare with yet", status="no baseline"
    ),
    "a model of two removed": Way(
        every(second_model, committed, edit(SUITE, "[fake, other]", "[fake]")), "other", status="inconclusive"
    ),
    "too few cases left": Way(
        every(
            lines(CASES, lambda w: w[:19]),
            lines(GOLDEN, lambda w: w[:19]),
            remove(BASELINE),
            lambda p: p.accept(),
            lambda p: p.answer_badly(19),
        ),
        "on 19 cases",
        status="inconclusive",
    ),
    "an assertion removed": Way(
        every(
            committed,
            edit(SUITE, "assert:\n  - not_contains: FORBIDDEN\n", ""),
            lambda p: p.answer({"case-3": "FORBIDDEN", "*": "x"} | {i: good(i) for i in p.ids if i != "case-3"}),
        ),
        "FORBIDDEN",
        status="not green",
    ),
    "a margin widened": Way(
        every(
            committed,
            edit(SUITE, "edit_similarity, margin: 12%", "edit_similarity, margin: 100%"),
            edit(SUITE, "cost, margin: 12%", "cost, margin: 100%"),
            lambda p: p.answer_badly(),
        ),
        "margin",
        status="not green",
    ),
}
BASELINES = {
    "no baseline": Way(remove(BASELINE), "nothing to compare with yet", status="no baseline"),
    "an empty baseline": Way(write(BASELINE, ""), f"{BASELINE}:1:"),
    "a header alone": Way(lines(BASELINE, lambda w: w[:1]), f"{BASELINE}:1: expected 30 cases, got 0"),
    "no header": Way(lines(BASELINE, without(1)), f"{BASELINE}:1: not a baseline"),
    "a line lost": Way(lines(BASELINE, without(7)), f"{BASELINE}:1: expected 30 cases, got 29"),
    "the last line lost": Way(lines(BASELINE, lambda w: w[:-1]), "expected 30 cases, got 29"),
    "cut within a line": Way(cut(BASELINE, 30), f"{BASELINE}:31:"),
    "a line twice": Way(lines(BASELINE, doubled(7)), f"{BASELINE}:8: duplicate case 'case-13'"),
    "one line in place of another": Way(
        lines(BASELINE, lambda w: [*w[:6], w[7], *w[7:]]), f"{BASELINE}:8: duplicate case 'case-14'"
    ),
    "another count": Way(records(BASELINE, 1, lambda v: v.update(cases=31)), "expected 31 cases, got 30"),
    "a line lost and not counted": Way(
        every(committed, lines(BASELINE, without(7)), records(BASELINE, 1, lambda v: v.update(cases=29))),
        "case-13",
        status="not green",
    ),
    "a tenth of the lines lost and not counted": Way(
        every(lines(BASELINE, lambda w: w[:27]), records(BASELINE, 1, lambda v: v.update(cases=26))),
        "new since the baseline was accepted, not compared: 4 cases",
        status="inconclusive",
    ),
    "a newer schema": Way(records(BASELINE, 1, lambda v: v.update(schema=3)), f"{BASELINE}:1: schema 3"),
    "another kind": Way(records(BASELINE, 1, lambda v: v.update(kind="run")), f"{BASELINE}:1: not a baseline"),
    "no accepted run": Way(records(BASELINE, 1, lambda v: v.update(runs=[])), f"{BASELINE}:1: the accepted runs"),
    "another suite's": Way(
        records(BASELINE, 1, lambda v: v.update(suite="other")), f"{BASELINE}:1: expected the baseline of this path"
    ),
    "another prompt's": Way(
        records(BASELINE, 1, lambda v: v.update(prompt="short")), f"{BASELINE}:1: expected the baseline of this path"
    ),
    "another suite's, named": Way(
        every(lambda p: p.write("base.jsonl", p.read(BASELINE).replace('"suite": "demo"', '"suite": "other"', 1))),
        "base.jsonl:1: expected a baseline of the suite demo, got other",
        ("--llm-baseline=base.jsonl",),
    ),
    "another run id in the header": Way(
        records(BASELINE, 1, lambda v: v["runs"][0].update(id="x")),
        f"{BASELINE}:2: case 'case-0': expected samples of accepted runs",
    ),
    "another run id in a sample": Way(
        records(BASELINE, 7, lambda v: v["samples"][0].update(run="x")),
        f"{BASELINE}:7: case 'case-13': expected samples of accepted runs",
    ),
    "other signatures": Way(
        records(BASELINE, 1, lambda v: v["runs"][0]["signatures"].update(edit_similarity="x")),
        "metric settings changed: baseline x",
    ),
    "another digest": Way(
        records(BASELINE, 7, lambda v: v.update(digest="x")),
        "edited since the baseline was accepted, not compared: case case-13",
        status="inconclusive",
    ),
    "other digests": Way(
        lines(BASELINE, lambda w: [w[0], *(line.replace('"digest": "', '"digest": "x') for line in w[1:])]),
        "no case of this run is in the baseline in its current version",
    ),
    "no samples": Way(
        records(BASELINE, 7, lambda v: v.update(samples=[])), f"{BASELINE}:7: case 'case-13': expected samples"
    ),
    "a score less": Way(
        records(BASELINE, 7, lambda v: v["samples"][0]["scores"].pop("edit_similarity")),
        f"{BASELINE}:7: case 'case-13': expected a score for each metric",
    ),
    "no scores": Way(
        records(BASELINE, 7, lambda v: v["samples"][0].update(scores={})),
        f"{BASELINE}:7: case 'case-13': expected a score for each metric",
    ),
    "a score of NaN": Way(
        edit(BASELINE, '"edit_similarity": 0.', '"edit_similarity": NaN, "x": 0.'),
        f"{BASELINE}:2: expected a finite number, got NaN",
    ),
    "a score without bounds": Way(
        edit(BASELINE, '"edit_similarity": 0.', '"edit_similarity": 1e999, "x": 0.'), f"{BASELINE}:2: "
    ),
    "a score above 1": Way(
        records(BASELINE, 7, lambda v: v["samples"][0]["scores"].update(edit_similarity=1.5)),
        f"{BASELINE}:7: case 'case-13': expected scores in [0, 1], got edit_similarity 1.5",
    ),
    "no tokens": Way(
        records(BASELINE, 7, lambda v: v["samples"][0].update(prompt_tokens=0, completion_tokens=0)),
        f"{BASELINE}:7: no token counts for case case-13",
    ),
    "a sample of two lost": Way(
        every(repeated, records(BASELINE, 7, lambda v: v["samples"].pop())), f"{BASELINE}:7", status="not green"
    ),
    "the latest run lost but for one case": Way(
        every(repeated, *(records(BASELINE, n, lambda v: v["samples"].pop()) for n in range(2, 31))),
        BASELINE,
        status="not green",
    ),
    "not UTF-8": Way(spoilt(BASELINE, b"You may return case-13", b"You may\xe9return case-13"), BASELINE),
    "a folder instead of the file": Way(
        every(remove(BASELINE), write(f"{BASELINE}/x", "")), f"{BASELINE}: cannot be read"
    ),
    "a missing file": Way(edit(SUITE, "a", "a"), "no such file", ("--llm-baseline=golden/nothing.jsonl",)),
    "an empty name": Way(edit(SUITE, "a", "a"), "no such file", ("--llm-baseline=",)),
    "a missing commit": Way(edit(SUITE, "a", "a"), "not in a git repository", ("--llm-baseline=git:main",)),
    "a folder without it": Way(edit(SUITE, "a", "a"), "fake.plain.jsonl", ("--llm-baseline=suites",)),
    "none, on purpose": Way(edit(SUITE, "a", "a"), "no", ("--llm-baseline=none",), status="no baseline"),
    "none, and a case skipped": Way(
        on_items("items[3].add_marker(pytest.mark.skip)"), "no sample of case case-3", ("--llm-baseline=none",)
    ),
}
NOTHING = edit(SUITE, "a", "a")
SELECTIONS = {
    "-k": Way(NOTHING, "29 of 30 samples were selected", ("-k", "not case-29"), "inconclusive"),
    "-k for nothing": Way(NOTHING, "30 deselected", ("-k", "unmatched")),
    "a node id": Way(NOTHING, "only 1 of 30 samples were selected", (f"{SUITE}::case-1[fake-plain]",), "inconclusive"),
    "a missing node id": Way(NOTHING, "case-x", (f"{SUITE}::case-x[fake-plain]",)),
    "--deselect": Way(
        NOTHING, "29 of 30 samples were selected", (f"--deselect={SUITE}::case-3[fake-plain]",), "inconclusive"
    ),
    "--deselect of all": Way(NOTHING, "30 deselected", (f"--deselect={SUITE}",)),
    "--lf after a failure": Way(
        every(lambda p: p.answer({"case-3": "FORBIDDEN", "*": "Yes."}), lambda p: p.run(), lambda p: p.answer_well()),
        "only 1 of 30 samples were selected",
        ("--lf",),
        "inconclusive",
    ),
    "--sw after a failure": Way(
        every(
            lambda p: p.answer({"case-3": "FORBIDDEN", "*": "Yes."}), lambda p: p.run("--sw"), lambda p: p.answer_well()
        ),
        "27 of 30 samples were selected",
        ("--sw",),
        "inconclusive",
    ),
    "-x": Way(answers("raise ValueError('down')"), "stopped after 10 of 30 answers", ("-x",)),
    "-x at the last case": Way(
        lambda p: p.answer({i: good(i) for i in p.ids[:-1]}), "stopped after 30 of 30 answers", ("-x",)
    ),
    "--setup-only": Way(NOTHING, "no sample of 30 cases (case-0, case-1, case-2", ("--setup-only",)),
    "-p no:runner": Way(NOTHING, "plugin runner cannot be disabled", ("-p", "no:runner")),
    "-p no:evalharness.plugin": Way(NOTHING, "--llm-suite", ("-p", "no:evalharness.plugin")),
    "-p no:evalharness-plugin": Way(NOTHING, "ERROR: not found: ", ("-p", "no:evalharness-plugin")),
    "-p no:terminal": Way(
        on_items("items[3].add_marker(pytest.mark.skip)"), "no sample of case case-3", ("-p", "no:terminal")
    ),
    "an unknown suite": Way(NOTHING, "unknown suite 'dmo'", ("--llm-suite=dmo",)),
    "an unknown prompt": Way(NOTHING, "no prompt 'plian'", ("--llm-prompt=plian",)),
    "an unknown model": Way(NOTHING, "faek", ("--llm-model=faek",)),
    "a prompt that was not accepted": Way(
        edit(SUITE, "vars:", '  short:\n    - user: "{{ question }}"\nvars:'),
        "nothing to compare with yet",
        ("--llm-prompt=short",),
        "no baseline",
    ),
    "--deselect of all with another test": Way(
        other_test, "no case of this suite was selected", ("test_other.py", f"--deselect={SUITE}"), "not green"
    ),
    "-p no:evalharness-plugin with another test": Way(
        other_test, SUITE, ("test_other.py", "-p", "no:evalharness-plugin"), "not green"
    ),
    "no suite's name with another test": Way(other_test, "--llm-suite", ("test_other.py", "--llm-suite="), "not green"),
    "two suites by two options": Way(
        every(second_suite, remove(BASELINE)), "llm demo", ("--llm-suite=other",), "of two"
    ),
    "one of all suites deleted": Way(
        every(second_suite, remove("suites/other.yaml")), "other", ("--llm-suite=all",), "not green"
    ),
    "one of all suites renamed": Way(
        every(second_suite, lambda p: (p.root / "suites/other.yaml").rename(p.root / "suites/other.yml")),
        "other",
        ("--llm-suite=all",),
        "not green",
    ),
}
PROVIDERS = {
    what: Way(answers(odd), message)
    for what, odd, message in (
        ("raises", "raise ValueError('down')", "no result for case case-9 (scripted: "),
        ("exits", "sys.exit(0)", "no result for case case-9 (provider: RuntimeError: SystemExit: 0 (script.py:"),
        ("interrupts", "raise KeyboardInterrupt", "no result for case case-9 ("),
        ("gives nothing", "return None", "no result for case case-9 (scripted: "),
        ("took NaN s", "return Response(text, 'stop', Usage(9, 7), Timing(float('nan')))", "no result for case case-9"),
        ("counts -1", "return Response(text, 'stop', Usage(-1, 7), Timing(0.1))", "no result for case case-9 ("),
        ("counts 0", "return Response(text, 'stop', Usage(0, 0), Timing(0.1))", "no token counts for case case-9"),
        ("filters", "return Response(text, 'content_filter', Usage(9, 7), Timing(0.1))", "no result for case case-9"),
        ("says half a character", "raise ValueError(chr(0xD83D))", "no result for case case-9 ("),
    )
}
PROVIDERS["took None s"] = Way(
    answers("return Response(text, 'stop', Usage(9, 7), Timing(None))"), "case-9", status="not green"
)
PROVIDERS["counts halves"] = Way(
    answers("return Response(text, 'stop', Usage(9.5, 7), Timing(0.1))"),
    "case-9",
    ("-W", "ignore::UserWarning"),
    "not green",
)
METRICS = {
    what: Way(metric(mood), message)
    for what, mood, message in (
        ("raises", "1 / 0", "no result for case case-9 (metric: mood: ZeroDivisionError"),
        ("exits", "exit(0)", "no result for case case-9 (scoring: SystemExit"),
        ("gives NaN", "float('nan')", "no result for case case-9 (metric: mood: expected a score in [0, 1], got nan"),
        ("gives 2", "2.0", "no result for case case-9 (metric: mood: expected a score in [0, 1], got 2.0"),
        ("gives None", "None", "no result for case case-9 (metric: mood: TypeError"),
        (
            "gives one less",
            "one short",
            "no result for case case-9 (metric: mood: expected 1 results from the metric, got 0",
        ),
        ("is another version", "0.25 + 0.25", "metric settings changed: baseline mood|v:1, this run mood|v:2"),
    )
}
LOST_3 = "no sample of case case-3"
HOOKS = {
    "skip marker": Way(on_items("items[3].add_marker(pytest.mark.skip)"), LOST_3),
    "xfail marker without a run": Way(on_items("items[3].add_marker(pytest.mark.xfail(run=False))"), LOST_3),
    "skip in set-up": Way(on_case("pytest_runtest_setup(item)", "pytest.skip()"), LOST_3),
    "error in set-up": Way(on_case("pytest_runtest_setup(item)", "raise ValueError"), LOST_3),
    "skip before the call": Way(
        conftest(
            "@pytest.hookimpl(wrapper=True)",
            "def pytest_runtest_call(item):",
            "    if 'case-3[' in item.nodeid:",
            "        pytest.skip()",
            "    return (yield)",
        ),
        LOST_3,
    ),
    "xfail in the call": Way(on_case("pytest_runtest_call(item)", "pytest.xfail()"), "case-3"),
    "a protocol that does nothing": Way(on_case("pytest_runtest_protocol(item, nextitem)", "return True"), LOST_3),
    "a protocol that runs it twice": Way(
        conftest(
            "from _pytest.runner import runtestprotocol",
            "def pytest_runtest_protocol(item, nextitem):",
            "    if 'case-3[' in item.nodeid:",
            "        runtestprotocol(item, nextitem=item)",
        ),
        "duplicate samples of case case-3",
    ),
    "a loop that does nothing": Way(
        conftest("@pytest.hookimpl(tryfirst=True)", "def pytest_runtestloop():", "    return True"),
        "no sample of 30 cases",
    ),
    "a loop that leaves one out": Way(
        conftest(
            "@pytest.hookimpl(wrapper=True, trylast=True)",
            "def pytest_runtestloop(session):",
            "    del session.items[3]",
            "    return (yield)",
        ),
        LOST_3,
    ),
    "an item removed": Way(on_items("del items[3]"), "29 of 30 samples were selected", status="inconclusive"),
    "all items removed": Way(on_items("items.clear()"), "no tests ran"),
    "an item twice": Way(on_items("items.append(items[3])"), "duplicate samples of case case-3"),
    "an item in place of another": Way(on_items("items[3] = items[4]"), "duplicate samples of case case-4"),
    "an item that asks for another": Way(on_items("items[3].keys = items[4].keys"), "case-4"),
    "an item that asks nothing": Way(
        on_items("items[3].keys = []"), "29 of 30 samples were selected", status="inconclusive"
    ),
    "an item that does nothing": Way(on_items("items[3].runtest = lambda: None"), LOST_3),
    "a collector that finds nothing": Way(
        conftest(
            "@pytest.hookimpl(wrapper=True)",
            "def pytest_make_collect_report(collector):",
            "    report = yield",
            "    report.result = [x for x in report.result if 'case-3[' not in x.nodeid]",
            "    return report",
        ),
        "29 of 30 samples were selected",
        status="inconclusive",
    ),
    "a report replaced": Way(
        conftest(
            "@pytest.hookimpl(wrapper=True, tryfirst=True)",
            "def pytest_runtest_makereport(item, call):",
            "    report = yield",
            "    return pytest.TestReport.from_item_and_call(item, call) if 'case-3[' in item.nodeid else report",
        ),
        LOST_3,
    ),
    "a report emptied": Way(
        conftest(
            "@pytest.hookimpl(wrapper=True, tryfirst=True)",
            "def pytest_runtest_logreport(report):",
            "    if 'case-3[' in report.nodeid:",
            "        report.evalharness = None",
            "    return (yield)",
        ),
        LOST_3,
    ),
    "should stop": Way(
        conftest(
            "def pytest_runtest_logfinish(nodeid, location): pass",
            "def pytest_runtest_teardown(item):",
            "    if 'case-3[' in item.nodeid:",
            "        item.session.shouldstop = 'enough'",
        ),
        "stopped after 4 of 30 answers",
    ),
    "exit with status 1": Way(
        on_case("pytest_runtest_setup(item)", "pytest.exit('x', returncode=1)"), "stopped after 3 of 30 answers"
    ),
    "a gate's report turned": Way(
        every(
            conftest(
                "@pytest.hookimpl(tryfirst=True)",
                "def pytest_runtest_logreport(report):",
                "    report.outcome = 'passed'",
            ),
            lambda p: p.answer_badly(),
        ),
        "worse than the baseline: edit_similarity",
    ),
    "a model that errs, its report turned": Way(
        every(
            answers("raise ValueError('down')"),
            conftest(
                "@pytest.hookimpl(wrapper=True, tryfirst=True)",
                "def pytest_runtest_makereport(item, call):",
                "    report = yield",
                "    report.outcome, report.longrepr = 'passed', None",
                "    return report",
            ),
        ),
        "no usable result for 1 of 30 answers",
    ),
    "all items removed with another test": Way(
        every(other_test, on_items("items[:] = [item for item in items if 'demo.yaml' not in item.nodeid]")),
        "demo",
        ("test_other.py",),
        "not green",
    ),
    "all items of one of two suites removed": Way(
        every(second_suite, on_items("items[:] = [item for item in items if 'other.yaml' not in item.nodeid]")),
        "other",
        ("--llm-suite=demo,other",),
        "of two",
    ),
    "a case edited, and a narrow margin": Way(
        every(
            edit(SUITE, "margin: 12%", "margin: 1%"),
            edit(CASES, "return case-3?", "keep case-3?"),
        ),
        "case-3",
        status="inconclusive",
    ),
    "a case removed, and a narrow margin": Way(
        every(edit(SUITE, "margin: 12%", "margin: 1%"), on_items("del items[3]")),
        "29 of 30 samples were selected",
        status="inconclusive",
    ),
    "skip without gates": Way(
        every(edit(SUITE, GATES, ""), on_items("items[3].add_marker(pytest.mark.skip)")), "case-3", status="not green"
    ),
    "a case deleted without gates": Way(
        every(edit(SUITE, GATES, ""), lines(CASES, without(4)), lines(GOLDEN, without(4))), "case-3", status="not green"
    ),
    "skip with a latency gate alone": Way(
        every(
            edit(SUITE, "  - {metric: edit_similarity, margin: 12%}\n  - {metric: cost, margin: 12%}\n", ""),
            on_items("items[3].add_marker(pytest.mark.skip)"),
        ),
        LOST_3,
    ),
}
LIMITS = {
    "deadline": Way(never_answered("case-9"), "(deadline: ", ("--llm-deadline=0.4",)),
    "budget": Way(
        edit("pyproject.toml", "answers =", "price = {input = 1000, output = 1000}\nanswers ="),
        "(budget: skipped: worst-case cost",
        ("--llm-budget=0.5",),
    ),
    "budget without a price": Way(NOTHING, "the price of fake is not known", ("--llm-budget=1",)),
    "a folder in place of the record": Way(
        every(remove(RECORD), lambda p: (p.root / RECORD).mkdir()), "run.jsonl: cannot be written"
    ),
    "a folder in place of the verdict": Way(
        every(remove("reports/demo/verdict.json"), lambda p: (p.root / "reports/demo/verdict.json").mkdir()),
        "verdict.json: cannot be written",
    ),
    "a folder for reports without write access": Way(NOTHING, "cannot be written", ("--llm-report=/proc/self/x",)),
}
XDIST = {
    "all workers die": Way(answers("os._exit(3)"), "case-9", ("-n1", "--max-worker-restart=0")),
    "a case removed in one worker": Way(
        on_items("if os.environ.get('PYTEST_XDIST_WORKER') == 'gw1': del items[3]"), "case-3", ("-n2",)
    ),
    "a report emptied on its way": Way(
        conftest(
            "@pytest.hookimpl(wrapper=True, tryfirst=True)",
            "def pytest_report_to_serializable(config, report):",
            "    data = yield",
            "    if 'case-3[' in report.nodeid:",
            "        data.pop('evalharness', None)",
            "    return data",
        ),
        LOST_3,
        ("-n1",),
    ),
    "every case in every worker": Way(
        NOTHING, "duplicate samples of 30 cases (case-0, case-1, case-2", ("--dist=each", "--tx=2*popen")
    ),
    "an error that cannot be sent": Way(answers("raise ValueError(chr(0xD83D))"), "case-9", ("-n1",)),
    "all items removed with another test": Way(
        every(other_test, on_items("items[:] = [item for item in items if 'demo.yaml' not in item.nodeid]")),
        "no sample of 30 cases",
        ("test_other.py", "-n1"),
    ),
}
INSIDE: dict[str, dict[str, Way]] = {"files": FILES, "baseline": BASELINES, "model": PROVIDERS}
"""Losses in files, baseline or answers, which the evaluation finds without an inner pytest."""
HANDFUL = {"a case deleted", "a case edited", "a golden deleted", "no baseline", "a line lost", "raises"}
"""Losses that also run under pytest: one for each way in which a loss becomes an exit status."""
OUTSIDE = {
    f"{group}: {name}": way
    for group, ways in {
        **INSIDE,
        "selection": SELECTIONS,
        "metric": METRICS,
        "conftest": HOOKS,
        "limits": LIMITS,
        "xdist": XDIST,
    }.items()
    for name, way in ways.items()
    if group not in INSIDE or name in HANDFUL or way.arguments
}
RED = {"fail", "error", "incomparable"}


@pytest.fixture
def green(project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with an accepted run that passes: made once, and copied for each damage."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.root / "cache"))
    project = type(project)(project.pytester, 30)  # enough for a margin of 12 %
    project.write(SUITE, project.read(SUITE).replace(" 10%", " 12%"))
    project.edit(SUITE, "rouge_l", "edit_similarity")  # without imports that take seconds
    project.answer_well = lambda: project.answer({name: good(name) for name in project.ids})
    project = begin(project, accepted, tmp_path_factory)
    assert project.verdict()["status"] == "pass"
    return project


def accepted(project: Project) -> None:
    """Accept a run, and check that the next one passes."""
    project.accept()
    assert project.run().ret == 0


@pytest.fixture
def each(green: Project, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """`each()`: the undamaged project, restored in the same folder for each call."""

    def again() -> Project:
        for path in green.root.iterdir():
            path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
        return begin(green, accepted, tmp_path_factory)

    return again


def new_verdict(project: Project, old: str) -> dict[str, Any] | None:
    """Return the verdict of the run that has just ended, if it has one."""
    path = project.root / VERDICT
    verdict: dict[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
    return verdict if verdict and verdict["run"] != old else None


def concluded(project: Project, *, accepting: bool = False) -> tuple[int, Outcome | None, str]:
    """Run without pytest: the exit status of `pytest_sessionfinish`, the outcome, and the message."""
    try:
        suite_path("demo", project.root)
        options = EvaluationOptions(base=merge_base(project.root, None), accept=accepting)
        resources = Resources(load_config(project.root), options, ("demo",))
        delete_stale_reports(resources, "demo")
        outcome = evaluated(resources)
    except EvalHarnessError as error:
        return 1, None, str(error)
    output = "\n".join(line for line, _ in summary_lines(outcome))
    return int(outcome.status in RED and not outcome.accepted), outcome, output


def evaluated(resources: Resources) -> Outcome:
    """Do what the plugin does between collection and summary. Raises EvalHarnessError."""
    evaluation = open_evaluation("demo", resources)
    with resources:
        evaluation.start()
        for key in evaluation.selected:
            evaluation.add(evaluation.wait(key))
        confirm(evaluation)
    return evaluation.finish()


def lost(project: Project, way: Way) -> list[str]:
    """List the expectations that a run without pytest does not meet."""
    try:
        project.accept = lambda: concluded(project, accepting=True)
        way.damage(project)
        ret, outcome, output = concluded(project)
        verdict = verdict_json(outcome) if outcome else None
        return way.missed(ret, verdict, f"{output} {json.dumps(verdict, ensure_ascii=False)}")
    except Exception as error:  # reported with its type
        return [f"{type(error).__name__}: {error}"]


@pytest.mark.parametrize("group", INSIDE)
def test_lost_data_is_never_green_inside(each: Callable[[], Project], group: str) -> None:
    """The evaluation reports every loss in files, baseline and answers."""
    assert lost(each(), Way(NOTHING, "", status="pass")) == ["it passes"]  # so the test is not void
    ways = {name: way for name, way in INSIDE[group].items() if not way.arguments}
    failures = [f"{name}: {'; '.join(missed)}" for name, way in ways.items() if (missed := lost(each(), way))]
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("way", OUTSIDE.values(), ids=OUTSIDE)
def test_lost_data_is_never_green(green: Project, way: Way) -> None:
    """The run is not green, and reports the loss."""
    way.damage(green)
    old = green.verdict()["run"] if (green.root / VERDICT).is_file() else ""  # some damage comes with a run of its own
    result = green.run(*way.arguments)
    verdict = new_verdict(green, old)
    output = result.stdout.str() + result.stderr.str() + json.dumps(verdict, ensure_ascii=False)
    assert way.missed(int(result.ret), verdict, output) == []


def test_truncated_answers_are_counted(green: Project) -> None:
    """Answers that end at max_tokens are scored, and their number is printed."""
    answers("return Response(text, 'length', Usage(9, 7), Timing(0.1))")(green)
    green.run().stdout.fnmatch_lines(["cut off   1 of 30 answers ended at max_tokens"])


def test_collecting_prints_no_verdict(green: Project) -> None:
    """`--collect-only` sends no request and prints no verdict."""
    result = green.run("--collect-only")
    result.stdout.no_fnmatch_line("*llm demo*")
    result.stdout.no_fnmatch_line("PASS*")


@pytest.mark.parametrize(
    ("damage", "arguments"),
    [(remove(GOLDEN), ()), (on_items("items.clear()"), ()), (NOTHING, ("--llm-prompt=plian",))],
    ids=["a broken suite", "no items", "an unknown prompt"],
)
def test_an_older_verdict_does_not_outlive_a_newer_run(
    green: Project, damage: Damage, arguments: tuple[str, ...]
) -> None:
    """After a failed run, no verdict of an earlier one says `pass`."""
    damage(green)
    assert green.run(*arguments).ret != 0
    assert not (green.root / VERDICT).exists() or green.verdict()["status"] != "pass"


TURNED = """\
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        report.outcome, report.longrepr = {outcome}
    return report
"""
LIES = {
    "failed is passed": conftest(TURNED.format(outcome="'passed', None")),
    "failed is skipped": conftest(TURNED.format(outcome="'skipped', ('x', 1, 'flaky')")),
    "failed is passed, late": conftest(
        "@pytest.hookimpl(tryfirst=True)", "def pytest_runtest_logreport(report):", "    report.outcome = 'passed'"
    ),
    "xfail marker": on_items("items[5].add_marker(pytest.mark.xfail)"),
    "skip after the call": conftest(
        "@pytest.hookimpl(wrapper=True)",
        "def pytest_runtest_call(item):",
        "    try:",
        "        return (yield)",
        "    except Exception:",
        "        pytest.skip('flaky')",
    ),
    "no failures counted": conftest(
        "@pytest.hookimpl(wrapper=True, tryfirst=True)",
        "def pytest_runtestloop(session):",
        "    result = yield",
        "    session.testsfailed = 0",
        "    return result",
    ),
    "exit status 0": conftest("def pytest_sessionfinish(session):", "    session.exitstatus = 0"),
    "caught": conftest(
        "@pytest.hookimpl(wrapper=True)",
        "def pytest_runtest_call(item):",
        "    try:",
        "        return (yield)",
        "    except Exception:",
        "        return None",
    ),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_hook_that_lies(green: Project, lie: Damage) -> None:
    """The verdict and its line are correct and name the case, whatever a hook does to the report."""
    old = green.verdict()["run"]
    green.answer({name: "FORBIDDEN" if name == "case-5" else good(name) for name in green.ids})
    lie(green)
    result = green.run("--llm-settle=1")
    verdict = new_verdict(green, old)
    assert verdict
    assert verdict["status"] == "fail"
    result.stdout.fnmatch_lines(
        ["FAIL  a hard assertion does not hold for 1 of 30 answers", "*case-5: must not contain*"]
    )


def test_a_hook_that_exits_with_status_0(green: Project) -> None:
    """`pytest.exit(returncode=0)` during the run gives an error verdict with the number of answers."""
    on_case("pytest_runtest_setup(item)", "pytest.exit('enough', returncode=0)")(green)
    result = green.run()
    assert green.verdict()["status"] == "error"
    result.stdout.fnmatch_lines(["ERROR  stopped after 3 of 30 answers: no gate was decided"])


def decided(project: Project) -> str:
    """Return the worst verdict and the messages of deciding from the record."""
    try:
        run = read_run(project.root / RECORD)
    except StoreError as error:
        return f"refused {error}"
    baseline = read_baseline(project.root / BASELINE, project.root)
    verdicts = [v for v in decide_run(run, {("fake", "plain"): baseline}, accept_command="") if v.gating]
    statuses = {verdict.status for verdict in verdicts}
    return f"{' '.join(sorted(statuses))} {run.stopped} {run.complete} {'; '.join(v.reason for v in verdicts)}"


def in_sample(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Change the sample in line 5 of the record, which is that of `case-3`."""
    return records(RECORD, 5, lambda value: change(value["sample"]))


RECORDS = {
    "nothing": (NOTHING, "pass False True"),
    "empty": (write(RECORD, ""), f"{RECORD}:1: not a run"),
    "missing": (remove(RECORD), f"{RECORD}: cannot be read"),
    "no header": (lines(RECORD, without(1)), f"{RECORD}:1: not a run"),
    "cut within a line": (cut(RECORD, 20), f"{RECORD}:32: the last line is cut off"),
    "cut within a sample": (lines(RECORD, lambda w: [*w[:4], w[4][:100]]), f"{RECORD}:5: the last line is cut off"),
    "cut within a sample, and a line end": (
        lines(RECORD, lambda w: [*w[:4], w[4][:100] + "\n", *w[5:]]),
        f"{RECORD}:5:",
    ),
    "the last line lost": (lines(RECORD, lambda w: w[:-1]), "inconclusive True False the run was stopped"),
    "the last lines lost": (lines(RECORD, lambda w: w[:-2]), "inconclusive True False the run was stopped"),
    "a header alone": (lines(RECORD, lambda w: w[:1]), " True False "),
    "a sample lost": (lines(RECORD, without(5)), "error False False no sample of case case-3"),
    "a sample lost and not selected": (
        every(
            lines(RECORD, without(5)),
            records(RECORD, 31, selected_without("case-3")),
        ),
        "inconclusive False False only 29 of 30 samples were selected",
    ),
    "a sample lost and not planned": (
        every(
            lines(RECORD, without(5)),
            records(RECORD, 31, selected_without("case-3")),
            records(RECORD, 1, lambda v: v["planned"]["cases"].remove("case-3")),
        ),
        f"error False True in the baseline but not in the suite: case case-3 ({BASELINE}:",
    ),
    "a sample twice": (lines(RECORD, doubled(5)), "error False True duplicate samples of case case-3"),
    "a sample in place of another": (
        lines(RECORD, lambda w: [*w[:4], w[5], *w[5:]]),
        "error False False no sample of case case-3; duplicate samples of case case-4",
    ),
    "another's key": (in_sample(lambda s: s.update(key=["case-4", "plain", "fake", 0])), "no sample of case case-3"),
    "a key outside the plan": (
        in_sample(lambda s: s.update(key=["case-3", "plain", "fake", 1])),
        "no sample of case case-3",
    ),
    "another digest": (in_sample(lambda s: s.update(digest="x")), "inconclusive False True edited since"),
    "the end twice": (lines(RECORD, doubled(32)), f"{RECORD}:33: invalid run record"),
    "a sample after the end": (lines(RECORD, lambda w: [*w, w[4]]), f"{RECORD}:33: invalid run record"),
    "stopped": (records(RECORD, 32, lambda v: v["end"].update(stopped=True)), "inconclusive True False the run was"),
    "no response": (in_sample(lambda s: s.update(response=None)), "error False False no result for case case-3"),
    "no scores": (in_sample(lambda s: s.update(scores=[])), "no score of edit_similarity in [0, 1] for case case-3"),
    "a score of NaN": (
        in_sample(lambda s: s["scores"][0].update(value=float("nan"))),
        f"{RECORD}:5: expected a finite number, got NaN",
    ),
    "a score without bounds": (
        in_sample(lambda s: s["scores"][0].update(value=float("inf"))),
        f"{RECORD}:5: expected a finite number, got Infinity",
    ),
    "a score of null": (in_sample(lambda s: s["scores"][0].update(value=None)), f"{RECORD}:5: invalid run record"),
    "a score above 1": (
        in_sample(lambda s: s["scores"][0].update(value=7)),
        "no score of edit_similarity in [0, 1] for case",
    ),
    "a score by another": (
        in_sample(lambda s: s["scores"][0].update(signature="x")),
        "no score of edit_similarity in [0, 1]",
    ),
    "an error": (
        in_sample(lambda s: s.update(error={"kind": "x", "message": "y"})),
        "no result for case case-3 (x: y)",
    ),
    "no tokens": (
        in_sample(lambda s: s["response"]["usage"].update(prompt_tokens=0, completion_tokens=0)),
        "no token counts for case case-3",
    ),
    "a newer schema": (records(RECORD, 1, lambda v: v.update(schema=4)), f"{RECORD}:1: schema 4"),
    "another kind": (records(RECORD, 1, lambda v: v.update(kind="baseline")), f"{RECORD}:1: not a run"),
    "not UTF-8": (spoilt(RECORD, b"return case-3 within", b"return caf\xe9 within"), f"{RECORD}: cannot be read"),
}


def test_a_damaged_record(each: Callable[[], Project]) -> None:
    """A damaged record is refused with its line or reported as incomplete; an undamaged one passes."""
    failures = []
    for name, (damage, message) in RECORDS.items():
        project = each()
        damage(project)
        result = decided(project)
        if message not in result or result.startswith("pass ") != (damage is NOTHING):
            failures.append(f"{name}: {result}")
    assert not failures, "\n".join(failures)


@contextmanager
def child(project: Project, *arguments: str, **how: Any) -> Iterator[subprocess.Popen[str]]:
    """Run pytest in a child process."""
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--llm-suite=demo", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env["PYTHONPATH"] = str(Path(evalharness.__file__).parents[1])  # this very one
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=project.root, env=env, **streams, **how) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_samples(project: Project, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until the record on disk has this many samples of this run."""
    path = project.root / PART
    with in_time():
        while process.poll() is None and (not path.exists() or path.read_text().count("\n") <= count):
            time.sleep(0.01)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_interrupted(green: Project, sent: signal.Signals) -> None:
    """An interrupted run is not green, and its record is marked as a part."""
    never_answered(*green.ids[20:])(green)
    (green.root / RECORD).unlink()
    with child(green) as process:
        wait_for_samples(green, 5, process)
        process.send_signal(sent)
        output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    run = read_run(record_in(green.root / "reports/demo"))
    assert (run.stopped, run.complete) == (True, False)
    assert 5 <= len(run.samples) <= 20
    if sent == signal.SIGINT:
        assert f"ERROR  stopped after {len(run.samples)} of 30 answers" in output
        assert green.verdict()["status"] == "error"
    else:
        assert not (green.root / VERDICT).exists()


INTERRUPTED = """
from evalharness.store.runs import RunWriter

append, count = RunWriter.append, 0


def interrupted(self, sample):
    global count
    append(self, sample)
    count += 1
    if count == 7:
        raise KeyboardInterrupt


RunWriter.append = interrupted
"""


def test_an_interrupt_just_after_a_line(green: Project) -> None:
    """The message counts the samples of the record, even if Ctrl-C arrives between the two."""
    (green.root / "conftest.py").write_text(INTERRUPTED)
    with child(green) as process:
        output, _ = process.communicate(timeout=60)
    assert "ERROR  stopped after 7 of 30 answers" in output
    assert len(read_run(green.root / RECORD).samples) == 7


LEAVES = {
    "before the first answer": "os._exit(0)",
    "after some answers": f"while not os.path.exists({PART!r}) or not os.path.getsize({PART!r}):\n"
    "            time.sleep(0.01)\n        os._exit(0)",
}


@pytest.mark.parametrize("odd", LEAVES.values(), ids=LEAVES)
def test_a_process_that_exits_with_status_0(green: Project, odd: str) -> None:
    """After `os._exit(0)` no verdict says `pass`, and the record is a part."""
    answers(odd)(green)
    with child(green) as process:
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, "PASS" in output) == (0, False)
    assert not (green.root / VERDICT).exists()
    assert not (green.root / RECORD).exists()
    assert not (green.root / PART).exists() or read_run(green.root / PART).stopped


def test_a_full_disk(green: Project) -> None:
    """If the record fits on the disk and the report does not, the run is not green and says so."""
    size = (green.root / RECORD).stat().st_size + 2_000
    assert size < (green.root / "reports/demo/report.html").stat().st_size
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
    with child(green, "-p", "no:cacheprovider", preexec_fn=limit) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "report.html: cannot be written: File too large" in output
    assert "PASS" not in output


def with_recorded_answers(project: Project) -> None:
    """Accept a project with recorded responses that passes by replay, its server stopped."""
    with FaultServer() as server:
        table = f'[tool.evalharness.models.fake]\nprovider = "openai"\nbase_url = "{server.url}"\nmodel = "m"\n'
        project.edit(
            "pyproject.toml", '[tool.evalharness.models.fake]\nprovider = "scripted"\nanswers = "answers.json"\n', table
        )
        project.accept()
    assert project.run("--llm-record=none").ret == 0


@pytest.fixture
def recorded(green: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with a ledger: made once, and copied for each damage."""
    return begin(green, with_recorded_answers, tmp_path_factory)


RECORDING = "golden/recordings/demo.jsonl"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lines(RECORDING, without(4)), "expected 30 responses, got 29"),
        (cut(RECORDING, 30), "31: the last line is cut off"),
        (
            records(RECORDING, 4, lambda v: v["response"]["timing"].update(total_s=float("nan"))),
            "4: expected a finite number, got NaN",
        ),
        (records(RECORDING, 4, lambda v: v["request"].update(x=1)), "4: the key does not match the request"),
    ],
    ids=["a line lost", "cut", "NaN", "another request"],
)
def test_a_damaged_recording(recorded: Project, damage: Damage, message: str) -> None:
    """A damaged recording is not imported, and the missing response is an error that names its case."""
    command = partial(click.testing.CliRunner().invoke, main)
    assert command(["--root", str(recorded.root), "record", "export", "demo"]).exit_code == 0
    damage(recorded)
    shutil.rmtree(recorded.root / "cache")
    result = command(["--root", str(recorded.root), "record", "import", RECORDING])
    assert result.exit_code == 1
    assert message in result.output
    run = recorded.run("--llm-record=none")
    assert run.ret == 1
    assert recorded.verdict()["status"] == "error"
    assert "case-0" in run.stdout.str()


LEDGER = {
    "a row lost": ("DELETE FROM response WHERE request LIKE '%case-3?%'", "no result for case case-3 (not recorded"),
    "an answer changed": ("UPDATE response SET response = replace(response, 'asked', 'ASKED')", "damaged"),
    "a row's request changed": ("UPDATE response SET request = '{}' WHERE request LIKE '%case-3?%'", "damaged"),
    "all rows lost": ("DELETE FROM response", "no usable result for 30 of 30 answers"),
    "the table lost": ("DROP TABLE response", "damaged"),
}


@pytest.mark.parametrize(("statement", "message"), LEDGER.values(), ids=LEDGER)
def test_a_damaged_ledger(recorded: Project, statement: str, message: str) -> None:
    """With `--llm-record=none`, a lost or altered response in the ledger is an error."""
    with closing(sqlite3.connect(recorded.root / "cache/evalharness/ledger.sqlite")) as connection, connection:
        connection.execute(statement)
    old = recorded.verdict()["run"]
    result = recorded.run("--llm-record=none")
    assert result.ret != 0
    assert message in " ".join((result.stdout.str() + result.stderr.str()).split())
    verdict = new_verdict(recorded, old)
    assert verdict is None or verdict["status"] == "error"
