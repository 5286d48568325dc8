"""`evalharness import`: suites from other tools. Reads data only."""

from __future__ import annotations

import shutil
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path

import click

from evalharness.cli._output import echo, explained, print_json
from evalharness.cli.import_dataset import dataset
from evalharness.cli.import_export import COMMANDS
from evalharness.config import Config, ModelConfig, load_config
from evalharness.errors import Problem, RefusedError
from evalharness.function_config import FunctionConfig, FunctionElsewhere
from evalharness.importers import (
    MAX_NOTES,
    ImportedSuite,
    checks_text,
    golden_text,
    import_promptfoo,
    models_text,
    suite_text,
)
from evalharness.importers.names import unique_names
from evalharness.importers.promptfoo.programs import MODULE
from evalharness.report.encode import one_line
from evalharness.store.files import create_below
from evalharness.suites import load_suite
from evalharness.suites.prompt_files import prompt_references


@click.group("import", epilog="Example: evalharness import promptfoo promptfooconfig.yaml")
def import_() -> None:
    """Import suites from other tools, and data sets."""


for _command in (dataset, *COMMANDS):
    import_.add_command(_command)


@import_.command(
    short_help="Convert a promptfoo configuration to a suite.",
    epilog="""\b
Example: evalharness import promptfoo promptfooconfig.yaml -o suites/support.yaml""",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", "-o", metavar="suites/NAME.yaml", help="Write to this file. Default: named after FILE.")
@click.option("--judge", metavar="MODEL", default="", help="Let this configured model answer graded assertions.")
@click.option("--json", "as_json", is_flag=True, help="Print the written files and the omissions as JSON.")
@click.pass_obj
def promptfoo(root: Path, file: Path, output: str | None, judge: str, as_json: bool) -> None:
    """Convert FILE, a promptfoo configuration, to a suite with golden answers.

    Parts without a counterpart are listed with their place, and in a comment at the top of the suite. No file is
    overwritten, and no code that FILE names is run.

    Exit status: 0 written, 1 FILE makes no valid suite, 2 usage.
    """
    name = _name(output, file)
    with explained():
        config = load_config(root)
        if judge:
            config.model(judge)  # an unknown one is an error
        imported = import_promptfoo(file.resolve(), config, judge)
        module = _module(root, name)
        texts = {f"suites/{name}.yaml": suite_text(imported, file.name, module)}
        if imported.golden:
            texts[f"golden/{name}.yaml"] = golden_text(imported, file.name)
        if imported.programs.names:
            texts[f"{module}.py"] = imported.programs.module()
        _check(name, texts, imported, config, module)
        _write(root, texts)
    missing = [model for model in imported.models if model not in config.models]
    if as_json:
        print_json(_report(texts, imported, missing, module))
    else:
        _show(name, texts, imported, missing, module)


def _name(output: str | None, file: Path) -> str:
    if output is None:
        return next(unique_names(["promptfoo" if file.stem == "promptfooconfig" else file.stem], "imported"))
    path = Path(output)
    (name,) = unique_names([path.stem], "imported")
    if path != Path("suites", f"{name}.yaml"):
        raise click.BadParameter(f"expected suites/NAME.yaml, got {output!r}", param_hint="-o")
    return name


def _module(root: Path, name: str) -> str:
    """The name of the module for checks: `checks`, or one of the suite's own if the project has such a module."""
    taken = any((root / one).exists() for one in (MODULE, f"{MODULE}.py"))
    return f"{MODULE}_{name.replace('-', '_')}" if taken else MODULE


def _check(name: str, texts: Mapping[str, str], imported: ImportedSuite, config: Config, module: str) -> None:
    """Raise SuiteError where `evalharness validate` would, with the models and the checks configured."""
    models = {model: ModelConfig(provider="openai") for model in imported.models}
    checks = {check: FunctionConfig(call=f"{module}:{check}") for check in imported.programs.names}
    others = {name: FunctionElsewhere(**check.model_dump()) for name, check in config.checks.items()}
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        _write(there, texts)
        for file in prompt_references(there / f"suites/{name}.yaml", there, config.limits):
            (there / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(config.root / file, there / file)
        known = {"root": there, "models": {**models, **config.models}, "checks": {**others, **checks}}
        load_suite(name, config.model_copy(update=known))


def _write(root: Path, texts: Mapping[str, str]) -> None:
    for path in texts:
        if (root / path).exists() or (root / path).is_symlink():
            raise RefusedError(f"{path}: the file exists: choose another name with -o suites/NAME.yaml")
    for path, text in texts.items():
        create_below(root, root / path, text)


def _report(texts: Mapping[str, str], imported: ImportedSuite, missing: list[str], module: str) -> dict[str, object]:
    return {
        "written": list(texts),
        "cases": len(imported.suite["cases"]),
        "models": {name: dict(model.settings) for name, model in imported.models.items()},
        "models_to_configure": missing,
        "checks_to_configure": {name: f"{module}:{name}" for name in imported.programs.names},
        "left_out": [_note(note) for note in imported.notes],
    }


def _note(note: Problem) -> dict[str, object]:
    return {"file": note.file, "line": note.line, "column": note.column, "message": note.message}


def _show(name: str, texts: Mapping[str, str], imported: ImportedSuite, missing: list[str], module: str) -> None:
    if imported.notes:
        echo(f"not imported, or imported with another meaning ({len(imported.notes)}):")
        for note in imported.notes[:MAX_NOTES]:
            echo(textwrap.fill(one_line(str(note), 500), 79, initial_indent="  ", subsequent_indent="      "))
        if len(imported.notes) > MAX_NOTES:
            echo(f"  and {len(imported.notes) - MAX_NOTES} more: --json lists all")
        echo("")
    for path in texts:
        echo(f"written  {path}")
    if missing or imported.programs.names:
        echo("\nadd to pyproject.toml:\n")
        echo(models_text({model: imported.models[model] for model in missing}))
        echo(checks_text(imported.programs.names, module))
    echo(f"{len(imported.suite['cases'])} cases. Next: evalharness validate {name}")
