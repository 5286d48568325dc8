"""Build the wheel, install it with its extras into a new environment, and use it from an empty folder.

    .venv/bin/python setup/check_wheel.py

What the other tests run is the checkout; this is what people install.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "setup" / "constraints.txt"
EXTRAS = {
    "local": "llama_cpp",
    "llama-server": "xllamacpp",
    "embeddings": "sentence_transformers",
    "pandas": "pandas, pyarrow",
}
"""Each extra of the package, and what it has to bring."""
CONFIG = """\
[tool.evalharness.models.fake]
provider = "scripted"
answers = {"*" = "We post it within two days."}
"""


def run(*words: str | Path, cwd: Path = ROOT, status: int = 0) -> str:
    """Run a command that must end with this status; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CI")}
    environment["PIP_CONSTRAINT"] = str(LOCK)  # also for what `build` installs
    done = subprocess.run([*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=1200)
    if done.returncode != status:
        sys.exit(
            f"{' '.join(map(str, words))}\nended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def build(folder: Path) -> Path:
    """Build the sdist, and the wheel from it; return the wheel."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, places: list[str]) -> Path:
    """Install the wheel with all extras; return the folder of its commands."""
    run(sys.executable, "-m", "venv", folder)
    pip, lock = [folder / "bin" / "python", "-m", "pip"], ["--constraint", LOCK]
    run(*pip, "install", "--quiet", "--upgrade", *lock, "pip")
    options = ["--quiet", "--no-compile", *places, *lock, "--build-constraint", LOCK]
    run(*pip, "install", *options, f"{wheel}[{','.join(EXTRAS)}]")
    return folder / "bin"


def use(commands: Path, project: Path) -> None:
    """From an empty folder: each extra is there, `init` writes a suite, its run is accepted and then passes."""
    (project / "pyproject.toml").write_text(CONFIG)
    for extra, modules in EXTRAS.items():
        run(commands / "python", "-c", f"import {modules}", cwd=project)
        print(f"  extra {extra}: import {modules}")
    where = run(commands / "python", "-c", "import evalharness; print(evalharness.__file__)", cwd=project)
    assert str(commands.parent) in where, where
    run(commands / "evalharness", "init", cwd=project)
    run(commands / "evalharness", "validate", cwd=project)
    suite = [commands / "pytest", "--llm-suite=bookshop"]
    run(*suite, "--llm-accept", cwd=project)
    passed = re.search(r"^PASS .*$", run(*suite, cwd=project), re.MULTILINE)
    assert passed, "the second run prints no PASS"
    print(f"  pytest --llm-suite=bookshop: {passed[0]}")
    assert (project / "reports/bookshop/report.html").read_text().startswith("<!doctype html>")


def main() -> None:
    """Do all of it."""
    parser = argparse.ArgumentParser(description="Test the wheel as people install it.")
    parser.add_argument("--wheels", type=Path, default=Path(), help="where a built wheel of llama-cpp-python is")
    parser.add_argument("--wheel-index", default="", metavar="URL", help="or an index that has one")
    options = parser.parse_args()
    index = ["--extra-index-url", options.wheel_index, "--only-binary", "llama-cpp-python"]
    places = index if options.wheel_index else ["--find-links", str(options.wheels.resolve())]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder / "dist")
        print(f"built {wheel.name}", flush=True)
        commands = install(wheel, folder / "venv", places)
        print(f"installed {wheel.name} with {', '.join(EXTRAS)}", flush=True)
        (folder / "project").mkdir()
        use(commands, folder / "project")


if __name__ == "__main__":
    main()
