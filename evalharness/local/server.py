"""The child process of the gguf-server provider: llama.cpp's own HTTP server, as the package xllamacpp brings it.

One JSON line in on standard input says what to serve; one JSON line out on standard output says where it is served, or
why not. Then it serves until its input ends, so it never outlives the parent. The key comes by its input, for a
process's arguments and environment can be read by others.

    {"path": ..., "key": ..., "context": ..., ...}      -> {"url": "http://127.0.0.1:40123"} | {"failed": ...}
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from evalharness.local.process import limit_memory, protocol_output

_WARNINGS = 2
"""And errors: the last of them are told when the server does not start, or dies."""


def serve(request: dict[str, Any]) -> Any:
    """The server, running. It gives itself a free port. Raises RuntimeError and whatever else the binding raises."""
    import xllamacpp

    limit_memory(request["memory_limit_mb"])
    params = xllamacpp.CommonParams()
    _load(params, request)
    _open(params, request["key"])
    _forget(params)
    return xllamacpp.Server(params)


def _load(params: Any, request: dict[str, Any]) -> None:
    params.model.path = request["path"]
    params.n_ctx = request["context"] * request["slots"]  # the server divides it among its slots
    params.n_parallel = request["slots"]
    params.n_gpu_layers = request["gpu_layers"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = request["threads"]
    params.model_alias = {request["name"]}  # what it calls itself in every answer: not the path
    params.fit_params = False  # it would choose context and layers by what memory is free just now
    params.warmup = False
    if request["chat_template"]:
        params.chat_template = request["chat_template"]


def _open(params: Any, key: str) -> None:
    """To whom it listens: this machine, and who has the key. Nothing is fetched, and there are no pages."""
    import xllamacpp

    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys = [key]
    params.offline = True
    params.verbosity = _WARNINGS
    params.ui = params.endpoint_slots = False
    params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE  # a text as it was drawn


def _forget(params: Any) -> None:
    """Nothing is kept beyond what a slot holds; whether that is used again, each request says (`cache_prompt`)."""
    params.cache_idle_slots = False
    params.cache_ram_mib = params.n_ctx_checkpoints = 0


def _end_with_the_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """As a program."""
    out = protocol_output()
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_input, daemon=True).start()
    try:
        server = serve(request)
        said = {"url": server.listening_address}
    except Exception as error:  # whatever the binding raises is why there is no server
        said = {"failed": f"{type(error).__name__}: {error}"}
    os.write(out, json.dumps(said).encode() + b"\n")
    threading.Event().wait()


if __name__ == "__main__":
    main()
