"""A repository with an accepted suite, and a pull request whose model answers badly: the start of each attempt."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from repository import Repository

from evalharness.config import load_config
from evalharness.evaluation.api import Evaluation, evaluate
from evalharness.store.origins import text_digest

IDS = [f"case-{number}" for number in range(20)]
GOOD, BAD = "You may return {} within 30 days.", "No idea, sorry."
SUITE = """\
schema: 1
models: [fake]
prompts:
  plain:
    - user: "{{ question }} {{ shop }}"
  careless:
    - user: "{{ question }}"
default_prompts: [plain]
params: {max_tokens: 64, temperature: 0, seed: 7}
vars: {shop: Acme}
metrics:
  - rouge_l
  - {regex: {pattern: "within 30 days"}}
  - token_f1
assert:
  - not_contains: FORBIDDEN
  - max_words: 60
  - {not_contains: UNSTABLE, must_pass: stable}
  - {min_words: 2, must_pass: 90%}
  - {not_contains: UNUSUAL, must_pass: baseline}
cases: cases.jsonl
gates:
  - {metric: rouge_l, margin: 15%}
  - {metric: rouge_l, margin: 15%, tag: hard, worst: 0.6}
  - {metric: assertions, margin: 15%}
  - {metric: cost, margin: 10%}
"""
TALK_SUITE = """\
schema: 1
models: [fake]
prompts:
  plain:
    - user: [{image: pictures/cat.png}, {text: "{{ user }}"}]
metrics: [rouge_l]
gates: [{metric: rouge_l, margin: 15%}]
tools:
  - {name: find_order}
world:
  results: [{call: find_order, result: delivered}]
  faults: {rate: 50%, error: try again}
  max_steps: 3
cases:
  - id: case-0
    turns:
      - user: Can I return it?
      - user: And the postage?
        assert: [{contains: days}]
  - id: case-1
    user:
      start: ask
      max_turns: 3
      states:
        ask: {says: How long?, reactions: [{if: {contains: days}, go: end}, {go: insist}]}
        insist: {says: Tell me.}
"""
RAG_SUITE = """\
schema: 1
models: [fake]
prompts:
  plain: [{user: "{{ question }}"}]
metrics: [{context_recall: {k: 1}}]
gates: [{metric: context_recall, margin: 15%}]
cases:
  - {id: case-0, vars: {question: Why?, relevant: [returns]}}
assert:
  - similar: {to: Within 30 days., model: mini, threshold: 0.8}
"""
CONFIG = """\
[project]
name = "shop"
dependencies = ["evalharness>=0.2"]

[tool.evalharness.models.fake]
provider = "scripted"
answers = "OUTSIDE/answers.json"
repeats_differ = false
price = {input = 1.0, output = 2.0}

[tool.evalharness.models.other]
provider = "scripted"
answers = "models/other.json"
repeats_differ = false

[tool.evalharness.models.packaged]
provider = "scripted"
answers = "package:acme_models/answers.json"

[tool.evalharness.models.linked]
provider = "scripted"
answers = "models/link.json"

[tool.evalharness.models.fetched]
provider = "scripted"
answers = "models/fetched.json"

[tool.evalharness.embedders.mini]
path = "models/mini"

[tool.evalharness.cross_encoders.nli]
path = "models/nli"

[tool.evalharness.limits]
cases = 1000

[tool.pytest.ini_options]
addopts = "-p no:hypothesispytest"

