"""Applications as targets, behind HTTP or as a function in a child process; checks, metrics and prompts in code."""
