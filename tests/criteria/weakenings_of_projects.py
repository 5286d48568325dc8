"""Weakenings of the configuration, of pytest and Python, and of git."""

from __future__ import annotations

import py_compile
import shutil
import unicodedata

from repository import Repository
from trust_project import (
    DEMO,
    IDS,
    PYPROJECT,
    Edit,
    Row,
    both,
    configured,
    golden,
    in_own_table,
    link,
    moved,
    put,
    ran,
    swap,
)

_ADDOPTS = "addopts = --llm-baseline=none\n"
_TOML = '[pytest]\naddopts = ["--llm-baseline=none"]\n'
_PLUGIN = "def pytest_collection_modifyitems(items): items.clear()\n"
_WIDER = swap(DEMO, "margin: 15%", "margin: 90%")
_WIDENED = "gate rouge_l: margin 15 pts -> margin 90"


def _compiled(repository: Repository) -> None:
    source = repository.write("source.py", "")
    py_compile.compile(str(source), cfile=str(repository.root / "secrets.pyc"))
    source.unlink()


def _bytecode(folder: str) -> Edit:
    def edit(repository: Repository) -> None:
        repository.write(f"{folder}/__pycache__/__init__.cpython-311.pyc", b"")
        repository.git("add", "--force", f"{folder}/__pycache__")

    return edit


def _fetched(repository: Repository) -> None:
    repository.write("models/fetched.json", "{}")
    repository.git("add", "--force", "models/fetched.json")


def make_submodule(repository: Repository) -> None:
    """Make the suites a submodule, with wider margins."""
    other = Repository(repository.root.parent / "other", new=not (repository.root.parent / "other").exists())
    shutil.copytree(repository.root / "suites", other.root, dirs_exist_ok=True)
    other.write("demo.yaml", other.read("demo.yaml").replace("margin: 15%", "margin: 90%"))
    other.commit()
    shutil.rmtree(repository.root / "suites")
    repository.commit()
    repository.git("submodule", "--quiet", "add", str(other.root), "suites")


def _replaced(repository: Repository) -> None:
    _WIDER(repository)
    repository.commit()
    repository.git("replace", "main", "HEAD")


def _twin(repository: Repository) -> None:
    repository.write(f"golden/{unicodedata.normalize('NFC', 'é')}.yaml", "a: b\n")
    repository.write(f"golden/{unicodedata.normalize('NFD', 'é')}.yaml", "a: c\n")


CONFIGURATION = [
    Row(
        "read the answers from another file",
        swap(PYPROJECT, "outside/answers.json", "outside/x.json"),
        "no such file",
        alone=True,
    ),
    Row(
        "answer with another provider",
        swap(PYPROJECT, 'answers.json"\nrepeats', 'answers.json"\ndelay_s = 0.0\nrepeats'),
        "models.fake.delay_s",
    ),
    Row("lower a price", swap(PYPROJECT, "output = 2.0", "output = 0.2"), "configuration models.fake.price: "),
    Row("raise a limit", swap(PYPROJECT, "cases = 1000", "cases = 9000"), "configuration limits.cases: 1000 -> 9000"),
    Row(
        "remove the limits",
        swap(PYPROJECT, "[tool.evalharness.limits]\ncases = 1000\n", ""),
        "configuration limits.cases",
    ),
    Row(
        "measure with another embedder",
        swap(PYPROJECT, '"models/mini"', '"models"'),
        "configuration embedders.mini",
    ),
    Row(
        "edit a file of an embedding model",
        put("models/mini/config.json", '{"x": 1}'),
        "file models/mini/config.json: ",
    ),
    Row("add a file to an embedding model", put("models/mini/extra.json", "{}"), "file models/mini/extra.json: added"),
    Row("replay only", in_own_table("offline = true"), "configuration offline: false -> true"),
    Row(
        "run the requests elsewhere",
        configured('\n[tool.evalharness.executors.far]\nexecutor = "local"\n'),
        "configuration executors",
    ),
    Row(
        "put the cache into the repository", in_own_table('cache_dir = "data"'), "outside of the repository", alone=True
    ),
    Row("put the cache into another folder", in_own_table('cache_dir = "/tmp/other"'), "configuration cache_dir: "),
    Row("move the root", in_own_table('root = "other"'), "'root' is always the folder of this file", alone=True),
    Row(
        "edit a file that the configuration names",
        put("models/other.json", '{"*": "Yes."}'),
        "file models/other.json: ",
    ),
    Row(
        "edit the file behind a link that the configuration names",
        put("models/real.json", "{}"),
        "file models/real.json: ",
    ),
    Row(
        "lead a link that the configuration names elsewhere",
        link("models/link.json", "other.json"),
        "file models/link.json: ",
    ),
    Row("commit a file that the job fetches", _fetched, "file models/fetched.json: added"),
    Row(
        "hide an installed package that a path names",
        put("acme_models/__init__.py"),
        "which hides it",
        suite="packaged",
        import_from="",
    ),
]

