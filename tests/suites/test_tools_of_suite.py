"""`tools:` in a suite: what it gives, and the line of each mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evalharness.records import Tool
from evalharness.suites import prompt_digest

Make = Callable[..., Any]
TOOLS = """\
tools:
  - name: get_weather
    description: The weather of a city.
    parameters:
      type: object
      properties:
        location: {type: string}
        unit: {enum: [celsius, fahrenheit]}
      required: [location]
  - name: get_time
"""


def test_tools(project: Make, good: str) -> None:
    """A suite's tools keep the order of their properties; one without parameters takes an empty object."""
    weather, clock = project(good + TOOLS).load().tools
    assert (weather.name, weather.description) == ("get_weather", "The weather of a city.")
    assert list(weather.schema["properties"]) == ["location", "unit"]
    assert clock == Tool("get_time")
    assert clock.schema == {"type": "object", "properties": {}}


def test_a_changed_tool_is_a_changed_prompt(project: Make, good: str) -> None:
    """The digest of a prompt contains the tools, and is that of before for a suite without any."""
    suite = project(good + TOOLS).load()
    plain = project(good).load()
    other = project(good + TOOLS.replace("of a city", "in a city")).load()
    assert prompt_digest(replace(suite, tools=()), "ask") == prompt_digest(plain, "ask")
    assert len({prompt_digest(one, "ask") for one in (plain, suite, other)}) == 3


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("name: get_time", "name: get_weather", ":19:5: duplicate tool 'get_weather': first at suites/s.yaml:11:5"),
        ("name: get_time", "name: get time", ":19:5: name: 'get time' may contain only letters, digits and - _"),
        ("name: get_time", "nam: get_time", ":19:5: unknown key 'nam'; did you mean 'name'?"),
        ("name: get_time", f"name: {'a' * 65}", ":19:5: name: String must have at most 64 characters"),
        ("type: object", "type: array", ":13:5: parameters: expected a JSON schema with `type: object`"),
        ("required:", "requird:", ":18:7: parameters: unknown keyword 'requird'; did you mean 'required'?"),
        ("type: string", "type: text", ":16:20: parameters: the JSON schema is wrong at"),
    ],
)  # fmt: skip
def test_mistakes(project: Make, good: str, old: str, new: str, wanted: str) -> None:
    """A mistake has its line, and near names."""
    assert old in TOOLS
    head, _, tail = TOOLS.rpartition(old)
    lines = project(good + head + new + tail).problems()
    assert any(wanted in line for line in lines), lines
