"""Write an imported suite as YAML, with the notes in a comment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import yaml

from evalharness.importers.comments import comment
from evalharness.importers.promptfoo.providers import ImportedModel
from evalharness.importers.promptfoo.suite import ImportedSuite

_WIDTH = 110
MAX_NOTES = 1_000
"""Notes in the terminal and the suite. `--json` has all."""


def suite_text(imported: ImportedSuite, origin: str, module: str) -> str:
    """The text of `suites/NAME.yaml`: the notes, the tables of models and of checks in `module`, then the suite."""
    head = [f"Imported from {origin}.", ""]
    if imported.notes:
        head += [f"not imported, or imported with another meaning ({len(imported.notes)}):"]
        head += [f"  {note}" for note in imported.notes[:MAX_NOTES]]
        head += [f"  and {len(imported.notes) - MAX_NOTES} more"] if len(imported.notes) > MAX_NOTES else []
        head += [""]
    head += ["Models for pyproject.toml:", "", *models_text(imported.models).splitlines()]
    if imported.programs.names:
        head += ["", "Checks for pyproject.toml:", "", *checks_text(imported.programs.names, module).splitlines()]
    return f"{comment(head)}\n{yaml_text(imported.suite)}"


def golden_text(imported: ImportedSuite, origin: str) -> str:
    """The text of `golden/NAME.yaml`."""
    head = [f"Imported from {origin}: the expected answers of its assertions."]
    return f"{comment(head)}\n{yaml_text(imported.golden)}"


def models_text(models: Mapping[str, ImportedModel]) -> str:
    """The tables of the models for pyproject.toml."""
    return "\n".join("\n".join(_table(name, model)) + "\n" for name, model in models.items())


def checks_text(names: Iterable[str], module: str) -> str:
    """The tables of the checks for pyproject.toml."""
    return "\n".join(f'[tool.evalharness.checks.{name}]\ncall = "{module}:{name}"\n' for name in names)


def _table(name: str, model: ImportedModel) -> Iterable[str]:
    yield f"[tool.evalharness.models.{name}]"
    for key, value in model.settings.items():
        hint = "" if model.known or key == "model" else "  # complete this"
        yield f"{key} = {json.dumps(value, ensure_ascii=False)}{hint}"
    if model.needs_key:
        yield '# api_key_env = "..."  # the variable with the key of this host'


def yaml_text(value: object) -> str:
    """The value as YAML, with blocks for multi-line texts."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH))


class _Dumper(yaml.SafeDumper):
    """Writes multi-line texts as blocks, without aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
