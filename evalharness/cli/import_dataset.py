"""`evalharness import dataset`: preview a data set, and write it as a suite."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from evalharness.cli._output import echo, explained
from evalharness.cli.complete import complete_model
from evalharness.cli.dataset_preview import preview
from evalharness.config import Config, load_config
from evalharness.importers.datasets import Choice, Dataset, DatasetOptions, ReadOptions, import_dataset
from evalharness.importers.datasets.form import ANY_TABLE, Form
from evalharness.importers.datasets.output import write_dataset
from evalharness.importers.names import unique_names
from evalharness.report.encode import one_line

_MAX_NOTES = 20


def _variables(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """Column -> name of the variable."""
    pairs = [value.partition("=")[::2] if "=" in value else (value, value) for value in values]
    for name, column in pairs:
        if not name.isidentifier() or not column:
            raise click.BadParameter(
                f"expected NAME=COLUMN with a name of letters, digits and _, got '{name}={column}'"
            )
    if len({name for name, _ in pairs}) < len(pairs):
        raise click.BadParameter("expected a different NAME for each column")
    return {column: name for name, column in pairs}


def _delimiter(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    found = {"tab": "\t", "\\t": "\t"}.get(value or "", value)
    if found is not None and len(found) != 1:
        raise click.BadParameter(f"expected one character or 'tab', got '{value}'")
    return found


_OPTIONS = (
    click.option("--output", "-o", metavar="suites/NAME.yaml", help="Write the suite. Default: only show a preview."),
    click.option("--id", "id_column", metavar="COLUMN", help="Take the ids of the cases from this column."),
    click.option("--golden", multiple=True, metavar="COLUMN", help="Take golden answers from this column; repeatable."),
    click.option(
        "--var",
        "variables",
        multiple=True,
        callback=_variables,
        metavar="NAME=COLUMN",
        help="Use this column as the variable NAME; repeatable.",
    ),
    click.option("--tag", "tags", multiple=True, metavar="COLUMN", help="Use this column as tags; repeatable."),
    click.option("--ignore", "ignored", multiple=True, metavar="COLUMN", help="Leave this column out; repeatable."),
    click.option(
        "--prompt", metavar="TEXT|FILE", help="Set the template of the prompt: a text, or a file that has it."
    ),
    click.option(
        "--model",
        "models",
        multiple=True,
        shell_complete=complete_model,
        metavar="NAME",
        help="Run on this configured model; repeatable. Default: the first of pyproject.toml.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Read only the first rows."),
    click.option(
        "--sample", type=click.IntRange(min=1), help="Take as many rows, chosen at random and independent of order."
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Choose other rows for --sample."),
    click.option("--split", metavar="NAME", help="Read only this split of the data set, such as test."),
    click.option(
        "--encoding", help="Set the encoding of the file, such as cp1252. Default: UTF-8, or UTF-16 by its BOM."
    ),
    click.option(
        "--delimiter", callback=_delimiter, help="Set the delimiter of a table; 'tab' for tabs. Default: detected."
    ),
    click.option("--force", is_flag=True, help="Replace existing files."),
)
Function = TypeVar("Function", bound=Callable[..., Any])


def dataset_options(function: Function) -> Function:
    """Add the argument and the options of an import of rows."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))(function)


@click.command(
    "dataset",
    short_help="Convert a data set to a suite.",
    epilog="""\b
Examples:
  evalharness import dataset questions.csv
  evalharness import dataset questions.csv --golden Reply -o suites/support.yaml""",
)
@dataset_options
@click.pass_obj
def dataset(root: Path, /, **given: Any) -> None:
    """Convert FILE, a data set, to a suite with a case file and golden answers.

    FILE is a table (CSV, TSV or another delimiter), JSON, JSON Lines or Parquet. Without -o, the command shows what
    each column becomes and writes nothing.

    Exit status: 0 shown or written, 1 FILE makes no valid suite or a file exists, 2 usage.
    """
    import_rows(root, ANY_TABLE, **given)


