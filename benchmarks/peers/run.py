"""The job of benchmarks/endpoints.py in other tools: 500 cases, 200 ms for each answer, 50 at once where that is set.

    python benchmarks/peers/run.py [--tools FOLDER] [NAME ...]

Every tool lives in an environment of its own, FOLDER/<environment>; README.md has the commands that make them. The
whole process of the tool counts, from its start to its end, with the processes that it started and waited for.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from statistics import median

from evalharness.testing.fault_server import FaultServer, Received, answer_text

HERE = Path(__file__).parent
CASES, LATENCY_S, CONCURRENCY, ROUNDS = 500, 0.2, 50, 3
MOST_ROUNDS, QUIET = 5, 0.05
PAUSE_S, PATIENCE_S = 3.0, 45.0
IDEAL_S = CASES / CONCURRENCY * LATENCY_S
HEADER = "| tool | version | wall s | CPU s | x ideal | POSTs | most at once |"


@dataclass(frozen=True)
class Tool:
    """How a tool is told to do the job."""

    environment: str
    package: str
    files: tuple[str, ...]
    command: tuple[str, ...]
    proof: str
    """A regular expression for the line in which the tool says that every case passed."""
    variables: dict[str, str] = field(default_factory=dict)
    rounds: int = ROUNDS
    most: int = MOST_ROUNDS
    """How many runs there may be until so many were quiet."""
    warm: bool = True
    """One run before the others, which compiles what is not compiled yet and fills caches that are not off."""
    programs: str = "bin"


@dataclass(frozen=True)
class Run:
    """One run as it was measured."""

    wall: float
    cpu: float
    elsewhere: float
    """Processor seconds that the rest of the machine used meanwhile."""
    posts: int
    peak: int

    @property
    def noise(self) -> float:
        """The share of the machine that others used."""
        return self.elsewhere / self.wall / (os.cpu_count() or 1)


QUESTIONS = [f"Can I return item {i}?" for i in range(CASES)]
XDIST = Tool("pytest-xdist", "pytest-xdist", ("test_with_pytest.py",), ("pytest", "-n", "16"), rf"{CASES} passed")
REPLAY = Tool(
    "promptfoo",
    "promptfoo",
    ("promptfooconfig.yaml", "prompt.json"),
    ("promptfoo", "eval", "-j", str(CONCURRENCY)),
    rf"{CASES} passed",
    variables={"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1"},
    programs="node_modules/.bin",
)
PROMPTFOO = replace(REPLAY, command=(*REPLAY.command, "--no-cache"))
TOOLS = {
    "pydantic-evals": Tool(
        "pydantic-evals",
        "pydantic-evals",
        ("with_pydantic_evals.py",),
        ("python", "with_pydantic_evals.py"),
        r"Averages.*100\.0%",
    ),
    "inspect": Tool(
        "inspect-ai",
        "inspect-ai",
        ("with_inspect.py",),
        ("inspect", "eval", "with_inspect.py", "--model", "openai-api/local/m", "--max-connections", str(CONCURRENCY)),
        r"mean\s+1\.000",
    ),
    "promptfoo": PROMPTFOO,
    "promptfoo-replay": REPLAY,
    "deepeval": Tool(
        "deepeval",
        "deepeval",
        ("test_with_deepeval.py",),
        ("deepeval", "test", "run", "test_with_deepeval.py", "-n", "16"),
        rf"{CASES} passed",
        variables={"DEEPEVAL_TELEMETRY_OPT_OUT": "1"},
    ),
    "pytest-xdist": XDIST,
    "pytest": replace(XDIST, package="pytest", command=("pytest",), rounds=1, most=1, warm=False),
}


def write_cases(folder: Path) -> None:
    """The questions, and the answers that the server gives."""
    with (folder / "cases.csv").open("w", newline="") as file:
        rows = [(question, answer_text(question)) for question in QUESTIONS]
        csv.writer(file).writerows([("input", "target"), *rows])


def environment(programs: Path, folder: Path, url: str) -> dict[str, str]:
    """What every tool is given; Inspect reads its own two names."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = f"{programs}{os.pathsep}{kept['PATH']}"
    openai = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "dummy", "LOCAL_BASE_URL": url, "LOCAL_API_KEY": "dummy"}
    return {**kept, **openai, "PATH": path, "HOME": str(folder)}


