"""The project as it stands at other commits: what a change cannot change for itself, and what it is drawn beside."""

from evalharness.versions.reference import Reference, draws_of, open_reference
from evalharness.versions.trusted import Trusted, pairs_of

__all__ = ["Reference", "Trusted", "draws_of", "open_reference", "pairs_of"]
