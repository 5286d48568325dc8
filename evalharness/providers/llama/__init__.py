"""llama.cpp in a child process: the only place where native code runs. The parent imports nothing of it
but the number below.

worker ── orders in, events out ── schedule ── who decodes what, when ── native ── llama.cpp
                                      |
                                   answer ── one request on its way: tokens drawn, text, times
"""

PREFIXES = 2
"""Shared prefixes that are kept: two versions of a prompt that are asked in turns need one each."""
