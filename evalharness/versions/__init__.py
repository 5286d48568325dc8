"""The project as it stands at other commits: what a change cannot change for itself, and what it is drawn beside."""

from evalharness.versions.exams import exam_changes, read_one
from evalharness.versions.reference import Reference, draws_of, open_reference
from evalharness.versions.trusted import Baselines, Trusted, baselines_at, baselines_of

__all__ = [
    "Baselines",
    "Reference",
    "Trusted",
    "baselines_at",
    "baselines_of",
    "draws_of",
    "exam_changes",
    "open_reference",
    "read_one",
]
