"""`python -m evalharness`: the same as the command `evalharness`."""

from __future__ import annotations

from evalharness.cli import main

main(prog_name="python -m evalharness")
