"""The child process of the gguf-server provider: llama.cpp's HTTP server.

It reads one JSON line from standard input, writes one JSON line to standard output, then serves until its input
closes, so it never outlives its parent. The API key comes through the input, because other processes can read
arguments and environment.

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
"""Log level: warnings and errors. The last ones appear in the error message when the server dies or does not start."""


def serve(request: dict[str, Any]) -> Any:
    """A running server on a free port.

    Raises RuntimeError and other exceptions of the binding.
    """
    import xllamacpp

    limit_memory(request["memory_limit_mb"])
    params = xllamacpp.CommonParams()
    _set_model(params, request)
    _set_access(params, request["key"])
    _disable_caches(params)
    return xllamacpp.Server(params)


def _set_model(params: Any, request: dict[str, Any]) -> None:
    params.model.path = request["path"]
    params.n_ctx = request["context"] * request["slots"]  # the server divides it among its slots
    params.n_parallel = request["slots"]
    params.n_gpu_layers = request["gpu_layers"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = request["threads"]
    params.model_alias = {request["name"]}  # the default, sent with every response, is the path
    params.fit_params = False  # it would choose context and layers by the memory that is free at the moment
    params.warmup = False
    if request["chat_template"]:
        params.chat_template = request["chat_template"]


def _set_access(params: Any, key: str) -> None:
    """Serve this machine and holders of the key only. Download nothing, and serve no web pages."""
    import xllamacpp

    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys = [key]
    params.offline = True
    params.verbosity = _WARNINGS
    params.ui = params.endpoint_slots = False
    # the text as the model generated it
    params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE


def _disable_caches(params: Any) -> None:
    """Keep nothing except the contents of a slot, which a request reuses if it sets `cache_prompt`."""
    params.cache_idle_slots = False
    params.cache_ram_mib = params.n_ctx_checkpoints = 0


def _exit_with_the_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Run the server described on standard input."""
    out = protocol_output()
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_exit_with_the_input, daemon=True).start()
    try:
        server = serve(request)
        reply = {"url": server.listening_address}
    except Exception as error:  # any exception of the binding is the reason to report
        reply = {"failed": f"{type(error).__name__}: {error}"}
    os.write(out, json.dumps(reply).encode() + b"\n")
    threading.Event().wait()


if __name__ == "__main__":
    main()
