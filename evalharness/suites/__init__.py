"""Suite files -> Suite, Case, Request. Nothing in a suite runs, reads outside the root, or chooses a destination."""

from evalharness.suites.load import NOT_SCORES, digest, load_suite, suite_names, suite_path
from evalharness.suites.render import another_draw, requests

__all__ = ["NOT_SCORES", "another_draw", "digest", "load_suite", "requests", "suite_names", "suite_path"]
