"""Tool calls for which the scripted tools of a suite have no result."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.records import Sample
from evalharness.records.marks import Mark, marked


def unknown_calls(samples: Sequence[Sample]) -> str:
    """Return how many calls have no scripted result, with the first one; "" if all have one."""
    found = [
        (sample.key.case, call)
        for sample in marked(samples, Mark.CALLS)
        if sample.response
        for call in sample.response.tool_calls
        if call.unknown
    ]
    if not found:
        return ""
    count = "1 tool call has" if len(found) == 1 else f"{len(found):,} tool calls have"
    case, first = found[0]
    return f"{count} no scripted result: {case}: {first.shown}"
