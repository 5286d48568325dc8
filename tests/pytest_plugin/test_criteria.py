"""Ways in which a pull request can relax its own criteria, each in a real repository."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from repository import Repository

from evalharness.criteria.revisions import criteria_changes
from evalharness.errors import EvalHarnessError, GitError
from evalharness.records import (
    CriteriaChange,
    Run,
    Score,
)
from evalharness.store import Commit, accepted_baselines, write_below
from evalharness.store.git import merge_base
from evalharness.suites import suite_names
from evalharness.testing import run, sample
from evalharness.testing.ci import leave_ci

SUITE = """\
schema: 1
models: [fake, other]
prompts:
  plain:
    - system: You answer customers of {{ shop }}.
    - user: "{{ question }}"
  careless:
    - user: "{{ question }} {{ hint }}"
default_prompts: [plain, careless]
params: {max_tokens: 64, temperature: 0, seed: 7}
vars: {shop: Acme}
metrics:
  - rouge_l
  - {regex: {pattern: "within 30 days"}}
  - {rouge_1: {stem: false}}
  - {embedding: {model: mini}}
assert:
  - not_contains: "As an AI"
  - max_words: 60
cases: cases.jsonl
gates:
  - {metric: rouge_l, margin: 0.05}
  - {metric: regex, margin: 5%}
  - {metric: cost, margin: 10%}
"""
CONFIG = """\
[tool.evalharness.models.fake]
provider = "openai"
base_url = "https://models.example/v1"
model = "small-1"
price = {input = 1.0, output = 2.0}
[tool.evalharness.models.other]
provider = "scripted"
answers = "answers.json"
[tool.evalharness.embedders.mini]
base_url = "https://vectors.example/v1"
model = "mini-1"
[tool.evalharness.embedders.maxi]
base_url = "https://vectors.example/v1"
model = "maxi-1"
[tool.evalharness.limits]
cases = 1000
[tool.pytest.ini_options]
addopts = "-ra"
"""
IDS = [f"case-{number}" for number in range(6)]
BASELINE = "golden/baselines/demo/fake.plain.jsonl"
RECORDING = "golden/recordings/demo.jsonl"
HISTORY = "golden/HISTORY.jsonl"


def a_case(name: str, **rest: Any) -> str:
    """One line of the case file."""
    case = {"id": name, "vars": {"question": f"Can I return {name}?", "hint": "Please."}, "tags": ["hard"]}
    return json.dumps(case | {"assert": [{"contains": name}]} | rest) + "\n"


def golden(*names: str) -> str:
    """The golden file for these cases."""
    return "".join(f"{name}: [You may return {name} within 30 days.]\n" for name in names)


def a_run(name: str, score: float = 0.8) -> Run:
    """A run of the whole suite with one model and prompt."""
    scores = [Score("rouge_l", score, "r|1")]
    used = {"prompt_tokens": 20, "completion_tokens": 5}
    samples = [sample(case, "You may.", scores=scores, model="fake", **used) for case in IDS]
    return run(samples, gates={"rouge_l": 0.05}, id=name, models={})


def accept_run(repository: Repository, name: str, score: float = 0.8, *, request: str = "request") -> None:
    """Accept a run, as `--llm-accept` does."""
    texts = accepted_baselines(
        a_run(name, score),
        root=repository.root,
        digests={("fake", "plain"): request},
        accepted_at="2026-01-02T00:00:00+00:00",
    )
    for path, text in texts.items():
        write_below(repository.root, path, text)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a suite, goldens, a baseline of two runs and a recording, all on main."""
    repository = Repository(tmp_path_factory.mktemp("criteria") / "project")
    repository.write("pyproject.toml", CONFIG)
    repository.write("README.md", "A shop.\n")
    repository.write("answers.json", "{}")
    repository.write("suites/demo.yaml", SUITE)
    repository.write("suites/cases.jsonl", "".join(map(a_case, IDS)))
    repository.write("suites/short.jsonl", "".join(map(a_case, IDS[:2])))
    repository.write("golden/demo.yaml", golden(*IDS))
    repository.write(RECORDING, '{"schema": 1}\n')
    repository.write(HISTORY, "1\n2\n")
    accept_run(repository, "run-1")
    accept_run(repository, "run-2")
    repository.commit()
    return repository.root


