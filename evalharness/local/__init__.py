"""Local GGUF models, with llama.cpp in child processes only.

    gguf ── worker_supervisor ── worker_client ══ worker ── schedule ── sequence ── sampler ── native ── llama.cpp
    gguf_server ── child_process ══ server ── llama.cpp's own HTTP server, from the package xllamacpp

══ is the process boundary. The modules right of it import as little as possible, because a child starts often and the
run waits for it.
"""
