"""llama.cpp's own HTTP server in a process of its own: prints its address, and serves until its input ends."""

from __future__ import annotations

import sys
from pathlib import Path

import xllamacpp

path, kind, *template = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path = path
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = 2048
params.n_parallel = 1 if kind == "steady" else 2
params.cache_prompt = kind != "steady"
params.warmup = False
params.cpuparams.n_threads = 2
if kind == "embedding":
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
if template:
    params.chat_template = Path(template[0]).read_text()
server = xllamacpp.Server(params)
sys.stdout.write(f"{server.listening_address}\n")
sys.stdout.flush()
sys.stdin.read()
