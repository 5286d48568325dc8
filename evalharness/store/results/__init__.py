"""Result files of other tools as runs, for comparisons: samples with texts, scores, tokens, costs and seconds.

A run of such a file has no gates and no verdicts: it holds what the file holds. Parts that a sample cannot have are
counted in `environment["left_out"]` of its header.
"""

from evalharness.store.results.opening import read_results

__all__ = ["read_results"]
