"""Changes that cannot weaken what judges them: nothing is listed, and the run passes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from repository import Repository
from trust_project import (
    BASELINE,
    CASES,
    DEMO,
    GOLDEN,
    GOOD,
    IDS,
    LABELS,
    PYPROJECT,
    RECORDING,
    SUITE,
    Edit,
    Row,
    a_case,
    accepted,
    answer,
    append,
    both,
    commit_changes,
    configured,
    golden,
    gone,
    in_own_table,
    judged,
    moved,
    put,
    ran,
    swap,
    well_accepted,
)


def _executable(repository: Repository) -> None:
    (repository.root / CASES).chmod(0o755)


def _keys_sorted(repository: Repository) -> None:
    lines = [json.loads(line) for line in repository.read(CASES).splitlines()]
    repository.write(CASES, "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))


def _crlf(*files: str) -> Edit:
    return both(*(swap(file, "\n", "\r\n") for file in files))


def _checked_out_as_crlf(repository: Repository) -> None:
    repository.write(".gitattributes", "golden/** text eol=crlf\n")
    repository.commit()
    for file in (RECORDING, GOLDEN):
        repository.remove(file)
    repository.git("checkout", "--quiet", "--", ".")
    assert "\r\n" in (repository.root / RECORDING).read_bytes().decode()


def _merged(repository: Repository) -> None:
    _on_main(repository)
    repository.write("README.md", "A large shop.\n")
    repository.commit()
    repository.git("merge", "--quiet", "origin/main", "--message=merge")


def _rebased(repository: Repository) -> None:
    repository.write("README.md", "A large shop.\n")
    repository.commit()
    _on_main(repository)
    repository.git("rebase", "--quiet", "origin/main")


def _on_main(repository: Repository) -> None:
    """Main narrows a margin meanwhile."""
    repository.git("checkout", "--quiet", "main")
    repository.edit(DEMO, "metric: cost, margin: 10%", "metric: cost, margin: 9%")
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.git("checkout", "--quiet", "topic")


def _five_accepted_on_main(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "main")
    for _ in range(4):
        well_accepted(repository)
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.git("checkout", "--quiet", "topic")
    repository.git("rebase", "--quiet", "origin/main")


def _in_file(text: str) -> Edit:
    """The prompt `plain` in a file with this text."""
    turns = '\n    - user: "{{ question }} {{ shop }}"'
    return both(swap(DEMO, turns, " {file: ../app/prompts/plain.md}"), put("app/prompts/plain.md", f"{text}\n"))


_BETTER = swap(DEMO, '"{{ question }} {{ shop }}"', '"{{ shop }}: {{ question }}"')
_BEST = swap(DEMO, '"{{ shop }}: {{ question }}"', '"{{ shop }} {{ question }}"')
_WORKFLOW = "on: push\njobs: {}\n"

ROWS = [
    Row("change README.md", put("README.md", "Another shop.\n")),
    Row("add a page of documentation", put("docs/index.md", "# Shop\n")),
    Row("change application code", put("src/shop/app.py", "PRICE = 2\n")),
    Row("change application code on Python's path", put("src/shop/app.py", "PRICE = 3\n"), import_from="src"),
    Row("add a package to the project", put("billing/__init__.py")),
    Row(
        "install an environment into the project",
        both(put(".venv/bin/pytest", "#!/usr/bin/python\n"), put(".venv/bin/idna", "#!/usr/bin/python\n")),
        import_from=".venv/bin",
    ),
    Row("add conftest.py beside application code", put("src/shop/conftest.py")),
    Row("add a test", put("tests/test_more.py", "def test_more(): assert True\n")),
    Row("improve a prompt", _BETTER, alone=True),
    Row("move a prompt to a file of the application", _in_file("{{ question }} {{ shop }}")),
    Row("move a prompt to a file, and improve it", _in_file("{{ shop }}: {{ question }}"), alone=True),
    Row("accept the answers once more", well_accepted, alone=True),
    Row("accept the answers twice more", both(well_accepted, well_accepted), alone=True),
    Row("accept a sixth run, which removes the first", both(_five_accepted_on_main, well_accepted), alone=True),
    Row("improve a prompt and accept its answers", both(_BETTER, well_accepted), alone=True),
    Row("improve a prompt twice and accept both times", both(_BETTER, well_accepted, _BEST, well_accepted), alone=True),
    Row(
        "accept answers with slightly lower scores, as chance gives them",
        both(_BETTER, lambda repository: accepted(repository, GOOD, GOOD, "You can return {} within 30 days.")),
        alone=True,
    ),
    Row("add a recording", put("golden/recordings/more.jsonl", "{}\n")),
    Row("edit a recording", put(RECORDING, '{"schema": 1, "x": 2}\n')),
    Row("delete a recording", gone(RECORDING)),
    Row(
        "add a comment and a description to a suite",
        swap(DEMO, "schema: 1\n", "schema: 1  # one\ndescription: A shop\n"),
    ),
    Row(
        "change the order of keys in a suite",
        both(swap(DEMO, "vars: {shop: Acme}\n", ""), append(DEMO, "vars: {shop: Acme}\n")),
    ),
    Row("write a suite in another YAML style", swap(DEMO, "vars: {shop: Acme}", 'vars:\n  "shop": "Acme"')),
    Row("change the order of keys in a case file", _keys_sorted),
    Row("change the order of cases", put(CASES, "".join(map(a_case, IDS[::-1])))),
    Row("add empty lines to a case file", append(CASES, "\n\n")),
    Row(
        "move the cases into a file with another name",
        both(moved(CASES, "suites/questions.jsonl"), swap(DEMO, "cases.jsonl", "questions.jsonl")),
    ),
    Row("change the order of goldens", put(GOLDEN, golden(*IDS[::-1]))),
    Row("write line ends as CRLF", _crlf(DEMO, CASES, GOLDEN, BASELINE)),
    Row("check out line ends as CRLF", _checked_out_as_crlf),
    Row("make a case file executable", _executable),
    Row("add a suite with its goldens", both(put("suites/new.yaml", SUITE), put("golden/new.yaml", golden(*IDS)))),
    Row(
        "add a case",
        both(
            append(CASES, json.dumps({"id": "new", "vars": {"question": "Can I return new?"}}) + "\n"),
            append(GOLDEN, "new: Yes.\n"),
        ),
    ),
    Row("add a metric", swap(DEMO, "  - token_f1\n", "  - token_f1\n  - chrf\n")),
    Row("add a gate", append(DEMO, "  - {metric: token_f1, margin: 15%}\n")),
    Row("narrow a margin", swap(DEMO, "metric: cost, margin: 10%", "metric: cost, margin: 9%")),
    Row("add an assertion", swap(DEMO, "  - max_words: 60", "  - max_words: 60\n  - not_contains: apple")),
    Row("tighten an assertion", swap(DEMO, "max_words: 60", "max_words: 30")),
    Row("demand a stable assertion always", swap(DEMO, ", must_pass: stable", "")),
    Row("raise the share that keeps an assertion", swap(DEMO, "must_pass: 90%", "must_pass: 95%")),
    Row("demand an assertion of every case", swap(DEMO, "{min_words: 2, must_pass: 90%}", "min_words: 2")),
    Row("let a single case lose less", swap(DEMO, "worst: 0.6", "worst: 0.5")),
    Row(
        "limit what a single case loses",
        swap(DEMO, "{metric: rouge_l, margin: 15%}", "{metric: rouge_l, margin: 15%, worst: 0.5}"),
    ),
    Row("add labels", append(LABELS, '{"case": "case-3"}\n')),
    Row(
        "configure another model with its answers",
        both(
            configured('\n[tool.evalharness.models.third]\nprovider = "scripted"\nanswers = "models/third.json"\n'),
            put("models/third.json", "{}"),
        ),
    ),
    Row("raise a price", swap(PYPROJECT, "output = 2.0", "output = 3.0")),
    Row("write another report", in_own_table('reports = ["csv"]')),
    Row("lower a limit", swap(PYPROJECT, "cases = 1000", "cases = 900")),
    Row("upgrade evalharness", swap(PYPROJECT, "evalharness>=0.2", "evalharness>=0.3")),
    Row(
        "change the settings of another tool in pyproject.toml",
        swap(PYPROJECT, "line-length = 100", "line-length = 120"),
    ),
    Row("announce a command in pyproject.toml", configured('\n[project.scripts]\nshop = "shop:main"\n')),
    Row("format pyproject.toml", swap(PYPROJECT, "input = 1.0, output = 2.0", "input=1.0,   output=2.0")),
    Row("declare a marker of pytest", swap(PYPROJECT, "addopts", 'markers = ["slow: takes long"]\naddopts')),
    Row("print more in pytest", swap(PYPROJECT, "addopts", "log_cli = true\naddopts")),
    Row("add tox.ini for tox", put("tox.ini", "[tox]\nenv_list = py313\n")),
    Row("add setup.cfg for flake8", put("setup.cfg", "[flake8]\nmax-line-length = 100\n")),
    Row(
        "announce a command in setup.cfg",
        put("setup.cfg", "[options.entry_points]\nconsole_scripts =\n  shop = shop:main\n"),
    ),
    Row(
        "build the project in the root", put("shop.egg-info/entry_points.txt", "[console_scripts]\nshop = shop:main\n")
    ),
    Row("ignore more files", append(".gitignore", "dist/\n")),
    Row("add a workflow", put(".github/workflows/more.yml", _WORKFLOW)),
    Row(
        "change a lock file and a Makefile", both(put("uv.lock", "version = 1\n"), put("Makefile", "test:\n\tpytest\n"))
    ),
    Row("commit a report", both(put(".gitignore", ""), put("reports/other/summary.md", "PASS\n"))),
    Row("add data named like a module", put("calendar/july.txt", "1\n")),
    Row("translate a text of the application", put("locale/de/shop.po", 'msgid "shop"\n')),
    Row("rename the branch", ran("branch", "--move", "feature/--odd"), alone=True),
    Row("merge main, whose margins became narrower", _merged, alone=True),
    Row("rebase onto main, whose margins became narrower", _rebased, alone=True),
]


TOGETHER = [row for row in ROWS if not row.is_alone]
PULL_REQUESTS = [*([row] for row in ROWS if row.is_alone), *(TOGETHER[first::8] for first in range(8))]
"""Eight pull requests with several changes each, and one for each change that needs its own: a run takes a while."""


@pytest.mark.parametrize("rows", PULL_REQUESTS, ids=lambda rows: "; ".join(row.sentence for row in rows))
def test_innocent_changes(
    pull_request: Repository, prepared: Path, monkeypatch: pytest.MonkeyPatch, rows: Sequence[Row]
) -> None:
    """Nothing is listed as relaxing, and the run passes."""
    commit_changes(pull_request, rows, monkeypatch)
    answer(prepared / "outside/answers.json", GOOD)
    evaluation = judged(pull_request)
    assert evaluation.outcome
    assert [str(change) for change in evaluation.outcome.relaxing] == []
    assert evaluation.status == "pass"


def test_files_that_the_job_builds(pull_request: Repository) -> None:
    """What an editable install writes into the root is not a part of the change."""
    pull_request.write(".gitignore", "*.egg-info/\n")
    pull_request.commit()
    pull_request.write("shop.egg-info/entry_points.txt", "[pytest11]\nx = shop.x\n")
    evaluation = judged(pull_request)
    assert evaluation.outcome
    assert evaluation.outcome.relaxing == []
