"""The real worker on a fake model, as a program. A prompt is a text of token numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fake_native import FakeNative

from evalharness.local import worker
from evalharness.local.prompt_tokens import ControlToken


class NumberModel(FakeNative):
    """A model whose texts are its token numbers, and whose responses end with max_tokens."""

    control_tokens: Sequence[ControlToken] = ()

    def __init__(self, path: str, *, sequences: int, **_: Any) -> None:
        super().__init__(sequences, max_capacity=100_000)

    def chat_template(self) -> str:
        """A template that renders the contents alone."""
        return "{% for message in messages %} {{ message.content }} {% endfor %}"

    def special_texts(self) -> tuple[str, str]:
        """No begin and end tokens."""
        return "", ""

    def bos(self) -> None:
        """No token that starts every prompt."""
        return

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """The numbers in the text."""
        return [int(number) for number in text.split()]

    def ends(self, token: int) -> bool:
        """No token ends a response."""
        return False


if __name__ == "__main__":
    worker.Native = NumberModel  # type: ignore[misc, assignment]
    worker.main()
