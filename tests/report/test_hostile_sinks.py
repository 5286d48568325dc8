"""Hostile texts in every field that a commit, a model or an endpoint fills, printed by every command and format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile import invisible
from hostile_outcome import hostile
from repository import Repository
from store.stored_records import a_run, a_sample, accepted, broken, write

from evalharness import registry
from evalharness.cli import COMMANDS
from evalharness.cli.summary import print_summary
from evalharness.pytest_plugin.gate_results import gate_reports
from evalharness.records import GateRule, Score
from evalharness.report.explain import explain_gate, explain_sample
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

ACTING = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)
"""Commands of GitHub's runner and of Azure's agent."""
PAYLOADS = (
    "x\x1b]52;c;aGk=\x07\r\n::error::boom\n ##[error]boom ##vso[task.complete]b\u202ea\u200b"
    "\u2028::stop-commands::t\x85\x9b2J <img src=x onerror=alert(1)> [x](javascript:alert(1)) `code` | y;=1+1",
    "::error file=x::pwned " + "y" * 60 + " ::add-mask::a \udfff\ufeff\x00",
)


def acts(text: str) -> set[str]:
    """What a terminal, a CI system or an editor would act on."""
    return invisible(text) | {found[0] for found in ACTING.finditer(text)}


@pytest.fixture(params=PAYLOADS, ids=["signals", "start of a line"])
def text(request: pytest.FixtureRequest) -> str:
    """A hostile text."""
    return str(request.param)


FORMATS: dict[str, Callable[[str], set[str]]] = {
    "csv": lambda shown: set(re.findall(r"(?:^|[;|\t\r\n])[=+@-]", shown)),
    "github-annotations": lambda shown: acts(re.sub("^::(error|warning) ", "", shown, flags=re.MULTILINE)),
    "gitlab-codequality": acts,
    "gitlab-metrics": acts,
    "html": lambda shown: set(re.findall("<img src=x|[\u202e\u200b\u2028\x1b\x9b\x00]", shown)),
    "json": acts,
    "markdown": acts,
    "parquet": lambda shown: set(),
    "svg": lambda shown: acts(shown) | set(re.findall("<(?:img|b>|script)", shown)),
}
"""Report format -> what acts in it. Parquet is data, which programs read."""


def test_every_format_is_listed() -> None:
    """A new report format needs a row here."""
    assert set(FORMATS) == set(registry.BUILT_IN["report_formats"])


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_formats(name: str, text: str) -> None:
    """No report format has a text that acts."""
    if name == "parquet":
        pytest.importorskip("pyarrow")
        text = text.replace("\udfff", "")  # no column can have it in its name
    content = registry.find("report_formats", name).render(hostile(text))
    pieces = [content] if isinstance(content, str | bytes) else content
    shown = "".join(piece for piece in pieces if isinstance(piece, str))
    assert not FORMATS[name](shown)


def test_terminal_and_pytest(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary, the failures, and the names and reasons that pytest prints are text."""
    outcome = hostile(text)
    print_summary(outcome)
    given = [capsys.readouterr().out, *(explain_gate(verdict, outcome) for verdict in outcome.verdicts)]
    given += [explain_sample(sample, "suites/demo.yaml:1") for sample in outcome.run.samples]  # type: ignore[arg-type]
    for report in gate_reports(outcome, fail_inconclusive=True):
        crash: Any = getattr(report.longrepr, "reprcrash", None)
        given += [report.nodeid, *map(str, report.location), str(report.longrepr), crash.message if crash else ""]
        given += [f"value={value}" for pair in report.user_properties for value in pair]
        assert "\n" not in report.nodeid
    assert not [ascii(one) for one in given if acts(one)]
    assert sum(map(len, given)) > 5000


