"""The runs of cases on both sides, as arrays: one for each group of cases with equal numbers of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Pair = tuple[Floats, Floats]
"""The runs of one case: baseline, candidate."""
Block = tuple[Floats, Floats]
"""The runs of all cases with equal numbers of runs: (cases, runs) of the baseline and of the candidate."""

TOLERANCE = 1e-9
"""Values that differ by less are equal."""


class Pairs(Sequence[Pair]):
    """Pairs, grouped by their numbers of runs: one array for each group instead of one for each case."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.blocks = _grouped(pairs)

    @classmethod
    def of_blocks(cls, found: Iterable[Block]) -> Pairs:
        """The pairs of these blocks, fewest runs first. Blocks with equal numbers of runs become one."""
        alike: dict[tuple[int, int], list[Block]] = {}
        for b, c in found:
            alike.setdefault((b.shape[1], c.shape[1]), []).append((b, c))
        pairs = cls(())
        pairs.blocks = [
            (np.concatenate([b for b, _ in alike[size]]), np.concatenate([c for _, c in alike[size]]))
            for size in sorted(alike)
        ]
        return pairs

    def __len__(self) -> int:
        return sum(len(b) for b, _ in self.blocks)

    @overload
    def __getitem__(self, place: int) -> Pair: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Pair]: ...
    def __getitem__(self, place: int | slice) -> Pair | Sequence[Pair]:
        return list(self)[place]

    def __iter__(self) -> Iterator[Pair]:
        return (pair for b, c in self.blocks for pair in zip(b, c, strict=True))

    def side(self, number: int, measure: Callable[[Floats], Floats]) -> Floats:
        """A number for each case: `measure` gets the runs of one side of a block."""
        return np.concatenate([measure(block[number]) for block in self.blocks])

    @cached_property
    def change(self) -> Floats:
        """The change of each case."""
        return _change(self.blocks)

    @cached_property
    def moving(self) -> list[Block]:
        """The blocks of the cases that vary."""
        return _varying(self.blocks)


def blocks(pairs: Sequence[Pair]) -> list[Block]:
    """The pairs grouped by their numbers of runs, fewest first.

    One array for each group instead of one for each case.
    """
    return pairs.blocks if isinstance(pairs, Pairs) else _grouped(pairs)


def _grouped(pairs: Iterable[Pair]) -> list[Block]:
    alike: dict[tuple[int, int], list[Pair]] = {}
    for pair in pairs:
        alike.setdefault((len(pair[0]), len(pair[1])), []).append(pair)
    return [(np.array([b for b, _ in alike[size]]), np.array([c for _, c in alike[size]])) for size in sorted(alike)]


def change(pairs: Sequence[Pair]) -> Floats:
    """Mean of the candidate runs minus mean of the baseline runs, for each case.

    The order is that of `blocks`.
    """
    return pairs.change if isinstance(pairs, Pairs) else _change(blocks(pairs))


def _change(grouped: Sequence[Block]) -> Floats:
    return np.concatenate([c.mean(axis=1) - b.mean(axis=1) for b, c in grouped])


def moving_blocks(pairs: Sequence[Pair]) -> list[Block]:
    """The cases that vary: a case whose runs are all equal has the same change under every labelling."""
    return pairs.moving if isinstance(pairs, Pairs) else _varying(blocks(pairs))


def _varying(grouped: Sequence[Block]) -> list[Block]:
    moving = []
    for b, c in grouped:
        varies = np.ptp(np.hstack([b, c]), axis=1) > TOLERANCE
        if varies.any():
            moving.append((b[varies], c[varies]))
    return moving
