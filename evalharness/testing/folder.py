"""Files below one folder, for tests that write and edit them."""

from __future__ import annotations

from pathlib import Path


class Folder:
    """A folder at `root`; file names are relative to it, with `/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file and the folders above it; the file's path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, name: str) -> str:
        """The text of a file."""
        return (self.root / name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text everywhere in a file. Raises AssertionError where the file lacks it."""
        text = self.read(name)
        assert old in text, f"{name}: expected a file with {old!r}, got {text!r}"
        self.write(name, text.replace(old, new))

    def remove(self, name: str) -> None:
        """Delete a file. Raises FileNotFoundError."""
        (self.root / name).unlink()
