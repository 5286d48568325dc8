"""Tags are names that people read in a terminal: text that acts there is refused when a suite is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hostile import SIGNALS, invisible

from evalharness.importers.names import tag_name

Make = Callable[..., Any]
GOOD = (
    "refunds",
    "topic=refunds",
    "lang:de",
    "v1.2",
    "C++",
    "customer service",
    "Q&A",
    "água",
    "顧客",
    "50%",
    "a/b#c@d",
)
ACTING = (
    *("\x1b]52;c;cm0gLXJmIH4=\x07", "a\n::error file=x::pwned", "##[error]pwned", "##vso[task.complete]x", "a\u202eb"),
    *("y" * 35 + " ::error file=x::pwned", "::stop-commands::x", "a\rb", "zero\u200bwidth", "a\tb", " a", "a ", "a  b"),
    *("[x](https://evil.example)", "<img src=x>", "`x`", "a|b", "", "x" * 101),
)


def with_tag(good: str, tag: str) -> str:
    """The suite of the other tests, with a tag on its case and a gate on it."""
    tagged = f"    tags: [{json.dumps(tag)}]\ngates: [{{metric: rouge_l, tag: {json.dumps(tag)}}}]\n"
    return good + tagged


@pytest.mark.parametrize("tag", GOOD)
def test_a_tag(project: Make, good: str, tag: str) -> None:
    """Words in any script with the signs that tags usually have are tags."""
    suite = project(with_tag(good, tag)).load()
    assert (suite.cases[0].tags, suite.gates[0].rule.tag) == ((tag,), tag)


@pytest.mark.parametrize("tag", ACTING, ids=ascii)
def test_text_that_is_no_tag(project: Make, good: str, tag: str) -> None:
    """Control characters, line ends, markup and commands of CI systems are reported at their place, on one line."""
    problems = project(with_tag(good, tag)).problems()
    assert any("tags: " in problem for problem in problems)
    assert bool(tag) == any("tag: " in problem for problem in problems)
    assert not any(invisible(problem) for problem in problems)


def test_imported_tags() -> None:
    """A tag made of any text of a data set is a tag, and one that is a tag stays as it is."""
    assert [tag_name(tag) for tag in GOOD] == list(GOOD)
    assert tag_name("topic=[Refunds]\n::x; <b>") == "topic= Refunds x b"
    names = [tag_name(text) for text in (*ACTING, *SIGNALS)]
    assert not [name for name in names if invisible(name) or name.startswith("::") or " ::" in name or "[" in name]
    assert max(map(len, names)) <= 100
