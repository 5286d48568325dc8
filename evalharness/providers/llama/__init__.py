"""llama.cpp in a child process: the only place where native code runs. The parent imports nothing of it.

worker ── orders in, events out ── schedule ── who decodes what, when ── native ── llama.cpp
                                      |
                                   answer ── one request on its way: tokens drawn, text, times
"""
