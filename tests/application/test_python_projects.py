"""A function in a project: its configuration, its recorded answers, its accepted version, and the example."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from repository import Repository

from evalharness.evaluation.evaluation import Evaluation
from evalharness.records import Sample
from evalharness.store import read_run
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

APP = """\
from pathlib import Path
from words import PREFIX

def answer(question, case):
    with Path("calls.txt").open("a") as calls:
        calls.write(case + "\\n")
    return PREFIX + question.upper()
"""
WORDS = 'PREFIX = "You said: "\n'
PYTHON: Mapping[str, Any] = {"provider": "python", "call": "app:answer", "path": ["src"]}
EXAMPLE = Path(__file__).parents[2] / "docs/examples/function"
FRESH = ("calls.txt", "reports", ".cache", "__pycache__")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A suite of 20 questions to a function, outside of CI, with a cache of its own."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = Project(tmp_path / "project")
    found.write_suite({f"c{n}": f"You said: C{n}?" for n in range(20)}, models=["app"])
    found.write("src/app.py", APP)
    found.write("src/words.py", WORDS)
    found.configure(app=PYTHON)
    return found


def calls(project: Project) -> int:
    """The number of calls so far."""
    path = project.root / "calls.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def problems(project: Project) -> str:
    """What `evalharness validate` prints about the configuration."""
    result = project.command("validate")
    lines = [line for line in result.output.splitlines() if line.startswith("pyproject.toml")]
    assert result.exit_code == (1 if lines else 0)
    return "\n".join(lines)


WRONG: dict[str, tuple[Mapping[str, Any], str]] = {
    "no colon": ({"call": "app.answer"}, "call: expected MODULE:FUNCTION, such as 'rag:answer', got 'app.answer'"),
    "a file": ({"call": "src/app.py:answer"}, "call: expected MODULE:FUNCTION"),
    "other module": ({"call": "rag:answer"}, "no module 'rag' in the project: looked for src/rag.py"),
    "no path": ({"path": ["."]}, "no module 'app' in the project: looked for app.py: set path = [\"src\"]"),
    "path is a text": ({"path": "src"}, "path: expected a list of folders, such as [\"src\"], got 'src'"),
    "path outside": ({"path": [".."]}, "path: expected folders below the root, got '..'"),
    "other function": ({"call": "app:anwser"}, "src/app.py has no function 'anwser'; did you mean 'answer'?"),
    "option": ({"concurency": 2}, "unknown key 'concurency'; did you mean 'concurrency'?"),
    "concurrency": ({"concurrency": 0}, "'concurrency' must be an integer from 1 to 256, got 0"),
    "deadline": ({"deadline_s": True}, "'deadline_s' must be a number of seconds up to 86,400, got True"),
    "recorded": ({"recorded": True}, 'recorded = true needs identity_files, such as ["src/**/*.py"]'),
    "flag": ({"deterministic": "yes"}, "'deterministic' must be true or false, got 'yes'"),
    "no match": ({"identity_files": ["lib/*.py"]}, "identity_files: 'lib/*.py' matches no file"),
    "above": ({"identity_files": ["../*.py"]}, "identity_files: expected patterns below the root, got '../*.py'"),
    "not its own": ({"identity_files": ["src/words.py"]}, "expected src/app.py among the files"),
    "a key": ({"env": ["sk-abcdef0123456789abcdef"]}, "env: expected the names of environment variables"),
    "env is a text": ({"env": "HOME"}, 'env: expected a list of names, such as ["OPENAI_API_KEY"], got str'),
}


def test_wrong_configuration(project: Project) -> None:
    """`validate` names the key, what is expected, and what to do; nothing is imported."""
    names = {name: name.replace(" ", "-") for name in WRONG}
    project.configure(**{names[name]: {**PYTHON, **changes} for name, (changes, _) in WRONG.items()})
    lines = {line.partition(" ")[2].partition(":")[0]: line for line in problems(project).splitlines()}
    missing = {
        name: lines.get(f"[tool.evalharness.models.{names[name]}]", "")
        for name, (_, message) in WRONG.items()
        if message not in lines.get(f"[tool.evalharness.models.{names[name]}]", "")
    }
    assert missing == {}
    assert "sk-abcdef" not in str(lines)


def test_code_that_python_cannot_read(project: Project) -> None:
    """A syntax error has its file and line."""
    project.write("src/app.py", "def answer(question):\n    return (\n")
    assert "call: src/app.py:2: '(' was never closed" in problems(project)


NAMES = (
    "from words import *\n",
    "from words import PREFIX as answer\n",
    "if True:\n    def answer(question): ...\n",
    "try:\n    from other import answer\nexcept ImportError:\n    answer = None\n",
    "def __getattr__(name): ...\n",
    "answer: object = print\n",
)


def test_names_that_a_module_may_have(project: Project) -> None:
    """A name that may exist once the module is imported is no problem of `validate`."""
    for number, source in enumerate(NAMES):
        project.write(f"src/m{number}.py", source)
    models = {f"m{number}": {**PYTHON, "call": f"m{number}:answer"} for number in range(len(NAMES))}
    project.configure(app=PYTHON, **models)
    assert problems(project) == ""


BROKEN = (
    ("import none_such\n\ndef answer(q): ...\n", "ModuleNotFoundError: No module named 'none_such' (src/m0.py:1)"),
    ("def answer(q): ...\n\n1 / 0\n", "module raised ZeroDivisionError: division by zero (src/m1.py:3)"),
    ("import os\nanswer = os\nos._exit(7)\n", "ended with exit status 7 while it was imported"),
    ("class answer: ...\n", "m3:answer: expected a function, got a class"),
    ("def answer(a, b): ...\n", "m4:answer: unknown parameters a, b"),
    ("from words import *\n", "m5:answer: the module has no 'answer'"),
)


def test_doctor_imports_in_a_child(project: Project) -> None:
    """`doctor` shows why a module cannot be imported, with file and line, and what to do; it calls no function."""
    for number, (source, _) in enumerate(BROKEN):
        project.write(f"src/m{number}.py", source)
    broken = {f"m{number}": {**PYTHON, "call": f"m{number}:answer"} for number in range(len(BROKEN))}
    project.configure(app=PYTHON, **broken)
    text = re.sub(r"\s+", " ", project.command("doctor").output)
    assert [message for _, message in BROKEN if message not in text] == []
    assert "correct 'call', 'path' or the module of m0: evalharness doctor" in text
    assert "app: the function app:answer; imported" in text
    assert calls(project) == 0


def test_nothing_is_replayed_without_recording(project: Project) -> None:
    """Each run calls the function for each case."""
    assert project.evaluate().means["app", "plain"]["exact"] == 1.0
    project.evaluate()
    assert calls(project) == 40


def test_recorded_answers(project: Project) -> None:
    """Recorded answers are replayed until a file of the identity changes."""
    project.configure(app={**PYTHON, "recorded": True, "identity_files": ["src/**/*.py"]})
    project.evaluate()
    evaluation = project.evaluate()
    assert calls(project) == 20
    assert all(sample.recorded_at for sample in evaluation.run.samples)
    project.write("src/words.py", 'PREFIX = "He said: "\n')
    assert project.evaluate().means["app", "plain"]["exact"] == 0.0
    assert calls(project) == 40


def accepted(project: Project, *, ignored: str = "", **options: Any) -> Repository:
    """The project as a repository whose branch `main` has an accepted run; on a topic branch."""
    project.configure(app={**PYTHON, **options})
    project.write(".gitignore", "".join(f"{name}\n" for name in (*FRESH, ignored)))
    repository = Repository(project.root, new=False)
    repository.git("init", "--quiet", "--initial-branch=main", "--template=")
    project.accept(because="first answers")
    repository.commit()
    repository.branch()
    (project.root / "calls.txt").unlink()
    return repository


def reference(project: Project) -> list[Sample]:
    """The samples of the accepted version."""
    path = project.root / "reports/demo/reference.jsonl"
    return list(read_run(path).samples) if path.exists() else []


def texts(samples: list[Sample]) -> set[str]:
    """The beginnings of the answers."""
    return {sample.response.text.partition(":")[0] if sample.response else str(sample.error) for sample in samples}


def compared(project: Project) -> Evaluation:
    """The evaluation of the change, against `main`."""
    evaluation = project.evaluate(base="main")
    assert evaluation.outcome is not None
    return evaluation


@pytest.mark.parametrize(
    "options",
    [{}, {"identity_files": ["src/app.py"]}, {"recorded": True, "identity_files": ["src/*.py"]}],
    ids=["no identity", "an identity that misses the changed file", "recorded"],
)
def test_a_change_of_the_code_is_compared_with_the_accepted_code(project: Project, options: dict[str, Any]) -> None:
    """A worse version fails against fresh answers of the version at the merge base, which runs in its own process."""
    accepted(project, **options)
    project.write("src/words.py", 'PREFIX = "He said: "\n')
    evaluation = compared(project)
    assert texts(reference(project)) == {"You said"}
    assert evaluation.status == "fail"
    assert len(reference(project)) == 20


def test_files_of_the_application_are_no_criteria(project: Project) -> None:
    """A change of a file that `identity_files` names relaxes nothing, and a change that is no worse passes."""
    accepted(project, identity_files=["src/app.py", "src/words.py"])
    project.write("src/words.py", f"# a comment\n{WORDS}")
    evaluation = compared(project)
    assert evaluation.outcome is not None
    assert evaluation.outcome.criteria == ()
    assert evaluation.status == "pass"


def test_unchanged_files_run_in_the_working_tree(project: Project) -> None:
    """If only the suite has changed, both versions run in the working tree, where untracked files are."""
    accepted(project)
    project.edit("suites/demo.yaml", "{{ question }}", "{{ question }} please")
    compared(project)
    assert len(reference(project)) == 20
    assert calls(project) == 3 * 20


def test_an_accepted_version_without_the_function(project: Project) -> None:
    """A function that is new since the merge base has no accepted version: the run says so, and is not green."""
    accepted(project)
    project.write("src/other.py", APP.replace("PREFIX +", "'Other: ' +"))
    project.configure(app={**PYTHON, "call": "other:answer"})
    assert compared(project).status != "pass"
    assert not reference(project)


def test_accepted_code_that_cannot_run(project: Project) -> None:
    """An accepted version that needs a file without a version in git is not sampled; this version still is."""
    project.write("src/words.py", 'from pathlib import Path\nPREFIX = Path("prefix.txt").read_text()\n')
    project.write("prefix.txt", "You said: ")
    accepted(project, ignored="prefix.txt")
    project.write("prefix.txt", "He said: ")
    project.write("src/more.py", "")
    evaluation = compared(project)
    assert evaluation.status == "fail"
    assert not reference(project)
    assert evaluation.outcome is not None
    assert "the accepted version was not sampled today" in evaluation.outcome.verdicts[0].reason


def test_accepted_code_cannot_import_the_working_tree(project: Project) -> None:
    """An accepted version that imports today's code would let a change judge itself: its samples are errors."""
    project.write("lib/more.py", WORDS)
    path = str(project.root / "lib")
    project.write(
        "src/app.py", APP.replace("    with", f"    import sys; sys.path.insert(0, {path!r}); import more\n    with", 1)
    )
    accepted(project)
    project.write("src/words.py", 'PREFIX = "He said: "\n')
    evaluation = compared(project)
    assert evaluation.outcome is not None
    assert "the reference version has no result for 20 cases" in evaluation.outcome.verdicts[0].reason
    assert all("imports more from the working tree" in text for text in texts(reference(project)))


def test_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example is green; with the planted regression, it is red and names the lost passage."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns(*FRESH))
    project = Project(tmp_path / "example", suite="helpdesk")
    good = project.command("run", "helpdesk")
    assert good.exit_code == 0, good.output
    assert "PASS" in good.output
    (sample,) = (one for one in project.record().samples if one.key.case == "sale")
    assert sample.response is not None
    assert [one.id for one in sample.response.contexts] == ["returns-sale", "returns"]
    project.edit("src/helpdesk.py", "TOP = 2", "TOP = 1")
    bad = project.command("run", "helpdesk")
    assert bad.exit_code == 1
    assert "sale: must contain '30 days'" in bad.output


def test_the_page_shows_the_regression() -> None:
    """The lines on the page are those that the example prints, and its configuration is that of the example."""
    page = (EXAMPLE.parents[1] / "applications.md").read_text()
    assert "sale: must contain '30 days'" in page
    assert 'call = "helpdesk:answer"' in page
