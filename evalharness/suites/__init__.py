"""Load suite files into a checked Suite, and turn a Suite into requests.

Suites are untrusted data: they run no code, read no file outside the root and choose no destination.
"""

from evalharness.suites.load import digest, load_suite, prompt_digest, suite_names, suite_path
from evalharness.suites.render import RequestMaker, another_sample, requests

__all__ = [
    "RequestMaker",
    "another_sample",
    "digest",
    "load_suite",
    "prompt_digest",
    "requests",
    "suite_names",
    "suite_path",
]
