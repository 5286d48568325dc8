"""One suite's life: plan, execute, score, confirm, decide, report. pytest, the command line and Python share it."""
