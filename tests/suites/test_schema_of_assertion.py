"""Schemas in `assert` and `metrics`: a mistake has the line of its keyword."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]

_ASSERTED = """\
assert:
  - json_schema:
      type: object
      properties:
        due: {type: string, format: date}
      required: [due]
    must_pass: stable
"""
_SCORED = """\
metrics:
  - json_schema:
      schema:
        type: object
        required: [due]
"""


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("required:", "requird:", ":15:7: unknown keyword 'requird'; did you mean 'required'?"),
        ("format: date}", "format: dat}", ":14:29: unknown format 'dat'; did you mean 'date'"),
        ("type: object", "type: objet", ":12:7: the JSON schema is wrong at $.type: 'objet'"),
        ("type: object", "$schema: http://a.test/mine", ":12:7: unknown '$schema' 'http://a.test/mine': expected"),
        ("properties:", "definitions:", ":13:7: 'definitions' is a keyword of draft-04 to draft-07"),
        ("{type: string, format: date}", "{$ref: other.json}", ":14:15: reference to other.json: only"),
    ],
)  # fmt: skip
def test_an_assertion(project: Make, good: str, old: str, new: str, wanted: str) -> None:
    """The schema of an assertion is checked keyword by keyword when the suite is read."""
    assert old in _ASSERTED
    project(good + _ASSERTED).load()
    (line,) = project(good + _ASSERTED.replace(old, new)).problems()
    assert wanted in line


def test_a_metric(project: Make, good: str) -> None:
    """So is the schema of a metric."""
    suite = good.replace("metrics: [rouge_l]\n", _SCORED)
    project(suite).load()
    (line,) = project(suite.replace("required", "requierd")).problems()
    assert ":10:9: unknown keyword 'requierd'; did you mean 'required'?" in line
