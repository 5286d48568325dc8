"""The cost of size: 1,000 suites in one run, and 100,000 cases in one suite. Scripted responses, no model time.

    python benchmarks/scale.py [suites|cases|run] [NUMBER] [--accepted]

`--accepted`: the cases have an accepted baseline at the merge base. `run`: a million cases through `evalharness run`,
with the memory above that of a pytest without tests, and the sizes of the record and the report.

Runs pytest as CI does: in a git repository, on a branch, with the merge base as the baseline. Prints wall seconds and
the peak memory of the process.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

SUITE = """\
schema: 1
models: [fake]
prompts:
  plain:
    - user: "{{ question }}"
metrics: [exact]
cases: SUITE.jsonl
gates:
  - {metric: exact}
"""
CONFIG = """\
[tool.evalharness.models.fake]
provider = "scripted"
answers = {"*" = "You may return it within 30 days."}

[tool.evalharness.limits]
cases = 2000000
file_mb = 1000
"""
MILLION = 1_000_000
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def write_suite(root: Path, name: str, cases: int) -> None:
    for folder in ("suites", "golden"):
        (root / folder).mkdir(exist_ok=True)
    (root / f"suites/{name}.yaml").write_text(SUITE.replace("SUITE", name))
    lines = ({"id": f"c{i}", "vars": {"question": f"Can I return item {i}?"}} for i in range(cases))
    write_lines(root / f"suites/{name}.jsonl", lines)
    golden = ({"id": f"c{i}", "golden": "You may return it within 30 days."} for i in range(cases))
    write_lines(root / f"golden/{name}.jsonl", golden)


def write_lines(path: Path, lines: Iterable[dict[str, object]]) -> None:
    """Write one line after the other: the peak memory of a child is at least that of this process."""
    with path.open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def git(root: Path, *words: str) -> None:
    names = {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, env=os.environ | names)


def commit_base(root: Path) -> None:
    """Commit the project to main, and one harmless change to a branch."""
    (root / "pyproject.toml").write_text(CONFIG)
    (root / ".gitignore").write_text("reports/\n")
    git(root, "init", "-q", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "base")
    git(root, "checkout", "-q", "-b", "topic")


def change(root: Path, name: str) -> None:
    """Change one prompt, so that the criteria are compared in full."""
    path = root / f"suites/{name}.yaml"
    path.write_text(path.read_text().replace("{{ question }}", "Customer: {{ question }}"))
    git(root, "commit", "-q", "-a", "-m", "change")


def run(root: Path, *arguments: str) -> tuple[float, float, int]:
    """Wall seconds, peak MB and the exit status of one run of pytest."""
    seconds, _, megabytes, status = measured(root, *PYTEST, *arguments)
    return seconds, megabytes, status


def measured(root: Path, *command: str) -> tuple[float, float, float, int]:
    """Wall seconds, processor seconds, peak MB and the exit status of a command."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=root,
        stdout=subprocess.DEVNULL,
        env=environment | {"CI": "true", "XDG_CACHE_HOME": str(root / ".cache")},
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, used = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    return seconds, used, peak_mb(usage), process.returncode


def peak_mb(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1000 / (1000 if sys.platform == "darwin" else 1)


def many_suites(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for k in range(number):
            write_suite(root, f"s{k}", 3)
        commit_base(root)
        change(root, "s0")
        for options in ((), ("-n", "2")):
            seconds, megabytes, status = run(root, "--llm-suite=all", "--llm-base=main", *options)
            how = " ".join(options) or "one process"
            print(f"{number:,} suites x 3 cases, {how}: {seconds:.0f} s, {megabytes:.0f} MB, exit {status}", flush=True)


def accept(root: Path) -> None:
    """Accept a run of what stands on main, and merge it into the branch."""
    git(root, "checkout", "-q", "main")
    environment = os.environ | {"CI": "", "XDG_CACHE_HOME": str(root / ".cache")}
    subprocess.run(
        [*PYTEST, "--llm-suite=big", "--llm-accept"], cwd=root, check=True, stdout=subprocess.DEVNULL, env=environment
    )
    git(root, "add", "--all", "golden")
    git(root, "commit", "-q", "-m", "baseline")
    git(root, "checkout", "-q", "topic")
    git(root, "merge", "-q", "main")


def many_cases(number: int, *, accepted: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_suite(root, "big", number)
        commit_base(root)
        if accepted:
            accept(root)
        seconds, megabytes, status = run(root, "--llm-suite=big", "--llm-base=main")
        how = "accepted baseline" if accepted else "no baseline"
        print(f"{number:,} cases, {how}: {seconds:.0f} s, {megabytes:.0f} MB, exit {status}", flush=True)


def one_run(number: int) -> None:
    """So many cases through `evalharness run`, against an empty pytest."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_suite(root, "big", number)
        commit_base(root)
        _, _, empty, _ = measured(root, *PYTEST)
        seconds, used, megabytes, status = measured(
            root, sys.executable, "-m", "evalharness", "run", "big", "--base", "main"
        )
        above, reports = megabytes - empty, root / "reports/big"
        sizes = [f"{name} {(reports / name).stat().st_size / 1e6:,.1f} MB" for name in ("run.jsonl", "report.html")]
        print(f"{number:,} cases, evalharness run: {seconds:.0f} s ({used:.0f} s of processor time), exit {status}")
        print(f"{above:.0f} MB above an empty pytest ({1e6 * above / number:.0f} bytes a case); {', '.join(sizes)}")


def main(*arguments: str) -> None:
    which, number, *_ = [*(word for word in arguments if not word.startswith("--")), "", ""]
    if which in ("", "suites"):
        many_suites(int(number or 1_000))
    if which in ("", "cases"):
        many_cases(int(number or 100_000), accepted="--accepted" in arguments)
    if which == "run":
        one_run(int(number or MILLION))


if __name__ == "__main__":
    main(*sys.argv[1:])
