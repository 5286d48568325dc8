"""Closes what an import of llama.cpp leaves open."""

import sys


def pytest_unconfigure() -> None:
    """Close the files that llama_cpp opens for itself: each is a warning when the process ends."""
    if files := sys.modules.get("llama_cpp._utils"):
        files.outnull_file.close()
        files.errnull_file.close()
