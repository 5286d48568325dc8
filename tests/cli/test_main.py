"""`python -m evalharness` is the command."""

from __future__ import annotations

import subprocess
import sys

import evalharness


def test_python_dash_m() -> None:
    """Its help names itself, and its version is the package's."""
    command = [sys.executable, "-m", "evalharness"]
    help_text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert help_text.startswith("Usage: python -m evalharness")
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert evalharness.__version__ in version
