"""Text that remembers which message each of its characters came from.

A chat template may trim, split, quote or repeat a message. Afterwards the characters of the message must still be
known, because control tokens in them stay plain text. So a traced text passes through the template like any `str`: its
methods return equal texts, and carry the origin of each character along.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, SupportsIndex

_CODE = "H"
_LAST = 2**16 - 1
"""The largest origin. Later messages share it."""


class TracedText(str):
    """A text with the origin of each character.

    `origins` has one number for each character: 0 for the template's own text, n for the message number n, from 1.
    """

    origins: array[int]

    def __new__(cls, text: str, origins: array[int]) -> TracedText:
        """`origins` has as many numbers as `text` has characters."""
        made = super().__new__(cls, text)
        made.origins = origins
        return made

    def __str__(self) -> str:
        return self

    def __getitem__(self, at: SupportsIndex | slice[Any, Any, Any]) -> TracedText:
        origins = self.origins[at] if isinstance(at, slice) else array(_CODE, [self.origins[at]])
        return TracedText(super().__getitem__(at), origins)

    def __iter__(self) -> Iterator[TracedText]:
        return (self[at] for at in range(len(self)))

    def __add__(self, other: str) -> TracedText:
        return concatenate([self, other]) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: str) -> TracedText:
        return concatenate([other, self]) if isinstance(other, str) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> TracedText:
        return TracedText(super().__mul__(times), self.origins * times.__index__())

    __rmul__ = __mul__

    def join(self, texts: Iterable[str]) -> TracedText:
        """Join the texts with this one between them."""
        pieces = [piece for text in texts for piece in (self, text)]
        return concatenate(pieces[1:])

    def lstrip(self, chars: str | None = None) -> TracedText:
        """Remove leading whitespace, or leading `chars`."""
        return self[len(self) - len(super().lstrip(chars)) :]

    def rstrip(self, chars: str | None = None) -> TracedText:
        """Remove trailing whitespace, or trailing `chars`."""
        return self[: len(super().rstrip(chars))]

    def strip(self, chars: str | None = None) -> TracedText:
        """Remove whitespace, or `chars`, at both ends."""
        return self.lstrip(chars).rstrip(chars)

    def removeprefix(self, prefix: str, /) -> TracedText:
        """Remove the prefix, if the text starts with it."""
        return self[len(prefix) :] if self.startswith(prefix) else self

    def removesuffix(self, suffix: str, /) -> TracedText:
        """Remove the suffix, if the text ends with it."""
        return self[: len(self) - len(suffix)] if self.endswith(suffix) else self

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[TracedText]:  # type: ignore[override]
        """Split at a separator, or at whitespace."""
        return self._located(super().split(sep, maxsplit), len(sep or ""))

    def rsplit(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[TracedText]:  # type: ignore[override]
        """Split at a separator, or at whitespace, from the end."""
        return self._located(super().rsplit(sep, maxsplit), len(sep or ""))

    def partition(self, sep: str, /) -> tuple[TracedText, TracedText, TracedText]:
        """Split at the first separator."""
        return self._around(super().partition(sep))

    def rpartition(self, sep: str, /) -> tuple[TracedText, TracedText, TracedText]:
        """Split at the last separator."""
        return self._around(super().rpartition(sep))

    def splitlines(self, keepends: bool = False) -> list[TracedText]:  # type: ignore[override]
        """Split into lines."""
        lines, at = [], 0
        for line, whole in zip(super().splitlines(keepends), super().splitlines(True), strict=True):
            lines.append(self[at : at + len(line)])
            at += len(whole)
        return lines

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> TracedText:
        """Replace one text by another."""
        if not old:
            return traced(super().replace(old, new, count), max([*self.origins, *traced(new).origins], default=0))
        return traced(new).join(self.split(old, count))

    def _around(self, parts: tuple[str, str, str]) -> tuple[TracedText, TracedText, TracedText]:
        """The parts, which follow each other, with their origins."""
        end, start = len(parts[0]), len(parts[0]) + len(parts[1])
        return self[:end], self[end:start], self[start:]

    def _located(self, parts: Sequence[str], gap: int) -> list[TracedText]:
        """The parts with their origins. They follow each other with `gap` characters or any whitespace between them."""
        found, at = [], 0
        for part in parts:
            at = self.find(part, at)
            found.append(self[at : at + len(part)])
            at += len(part) + gap
        return found


def traced(text: str, origin: int = 0) -> TracedText:
    """The text with one origin for all its characters, unless it has its own."""
    return text if isinstance(text, TracedText) else TracedText(text, array(_CODE, [min(origin, _LAST)]) * len(text))


def concatenate(texts: Iterable[str]) -> TracedText:
    """The texts one after the other."""
    pieces = list(map(traced, texts))
    origins = array(_CODE)
    for piece in pieces:
        origins.extend(piece.origins)
    return TracedText("".join(map(str.__str__, pieces)), origins)


def runs(text: TracedText) -> Iterator[tuple[str, int]]:
    """The longest parts with one origin, in order, each with its origin."""
    at, plain = 0, str.__str__(text)
    for origin, group in groupby(text.origins):
        size = sum(1 for _ in group)
        yield plain[at : at + size], origin
        at += size


def inherited(result: Any, inputs: Sequence[Any]) -> Any:
    """The result of an operation that does not trace: a new text comes from the message that any input comes from.

    An operation on one text that keeps its length, such as `upper`, keeps the origin of each character.
    """
    if type(result) is not str or not result:
        return result
    values = list(_values(inputs))
    sources = [value for value in values if isinstance(value, TracedText)]
    if not sources or any(value is result for value in values):
        return result
    if len(sources) == 1 and len(sources[0]) == len(result):
        return TracedText(result, sources[0].origins)
    return traced(result, max(max(source.origins, default=0) for source in sources))


def _values(inputs: Sequence[Any]) -> Iterator[Any]:
    """Every value in the inputs, at any depth."""
    rest = list(inputs)
    while rest:
        item = rest.pop()
        yield item
        if isinstance(item, list | tuple):
            rest += item
        elif isinstance(item, dict):
            rest += [*item.keys(), *item.values()]
