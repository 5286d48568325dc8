"""Which content of the work tree is the committed one in another form."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.criteria.forms import in_form_of


@pytest.mark.parametrize(
    ("then", "now", "is_same"),
    [
        (b"a\nb\n", b"a\r\nb\r\n", True),
        (b"a\nb\n", b"a\r\nb\n", False),
        (b"a\r\nb\r\n", b"a\r\r\nb\r\r\n", False),
        (b"a\nb\n", b"a\nc\n", False),
    ],
    ids=["all line ends", "a part of them", "one more carriage return", "another text"],
)
def test_line_ends(tmp_path: Path, then: bytes, now: bytes, *, is_same: bool) -> None:
    """Only a conversion of all line ends, as git does it, gives the same file: a second one adds lines to texts."""
    path = tmp_path / "file"
    path.write_bytes(now)
    assert in_form_of(then, path) == (now if is_same else then)
