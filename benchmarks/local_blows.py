"""Failures of the child process, and damaged model files, for benchmarks/local.py."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from evalharness.config import Config
from evalharness.errors import ConfigError, ProviderError, RetryableError
from evalharness.local.gguf import GgufProvider
from evalharness.local.worker_supervisor import MAX_CRASHES
from evalharness.records import Message, Params, Request, SampleKey

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from gguf_files import HEADER_BYTES, damaged

FAILURES, DAMAGED = 200, 500
VICTIM = "story"


def request(case: str, text: str, most: int, temperature: float = 0.0) -> Request:
    """A request of the batch."""
    messages = (Message("system", "Answer briefly."), Message("user", text))
    params = Params(max_tokens=most, temperature=temperature, seed=7)
    return Request(SampleKey(case, "plain", "local", 0), messages, 1, params)


BATCH = [request(str(i), f"What is {i} plus {i}?", 8) for i in range(7)] + [
    request(VICTIM, "Tell me a long story.", 300, temperature=1.0)
]


def outcome(provider: GgufProvider, sent: Request) -> str:
    """The text or the error of a request, repeated after a crash as in a run."""
    for _ in range(MAX_CRASHES):
        try:
            return provider.complete(sent).text
        except ProviderError as error:
            if not isinstance(error, RetryableError):
                return f"{error.kind}: {error}"
    return "too many crashes"


def batch(provider: GgufProvider, sent: Sequence[Request]) -> dict[str, str]:
    """The outcomes of simultaneous requests, by case."""
    with ThreadPoolExecutor(len(sent)) as pool:
        found = pool.map(lambda one: outcome(provider, one), sent)
        return dict(zip((one.key.case for one in sent), found, strict=True))


def no_memory(pid: int) -> None:
    """Refuse further memory to a process. Sampling the victim's first token needs half a megabyte."""
    resource.prlimit(pid, resource.RLIMIT_AS, (1, 1))


BLOWS: Mapping[str, Callable[[int], None]] = {
    "SIGKILL": lambda pid: os.kill(pid, signal.SIGKILL),
    "SIGSEGV": lambda pid: os.kill(pid, signal.SIGSEGV),
    "SIGABRT": lambda pid: os.kill(pid, signal.SIGABRT),
    "hang": lambda pid: os.kill(pid, signal.SIGSTOP),
    "memory limit": no_memory,
}


def strike(provider: GgufProvider, blow: Callable[[int], None], wait_s: float, over: threading.Event) -> None:
    """Strike each process that works on the victim, after `wait_s` seconds."""
    struck: set[int | None] = set()
    while not over.is_set():
        pid = provider.child_pid
        if pid not in struck and any(key.case == VICTIM for key in provider.in_flight):
            time.sleep(wait_s)
            struck.add(pid)
            with suppress(ProcessLookupError):
                blow(pid or 0)
        time.sleep(0.002)


def failures(opened: Callable[..., GgufProvider]) -> None:
    """Cause 200 failures, each during the longest case of a batch, and print the results."""
    with closing(opened(slots=8, context=512)) as provider:
        whole = batch(provider, BATCH)
    chance, seen = random.Random(1), Counter[str]()
    for number in range(FAILURES):
        name = list(BLOWS)[number % len(BLOWS)]
        over = threading.Event()
        with closing(opened(slots=8, context=512, heartbeat_s=1.0)) as provider:
            provider.prepare()
            wait_s = 0.0 if name == "memory limit" else chance.uniform(0, 0.2)
            arguments = (provider, BLOWS[name], wait_s, over)
            striking = threading.Thread(target=strike, args=arguments, daemon=True)
            striking.start()
            found = batch(provider, BATCH)
            over.set()
            striking.join()
        message = found.pop(VICTIM)
        named = f"while it answered case '{VICTIM}'" in message
        changed = [case for case, text in found.items() if text != whole[case]]
        seen.update({"ended": 1, "the case named": named, "others unchanged": not changed})
        if changed or not named:
            print(f"  {name}: {message!r}, changed: {changed}")
    print(f"  {FAILURES} failures of {len(BLOWS)} kinds: " + ", ".join(f"{name} {n}" for name, n in seen.items()))


def headers(file: Path) -> None:
    """Load 500 files with damaged headers: each gives an error or a response, and this process survives."""
    chance, seen = random.Random(1), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "damaged.gguf"
        shutil.copy(file, copy)
        original = copy.read_bytes()[:HEADER_BYTES]
        for _ in range(DAMAGED):
            with copy.open("r+b") as handle:
                handle.write(damaged(original, chance))
            seen[load_and_generate(copy)] += 1
    print(f"  {DAMAGED} damaged headers: " + ", ".join(f"{name} {n}" for name, n in seen.most_common()))


def load_and_generate(file: Path) -> str:
    """The result for a file, in a few words."""
    try:
        provider: Any = GgufProvider(str(file), slots=1, context=256, deadline_s=20.0, config=Config(root=file.parent))
    except (ProviderError, ConfigError):
        return "refused before it was loaded"
    with closing(provider):
        try:
            provider.complete(request("one", "Hello", 1))
        except ProviderError as error:
            return f"refused ({error.kind})"
    return "answered"
