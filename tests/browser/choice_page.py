"""A page of choices in the browser: that of labels, and that of a blind comparison."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Opened:
    """A page with its requests, errors and downloads."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def start(self, by: str = "Ada") -> Opened:
        """Give the name of the person, which the page asks for first."""
        self.page.fill("#by", by)
        self.press("Enter")
        return self

    def text(self, place: str) -> str:
        """The text of an element."""
        found: str = self.page.inner_text(place)
        return found

    def exported(self) -> list[dict[str, Any]]:
        """Click on the export, and return its lines."""
        with self.page.expect_download() as waiting:
            self.page.click("#export")
        assert waiting.value.suggested_filename == "evalharness-labels.jsonl"
        return [json.loads(line) for line in Path(waiting.value.path()).read_text().split("\n")[:-1]]
