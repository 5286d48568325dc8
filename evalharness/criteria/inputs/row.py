"""One row of the tables of inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Treatment = Literal["trusted", "compared", "refused"]
"""`trusted`: a change of it is not listed. `compared`: it is, against the merge base. `refused`: it is an error."""


@dataclass(frozen=True, slots=True)
class Input:
    """Inputs of a verdict that are treated alike."""

    names: tuple[str, ...]
    """Files are patterns of paths relative to the root, as for `Path.glob`."""
    treatment: Treatment
    reason: str


def names(rows: Iterable[Input], treatment: Treatment | None = None) -> list[str]:
    """The names in these rows, of one treatment or of all."""
    return [name for row in rows if treatment in (None, row.treatment) for name in row.names]