[tool.black]
line-length = 100
"""
BASELINE = "golden/baselines/demo/fake.plain.jsonl"
PINNED = "golden/baselines/demo/pinned/fake.plain.jsonl"
RECORDING, LABELS = "golden/recordings/demo.jsonl", "golden/labels/demo.jsonl"
VERDICTS = "golden/labels/demo.judges.jsonl"
_VERDICT = '{"of": {"question": "q", "case": "case-1", "digest": "d", "answer": "a"}, "value": 0.25}'
_JUDGE = f'{{"kind": "judge", "metric": "polite", "signature": "judge", "at": "", "values": [{_VERDICT}]}}\n'
HISTORY = "golden/HISTORY.jsonl"
TALK, TALK_GOLDEN, RAG, CAT = "suites/talk.yaml", "golden/talk.yaml", "suites/rag.yaml", b"\x89PNG\r\n\x1a\n"
DEMO, CASES, GOLDEN, PYPROJECT = "suites/demo.yaml", "suites/cases.jsonl", "golden/demo.yaml", "pyproject.toml"

Edit = Callable[[Repository], object]


@dataclass(frozen=True)
class Row:
    """One change of a pull request."""

    sentence: str
    edit: Edit
    answer: str = ""
    """A part of the line that lists the change as relaxing, or of the error that refuses it."""
    answers: str = ""
    """The answers of the model in CI. Default: bad ones for a weakening, good ones for an innocent change."""
    suite: str = "demo"
    import_from: str | None = None
    """A folder of the project that the job has put on Python's path."""
    alone: bool = False
    """Whether it hides other changes, for example because the run is refused, or accepts or moves a branch."""

    @property
    def is_alone(self) -> bool:
        """Whether it needs a pull request of its own."""
        return self.alone or self.suite != "demo" or self.import_from is not None or bool(self.answers)


