"""`evalharness init --from app`: a suite for the project's own application, its prompt and its questions."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from evalharness.cli._output import ask, echo
from evalharness.config import Config, ModelConfig, load_config
from evalharness.errors import ConfigError
from evalharness.importers.datasets import Dataset, DatasetOptions, import_dataset
from evalharness.importers.datasets.output import write_dataset
from evalharness.importers.datasets.questions import question_rows
from evalharness.importers.datasets.table import DatasetError
from evalharness.report.encode import one_line
from evalharness.scaffold import ScaffoldModel
from evalharness.scaffold.action_source import action_source
from evalharness.scaffold.app import application, find_applications, model_change
from evalharness.scaffold.app_found import Application
from evalharness.scaffold.project import FileChange, gitignore_change, variable_note, workflow_change, write_change
from evalharness.suites.document import DocumentError
from evalharness.suites.files import FileError
from evalharness.suites.prompt_files import prompt_path, read_prompt_file
from evalharness.suites.prompt_format import FormatError, check_filled

_NO_CASES = """\
--cases FILE is missing: a table with a column question (and golden, if you have answers), JSON Lines, or a .txt file
with a question on each line"""

_UNDEFINED = re.compile(r"'(\w+)' is undefined")


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What the user chooses."""

    app: str | None = None
    prompt: Path | None = None
    cases: Path | None = None
    dry_run: bool = False
    force: bool = False
    action: str | None = None
    """The repository of evalharness on GitHub, for the workflow."""


def init_app(root: Path, name: str, options: AppOptions) -> Dataset:
    """Write configuration and suite; the data set that the suite was made from. Raises EvalHarnessError."""
    if options.cases is None:
        raise click.UsageError(_NO_CASES)
    found = find_applications(root, own_prompt=options.prompt is not None)
    chosen = _chosen(found, options.app)
    model, change = model_change(root, "app", _with_prompt(chosen, options.prompt, root))
    config = _configured(load_config(root), model, chosen)
    changes = [change, gitignore_change(root), *_workflow(root, model, chosen, options.action)]
    command = _command(name, options, chosen)
    with tempfile.TemporaryDirectory() as folder:
        dataset = _dataset(options.cases, model, config, folder)
        if options.prompt is not None and chosen.is_model:
            _name_prompt(dataset, options.prompt, config)
        written = _written(dataset, name, config, options, command)
    for one in changes if not options.dry_run else ():
        if one.added:
            write_change(root, one)
    is_http = chosen.settings["provider"] == "http"
    _show(changes, written, dataset, dry_run=options.dry_run, is_http=is_http)
    return dataset


def _written(dataset: Dataset, name: str, config: Config, options: AppOptions, command: str) -> list[str]:
    """The paths of the written files. Raises DatasetError, with advice for a variable that no question has."""
    try:
        return write_dataset(dataset, name, config, command=command, force=options.force, dry_run=options.dry_run)
    except DatasetError as error:
        raise DatasetError(f"{error}{_advice(str(error), dataset.file)}") from None


def _advice(problems: str, file: Path) -> str:
    """What to add to the file with the questions for the variables that the prompt has and they do not."""
    columns = ", ".join(dict.fromkeys(_UNDEFINED.findall(problems)))
    if not columns:
        return ""
    where = "a .csv file" if file.suffix.lower() == ".txt" else one_line(file.name, 80)
    return f"\nthe prompt also needs these columns in {where}: {columns}"


def _chosen(found: Sequence[Application], name: str | None) -> Application:
    """The application that the user names or chooses; without a terminal, the first."""
    chosen = application(list(found), name) if name is not None else found[0]
    width = max(len(one.name) for one in found)
    for one in found:
        mark = "*" if one is chosen else " "
        echo(f"{mark} {one_line(one.name, 80):<{width}}  {one_line(f'{one.kind}, {one.where}')}")
    if name is None and len(found) > 1:
        if sys.stdin.isatty():
            return application(list(found), ask("test which one", default=chosen.name))
        echo(f"for another one: --app {shlex.quote(found[1].name)}")
    return chosen


