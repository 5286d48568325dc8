"""Processes for benchmarks/local.py to compare with. Each answers a line of input with a line of output.

local_children.py plain FILE TEMPLATE   -> per line: seconds of a plain loop for the requests on that line
local_children.py rates FILE            -> per line: prompt tokens/s, and tokens/s at 32 sequences
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROMPT, SEQUENCES, CONTEXT, STEPS = 512, 32, 400, 12


def plain(file: str, template: str) -> Callable[[Any], Any]:
    """A plain loop over `create_chat_completion`."""
    import llama_cpp
    from llama_cpp import llama_chat_format

    llama = llama_cpp.Llama(file, n_ctx=2048, n_threads=2, n_threads_batch=2, verbose=False)
    if template:
        source = Path(template).read_text().replace("{{ bos_token }}", "")
        formatter = llama_chat_format.Jinja2ChatFormatter(source, "<end_of_turn>", "<bos>")
        llama.chat_handler = formatter.to_chat_handler()

    def run(requests: list[dict[str, Any]]) -> dict[str, Any]:
        started, tokens = time.perf_counter(), 0
        for request in requests:
            answer = llama.create_chat_completion(request["messages"], max_tokens=48, temperature=0.0, seed=7)
            tokens += answer["usage"]["completion_tokens"]
        return {"seconds": time.perf_counter() - started, "tokens": tokens}

    run([{"messages": [{"role": "user", "content": "Hello"}]}])
    return run


def rates(file: str, _: str) -> Callable[[Any], Any]:
    """The best rates of this machine: a long prompt at once, and one token for each of 32 sequences."""
    from evalharness.local.native import Native, Row

    native = Native(file, sequences=SEQUENCES, batch=PROMPT, threads=2, gpu_layers=0)
    native.resize(1024)
    tokens = [random.Random(1).randrange(100, 40_000) for _ in range(PROMPT)]

    def prompt() -> float:
        native.truncate(0)
        started = time.perf_counter()
        native.decode([Row(token, i, 0, i == PROMPT - 1) for i, token in enumerate(tokens)])
        float(native.logits(PROMPT - 1)[0])
        return PROMPT / (time.perf_counter() - started)

    def decode() -> float:
        native.truncate(0, CONTEXT)
        for sequence in range(1, SEQUENCES):
            native.copy(0, sequence)
        native.decode([Row(5, CONTEXT, sequence, True) for sequence in range(SEQUENCES)])
        started = time.perf_counter()
        for step in range(1, STEPS + 1):
            native.decode([Row(5, CONTEXT + step, sequence, True) for sequence in range(SEQUENCES)])
            float(native.logits(0)[0])
        return STEPS * SEQUENCES / (time.perf_counter() - started)

    return lambda _: {"prompt": prompt(), "decode": decode()}


def main() -> None:
    """Answer lines until the input ends."""
    kind, file, *template = sys.argv[1:]
    run = {"plain": plain, "rates": rates}[kind](file, template[0] if template else "")
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