def peak(log: list[Received]) -> int:
    """The most requests that were under way at one time."""
    ends = [(one.answered_at or time.monotonic(), -1) for one in log]
    return max(accumulate(step for _, step in sorted(ends + [(one.done_at, 1) for one in log])), default=0)


def busy_s() -> float:
    """Processor seconds that the whole machine has spent, less those of this process (Linux)."""
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK") - time.process_time()


def settle() -> None:
    """Waits until the rest of the machine does next to nothing, or patience ends."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        before = busy_s()
        time.sleep(PAUSE_S)
        if busy_s() - before < PAUSE_S * 0.1:
            return


def run_once(tool: Tool, programs: Path, folder: Path, server: FaultServer) -> Run:
    """One run, which must have passed."""
    variables = environment(programs, folder, server.url) | tool.variables
    command = [str(programs / tool.command[0]), *tool.command[1:]]
    before = len(server.log)
    with (folder / "output").open("w+b") as output:
        started, busy = time.perf_counter(), busy_s()
        child = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall, busy = time.perf_counter() - started, busy_s() - busy
        output.seek(0)
        said = output.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    assert code == 0, f"exit code {code}: {said[-3000:]}"
    assert re.search(tool.proof, said), f"not every case passed: {said[-3000:]}"
    log = server.log[before:]
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall, cpu, busy - cpu, len(log), peak(log))


def measure(name: str, tool: Tool, programs: Path) -> list[Run]:
    """The runs of a tool, in one folder and at one server: the quietest of them on a machine that does other things."""
    runs = []
    with tempfile.TemporaryDirectory() as root, FaultServer(latency_s=LATENCY_S) as server:
        folder = Path(root)
        write_cases(folder)
        for file in tool.files:
            shutil.copy(HERE / file, folder)
        for number in range(not tool.warm, tool.most + 1):
            if number:
                settle()
            run = run_once(tool, programs, folder, server)
            told = ", ".join(f"{key} {value:.4g}" for key, value in asdict(run).items())
            print(f"{name} {number or 'warm-up'}: {told}", file=sys.stderr, flush=True)
            runs += [run] if number else []
            if sum(run.noise < QUIET for run in runs) == tool.rounds:
                break
    return sorted(runs, key=lambda run: run.noise)[: tool.rounds]


def version(tool: Tool, programs: Path) -> str:
    """The version that is installed."""
    if tool.package == "promptfoo":
        return subprocess.run([programs / "promptfoo", "--version"], capture_output=True, text=True, check=True).stdout
    code = f"import importlib.metadata as m; print(m.version({tool.package!r}))"
    return subprocess.run([programs / "python", "-c", code], capture_output=True, text=True, check=True).stdout


def row(name: str, version: str, runs: list[Run]) -> str:
    """A line of the table."""
    wall, cpu = median(run.wall for run in runs), median(run.cpu for run in runs)
    posts = " ".join(str(number) for number in sorted({run.posts for run in runs}))
    most = max(run.peak for run in runs)
    return f"| {name} | {version} | {wall:.2f} | {cpu:.2f} | {wall / IDEAL_S:.2f} | {posts} | {most} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Times other tools at the job of benchmarks/endpoints.py.")
    parser.add_argument("--tools", type=Path, default=Path(tempfile.gettempdir()) / "peers", metavar="FOLDER")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TOOLS))
    given = parser.parse_args()
    rows = []
    for name in given.names or TOOLS:
        tool = TOOLS[name]
        programs = given.tools.resolve() / tool.environment / tool.programs
        if (programs / tool.command[0]).exists():
            rows.append(row(name, version(tool, programs).strip(), measure(name, tool, programs)))
        else:
            print(f"{name} is not installed", file=sys.stderr)
    print(HEADER, re.sub("[^|]+", "---", HEADER), *rows, sep="\n")


if __name__ == "__main__":
    main()