def import_rows(
    root: Path, form: Form, /, file: Path, output: str | None, prompt: str | None, *, force: bool, **given: Any
) -> None:
    """Show what the rows of a file become, or write them as a suite."""
    name = _name(output, file)
    with explained():
        config = load_config(root)
        for model in given["models"]:
            config.model(model)
        options = _options(given, prompt, config, form)
        found = import_dataset(file, options, config)
        target = output or f"suites/{name}.yaml"
        if output is None:
            _show(found, _command(str(file), target, prompt, given, form), [*preview(found)])
            return
        command = _command(_relative(file, root), target, prompt, given, form)
        written = write_dataset(found, name, config, command=command, force=force)
    _notes(found)
    for path in written:
        echo(f"written  {path}")
    goldens = f", {found.with_golden:,} with golden answers" if found.has_golden else ", without golden answers"
    echo(f"{found.count:,} cases{goldens}. Next: {_next(name, options)}")


def _name(output: str | None, file: Path) -> str:
    if output is None:
        return next(unique_names([file.stem.partition(".")[0]], "dataset"))
    path = Path(output)
    (name,) = unique_names([path.stem], "dataset")
    if path != Path("suites", f"{name}.yaml"):
        raise click.BadParameter(f"expected suites/NAME.yaml, got {output!r}", param_hint="-o")
    return name


def _options(given: dict[str, Any], prompt: str | None, config: Config, form: Form) -> DatasetOptions:
    columns = Choice(given["id_column"], given["golden"], given["variables"], given["tags"], given["ignored"])
    return DatasetOptions(
        ReadOptions(given["encoding"], given["delimiter"], given["split"]),
        columns,
        prompt and _prompt_text(prompt),
        given["models"] or tuple(config.models)[:1],
        given["limit"],
        given["sample"],
        given["seed"],
        form,
    )


def _prompt_text(prompt: str) -> str:
    """The text of the file of this name, else the argument itself."""
    try:
        if "\n" not in prompt and len(prompt) < 256 and Path(prompt).is_file():
            return Path(prompt).read_text(encoding="utf-8-sig").rstrip("\n")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise click.BadParameter(f"cannot read {prompt}: {error}", param_hint="--prompt") from None
    return prompt


def _relative(file: Path, root: Path) -> str:
    """The path for the comment in the suite: below the root, else the name alone."""
    path, base = file.resolve(), root.resolve()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name


def _command(file: str, output: str, prompt: str | None, given: dict[str, Any], form: Form) -> str:
    """The command that writes what the preview shows."""
    words = ["evalharness", "import", form.command, file]
    names = {
        "--id": [given["id_column"]],
        "--golden": given["golden"],
        "--tag": given["tags"],
        "--ignore": given["ignored"],
    }
    names |= {"--var": [f"{name}={column}" for column, name in given["variables"].items()], "--model": given["models"]}
    names |= {"--prompt": [prompt]}
    names |= {f"--{name}": [given[name]] for name in ("limit", "sample", "split", "encoding", "delimiter")}
    names |= {"--seed": [given["seed"] or None]}
    for option, values in names.items():
        for value in values:
            words += (
                [option, str(value).replace("\t", "tab") if option == "--delimiter" else str(value)] if value else []
            )
    return shlex.join([*words, "-o", output])


def _show(found: Dataset, command: str, lines: Sequence[str]) -> None:
    for line in lines:
        echo(line)
    echo("")
    _notes(found)
    echo(f"Nothing is written yet. Next:\n\n  {one_line(command, 2_000)}")


def _notes(found: Dataset) -> None:
    """The rows and columns that are left out or changed."""
    if found.notes:
        echo("left out, or changed:")
        for note in found.notes[:_MAX_NOTES]:
            echo(f"  {one_line(note, 500)}")
        echo("")


def _next(name: str, options: DatasetOptions) -> str:
    if options.models:
        return f"evalharness run {name}"
    return "add a model to pyproject.toml (evalharness init shows how) and to `models` in the suite"
