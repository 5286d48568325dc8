"""Read the accepted runs of a suite from git, and find changes of level."""

from evalharness.history.read import accepted_runs
from evalharness.history.series import history_of

__all__ = ["accepted_runs", "history_of"]
