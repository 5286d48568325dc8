"""Where a workflow on GitHub gets evalharness from: the repository whose action it uses.

The address is not part of the package, because every organization may keep evalharness elsewhere. It is that of an
option, or the one that this evalharness was installed from (PEP 610). Without either, the workflow reads the
configuration variable `EVALHARNESS_REPOSITORY` of the repository or organization on GitHub.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from evalharness import __version__
from evalharness.errors import ConfigError
from evalharness.store.environment import run_git

VARIABLE = "EVALHARNESS_REPOSITORY"
_NAME = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]+?"
_ON_GITHUB = re.compile(rf"(?:git\+)?(?:https://|ssh://git@|git@)github\.com[/:]({_NAME})(?:\.git)?/?")
_GIVEN = re.compile(rf"({_NAME})(?:@([A-Za-z0-9][A-Za-z0-9_./-]*))?")


@dataclass(frozen=True, slots=True)
class ActionSource:
    """A repository on GitHub, and the version in it."""

    repository: str
    """Account and name, such as `acme/evalharness`, or an expression that gives them."""
    ref: str
    """A tag, a branch or a commit."""


UNKNOWN = ActionSource(f"${{{{ vars.{VARIABLE} }}}}", f"v{__version__}")


def action_source(given: str | None = None) -> ActionSource:
    """The source that `given` names (`acme/evalharness` or `acme/evalharness@REF`), or that of this installation.

    Raises ConfigError for another text.
    """
    if given is None:
        return _installed() or UNKNOWN
    if (found := _GIVEN.fullmatch(given)) is None:
        raise ConfigError(f"--action: expected a repository on GitHub, such as acme/evalharness@v1.0.0, got {given!r}")
    return ActionSource(found[1], found[2] or UNKNOWN.ref)


def _installed() -> ActionSource | None:
    """The repository on GitHub that pip installed from, or that the installed clone has as its remote `origin`."""
    try:
        about = json.loads(distribution("evalharness").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, OSError, ValueError):
        return None
    return source_of(about) if isinstance(about, dict) else None


def source_of(about: dict[str, object]) -> ActionSource | None:
    """The source in the content of a `direct_url.json`; None if it is not on GitHub."""
    url, of_git = str(about.get("url", "")), about.get("vcs_info")
    if url.startswith("file:"):
        url = run_git(Path(unquote(urlsplit(url).path)), "remote", "get-url", "origin") or ""
    commit = of_git.get("commit_id") if isinstance(of_git, dict) else None
    found = _ON_GITHUB.fullmatch(url)
    return ActionSource(found[1], str(commit or UNKNOWN.ref)) if found else None
