"""The README keeps its promises: its commands run, its code has types, its numbers are the code's."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from test_tutorial import TUTORIAL, Shell, commands

import evalharness
from evalharness.config import load_config
from evalharness.gate.defaults import ALPHA

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXTENSIONS = (ROOT / "docs/extensions.md").read_text(encoding="utf-8")
HEADINGS = [
    "Why",
    "Install",
    "Quickstart",
    "In Python",
    "In CI",
    "How it compares",
    "Documentation",
    "Contributing",
    "Licence",
]
SCRIPTED = """
[tool.evalharness.models.smollm2]
provider = "scripted"
repeats_differ = false
answers = {"*" = "Gift wrapping is free."}
"""
LOUD = """
schema: 1
models: [loud]
prompts: {plain: [{user: "{{ word }}"}]}
metrics: [exact]
cases: [{id: one, vars: {word: hello}}]
"""


def section(heading: str) -> str:
    """The text under a heading."""
    return README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def fences(text: str, kind: str) -> list[str]:
    """The fences of a kind in a text."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def fence(text: str, kind: str) -> str:
    """The only fence of its kind in a text."""
    (found,) = fences(text, kind)
    return found


def test_its_shape() -> None:
    """The README has nine headings, a picture above them, at most 160 lines, and both commands of a contributor."""
    assert re.findall(r"^## (.*)$", README, flags=re.MULTILINE) == HEADINGS
    assert len(README.splitlines()) <= 160
    (picture,) = re.findall(r"!\[[^]]+\]\((docs/[^)]+)\)", README.partition("\n## ")[0])
    assert (ROOT / picture).is_file()
    assert [step.line.split("  ")[0] for step in commands(fence(section("Contributing"), "console"))] == [
        "make demo",
        "make test",
    ]


def test_the_extras_exist() -> None:
    """The extras in Install exist."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"evalharness\[([a-z-]+)\]", README)) <= set(extras)


def test_the_quickstart(tmp_path: Path) -> None:
    """The commands run in an empty folder with a scripted model: no baseline, accepted, green."""
    shell = Shell(tmp_path)
    init, first, accept, second, review = (
        step.line.partition("  ")[0] for step in commands(fence(section("Quickstart"), "console"))
    )
    assert "30 cases" in shell.run(init)
    (tmp_path / "pyproject.toml").write_text(SCRIPTED)
    assert "NO BASELINE" in shell.run(first)
    assert "accepted  golden/baselines/bookshop/" in shell.run(accept)
    assert "PASS  no gate found a regression" in shell.run(second)
    assert "no answer differs" in shell.run(review)


def test_the_red_run_is_the_tutorials() -> None:
    """The lines of the worse prompt are in the tutorial, whose test compares them with a real run."""
    tutorial = TUTORIAL.read_text(encoding="utf-8")
    assert [line for line in fence(section("Quickstart"), "text").splitlines() if f"\n{line}\n" not in tutorial] == []


def test_the_suite_is_valid(tmp_path: Path) -> None:
    """The suite of the README loads with its checks, its case and its gates."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "golden").mkdir()
    (tmp_path / "suites/support.yaml").write_text(fence(section("Quickstart"), "yaml"))
    (tmp_path / "golden/support.yaml").write_text("refund-window: You have 30 days.\n")
    (tmp_path / "pyproject.toml").write_text(SCRIPTED)
    suite = evalharness.load_suite("support", load_config(tmp_path))
    assert (len(suite.cases), len(suite.gates)) == (1, 2)


def test_the_workflow() -> None:
    """The workflow has eight lines; the action has the current version and the inputs in use."""
    text = fence(section("In CI"), "yaml")
    assert len(text.splitlines()) == 8
    checkout, source, action = yaml.safe_load(text)
    known = {"repository": "${{ vars.EVALHARNESS_REPOSITORY }}", "ref": f"v{evalharness.__version__}"}
    assert source["with"] == {**known, "path": ".evalharness"}
    assert action["uses"] == "./.evalharness"
    assert set(action["with"]) <= set(yaml.safe_load((ROOT / "action.yml").read_text())["inputs"])
    assert checkout["with"] == {"fetch-depth": 0}
    assert f"# {checkout['uses'].partition('@')[2]}." in (ROOT / "docs/ci/github.yml").read_text()


def test_its_numbers() -> None:
    """The false-alarm rate is the gate's, and the versions of Python are those of the package."""
    assert f"1 in {1 / ALPHA:.0f} unchanged" in " ".join(README.split())
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    pythons = [one.rpartition(" ")[2] for one in classifiers if re.search(r":: 3\.\d+$", one)]
    assert f"Python {pythons[0]} to {pythons[-1]}" in README


@pytest.mark.slow
@pytest.mark.parametrize(
    "checker",
    [("mypy", "--strict"), ("basedpyright", "--pythonpath", sys.executable)],
    ids=lambda checker: str(checker[0]),
)
def test_the_code_has_types(checker: tuple[str, ...], tmp_path: Path) -> None:
    """The Python of the README and of the page on extensions passes strict type checkers."""
    blocks = [code for text in (README, EXTENSIONS) for code in fences(text, "python")]
    files = [tmp_path / f"block_{number}.py" for number in range(len(blocks))]
    for file, code in zip(files, blocks, strict=True):
        file.write_text(code)
    command = [sys.executable, "-m", *checker, *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_provider_of_the_page_on_extensions(pytester: pytest.Pytester) -> None:
    """The example of a provider, installed by its entry point, answers a suite; it has at most ten lines."""
    (code,) = (block for block in fences(EXTENSIONS, "python") if "class Shout" in block)
    package, project = (block for block in fences(EXTENSIONS, "toml") if "shout" in block)
    assert len([line for line in code.splitlines() if line]) <= 10
    (target,) = tomllib.loads(package)["project"]["entry-points"]["evalharness.providers"].items()
    pytester.makepyfile(shout=code)
    info = pytester.mkdir("shout-1.0.dist-info")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shout\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[evalharness.providers]\n{' = '.join(target)}\n")
    pytester.makefile(".toml", pyproject=project)
    for folder, text in (("suites", LOUD), ("golden", "one: ['HELLO?!']\n")):
        pytester.mkdir(folder).joinpath("loud.yaml").write_text(text)
    pytester.syspathinsert()
    done = pytester.runpytest_subprocess("--llm-suite=loud", "-p", "evalharness.plugin", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=1)
    assert '"value":1.0' in (pytester.path / "reports/loud/run.jsonl").read_text()