@pytest.fixture
def pull_request(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A branch without changes, outside of CI."""
    leave_ci(monkeypatch)
    shutil.copytree(template, tmp_path / "project", symlinks=True)
    repository = Repository(tmp_path / "project", new=False)
    repository.branch()
    return repository


def named_changes(root: Path, base: Commit | None = None) -> list[CriteriaChange]:
    """The differences between the criteria at the merge base and under `root`, of all suites of either."""
    base = base or merge_base(root)
    assert base
    names = {Path(file).stem for file in base.files("suites") if file.endswith(".yaml")} | set(suite_names(root))
    return [change for name in sorted(names) for change in criteria_changes(base, root, name)]


def relaxing(root: Path) -> list[str]:
    """The lines of the differences that relax the criteria."""
    return [str(change) for change in named_changes(root) if change.relaxes]


Edit = Callable[[Repository], object]
DEMO, CASES, GOLDEN, PYPROJECT = "suites/demo.yaml", "suites/cases.jsonl", "golden/demo.yaml", "pyproject.toml"


def swap(file: str, old: str, new: str) -> Edit:
    """Replace a text in a file."""
    return lambda repository: repository.edit(file, old, new)


def put(file: str, content: str) -> Edit:
    """Write a file."""
    return lambda repository: repository.write(file, content)


def gone(file: str) -> Edit:
    """Delete a file."""
    return lambda repository: repository.remove(file)


def moved(file: str, place: str) -> Edit:
    """Rename a file."""
    return lambda repository: (repository.root / file).rename(repository.root / place)


def link(file: str, target: str) -> Edit:
    """Replace a file with a symbolic link."""
    return both(gone(file), lambda repository: (repository.root / file).symlink_to(target))


def link_to(file: str, target: str) -> Edit:
    """Create a symbolic link."""

    def edit(repository: Repository) -> None:
        (repository.root / file).parent.mkdir(parents=True, exist_ok=True)
        (repository.root / file).symlink_to(target)

    return edit


def pointer(file: str) -> Edit:
    """Replace a file with the pointer that Git LFS commits for it."""

    def edit(repository: Repository) -> None:
        content = (repository.root / file).read_bytes()
        oid = hashlib.sha256(content).hexdigest()
        lines = ["version https://git-lfs.github.com/spec/v1", f"oid sha256:{oid}", f"size {len(content)}", ""]
        repository.write(file, "\n".join(lines))

    return edit


def both(*edits: Edit) -> Edit:
    """Apply several edits."""
    return lambda repository: [edit(repository) for edit in edits]


def accepted(*names: str, score: float = 0.8, request: str = "request") -> Edit:
    """Accept runs with this score."""

    def edit(repository: Repository) -> None:
        for name in names:
            accept_run(repository, name, score, request=request)

    return edit


def without(case: str = "", run: str = "") -> Edit:
    """Remove a case or an accepted run from a baseline, with a matching header."""

    def edit(repository: Repository) -> None:
        header, *lines = map(json.loads, repository.read(BASELINE).splitlines())
        lines = [line for line in lines if line["case"] != case]
        for line in lines:
            line["samples"] = [sample for sample in line["samples"] if sample["run"] != run]
        header |= {"cases": len(lines), "runs": [entry for entry in header["runs"] if entry["id"] != run]}
        repository.write(BASELINE, "".join(json.dumps(line) + "\n" for line in (header, *lines)))

    return edit


def inline(**changes: str) -> Edit:
    """Move the cases into the suite's file, with another question for some of them."""
    cases = [json.loads(a_case(name)) for name in IDS]
    for case in cases:
        case["vars"]["question"] = changes.get(case["id"].replace("-", "_"), case["vars"]["question"])
    return swap(DEMO, "cases: cases.jsonl", f"cases: {json.dumps(cases)}")


OWN, FAKE = "[tool.evalharness]\n", "[tool.evalharness.models.fake]"
EASY = "{rouge_l: {tokenizer: rouge}}"
RELAXING: list[tuple[Edit, str]] = [
    # files outside of the suites
    (put("conftest.py", "def pytest_collection_modifyitems(items): items.clear()\n"), "file conftest.py: added"),
    (put("pytest.ini", "[pytest]\naddopts = --llm-baseline=none\n"), "file pytest.ini: added"),
    (put("tox.ini", "[pytest]\naddopts = --llm-baseline=none\n"), "file tox.ini: added"),
    (put("pytest.toml", '[pytest]\naddopts = ["--llm-baseline=none"]\n'), "file pytest.toml: added"),
    (put(".pytest.toml", '[pytest]\naddopts = ["--llm-baseline=none"]\n'), "file .pytest.toml: added"),
    (put("setup.cfg", "[tool:pytest]\naddopts = --collect-only\n"), "file setup.cfg: added"),
    (put("suites/conftest.py", ""), "file suites/conftest.py: added"),
    (put("suites/more/conftest.py", ""), "file suites/more/conftest.py: added"),
    (put("tests/conftest.py", ""), "file tests/conftest.py: added"),
    (put("sitecustomize.py", ""), "file sitecustomize.py: added"),
    (put("secrets.py", ""), "file secrets.py: added"),
    (put("numpy/__init__.py", ""), "file numpy/__init__.py: added"),
    (both(put("tools/c.txt", ""), link_to("conftest.py", "tools/c.txt")), "file conftest.py: added link to tools"),
    (both(put("tools/p.txt", ""), link_to("pytest.ini", "tools/p.txt")), "file pytest.ini: added link to tools"),
    (both(gone(RECORDING), link_to(RECORDING, "../demo.yaml")), f"file {RECORDING}: "),
    (both(put("more/x.jsonl", "{}"), link_to("golden/more", "../more")), "file golden/more: added link to ../more"),
    (put("answers.json", '{"*": "Yes."}'), "file answers.json: "),
    # gates
    (swap(DEMO, "margin: 0.05}", "margin: 0.2}"), "gate rouge_l: margin 5 pts -> margin 20 pts"),
    (swap(DEMO, "margin: 5%}", "margin: 50%}"), "gate regex: margin 5 pts -> margin 50 pts"),
    (swap(DEMO, "margin: 10%}", "margin: 10.5%}"), "gate cost: margin 10 % -> margin 10.5 %"),
    (swap(DEMO, "  - {metric: rouge_l, margin: 0.05}\n", ""), "gate rouge_l: margin 5 pts -> removed"),
    (swap(DEMO, "metric: rouge_l,", "metric: rouge_1,"), "gate rouge_l: margin 5 pts -> removed"),
    (swap(DEMO, "metric: cost,", "metric: latency,"), "gate cost: margin 10 % -> removed"),
    (swap(DEMO, SUITE[SUITE.index("gates:") :], ""), "gate regex: margin 5 pts -> removed"),
    # metrics
    (swap(DEMO, '"within 30 days"}', '"days"}'), 'metric regex: {"pattern": "within 30 days"} -> {"pattern": "days"}'),
    (swap(DEMO, '30 days"}', '30 days", ignore_case: true}'), "metric regex: "),
    (swap(DEMO, "stem: false", "stem: true"), 'metric rouge_1: {"stem": false} -> {"stem": true}'),
    (swap(DEMO, "- rouge_l\n", f"- {EASY}\n"), 'metric rouge_l: no options -> {"tokenizer": "rouge"}'),
    (swap(DEMO, "{model: mini}", "{model: maxi}"), 'metric embedding: {"model": "mini"} -> {"model": "maxi"}'),
    (swap(DEMO, "  - {rouge_1: {stem: false}}\n", ""), 'metric rouge_1: {"stem": false} -> removed'),
    # assertions
    (swap(DEMO, '  - not_contains: "As an AI"\n', ""), 'assertion not_contains "As an AI": removed from 6 cases'),
    (swap(DEMO, '"As an AI"', '"As an AI model"'), 'case-2, ...): "As an AI" -> "As an AI model"'),
    (swap(DEMO, "not_contains:", "contains:"), 'assertion not_contains "As an AI": removed from 6 cases'),
    (swap(DEMO, "max_words: 60", "max_words: 600"), "assertion max_words of 6 cases"),
    (swap(DEMO, "max_words: 60", "max_chars: 60"), "assertion max_words 60: removed from 6 cases"),
    (swap(CASES, '[{"contains": "case-1"}]', "[]"), 'assertion contains "case-1": removed from case case-1'),
    (swap(CASES, '"contains": "case-1"', '"contains": "c"'), 'contains of case case-1: "case-1" -> "c"'),
    # parameters, variables, prompts and models
    (swap(DEMO, "max_tokens: 64", "max_tokens: 512"), "params max_tokens: 64 -> 512"),
    (swap(DEMO, "temperature: 0", "temperature: 1"), "params temperature: 0.0 -> 1.0"),
    (swap(DEMO, "seed: 7", "seed: 8"), "params seed: 7 -> 8"),
    (swap(DEMO, ", seed: 7", ""), "params seed: 7 -> null"),
    (swap(DEMO, "seed: 7}", 'seed: 7, stop: "."}'), 'params stop: [] -> ["."]'),
    (swap(DEMO, "shop: Acme", "shop: Acme. Say within 30 days"), "shared variable shop: "),
    (swap(DEMO, "default_prompts: [plain, careless]", "default_prompts: [plain]"), "default prompt careless: removed"),
    (swap(DEMO, "models: [fake, other]", "models: [other]"), "model fake: removed"),
    # cases
    (both(swap(CASES, a_case("case-5"), ""), swap(GOLDEN, golden("case-5"), "")), "case case-5: deleted"),
    (both(swap(CASES, '"case-0",', '"case-9",'), swap(GOLDEN, "case-0:", "case-9:")), "case case-0: renamed"),
    (
        both(swap(DEMO, "cases.jsonl", "short.jsonl"), put(GOLDEN, golden(*IDS[:2]))),
        "4 cases (case-2, case-3, case-4, ...): deleted",
    ),
    (
        both(put(CASES, "".join(map(a_case, IDS[:4]))), put(GOLDEN, golden(*IDS[:4]))),
        "2 cases (case-4, case-5): deleted",
    ),
    (inline(case_3="Say: within 30 days."), "case case-3: variables changed"),
    (swap(CASES, "Can I return case-0?", "Say: within 30 days."), "case case-0: variables changed"),
    (swap(CASES, '"hint": "Please."', '"hint": "Now."'), "6 cases (case-0, case-1, case-2, ...): variables changed"),
    (swap(CASES, a_case("case-1"), a_case("case-1", tags=[])), "case case-1: tag hard removed"),
    # golden answers
    (swap(GOLDEN, "return case-3 within", "send case-3 within"), "case case-3: golden answers changed"),
    (swap(GOLDEN, "case-3: [", "case-3: [I do not know., "), "case case-3: golden answers added"),
    (swap(GOLDEN, "within 30 days", "soon"), "6 cases (case-0, case-1, case-2, ...): golden answers changed"),
    (
        both(gone(GOLDEN), put("golden/demo.jsonl", "".join(f'{{"id": "{name}", "golden": "ok"}}\n' for name in IDS))),
        "6 cases (case-0, case-1, case-2, ...): golden answers changed",
    ),
    # baselines
    (swap(BASELINE, '"rouge_l": 0.8', '"rouge_l": 0.2'), "edited by hand: 6 scores differ in accepted run run-1"),
    (swap(BASELINE, '_tokens": 5', '_tokens": 9'), "edited by hand: 6 token counts differ in accepted run run-2"),
    (swap(BASELINE, '"total_s": 0.5', '"total_s": 9.5'), "edited by hand: 6 times differ in accepted run run-1"),
    (swap(BASELINE, "You may.", "No."), "edited by hand: 6 texts differ in accepted run run-1"),
    (swap(BASELINE, "digest-case-2", "digest-x"), "edited by hand: 1 case digest differ in accepted run run-1"),
    (swap(BASELINE, "run-2", "run-9"), "baseline fake.plain: accepted run run-2 removed"),
    (swap(BASELINE, '"here"', '"there"'), "edited by hand: machine_class of accepted run run-1"),
    (
        swap(BASELINE, '"request_digest": "request"', '"request_digest": "else"'),
        "by hand: request_digest of accepted run run-1",
    ),
    (swap(BASELINE, "r|1", "r|2"), "edited by hand: signatures of accepted run run-1"),
    (swap(BASELINE, '"cases": 6', '"cases": 5'), "accepted run run-1, run-2 -> cannot be read"),
    (swap(BASELINE, '"suite": "demo"', '"suite": "other"'), "accepted run run-1, run-2 -> cannot be read"),
    (without(case="case-2"), "baseline fake.plain: case case-2 removed from accepted run run-1"),
    (without(run="run-1"), "baseline fake.plain: accepted run run-1 removed"),
    (gone(BASELINE), "baseline fake.plain: accepted run run-1, run-2 -> deleted"),
    (both(gone(BASELINE), accepted("run-3", score=0.1)), "replaced: accepted run run-1, run-2 by accepted run run-3"),
    (accepted("run-3", score=0.1, request="else"), "replaced: accepted run run-1, run-2 by accepted run run-3"),
    (accepted("run-3", score=0.1), "baseline fake.plain: accepted run run-3 added"),
    (accepted("run-3", "run-4", "run-5", "run-6"), "baseline fake.plain: accepted run run-1 removed"),
    (accepted("run-2", score=0.1), "edited by hand: 6 scores differ in accepted run run-2"),
    (moved(BASELINE, "golden/baselines/demo/other.plain.jsonl"), "baseline other.plain: new, cannot be read"),
    (
        both(
            lambda repository: shutil.copy(repository.root / BASELINE, repository.root / "better"),
            swap("better", '"rouge_l": 0.8', '"rouge_l": 0.2'),
            link(BASELINE, "../../../better"),
        ),
        "edited by hand: 6 scores differ in accepted run run-1",
    ),
    # configuration
    (swap(PYPROJECT, 'model = "small-1"', 'model = "huge-9"'), 'models.fake.model: "small-1" -> "huge-9"'),
    (swap(PYPROJECT, "models.example", "evil.example"), "configuration models.fake.base_url: "),
    (swap(PYPROJECT, 'provider = "openai"', 'provider = "anthropic"'), "configuration models.fake.provider: "),
    (swap(PYPROJECT, '"answers.json"', '{"*" = "ok"}'), 'models.other.answers: "answers.json" -> {"*": "ok"}'),
    (swap(PYPROJECT, "input = 1.0", "input = 0.1"), "configuration models.fake.price: "),
    (swap(PYPROJECT, "price = {input = 1.0, output = 2.0}\n", ""), "configuration models.fake.price: "),
    (swap(PYPROJECT, "cases = 1000", "cases = 9000"), "configuration limits.cases: 1000 -> 9000"),
    (swap(PYPROJECT, "[tool.evalharness.limits]\ncases = 1000\n", ""), "configuration limits.cases: 1000 -> 100000"),
    (swap(PYPROJECT, 'model = "mini-1"', 'model = "nano-1"'), 'embedders.mini.model: "mini-1" -> "nano-1"'),
    (swap(PYPROJECT, "vectors.example", "evil.example"), "configuration embedders.mini.base_url: "),
    (swap(PYPROJECT, "embedders.maxi", "embedders.new"), "configuration embedders.maxi: {"),
    (swap(PYPROJECT, '"-ra"', '"-ra --llm-baseline=none"'), 'pytest.addopts: "-ra" -> "-ra --llm-baseline=none"'),
    (swap(PYPROJECT, '"-ra"', '"-ra"\npythonpath = ["evil"]'), 'configuration pytest.pythonpath: none -> ["evil"]'),
    (
        swap(PYPROJECT, "[tool.pytest.ini", "[tool.pytest]\nverbosity = 2\n[tool.pytest.ini"),
        "pytest.verbosity: none -> 2",
    ),
    (swap(PYPROJECT, "[tool.evalharness.models.fake]", f"{OWN}offline = true\n{FAKE}"), "offline: false -> true"),
    (
        swap(PYPROJECT, "[tool.evalharness.models.fake]", f'{OWN}cache_dir = "/tmp/x"\n{FAKE}'),
        "configuration cache_dir: ",
    ),
    # whole suites
    (both(moved(DEMO, "suites/new.yaml"), moved(GOLDEN, "golden/new.yaml")), "suite demo: 6 cases -> deleted"),
    (both(gone(DEMO), gone(GOLDEN)), "suite demo: 6 cases -> deleted"),
]

HARMLESS: list[tuple[Edit, str]] = [
    (swap(DEMO, "gates:\n", "gates:\n  - {metric: rouge_1}\n"), "gate rouge_1: added margin 5 pts"),
    (
        both(
            swap(DEMO, "models: [fake, other]", "models: [fake, other, third]"),
            swap(PYPROJECT, "[tool.pytest", '[tool.evalharness.models.third]\nprovider = "scripted"\n[tool.pytest'),
        ),
        "model third: added",
    ),
    (swap(DEMO, "You answer customers", "You are kind to customers"), ""),
    (swap(DEMO, '    - user: "{{ question }} {{ hint }}"', '    - user: "{{ hint }}: {{ question }}"'), ""),
    (swap("README.md", "A shop", "Another shop"), ""),
    (put("setup.cfg", "[flake8]\nmax-line-length = 100\n"), ""),
    (put("tox.ini", "[tox]\nenv_list = py313\n"), ""),
    (put("tests/test_shop.py", "def test_shop(): assert True\n"), ""),
    (put("src/shop/conftest.py", ""), ""),
    (put("email.txt", "Hello\n"), ""),
    (put("test/__init__.py", ""), ""),
    (put("calendar/july.txt", "1\n"), ""),
    (put("reports/demo/summary.md", "PASS\n"), ""),
    (swap(PYPROJECT, FAKE, f'{OWN}reports = ["csv"]\n{FAKE}'), ""),
    (put("Makefile", "test:\n\tpytest\n"), ""),
    *((swap(file, "\n", "\r\n"), "") for file in (DEMO, CASES, GOLDEN, PYPROJECT, RECORDING, BASELINE)),
    (put(HISTORY, "1\n2\n3\n"), ""),
    (put(HISTORY, "2\n3\n"), "golden/HISTORY.jsonl: 1 line is removed or edited"),
    (gone(HISTORY), "golden/HISTORY.jsonl: 2 lines are removed or edited"),
    (put("golden/labels/demo.jsonl", "{}\n"), ""),
    (swap(DEMO, "schema: 1\n", "schema: 1\ndescription: A shop.  # with a comment\n"), ""),
    (inline(), ""),
    (both(moved(CASES, "suites/same.jsonl"), swap(DEMO, "cases.jsonl", "same.jsonl")), ""),
    (put(CASES, "".join(map(a_case, IDS[::-1]))), ""),
    (put("suites/unused.jsonl", "{}\n"), ""),
    (swap(DEMO, "margin: 0.05}", "margin: 0.04}"), "gate rouge_l: margin 5 pts -> margin 4 pts"),
    (swap(DEMO, "metrics:\n", "metrics:\n  - chrf\n"), "metric chrf: added"),
    (swap(DEMO, "assert:\n", "assert:\n  - not_contains: Sorry\n"), 'assertion not_contains "Sorry": added to 6 cases'),
    (swap(DEMO, "max_words: 60", "max_words: 30"), "case-2, ...): 60 -> 30"),
    (swap(CASES, a_case("case-1"), a_case("case-1", tags=["hard", "new"])), "case case-1: tag new added"),
    (
        both(put(CASES, "".join(map(a_case, [*IDS, "case-6"]))), put(GOLDEN, golden(*IDS, "case-6"))),
        "case case-6: added",
    ),
    (swap(PYPROJECT, "cases = 1000", "cases = 900"), "configuration limits.cases: 1000 -> 900"),
    (swap(PYPROJECT, "output = 2.0", "output = 3.0"), "configuration models.fake.price: "),
    (both(put("suites/two.yaml", SUITE), put("golden/two.yaml", golden(*IDS))), "suite two: new, 6 cases"),
]


def named(rows: Sequence[tuple[Edit, str]]) -> list[Any]:
    """Test parameters with an id from the expected line."""
    return [pytest.param(*row, id=f"{number}: {row[1] or 'nothing'}") for number, row in enumerate(rows)]


def test_nothing_changed(pull_request: Repository) -> None:
    """A pull request without changes has no line."""
    pull_request.commit()
    assert named_changes(pull_request.root) == []


def test_files_that_git_lfs_keeps(pull_request: Repository) -> None:
    """A pointer at the merge base and its file in the work tree are equal; another file is not."""
    files = [GOLDEN, BASELINE]
    contents = {file: pull_request.read(file) for file in files}
    pull_request.git("checkout", "--quiet", "main")
    pull_request.commit(both(*map(pointer, files)))
    pull_request.git("checkout", "--quiet", "-B", "topic")
    for file, content in contents.items():
        pull_request.write(file, content)
    assert named_changes(pull_request.root) == []
    pull_request.write(BASELINE, contents[BASELINE].replace('"rouge_l": 0.8', '"rouge_l": 0.7'))
    assert any("baseline fake.plain: " in line for line in relaxing(pull_request.root))


Compare = Callable[[Edit], list[CriteriaChange]]


@pytest.fixture
def changes_of(pull_request: Repository, template: Path) -> Compare:
    """`changes_of(edit)`: the differences after this edit alone, uncommitted (`TRICKS` covers commits)."""
    root, base = pull_request.root, merge_base(pull_request.root)

    def changes(edit: Edit) -> list[CriteriaChange]:
        for path in (path for path in root.iterdir() if path.name != ".git"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.copytree(template, root, symlinks=True, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
        edit(pull_request)
        return named_changes(root, base)

    return changes


def test_relaxing(changes_of: Compare) -> None:
    """An edit that relaxes the criteria has a line that is marked as relaxing."""
    failures = []
    for number, (edit, expected) in enumerate(RELAXING):
        lines = [str(change) for change in changes_of(edit) if change.relaxes]
        if not any(expected in line for line in lines):
            failures.append(f"{number}: expected {expected!r} in {lines}")
    assert not failures, "\n".join(failures)


def test_harmless(changes_of: Compare) -> None:
    """An edit that cannot let a worse answer pass is not marked; one outside of the criteria has no line."""
    failures = []
    for number, (edit, expected) in enumerate(HARMLESS):
        found = changes_of(edit)
        lines = [str(change) for change in found]
        listed = any(expected in line for line in lines) if expected else not lines
        if any(change.relaxes for change in found) or not listed:
            failures.append(f"{number}: expected only {expected!r} in {lines}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(("edit", "expected"), named([*RELAXING[4:5], *RELAXING[-1:]]))
def test_relaxing_commit(pull_request: Repository, edit: Edit, expected: str) -> None:
    """A relaxing edit in a commit of the pull request has a line too."""
    pull_request.commit(edit)
    assert any(expected in line for line in relaxing(pull_request.root))


@pytest.mark.parametrize(
    ("edit", "expected"),
    named(
        [
            (gone(GOLDEN), "file not found: the metric"),
            (swap(GOLDEN, "case-3: [You may return case-3 within 30 days.]", "case-3: []"), "empty golden answer"),
            (link(GOLDEN, "../README.md"), "goes through a symbolic link"),
            (link(CASES, "short.jsonl"), "goes through a symbolic link"),
            (
                both(moved(DEMO, "suites/real.txt"), put(DEMO, ""), link(DEMO, "real.txt")),
                "goes through a symbolic link",
            ),
            (put(PYPROJECT, ""), "no [tool.evalharness.models.fake]"),
            (gone(PYPROJECT), "no [tool.evalharness.models.fake]"),
            (swap(DEMO, "  - rouge_l\n", ""), "no metric 'rouge_l' in this suite"),
            (put(CASES, ""), "the suite has no cases"),
        ]
    ),
)
def test_refused(pull_request: Repository, edit: Edit, expected: str) -> None:
    """An edit that makes the suite unreadable is an error, so the run cannot pass."""
    pull_request.commit(edit)
    with pytest.raises(EvalHarnessError, match=re.escape(expected)):
        named_changes(pull_request.root)


WIDER, WIDENED = swap(DEMO, "margin: 0.05}", "margin: 0.2}"), ["gate rouge_l: margin 5 pts -> margin 20 pts"]


def configured(*words: str) -> Edit:
    """A setting of the repository, and a wider margin."""
    return both(lambda repository: repository.git("config", *words), WIDER)


def ran(*words: str) -> Edit:
    """A git command."""
    return lambda repository: repository.git(*words)


def other_main(repository: Repository) -> None:
    """The local main is at the pull request; only that of the remote is not."""
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.commit(WIDER)
    repository.git("branch", "--force", "main")


def same_names(repository: Repository) -> None:
    """Tags with the names of branches."""
    repository.commit(WIDER)
    for name in ("main", "heads/main", "refs/heads/main", "HEAD", "origin/main", "refs/remotes/origin/HEAD"):
        repository.git("update-ref", f"refs/tags/{name}", "HEAD")


def replaced(repository: Repository) -> None:
    """The merge base has a replacement object."""
    repository.git("replace", "main", repository.commit(WIDER))


def odd_branch(repository: Repository) -> None:
    """The branch of the pull request has the name of an option that runs a command."""
    repository.commit(WIDER)
    repository.git("update-ref", "refs/heads/--upload-pack=touch${IFS}sprung", "HEAD")
    repository.git("symbolic-ref", "HEAD", "refs/heads/--upload-pack=touch${IFS}sprung")


def undone_merge(repository: Repository) -> None:
    """Main became stricter, and the pull request merges it without its content."""
    repository.git("checkout", "--quiet", "main")
    repository.commit(swap(DEMO, "margin: 0.05}", "margin: 0.01}"))
    repository.git("checkout", "--quiet", "topic")
    repository.commit()
    repository.git("merge", "--quiet", "--strategy=ours", "main", "--message=merge")


def as_submodule(folder: str) -> Edit:
    """Replace a folder with a submodule that has the same files."""

    def edit(repository: Repository) -> None:
        other = Repository(repository.root.parent / "other")
        shutil.copytree(repository.root / folder, other.root, dirs_exist_ok=True)
        shutil.rmtree(repository.root / folder)
        other.commit()
        repository.commit()
        repository.git("submodule", "--quiet", "add", str(other.root), folder)
        repository.commit()

    return edit


TRICKS: dict[str, Edit] = {
    "committed": both(WIDER, Repository.commit),
    "staged": both(WIDER, ran("add", "--all")),
    "uncommitted": WIDER,
    "uncommitted on main": both(ran("checkout", "--quiet", "main"), WIDER),
    "untracked": both(ran("rm", "--quiet", "--cached", DEMO), WIDER),
    "detached": both(WIDER, Repository.commit, ran("checkout", "--quiet", "--detach")),
    "assumed unchanged": both(ran("update-index", "--assume-unchanged", DEMO), WIDER),
    "skipped in the work tree": both(ran("update-index", "--skip-worktree", DEMO), WIDER),
    "ignored": both(put(".gitignore", "*\n"), WIDER),
    "not for export": both(put(".gitattributes", "* export-ignore export-subst -diff linguist-generated\n"), WIDER),
    "filter": both(
        put(".gitattributes", "* filter=trap diff=trap\n"),
        ran("config", "filter.trap.smudge", "touch sprung; sed s/0.05/0.2/"),
        configured("diff.trap.textconv", "touch sprung; cat"),
    ),
    "hook": configured("core.hooksPath", "."),
    "file system monitor": configured("core.fsmonitor", "touch sprung; false"),
    "pager": configured("core.pager", "touch sprung; cat"),
    "alias": configured("alias.ls-tree", "!touch sprung"),
    "local main": other_main,
    "tags called main": same_names,
    "replaced merge base": replaced,
    "branch called like an option": odd_branch,
    "submodule": both(WIDER, as_submodule("suites")),
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_tricks_with_git(pull_request: Repository, trick: Edit) -> None:
    """A relaxed margin is compared with the merge base, whatever the state of the repository, and nothing runs."""
    trick(pull_request)
    assert [line for line in relaxing(pull_request.root) if not line.startswith("submodule ")] == WIDENED
    assert not (pull_request.root / "sprung").exists()


def test_main_that_became_stricter(pull_request: Repository) -> None:
    """After a merge of main without its content, the pull request is compared with the merged main."""
    undone_merge(pull_request)
    assert relaxing(pull_request.root) == ["gate rouge_l: margin 1 pts -> margin 5 pts"]


def test_main_that_went_on(pull_request: Repository) -> None:
    """Changes on main since the branch was created are not changes of the branch."""
    pull_request.git("checkout", "--quiet", "main")
    pull_request.commit(swap(DEMO, "margin: 0.05}", "margin: 0.01}"))
    pull_request.git("checkout", "--quiet", "topic")
    assert named_changes(pull_request.root) == []


def test_project_that_became_a_submodule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: Path) -> None:
    """If a submodule replaces the project's folder, the merge base is still that of the outer repository."""
    leave_ci(monkeypatch)
    repository = Repository(tmp_path / "project")
    shutil.copytree(template, repository.root / "app", ignore=shutil.ignore_patterns(".git"))
    repository.commit()
    repository.branch()
    swap("app/suites/demo.yaml", "margin: 0.05}", "margin: 0.2}")(repository)
    as_submodule("app")(repository)
    assert relaxing(repository.root / "app") == WIDENED


def test_no_merge_base(pull_request: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job without the target branch raises an error, and does not compare with another branch."""
    pull_request.commit(WIDER)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    with pytest.raises(GitError, match="fetch-depth: 0"):
        named_changes(pull_request.root)
    pull_request.git("update-ref", "refs/remotes/origin/main", "main")
    assert relaxing(pull_request.root) == WIDENED
