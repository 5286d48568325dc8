"""Loads pytester, which runs a real pytest inside the tests. `make demo` loads this file too."""

pytest_plugins = ["pytester"]
