"""Numbers of many cases in one array, with the number of runs of each case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """The runs of each case, one case after the other."""

    flat: Floats
    sizes: Counts
    """Runs of each case; at least 1."""

    @classmethod
    def of(cls, runs: Sequence[Floats]) -> Ragged:
        """The runs of cases."""
        return cls(np.concatenate(runs), np.array([len(values) for values in runs]))

    @classmethod
    def of_blocks(cls, found: Sequence[Floats]) -> Ragged:
        """The runs of blocks, (cases, runs), one after the other."""
        sizes = [np.full(len(block), block.shape[1]) for block in found]
        return cls(np.concatenate([block.ravel() for block in found]), np.concatenate(sizes))

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def groups(self) -> list[tuple[Counts, Floats]]:
        """For each number of runs, fewest first: the places of such cases, and their runs, (cases, runs)."""
        starts = np.cumsum(self.sizes) - self.sizes
        found = []
        for size in np.unique(self.sizes):
            places = np.flatnonzero(self.sizes == size)
            found.append((places, self.flat[starts[places][:, None] + np.arange(size)]))
        return found

    def each(self, measure: Callable[[Floats], Floats]) -> Floats:
        """A number for each case; `measure` returns it for cases with equal numbers of runs, (cases, runs)."""
        out = np.empty(len(self.sizes))
        for places, runs in self.groups:
            out[places] = measure(runs)
        return out

    @cached_property
    def means(self) -> Floats:
        """The mean of each case."""
        return self.each(lambda runs: runs.mean(axis=1))

    @cached_property
    def sums(self) -> Floats:
        """The sum of each case."""
        return self.each(lambda runs: runs.sum(axis=1))
