"""Leave an imported prompt in its file where the suite can read it from there, and reads the same."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from evalharness.config import Config
from evalharness.importers.promptfoo.prompts import ImportedPrompt
from evalharness.suites.document import DocumentError
from evalharness.suites.files import FileError
from evalharness.suites.prompt_files import TEMPLATES, prompt_path, read_prompt_file
from evalharness.suites.prompt_format import FormatError, check_filled


def in_its_file(prompt: ImportedPrompt, folder: Path, config: Config, variables: Collection[str]) -> dict[str, str]:
    """The prompt as the suite names its file, which is relative to `folder`; empty if its text must be in the suite."""
    root = config.root.resolve()
    if not prompt.file or not folder.is_relative_to(root):
        return {}
    try:
        path = prompt_path(root, folder, prompt.file)
        found = read_prompt_file(path, root, config.limits)
    except (FileError, DocumentError):
        return {}
    if [(one.role or "user", one.text) for one in found.texts] != [*map(_sent, prompt.messages)]:
        return {}
    source = {"file": Path(os.path.relpath(path, root / "suites")).as_posix()}
    is_plain = path.suffix.lower() not in TEMPLATES and any(_is_unfilled(one.text, variables) for one in found.texts)
    return source | ({"format": "jinja"} if is_plain else {})


def _sent(message: dict[str, str]) -> tuple[str, str]:
    ((role, text),) = message.items()
    return role, text if text.endswith("\n\n") else text.removesuffix("\n")


def _is_unfilled(text: str, variables: Collection[str]) -> bool:
    try:
        check_filled(text, variables)
    except FormatError:
        return True
    return False