def _with_prompt(chosen: Application, prompt: Path | None, root: Path) -> Application:
    """The application, whose answers depend on its prompt file."""
    if prompt is None or chosen.is_model:
        return chosen
    file = _relative(prompt, root).as_posix()
    known = chosen.settings.get("identity_files")
    return replace(chosen, settings={**chosen.settings, "identity_files": [*known, file]}) if known else chosen


def _configured(config: Config, model: str, chosen: Application) -> Config:
    """The configuration with the new model, for the check of the suite."""
    return config.model_copy(update={"models": {**config.models, model: ModelConfig(**chosen.settings)}})


def _dataset(file: Path, model: str, config: Config, folder: str) -> Dataset:
    """The questions as a data set; those of a text file pass through a file in `folder`."""
    options = DatasetOptions(models=(model,))
    if file.suffix.lower() != ".txt":
        return import_dataset(file, options, config)
    return replace(import_dataset(question_rows(file, Path(folder)), options, config), file=file)


def _name_prompt(dataset: Dataset, prompt: Path, config: Config) -> None:
    """Make the suite read the prompt from its file: as the system message if it does not take the question."""
    root = config.root.resolve()
    file = _relative(prompt, root).as_posix()
    reference = Path(os.path.relpath(root / file, root / "suites")).as_posix()
    try:
        texts = read_prompt_file(prompt_path(root, root, file), root, config.limits).texts
    except (FileError, DocumentError) as error:
        raise ConfigError(f"--prompt: {error}") from None
    names = [one.name for one in dataset.plan.of("variable")]
    source = {"file": reference}
    if any(_is_python(one.text, names) for one in texts):
        source["format"] = "python"
        echo(f"{file}: its variables are written as {{name}}, so the suite has format: python")
    asks = any(re.search(rf"\{{\{{?-?\s*{name}\b", one.text) for one in texts for name in dataset.plan.main or names)
    dataset.prompt = source if asks or len(texts) > 1 else [{"system": source}, *dataset.messages]
    dataset.prompt_file = file


def _is_python(text: str, names: Sequence[str]) -> bool:
    try:
        check_filled(text, names)
    except FormatError:
        return True
    return False


def _relative(file: Path, root: Path) -> Path:
    path, base = Path(os.path.abspath(file)), root.resolve()  # noqa: PTH100 - a link stays one, and is refused
    if not path.is_relative_to(base):
        raise ConfigError(f"--prompt: expected a file below {base}, got {file}")
    return path.relative_to(base)


def _workflow(root: Path, model: str, chosen: Application, action: str | None) -> list[FileChange]:
    """The workflow; none for an application that a job must start first."""
    if chosen.settings["provider"] == "http":
        return []
    own = ["-r requirements.txt"] if (root / "requirements.txt").is_file() else []
    scaffold = ScaffoldModel(model, "", ("evalharness", *own), chosen.settings.get("api_key_env"))
    return [workflow_change(root, scaffold, action_source(action))]


def _command(name: str, options: AppOptions, chosen: Application) -> str:
    words = ["evalharness", "init", name, "--from", "app", "--app", chosen.name]
    words += ["--prompt", str(options.prompt)] if options.prompt else []
    return shlex.join([*words, "--cases", str(options.cases), "--force"])


def _show(
    changes: Sequence[FileChange], written: Sequence[str], dataset: Dataset, *, dry_run: bool, is_http: bool
) -> None:
    for one in changes:
        reason = f": {one.reason}" if one.reason else ""
        action = f"would be {one.action}" if dry_run and one.added else one.action
        echo(f"{action:<11} {one_line(one.path)}{reason}")
        if one.path == "pyproject.toml" and one.added:
            echo("".join(f"    {line}\n" for line in one.added.strip().splitlines()), nl=False)
    for path in written:
        echo(f"{'would be written' if dry_run else 'written':<11} {path}")
    for note in (*dataset.notes, *filter(None, [variable_note(changes)])):
        echo(f"note        {one_line(note, 500)}")
    cases = "1 case" if dataset.count == 1 else f"{dataset.count:,} cases"
    echo(f"{cases}{', with golden answers' if dataset.has_golden else ''}")
    if is_http:
        echo("start the application before each run: evalharness does not start it")
    if dry_run:
        echo("nothing is written: run it again without --dry-run")
