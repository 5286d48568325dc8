"""llama.cpp in a child process: the only place where native code runs. Nothing here is imported by the parent.

worker ── orders in, events out ── schedule ── who decodes what, when ── native ── llama.cpp
                                      |
                                   answer ── one request on its way: tokens drawn, text, times
"""