def _record(root: Path, text: str, name: str, **names: str) -> None:
    """A run whose free texts are this text, also its metric, its cases and its tags."""
    samples = [
        a_sample(
            f"{text}-{number}", text=f"{text} {number}", tags=(text, "x"), scores=(Score("exact", 0.5, text, text),)
        )
        for number in range(3)
    ]
    samples = [*samples, broken(f"{text}-3", text), a_sample(f"{text}-4", failed_checks=(text,))]
    samples = [replace(one, key=one.key._replace(**names)) for one in samples]
    gates = (GateRule("exact", 0.05), GateRule(text, 0.05), GateRule("exact", 0.05, tag=text))
    metrics = {"metrics": ("exact", text), "signatures": {"exact": text, text: text}}
    environment = {"git": {"commit": text, "dirty": True}, "evalharness": text}
    write(
        root / f"reports/{name}/run.jsonl",
        a_run(samples, gates=gates, started_at=text, file=text, machine_class=text, environment=environment, **metrics),
    )


@pytest.fixture
def project(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A repository whose suite, goldens, configuration, baselines, history and records hold the text."""
    leave_ci(monkeypatch)
    Repository(tmp_path).commit()
    project, plain = Project(tmp_path), text.replace("\udfff", "")
    written = {"id": "case-1", "vars": {"question": plain}, "cluster": plain, "assert": [{"contains": plain}]}
    cases = [{"id": "case-0", "vars": {"question": plain}}, written]
    project.write_suite({"case-0": plain, "case-1": plain}, cases=cases, description=plain, vars={"more": plain})
    project.write(
        "suites/broken.yaml", json.dumps({"schema": 1, plain: plain, "models": [plain], "cases": [{"id": plain}]})
    )
    project.write("golden/broken.yaml", json.dumps({plain: plain}))
    key = json.dumps(plain.replace("\r", "").replace("\x00", ""))
    options = {"a": f"provider = {key}", "b": f'provider = "openai"\nbase_url = {key}', key: 'provider = "scripted"'}
    tables = "".join(f"[tool.evalharness.models.{name}]\n{lines}\n" for name, lines in options.items())
    tables += '[tool.evalharness.publish.hook]\nto = "webhook"\nurl = "http://127.0.0.1:9"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + tables)
    accepted(project.root, a_run([a_sample("a", text=text)], name=plain.replace("\x00", "")))
    project.write("golden/baselines/demo/other.p.jsonl", json.dumps({"kind": text, "suite": text}))
    project.write("golden/HISTORY.jsonl", json.dumps({"reason": text, text: text}) + f"\n{plain}\n")
    project.write("labels.jsonl", json.dumps({text: text}) + "\n")
    side = dict.fromkeys(("run", "model", "prompt"), text)
    label = {"a": side, "b": side | {"model": "x"}, "first": "a", "choice": "a"}
    texts = dict.fromkeys(("case", "model", "prompt", "seed", "by", "at"), text)
    project.write("golden/labels/demo.jsonl", json.dumps(label | texts) + "\n")
    project.write("golden/labels/evil.jsonl", json.dumps(label | texts | {text: text}) + "\n")
    project.write(
        "promptfoo.yaml", json.dumps({"prompts": [plain], "providers": [plain], "tests": [{"vars": {plain: plain}}]})
    )
    project.write("data.jsonl", json.dumps({"question": plain, plain: plain}) + "\n")
    _record(project.root, text, "demo")
    _record(project.root, text, "evil", model=text, prompt=text)
    _record(project.root, f"{text} other", "other")
    return project


DEMO, EVIL = "reports/demo", "reports/evil"
LINES: dict[str, list[str]] = {
    "accept": [
        f"{DEMO} --because TEXT",
        f"{EVIL} --because TEXT --by TEXT",
        f"{DEMO} --golden --case TEXT --because TEXT",
    ],
    "audit": ["", "--format json", "demo --since TEXT", "TEXT"],
    "calibrate": ["demo --runs 3", "broken", "TEXT", "demo --model TEXT"],
    "compare": [f"{DEMO} {EVIL}", f"{DEMO} {EVIL} --json", "TEXT", "golden/baselines/demo"],
    "doctor": ["", "--json", "--ping --json"],
    "export": [f"{DEMO} -o x.csv", f"{EVIL} -o TEXT", "golden/HISTORY.jsonl"],
    "gate": [DEMO, EVIL, f"{DEMO} --json", f"{DEMO} --margin TEXT", f"{DEMO} --baseline TEXT"],
    "history": ["demo", "demo --json", "demo --html history.html", "broken", "TEXT"],
    "import": ["promptfoo promptfoo.yaml", "promptfoo promptfoo.yaml --json -o TEXT", "dataset data.jsonl --tag TEXT"],
    "init": ["TEXT", "ok --provider openai --model TEXT --base-url TEXT"],
    "judge": ["calibrate demo --no-ask", "calibrate TEXT", "calibrate demo --metric TEXT --json"],
    "labels": [
        *("import labels.jsonl", "import labels.jsonl --json"),
        *("tally", "tally --json", "tally demo", "tally evil", "tally TEXT"),
    ],
    "load": [
        *("demo --slo=e2el<5s --rate 50/s --duration 100ms", "demo --slo=e2el<5s --rate 50/s --duration 100ms --json"),
        *(
            "TEXT --slo=e2el<5s",
            "demo --slo TEXT",
            "demo --slo=e2el<5s --model TEXT",
            "demo --slo=e2el<5s --trace TEXT",
        ),
    ],
    "merge": [f"{DEMO} --into merged", f"{EVIL} --into merged", "TEXT", f"{DEMO} --into TEXT", "--ledger TEXT"],
    "publish": [f"{DEMO} --to hook", f"{EVIL} --to hook --always --strict", f"{DEMO} --to TEXT", "TEXT --to hook"],
    "record": ["export demo", "export TEXT", "import labels.jsonl"],
    "report": [f"{DEMO} --format {name}" for name in ("markdown", "json", "gitlab-codequality", "gitlab-metrics")],
    "review": [
        DEMO,
        EVIL,
        f"{DEMO} --json",
        f"{DEMO} {EVIL} --html x.html",
        f"{DEMO} reports/other --html blind.html",
        f"{DEMO} --sides TEXT,TEXT --html x.html",
        f"{DEMO} reports/other --model TEXT --html x.html",
        "TEXT",
    ],
    "run": ["demo", "broken", "TEXT", "demo --model TEXT"],
    "schema": ["", "--verdict"],
    "validate": ["", "broken", "TEXT"],
    "verify": ["", "demo --json", "TEXT", "demo --model TEXT", "demo --baseline TEXT"],
    "view": ["TEXT", "TEXT --no-browser", "golden/HISTORY.jsonl", "demo --port TEXT"],
}
"""Command -> its arguments, with the hostile text for TEXT."""


def test_every_command_is_listed() -> None:
    """A new command needs a row here."""
    assert list(LINES) == list(COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_commands(project: Project, text: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command prints a text that acts, whether it succeeds or fails."""
    monkeypatch.chdir(project.root)
    for line in LINES[name]:
        words = [text.replace("\x00", "").replace("\udfff", "") if word == "TEXT" else word for word in line.split()]
        result = project.command(name, *words)
        assert not acts(result.output), f"{line}: {result.output!a}"
        assert result.output, line
        if "--json" in words and result.exit_code == 0:
            assert json.loads(result.stdout)
    _check_files(project.root)


def _check_files(root: Path) -> None:
    """Pages and summaries that the commands wrote have no text that acts."""
    for path in (*root.glob("*.html"), *(root / "reports").rglob("*.*")):
        if path.suffix in (".html", ".md") or path.name == "verdict.json":
            assert not FORMATS["html" if path.suffix == ".html" else "markdown"](path.read_text("utf-8")), path


def test_the_payloads_act() -> None:
    """The texts hold what the tests look for."""
    assert all(acts(payload) for payload in PAYLOADS)
