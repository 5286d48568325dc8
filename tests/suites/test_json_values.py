"""JSON values of files, and their limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.config import Limits
from evalharness.suites.document import DocumentError
from evalharness.suites.rows import exceeded, json_value

_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers(0, 9) | st.sampled_from(["", "[", "{[", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["", "a", "[{"]), inner, max_size=3),
)


@given(_VALUES, st.integers(1, 5), st.integers(1, 12))
def test_no_value_beyond_a_limit_is_read(value: Any, depth: int, nodes: int) -> None:
    """A value is read if it is within the limits, which are counted only for a text that may exceed them."""
    limits, text = Limits(depth=depth, nodes=nodes), json.dumps(value, separators=(",", ":"))
    if message := next(exceeded(value, limits), None):
        with pytest.raises(DocumentError, match=message.split("=")[0]):
            json_value(text, "f.jsonl", limits)
    else:
        json_value(text, "f.jsonl", limits)
