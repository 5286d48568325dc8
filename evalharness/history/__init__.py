"""How a suite developed: accepted runs, as git has them, and the newest run -> series with their change points."""

from evalharness.history.read import accepted_runs
from evalharness.history.series import history_of

__all__ = ["accepted_runs", "history_of"]
