"""llama.cpp in child processes: the only place where native code runs. The parent imports nothing of it.

worker ── orders in, events out ── schedule ── who decodes what, when ── native ── llama.cpp
                                      |
                                   answer ── one request on its way: tokens drawn, text, times

server ── llama.cpp's own HTTP server, as the package xllamacpp brings it

It imports as little of the rest of the package as it can: a child is started often, and is waited for.
"""
