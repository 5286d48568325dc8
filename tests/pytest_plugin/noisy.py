"""A project under git with a random model, whose answers get worse with a careless prompt."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kept import begin

MODEL = '''
import hashlib

def answer(request):
    """Correct at a rate that the prompt decides; each sample of each case is random."""
    system = request.messages[0].content
    chance = 0.5 if "careless" in system else 0.9
    number = request.key.repeat + (1000 if request.key.purpose == "reference" else 0)  # the versions are independent
    toss = hashlib.sha256(f"{SALT} {request.key.case} {number} {system}".encode()).digest()[0] / 256
    return "Yes." if toss < chance else "No."
'''
CONFIG = """\
[tool.evalharness.models.fake]
provider = "scripted"
function = "model.py:answer"
concurrency = 8
[tool.pytest.ini_options]
addopts = "-p no:hypothesispytest"
"""
SUITE = """\
schema: 1
models: [fake]
prompts:
  plain:
    - system: You are helpful.
    - user: "{{ question }}"
metrics: [exact]
cases: cases.jsonl
gates:
  - {metric: exact, margin: 0.05}
"""


def git(root: Path, *words: str) -> None:
    """Run git in the project."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


def with_cases(project, count):
    """Write `count` cases whose golden answer is Yes."""
    names = [f"case-{number}" for number in range(count)]
    project.write("suites/cases.jsonl", "".join(f'{{"id": "{n}", "vars": {{"question": "{n}?"}}}}\n' for n in names))
    project.write("golden/demo.yaml", "".join(f'{name}: "Yes."\n' for name in names))


def make_noisy(project):
    """Write a project under git with a random model and one accepted run."""
    project.write("model.py", MODEL.replace("SALT", "1"))
    project.write("pyproject.toml", CONFIG)
    project.write("suites/demo.yaml", SUITE)
    with_cases(project, 120)
    project.accept()
    git(project.root, "init", "-q", "-b", "main", "--template=")
    git(project.root, "add", "suites", "golden", "pyproject.toml", "model.py")
    git(project.root, "commit", "-qm", "accepted")


@pytest.fixture
def noisy(project, tmp_path_factory):
    """A project under git with a random model and one accepted run."""
    return begin(project, make_noisy, tmp_path_factory)