PYTHON = [
    Row("add pytest.ini", put("pytest.ini", f"[pytest]\n{_ADDOPTS}"), "file pytest.ini: added"),
    Row("add an empty pytest.ini that hides other settings", put("pytest.ini"), "file pytest.ini: added", alone=True),
    Row("add .pytest.ini", put(".pytest.ini", f"[pytest]\n{_ADDOPTS}"), "file .pytest.ini: added"),
    Row("add pytest.toml", put("pytest.toml", _TOML), "file pytest.toml: added"),
    Row("add .pytest.toml", put(".pytest.toml", _TOML), "file .pytest.toml: added"),
    Row("add pytest's section to tox.ini", put("tox.ini", f"[pytest]\n{_ADDOPTS}"), "file tox.ini: added"),
    Row(
        "add pytest's section with a comment that other parsers read as its name",
        put("tox.ini", f"[pytest] # ]\n{_ADDOPTS}"),
        "file tox.ini: added",
    ),
    Row(
        "add pytest's section behind a form feed",
        put("tox.ini", f"# notes\x0c[pytest]\x0c{_ADDOPTS}"),
        "file tox.ini: added",
    ),
    Row("add pytest's section to setup.cfg", put("setup.cfg", f"[tool:pytest]\n{_ADDOPTS}"), "file setup.cfg: added"),
    Row(
        "add options in pyproject.toml",
        swap(PYPROJECT, '"-p no:', '"--llm-baseline=none -p no:'),
        "configuration pytest.addopts",
    ),
    Row(
        "name a plugin in pyproject.toml", swap(PYPROJECT, '"-p no:', '"-p evil -p no:'), "configuration pytest.addopts"
    ),
    Row(
        "import from another folder",
        swap(PYPROJECT, "addopts", 'pythonpath = ["evil"]\naddopts'),
        "configuration pytest.pythonpath",
    ),
    Row(
        "remove the settings of pytest",
        swap(PYPROJECT, '[tool.pytest.ini_options]\naddopts = "-p no:hypothesispytest"\n', ""),
        "configuration pytest.addopts: ",
    ),
    Row(
        "set variables for a plugin of pytest",
        configured('\n[tool.pytest_env]\nPYTHONPATH = "evil"\n'),
        "configuration pytest_env",
    ),
    Row("add conftest.py in the root", put("conftest.py", _PLUGIN), "file conftest.py: added"),
    Row("add conftest.py among the suites", put("suites/conftest.py", _PLUGIN), "file suites/conftest.py: added"),
    Row(
        "add conftest.py below the suites", put("suites/a/b/conftest.py", _PLUGIN), "file suites/a/b/conftest.py: added"
    ),
    Row("add conftest.py among the tests", put("tests/conftest.py", _PLUGIN), "file tests/conftest.py: added"),
    Row("make the suites a package", put("suites/__init__.py"), "file suites/__init__.py: added"),
    Row("make the root a package", put("__init__.py"), "file __init__.py: added"),
    Row("make the tests a package", put("tests/__init__.py", "import os\n"), "file tests/__init__.py: added"),
    Row("hide conftest.py with a package", put("conftest/__init__.py"), "file conftest/__init__.py: added"),
    Row(
        "hide conftest.py of the tests with a package",
        put("tests/conftest/__init__.py"),
        "file tests/conftest/__init__.py: added",
    ),
    Row("hide conftest.py with an extension module", put("conftest.abi3.so"), "file conftest.abi3.so: added"),
    Row(
        "announce a plugin of pytest in pyproject.toml",
        configured('\n[project.entry-points.pytest11]\nx = "shop.x"\n'),
        "configuration entry-points.",
    ),
    Row(
        "announce a metric in pyproject.toml",
        configured('\n[project.entry-points."evalharness.metrics"]\nx = "shop:x"\n'),
        "configuration entry-points.",
    ),
    Row(
        "announce a plugin of pytest with Poetry",
        configured('\n[tool.poetry.plugins.pytest11]\nx = "shop.x"\n'),
        "configuration entry-points.",
    ),
    Row(
        "announce a plugin of pytest in setup.cfg",
        put("setup.cfg", "[options.entry_points]\npytest11 =\n  x = shop.x\n"),
        "file setup.cfg: added",
    ),
    Row(
        "announce a plugin of pytest beside the package",
        both(put("evil-1.0.dist-info/entry_points.txt", "[pytest11]\nx = evil\n"), put("evil.py", _PLUGIN)),
        "file evil-1.0.dist-info/entry_points.txt: added",
    ),
    Row(
        "announce a plugin of pytest in capital letters",
        put("evil-1.0.DIST-INFO/entry_points.txt", "[pytest11]\nx = evil\n"),
        "file evil-1.0.DIST-INFO/entry_points.txt: added",
    ),
    Row(
        "commit bytecode of the tests",
        _bytecode("tests"),
        "file tests/__pycache__/__init__.cpython-311.pyc: bytecode that this change commits",
    ),
    Row(
        "commit bytecode among the suites",
        _bytecode("suites/a"),
        "file suites/a/__pycache__/__init__.cpython-311.pyc: bytecode that this change commits",
    ),
    Row("add sitecustomize.py", put("sitecustomize.py"), "file sitecustomize.py: added"),
    Row("add the package sitecustomize", put("sitecustomize/__init__.py"), "file sitecustomize/__init__.py: added"),
    Row("hide a module of the standard library", put("secrets.py"), "file secrets.py: added"),
    Row("hide a module with a compiled one", _compiled, "file secrets.pyc: added"),
    Row("hide a module with an extension module", put("secrets.abi3.so", b"\x7fELF"), "file secrets.abi3.so: added"),
    Row(
        "hide an installed package",
        both(put("numpy/__init__.py"), put("numpy/core.py")),
        "file numpy/__init__.py: added",
    ),
    Row("hide a package that is imported late", put("pandas/__init__.py"), "file pandas/__init__.py: added"),
    Row("hide a module that a requirement imports", put("portalocker.py"), "file portalocker.py: added"),
    Row(
        "hide a module from the folder of a conftest.py",
        both(put("tests/conftest.py"), put("tests/secrets.py")),
        "file tests/secrets.py: added",
    ),
    Row(
        "hide a module from a folder that pytest's settings name",
        both(swap(PYPROJECT, "addopts", 'pythonpath = ["src"]\naddopts'), put("src/secrets.py")),
        "file src/secrets.py: added",
    ),
    Row(
        "hide a module from a folder on Python's path",
        put("src/secrets.py"),
        "file src/secrets.py: added",
        import_from="src",
    ),
]

