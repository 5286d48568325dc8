"""Checks that look at a part of the answer instead of its text."""

from __future__ import annotations

from dataclasses import replace

from evalharness.answer_part import NoPartError, answer_part
from evalharness.errors import CheckError
from evalharness.scoring.checks import Check
from evalharness.scoring.metrics.base import SampleView
from evalharness.scoring.metrics.parts import with_part


def check_at(check: Check, path: str) -> Check:
    """Return the check on the part at this path. It fails where there is none. Raises ConfigError."""
    part = answer_part(path)

    def problem(view: SampleView) -> str | None:
        if view.stored and part.beyond:
            raise CheckError(f"a baseline does not keep {part.beyond[0]}")
        try:
            found = check.problem(with_part(view, part))
        except NoPartError as error:
            return f"must have something to check: {error}"
        return f"{found} (at {path})" if found else None

    identity = f"{check.identity}, at {path}" if check.identity else f"at {path}"
    return replace(check, of_view=problem, identity=identity, beyond=(*check.beyond, *part.beyond))
