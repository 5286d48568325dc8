"""The job of benchmarks/endpoints.py in evalharness and in other tools, in turns: 500 cases, 200 ms, 50 at a time.

    python benchmarks/pairs.py [--tools FOLDER] [--rounds N] [NAME ...]

Every round runs each tool once, so that the ratios compare runs of the same minute. evalharness starts with an empty
cache. benchmarks/peers/README.md has the commands to install the other tools; a table without one says so.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from endpoints import write_project
from run import CASES, CONCURRENCY, LATENCY_S, TOOLS, Run, Tool, run_once, version, write_cases

from evalharness.testing.fault_server import FaultServer

REFERENCE = "pydantic-evals"
OURS = Tool(
    "evalharness",
    "evalharness",
    (),
    ("python", "-m", "evalharness", "run", "bench", "--concurrency", str(CONCURRENCY)),
    rf"exact 100\.0 [\s\S]*{CASES}\s+answers",
)
PYTEST = replace(
    OURS,
    command=(
        *("python", "-m", "pytest", "-p", "evalharness.plugin", "-p", "no:cacheprovider", "-q"),
        *("--llm-suite=bench", f"--llm-concurrency={CONCURRENCY}"),
    ),
    proof=rf"{CASES} passed",
    variables={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
)
COMPARED = {"evalharness run": OURS, "pytest --llm-suite": PYTEST} | {
    name: TOOLS[name] for name in (REFERENCE, "inspect", "promptfoo")
}
MEASURES = {"wall s": "wall", "CPU s": "cpu", "MiB": "mib"}


def programs_of(tool: Tool, tools: Path) -> Path:
    """The folder of a tool's programs; evalharness is that of this interpreter."""
    return Path(sys.executable).parent if tool.package == "evalharness" else tools / tool.environment / tool.programs


def prepare(tool: Tool, folder: Path, url: str) -> None:
    """Write the job of a tool into a new folder."""
    folder.mkdir()
    if tool.package == "evalharness":
        write_project(folder, url)
        return
    write_cases(folder)
    for file in tool.files:
        shutil.copy(Path(__file__).parent / "peers" / file, folder)


def round_of(chosen: dict[str, Tool], tools: Path, folder: Path, server: FaultServer) -> dict[str, Run]:
    """Run each tool once, in its folder."""
    found = {}
    for name, tool in chosen.items():
        home = folder / name
        if not home.exists():
            prepare(tool, home, server.url)
        if tool.package == "evalharness":
            shutil.rmtree(home / ".cache", ignore_errors=True)
        found[name] = run_once(tool, programs_of(tool, tools), home, server)
        print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
    return found


def row(name: str, number: str, rounds: list[dict[str, Run]]) -> str:
    """A line of the table: medians, and the medians of the ratios to the reference in the same round."""
    cells = []
    for field in MEASURES.values():
        mine = [getattr(runs[name], field) for runs in rounds]
        theirs = [getattr(runs[REFERENCE], field) for runs in rounds if REFERENCE in runs]
        ratio = f" ({median(a / b for a, b in zip(mine, theirs, strict=True)):.2f} x)" if theirs else ""
        cells.append(f"{median(mine):.2f}{ratio}")
    return f"| {name} | {number} | {' | '.join(cells)} | {rounds[0][name].posts} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time evalharness and other tools at the same job, in turns.")
    parser.add_argument("--tools", type=Path, default=Path(tempfile.gettempdir()) / "peers", metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(COMPARED))
    given = parser.parse_args()
    tools = given.tools.resolve()
    wanted = {name: COMPARED[name] for name in given.names or COMPARED}
    chosen = {name: tool for name, tool in wanted.items() if (programs_of(tool, tools) / tool.command[0]).exists()}
    with tempfile.TemporaryDirectory() as folder, FaultServer(latency_s=LATENCY_S) as server:
        rounds = [round_of(chosen, tools, Path(folder), server) for _ in range(given.rounds + 1)][1:]  # one to warm up
    head = f"| tool | version | {' | '.join(MEASURES)} | POSTs |"
    ratios = f"; in brackets the median of the ratios to {REFERENCE} in the same round" if REFERENCE in chosen else ""
    print(f"medians of {given.rounds} rounds{ratios}")
    print(head, "|---" * head.count(" | ") + "|---|", sep="\n")
    for name, tool in chosen.items():
        print(row(name, version(tool, programs_of(tool, tools)).strip(), rounds))
    for name in wanted.keys() - chosen.keys():
        print(f"{name} is not installed: see benchmarks/peers/README.md")


if __name__ == "__main__":
    main()