GIT = [
    Row(
        "make conftest.py a link to another file",
        both(put("tools/c.txt", _PLUGIN), link("conftest.py", "tools/c.txt")),
        "file conftest.py: added link to tools/c.txt",
    ),
    Row(
        "make pytest.ini a link to another file",
        both(put("tools/p.txt", "[pytest]\n"), link("pytest.ini", "tools/p.txt")),
        "file pytest.ini: added link to tools/p.txt",
    ),
    Row(
        "make the suites a link to another folder",
        both(moved("suites", "other"), link("suites", "other")),
        "symbolic link",
        alone=True,
    ),
    Row("make the suites a submodule with wider margins", make_submodule, _WIDENED),
    Row("widen a margin in a file that git ignores", both(put(".gitignore", "*\n"), _WIDER), _WIDENED),
    Row(
        "widen a margin in a file that git takes for unchanged",
        both(ran("update-index", "--assume-unchanged", DEMO), _WIDER),
        _WIDENED,
    ),
    Row(
        "widen a margin behind a filter of git",
        both(
            put(".gitattributes", "* filter=trap -diff\n"), ran("config", "filter.trap.clean", "sed s/90%/15%/"), _WIDER
        ),
        _WIDENED,
    ),
    Row("widen a margin and replace the merge base", _replaced, _WIDENED),
    Row(
        "widen a margin and move the local branch main",
        both(_WIDER, Repository.commit, ran("branch", "--force", "main")),
        _WIDENED,
    ),
    Row(
        "widen a margin and tag it as the target branch",
        both(_WIDER, Repository.commit, ran("tag", "origin/main")),
        _WIDENED,
    ),
    Row(
        "add a golden file that differs in case",
        put("golden/Demo.yaml", golden(*IDS)),
        "the same file as golden/Demo.yaml",
    ),
    Row("add golden files that differ in the form of an accent", _twin, "on some systems the same file as golden/"),
    Row(
        "add a golden file that differs in a dot at the end",
        put("golden/demo.yaml.", golden(*IDS)),
        "file golden/demo.yaml.: on some",
    ),
    Row(
        "add a suite that differs in case",
        both(put("suites/DEMO.yaml"), put("x", "")),
        "the same file as suites/DEMO.yaml",
    ),
]
