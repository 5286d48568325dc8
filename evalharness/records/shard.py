"""A part of a suite that one job of several runs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from evalharness.errors import ConfigError

MOST_SHARDS = 10_000
_WRITTEN = re.compile(r"([1-9][0-9]{0,4})/([1-9][0-9]{0,4})", re.ASCII)
_HASH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several equal parts of a suite. A case belongs to the same shard on every machine."""

    number: int
    """From 1 to `of`."""
    of: int
    cases: str = field(default="", compare=False)
    """Digest of all cases of the suite, which the shards of one run share. Empty before the suite is read."""

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of <= MOST_SHARDS:
            raise ValueError(f"expected a shard from 1 to {self.of}, and at most {MOST_SHARDS:,} shards")

    def __str__(self) -> str:
        return f"shard {self.number} of {self.of}"

    @property
    def option(self) -> str:
        """The shard as in the options: 2/4."""
        return f"{self.number}/{self.of}"

    def has(self, case: str, cluster: str = "") -> bool:
        """Whether a case belongs to the shard. All cases of a cluster belong to one, because gates count it once.

        The first 8 bytes of the SHA-256 of the cluster, or of the case id, as an integer modulo the number of shards.
        """
        digest = hashlib.sha256((cluster or case).encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:_HASH_BYTES]) % self.of == self.number - 1


def shard_of(written: str) -> Shard | None:
    """The shard of an option such as `2/4`; None for `1/1`, the whole suite. Raises ConfigError."""
    found = _WRITTEN.fullmatch(written)
    number, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= of <= MOST_SHARDS:
        raise ConfigError(
            f"shard {written[:40]!r}: expected i/n, the i-th of n shards, such as 2/4; i counts from 1 to n, and n is "
            f"at most {MOST_SHARDS:,}"
        )
    return Shard(number, of) if of > 1 else None
