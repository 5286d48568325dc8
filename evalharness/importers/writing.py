"""An imported suite as the text of its files. Whatever the other tool's file said in a comment stays a comment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import yaml

from evalharness.importers.promptfoo import Imported
from evalharness.importers.providers import FoundModel

_WIDTH = 110
_MOST_CHARS = 300
MOST_NOTES = 1_000
"""Listed one by one; `--json` has them all."""


def suite_text(imported: Imported, origin: str) -> str:
    """`suites/NAME.yaml`: what was left out, the models, then the suite."""
    head = [f"Imported from {origin}.", ""]
    if imported.notes:
        head += [f"without a counterpart, or with another meaning here ({len(imported.notes)}):"]
        head += [f"  {note}" for note in imported.notes[:MOST_NOTES]]
        head += [f"  and {len(imported.notes) - MOST_NOTES} more"] if len(imported.notes) > MOST_NOTES else []
        head += [""]
    head += ["Its models, for pyproject.toml:", "", *models_text(imported.models).splitlines()]
    return f"{_comment(head)}\n{_yaml(imported.suite)}"


def golden_text(imported: Imported, origin: str) -> str:
    """`golden/NAME.yaml`."""
    head = [f"Imported from {origin}: the answers that its assertions compare with."]
    return f"{_comment(head)}\n{_yaml(imported.golden)}"


def models_text(models: Mapping[str, FoundModel]) -> str:
    """Tables for pyproject.toml."""
    return "\n".join("\n".join(_table(name, model)) + "\n" for name, model in models.items())


def _table(name: str, model: FoundModel) -> Iterable[str]:
    yield f"[tool.evalharness.models.{name}]"
    for key, value in model.settings.items():
        hint = "" if model.known or key == "model" else "  # fill in"
        yield f"{key} = {json.dumps(value, ensure_ascii=False)}{hint}"


def _comment(lines: Sequence[str]) -> str:
    shown = (f"# {_printable(line)}".rstrip() for line in lines)
    return "".join(f"{line}\n" for line in shown)


def _printable(line: str) -> str:
    text = "".join(character if character.isprintable() else " " for character in line)
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}…"


def _yaml(value: object) -> str:
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH))


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, and nothing by reference."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
