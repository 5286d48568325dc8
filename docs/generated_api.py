"""The API reference: every public name, under a heading for the part of the package that it comes from."""

from __future__ import annotations

import inspect

import evalharness

HEADINGS = {
    "evaluation": "Run and compare",
    "suites": "Read files",
    "store": "Read files",
    "config": "Read files",
    "providers": "Write a provider",
    "scoring.metrics": "Write a metric",
    "scoring.judges": "Write a judge",
    "execution": "Write an executor",
    "gate": "Write a gate kind",
    "report": "Write a report format",
    "records": "Records",
    "errors": "Errors",
}
"""The start of a module's name -> heading, in the order of the page."""
ALL_MEMBERS = "   :members:\n   :undoc-members:\n"
MEMBERS = {
    "Evaluation": "   :members: run, verdicts, status, means, to_pandas, save, accept\n",
    "Comparison": "   :members: data, to_pandas, save\n",
    "Config": "",
    "ScriptedProvider": "",
}
"""Classes that show some of their members: the others are for the program itself, or described on another page."""


def api() -> str:
    """The page's sections in Markdown."""
    found: dict[str, list[str]] = {}
    for name, module in evalharness._PUBLIC.items():
        found.setdefault(heading(module), []).append(name)
    assert found.keys() <= set(HEADINGS.values()), found.keys()
    return "\n".join(section(title, found[title]) for title in dict.fromkeys(HEADINGS.values()) if title in found)


def heading(module: str) -> str:
    """The heading of a module's names."""
    return next((title for start, title in HEADINGS.items() if f"{module}.".startswith(f"{start}.")), module)


def section(title: str, names: list[str]) -> str:
    """One section: functions first, then classes, each in the order of the source."""
    return f"## {title}\n\n```{{eval-rst}}\n{''.join(map(directive, sorted(names, key=position)))}```\n"


def position(name: str) -> tuple[bool, str, int]:
    """The key that sorts a public name."""
    public = getattr(evalharness, name)
    return inspect.isclass(public), public.__module__, inspect.getsourcelines(public)[1]


def directive(name: str) -> str:
    """The directive of autodoc for one name. A class shows all its members unless MEMBERS lists them."""
    public = getattr(evalharness, name)
    if not inspect.isclass(public):
        return f".. autofunction:: evalharness.{name}\n"
    if issubclass(public, Exception):
        return f".. autoexception:: evalharness.{name}\n"
    return f".. autoclass:: evalharness.{name}()\n{MEMBERS.get(name, ALL_MEMBERS)}"