def commit_changes(repository: Repository, rows: Iterable[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make these changes in one commit."""
    for row in rows:
        if row.import_from is not None:
            monkeypatch.syspath_prepend(str(repository.root / row.import_from))
        row.edit(repository)
    repository.commit()


def a_case(name: str, **rest: Any) -> str:
    """One line of the case file."""
    number = IDS.index(name)
    case = {"id": name, "vars": {"question": f"Can I return {name}?"}, "tags": ["hard" if number < 14 else "easy"]}
    return json.dumps(case | {"assert": [{"not_contains": "banana"}]} | rest) + "\n"


def golden(*names: str, answer: str = "You may return {} in 30 days.") -> str:
    """The golden file for these cases."""
    return "".join(f"{name}: [{json.dumps(answer.format(name))}]\n" for name in names)


def answer(path: Path, *texts: str) -> None:
    """Set the answers of a model, which take turns from case to case."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: text.format(name) for name, text in zip([*IDS, "new"], cycle(texts))}))


def make_project(root: Path) -> Repository:
    """The repository on its branch `topic`, after the acceptance of good answers on `main`."""
    outside = root.parent / "outside"
    answer(outside / "answers.json", GOOD)
    answer(outside / "site-packages/acme_models/answers.json", GOOD)
    (outside / "site-packages/acme_models/__init__.py").touch()
    repository = Repository(root)
    repository.write(PYPROJECT, CONFIG.replace("OUTSIDE", str(outside)))
    repository.write(DEMO, SUITE)
    repository.write(CASES, "".join(map(a_case, IDS)))
    repository.write("suites/short.jsonl", "".join(map(a_case, IDS[:5])))
    repository.write(GOLDEN, golden(*IDS))
    repository.write(RECORDING, '{"schema": 1}\n')
    repository.write(LABELS, '{"case": "case-1"}\n{"case": "case-2"}\n')
    judge = (
        f'{{"schema": 1, "kind": "judge", "metric": "polite", "signature": "judge", "at": "", "values": [{_VERDICT}]}}'
    )
    repository.write(VERDICTS, judge + "\n")
    repository.write("models/mini/config.json", "{}\n")
    answer(root / "models/other.json", GOOD)
    answer(root / "models/real.json", GOOD)
    (root / "models/link.json").symlink_to("real.json")
    repository.write(".gitignore", "reports/\n__pycache__/\nmodels/fetched.json\n")
    repository.write("README.md", "A shop.\n")
    repository.write("src/shop/app.py", "PRICE = 1\n")
    repository.write("tests/test_shop.py", "def test_shop(): assert True\n")
    repository.write(
        "suites/second.yaml", SUITE.replace("cases.jsonl", "short.jsonl").replace("margin: 15%", "margin: 20%")
    )
    repository.write("suites/packaged.yaml", SUITE.replace("[fake]", "[packaged]"))
    repository.write("golden/packaged.yaml", golden(*IDS))
    repository.write(TALK, TALK_SUITE)
    repository.write(TALK_GOLDEN, "case-0#1: 30 days.\ncase-0#2: Free.\ncase-1: 30 days.\n")
    repository.write("suites/pictures/cat.png", CAT)
    repository.write(RAG, RAG_SUITE)
    repository.write("models/nli/config.json", "{}\n")
    repository.write("models/other-nli/config.json", "{}\n\n")
    repository.write("golden/second.yaml", golden(*IDS[:5]))
    evaluate("demo", config=load_config(root)).accept()
    (root / PINNED).parent.mkdir()
    shutil.copy(root / BASELINE, root / PINNED)
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.branch()
    return repository


def judged(repository: Repository, suite: str = "demo") -> Evaluation:
    """The suite's evaluation in this work tree."""
    return evaluate(suite, config=load_config(repository.root))


# edits


def swap(file: str, old: str, new: str) -> Edit:
    """Replace a text in a file."""
    return lambda repository: repository.edit(file, old, new)


def put(file: str, content: str | bytes = "") -> Edit:
    """Write a file."""
    return lambda repository: repository.write(file, content)


def append(file: str, text: str) -> Edit:
    """Write a text at the end of a file."""
    return lambda repository: repository.write(file, repository.read(file) + text)


def gone(*files: str) -> Edit:
    """Delete files."""
    return lambda repository: [repository.remove(file) for file in files]


def moved(file: str, place: str) -> Edit:
    """Rename a file or a folder."""

    def edit(repository: Repository) -> None:
        (repository.root / place).parent.mkdir(parents=True, exist_ok=True)
        (repository.root / file).rename(repository.root / place)

    return edit


def link(file: str, target: str) -> Edit:
    """Make a symbolic link, in place of a file if there is one."""

    def edit(repository: Repository) -> None:
        path = repository.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    return edit


def both(*edits: Edit) -> Edit:
    """Apply several edits."""
    return lambda repository: [edit(repository) for edit in edits]


def ran(*words: str) -> Edit:
    """A git command."""
    return lambda repository: repository.git(*words)


def configured(text: str) -> Edit:
    """Add a table to pyproject.toml."""
    return append(PYPROJECT, text)


def in_own_table(line: str) -> Edit:
    """Add a key to `[tool.evalharness]`."""
    return configured(f"\n[tool.evalharness]\n{line}\n")


def attributed(repository: Repository) -> None:
    """Claim that each golden answer was an answer of the accepted version."""
    last = json.loads(repository.read(HISTORY).splitlines()[-1])
    request = json.loads(repository.read(BASELINE).splitlines()[0])["runs"][-1]["request_digest"]
    answers = {name: [text_digest(f"You may return {name} in 30 days.")] for name in IDS}
    origins = [{"model": "fake", "prompt": "plain", "request": request, "answers": answers}]
    append(HISTORY, json.dumps({**last, "suite": "demo", "origins": origins}) + "\n")(repository)


def without_case(case: str) -> Edit:
    """Remove a case from the baseline, with a matching header."""

    def edit(repository: Repository) -> None:
        header, *lines = map(json.loads, repository.read(BASELINE).splitlines())
        lines = [line for line in lines if line["case"] != case]
        header["cases"] = len(lines)
        repository.write(BASELINE, "".join(json.dumps(line) + "\n" for line in (header, *lines)))

    return edit


def accepted(repository: Repository, *answers: str) -> None:
    """Accept answers, as at the author's desk."""
    kept = {name: os.environ.pop(name) for name in ("CI", "GITHUB_ACTIONS") if name in os.environ}
    try:
        answer(repository.root.parent / "outside/answers.json", *answers)
        judged(repository).accept()
    finally:
        os.environ.update(kept)


def well_accepted(repository: Repository) -> None:
    """Accept the good answers once more."""
    accepted(repository, GOOD)


def badly_accepted(repository: Repository) -> None:
    """Accept bad answers."""
    accepted(repository, BAD)


def replaced(repository: Repository) -> None:
    """Accept bad answers in place of the earlier run."""
    shutil.rmtree(repository.root / "golden/baselines")
    badly_accepted(repository)
