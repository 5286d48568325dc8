"""Files of the project. What is in no row is read by nothing that decides, such as README.md or application code."""

from __future__ import annotations

from evalharness.criteria.inputs.row import Input

FOLDERS = ("suites", "golden")
"""Folders that are compared as a whole."""

PATTERNS = (
    Input(
        ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
        "compared",
        "pytest takes its settings from the first one that exists, even from an empty one",
    ),
    Input(("tox.ini", "setup.cfg"), "compared", "pytest reads its section; the other sections belong to other tools"),
    Input(
        ("conftest.py", "test*/conftest.py", "suites/**/conftest.py"),
        "compared",
        "pytest runs it before or while it collects the suites; another conftest.py counts once pytest has loaded it",
    ),
    Input(
        tuple(
            f"{folder}{name}"
            for folder in ("", "test*/", "suites/**/")
            for name in ("__init__.*", "conftest.[!p]*", "conftest.pyc", "conftest/__init__.*")
        ),
        "compared",
        "Python imports it before conftest.py or in its place, and pytest the package that the suites lie in",
    ),
)
"""Files that are compared wherever they appear."""
ANNOUNCING = Input(
    ("*.dist-info/entry_points.txt", "*.egg-info/entry_points.txt"),
    "compared",
    "a folder on Python's path announces plugins with it",
)
"""In a folder that Python imports from."""
FILES = (
    Input(
        ("suites/**", "golden/**"),
        "compared",
        "they decide; recordings only by what a run replays",
    ),
    *PATTERNS[:2],
    Input(("pyproject.toml",), "compared", "the tables of pytest and evalharness; the others are other tools'"),
    *PATTERNS[2:],
    ANNOUNCING,
    Input(("files that the configuration names",), "compared", "scripted responses, templates, models, embedders"),
    Input(
        ("prompt files that a suite names",),
        "trusted",
        "they are tested, like the prompts in a suite; above the project, hidden and as links they are refused",
    ),
    Input(
        ("modules of checks and metrics",),
        "compared",
        "those that the configuration names, what they import from the project, and their `identity_files`",
    ),
    Input((".gitignore", ".gitmodules", ".lfsconfig"), "trusted", "git reads it; the files it leads to are compared"),
    Input((".gitattributes",), "trusted", "filters of git are not run; only CRLF and Git LFS pointers count as equal"),
    Input(
        (".env", ".envrc", ".python-version", "uv.lock", "requirements*.txt", "setup.py", "noxfile.py", "Makefile"),
        "trusted",
        "the job prepares its environment with it, before the run; protect it like the workflow",
    ),
    Input((".github/**", ".gitlab-ci.yml", "Jenkinsfile"), "trusted", "the job itself: protect it with CODEOWNERS"),
    Input(("reports/**",), "trusted", "a run replaces it and reads nothing from it"),
)
"""Files by their paths."""
