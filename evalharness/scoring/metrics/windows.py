"""Vectors of texts that are longer than a model reads: how much was read, and one vector from overlapping windows.

The vector of several windows is the mean of their vectors, each weighted by its length, scaled to length 1. That is the
averaging of OpenAI's cookbook ("Embedding texts that are longer than the model's maximum context length"), with windows
that overlap by a quarter, so that a sentence at a border is whole in one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

MAX_WINDOWS = 100
"""Windows of one text, since the text of a golden or an answer has no limit; what follows is not read."""


class Embedded(NamedTuple):
    """The vector of a text, of length 1, and how much of the text is in it."""

    vector: np.ndarray[Any, Any]
    length: int
    """Of the text, in the units of its model: tokens or characters."""
    read: int
    """The units that the model read, from the start of the text."""


def spans(length: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of the windows of `size` units that cover a text, with an overlap of a quarter.

    At least one window, at most 100.
    """
    step = max(1, size - size // 4)
    for number in range(MAX_WINDOWS):
        start = number * step
        yield start, min(start + size, length)
        if start + size >= length:
            return


def pooled(vectors: Sequence[np.ndarray[Any, Any]], weights: Sequence[int]) -> np.ndarray[Any, Any]:
    """Return the weighted mean of vectors of length 1, scaled to length 1. A single vector stays as it is."""
    import numpy as np

    if len(vectors) == 1:
        return vectors[0]
    mean = np.average(np.stack(vectors), axis=0, weights=[max(1, weight) for weight in weights])
    return np.asarray(mean / np.linalg.norm(mean), dtype="<f4")
