"""Suite files -> Suite, Case, Request. Nothing in a suite runs, reads outside the root, or chooses a destination."""

from evalharness.suites.load import digest, load_suite, suite_names, suite_path
from evalharness.suites.render import another_sample, requests

__all__ = ["another_sample", "digest", "load_suite", "requests", "suite_names", "suite_path"]
