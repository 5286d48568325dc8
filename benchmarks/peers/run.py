"""The job of benchmarks/endpoints.py in other tools: 500 cases, 200 ms for each response, 50 requests at a time.

    python benchmarks/peers/run.py [--tools FOLDER] [NAME ...]

Each tool has its own environment, FOLDER/<environment>; README.md has the commands to create them. Measures the whole
process of a tool, with the processes that it started and waited for.
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
    """The command and the files with which a tool does the job."""

    environment: str
    package: str
    files: tuple[str, ...]
    command: tuple[str, ...]
    proof: str
    """Regular expression for the line of output that reports that every case passed."""
    variables: dict[str, str] = field(default_factory=dict)
    rounds: int = ROUNDS
    most: int = MOST_ROUNDS
    """Maximum number of runs to find `rounds` quiet ones."""
    warm: bool = True
    """Whether to run once before, to compile modules and fill caches."""
    programs: str = "bin"


@dataclass(frozen=True)
class Run:
    """The measurements of one run."""

    wall: float
    cpu: float
    elsewhere: float
    """Processor seconds of the rest of the machine during the run."""
    posts: int
    peak: int
    mib: float
    """Peak memory of the largest process of the tool."""

    @property
    def noise(self) -> float:
        """The share of the machine that other processes used."""
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
    """Write the questions and the answers of the server."""
    with (folder / "cases.csv").open("w", newline="") as file:
        rows = [(question, answer_text(question)) for question in QUESTIONS]
        csv.writer(file).writerows([("input", "target"), *rows])


def environment(programs: Path, folder: Path, url: str) -> dict[str, str]:
    """The environment variables of a tool. Inspect reads two names of its own."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = f"{programs}{os.pathsep}{kept['PATH']}"
    openai = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "dummy", "LOCAL_BASE_URL": url, "LOCAL_API_KEY": "dummy"}
    return {**kept, **openai, "PATH": path, "HOME": str(folder)}


def peak(log: list[Received]) -> int:
    """The maximum number of requests in flight."""
    ends = [(one.answered_at or time.monotonic(), -1) for one in log]
    return max(accumulate(step for _, step in sorted(ends + [(one.done_at, 1) for one in log])), default=0)


def busy_s() -> float:
    """Processor seconds of the whole machine, without those of this process (Linux)."""
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK") - time.process_time()


def settle() -> None:
    """Wait until the rest of the machine is almost idle, at most `PATIENCE_S` seconds."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        before = busy_s()
        time.sleep(PAUSE_S)
        if busy_s() - before < PAUSE_S * 0.1:
            return


def run_once(tool: Tool, programs: Path, folder: Path, server: FaultServer) -> Run:
    """Measure one run. Asserts that every case passed."""
    variables = environment(programs, folder, server.url) | tool.variables
    command = [str(programs / tool.command[0]), *tool.command[1:]]
    for held in (server.log, server.others, server.wire):  # the peak memory of a child is at least that of its parent
        held.clear()
    with (folder / "output").open("w+b") as output:
        started, busy = time.perf_counter(), busy_s()
        child = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall, busy = time.perf_counter() - started, busy_s() - busy
        output.seek(0)
        text = output.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    assert code == 0, f"exit code {code}: {text[-3000:]}"
    assert re.search(tool.proof, text), f"not every case passed: {text[-3000:]}"
    log = list(server.log)
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall, cpu, busy - cpu, len(log), peak(log), usage.ru_maxrss / 1024)


def measure(name: str, tool: Tool, programs: Path) -> list[Run]:
    """The quietest runs of a tool, in one folder and with one server."""
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
            figures = ", ".join(f"{key} {value:.4g}" for key, value in asdict(run).items())
            print(f"{name} {number or 'warm-up'}: {figures}", file=sys.stderr, flush=True)
            runs += [run] if number else []
            if sum(run.noise < QUIET for run in runs) == tool.rounds:
                break
    return sorted(runs, key=lambda run: run.noise)[: tool.rounds]


def version(tool: Tool, programs: Path) -> str:
    """The installed version of a tool."""
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
    parser = argparse.ArgumentParser(description="Time other tools at the job of benchmarks/endpoints.py.")
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
