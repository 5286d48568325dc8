"""Traced text equals plain text after every operation, and each character keeps the message that it came from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.templating.provenance import TracedText, concatenate, runs, traced
from evalharness.templating.traced_json import to_json

TEXTS = st.text(alphabet="ab \n\t,<ßİ\u2028", max_size=12)
OPERATIONS = [
    lambda text: text.strip(),
    lambda text: text.lstrip(" a"),
    lambda text: text.rstrip("\n,"),
    lambda text: text.split(),
    lambda text: text.split(None, 1),
    lambda text: text.rsplit(None, 1),
    lambda text: text.split(","),
    lambda text: text.split("ab", 1),
    lambda text: text.rsplit(", ", 1),
    lambda text: list(text.partition(",")),
    lambda text: list(text.rpartition("ab")),
    lambda text: text.splitlines(),
    lambda text: text.splitlines(True),
    lambda text: text.replace("a", "x<y"),
    lambda text: text.replace("ab", "", 1),
    lambda text: text.replace("", "-"),
    lambda text: text.removeprefix("a"),
    lambda text: text.removesuffix("b"),
    lambda text: text[1:-1],
    lambda text: text[::-1],
    lambda text: text[-1:],
    lambda text: list(text),
    lambda text: "x" + text + "y",
    lambda text: text * 2,
    lambda text: 2 * text,
    lambda text: text.join(["1", "2", "3"]),
    lambda text: "-".join(text.split(",")),
    lambda text: text == text.strip(),
    lambda text: {text: 1}[text],
    lambda text: (text.find("b"), text.count("a"), text.startswith("a"), "ab" in text, len(text)),
]


@given(TEXTS, TEXTS)
def test_equal_to_plain_text(first: str, second: str) -> None:
    """Each operation returns what it returns for a plain text."""
    for operation in OPERATIONS:
        assert operation(concatenate([traced(first, 1), traced(second, 2)])) == operation(first + second)


def _origins(value: Any) -> list[list[int]]:
    parts = value if isinstance(value, list) else [value]
    assert all(isinstance(part, TracedText) for part in parts)
    return [part.origins.tolist() for part in parts]


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        (concatenate(["<", traced(" ab ", 1).strip(), ">"]), [[0, 1, 1, 0]]),
        (concatenate([traced("a,", 1), traced("b,c", 2)]).split(","), [[1], [2], [2]]),
        (list(concatenate([traced("a,", 1), traced(",b", 2)]).partition(",")), [[1], [1], [2, 2]]),
        (list(concatenate([traced("a,", 1), traced(",b", 2)]).rpartition(",")), [[1, 1], [2], [2]]),
        (list(traced("ab", 1).rpartition(",")), [[], [], [1, 1]]),
        (concatenate([traced("a b ", 1), traced(" c", 2)]).split(), [[1], [1], [2]]),
        (concatenate([traced("a\r\n", 1), traced("\nb", 2)]).splitlines(), [[1], [], [2]]),
        (traced("aXb", 3).replace("X", "--"), [[3, 0, 0, 3]]),
        (traced("a{}b").replace("{}", traced("c", 4)), [[0, 4, 0]]),
        (traced("ab", 5)[1], [[5]]),
        ("<" + traced("a", 1) + ">", [[0, 1, 0]]),
        (traced("a", 70_000), [[65_535]]),
    ],
)
def test_origins(value: Any, origins: list[list[int]]) -> None:
    """Characters keep the number of their message; text of the template has the number 0."""
    assert _origins(value) == origins


def test_runs() -> None:
    """A text divides into the longest parts with one origin."""
    text = concatenate(["<", traced("ab", 1), traced("c", 2), ">"])
    assert list(runs(text)) == [("<", 0), ("ab", 1), ("c", 2), (">", 0)]


def test_json() -> None:
    """JSON has the text of `json.dumps` without escapes of letters; quotes and keys of the template are not content."""
    text = to_json({"role": "user", "content": traced('ü "x"\n', 1)})
    assert text == '{"role": "user", "content": "ü \\"x\\"\\n"}'
    assert [part for part, origin in runs(text) if origin] == ['ü \\"x\\"\\n']
