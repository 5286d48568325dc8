"""`evalharness import deepeval`, `openai-evals`, `langsmith`, `langfuse`, `inspect`: exports of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evalharness.cli.import_dataset import dataset_options, import_rows
from evalharness.importers.exports import EXPORTS, Export, form_of

_HELP = """Convert FILE, {title}, to a suite with a case file and golden answers.

{what} The fields are those of {source}. Without -o, the command shows what each field becomes and writes nothing.
Rows that cannot be cases are listed with a reason.

Exit status: 0 shown or written, 1 FILE makes no valid suite or a file exists, 2 usage.
"""
_WHAT = {
    "deepeval": "`input` is the prompt and `expected_output` is golden; recorded answers are left out.",
    "openai-evals": "`input` is the prompt, a text or a chat, and each `ideal` answer is golden.",
    "langsmith": "`inputs` are variables, the only one of `outputs` is golden, and `metadata` gives tags.",
    "langfuse": "`input` is the prompt, `expectedOutput` is golden, and `metadata` gives tags.",
    "inspect": "`input` is the prompt, `choices` are options, and each `target` is golden.",
}
_FILES = {
    "deepeval": "goldens.json",
    "openai-evals": "samples.jsonl",
    "langsmith": "examples.jsonl",
    "langfuse": "items.json",
    "inspect": "samples.jsonl",
}


def _command(export: Export) -> click.Command:
    @dataset_options
    @click.pass_obj
    def command(root: Path, /, **given: Any) -> None:
        import_rows(root, form_of(export), **given)

    start = f"evalharness import {export.command} {_FILES[export.command]}"
    return click.command(
        export.command,
        short_help=f"Convert {export.title} to a suite.",
        help=_HELP.format(title=export.title, source=export.source, what=_WHAT[export.command]),
        epilog=f"\b\nExamples:\n  {start}\n  {start} -o suites/support.yaml",
    )(command)


COMMANDS = [_command(export) for export in EXPORTS.values()]
