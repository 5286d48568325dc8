"""Checks to write in Python, for assertions that promptfoo runs as code. Nothing of that code is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any, NamedTuple

from evalharness.importers.comments import printable_line
from evalharness.scoring.checks import open_check

KINDS = ("javascript", "python")
MODULE = "checks"
_MAX_LINES, _MAX_NAME = 60, 40
_HEAD = '''"""Checks that promptfoo ran as code: write each one in Python.

A check gets what its parameters name: `text`, `messages`, `variables`, `golden`, `tags`, `contexts`, `tool_calls`. It
returns whether the answer is right, or a text that says what is wrong.
"""
'''
_BODY = '    raise NotImplementedError("write this check in Python")'


class Program(NamedTuple):
    """An assertion in code. Equal ones are one check."""

    kind: str
    """`javascript` or `not-python`, with the limit if there is one."""
    code: str
    config: str


@dataclass
class Programs:
    """The checks to write, each with a name and the place of its first assertion."""

    taken: Iterable[str] = ()
    """Names of the project's checks."""
    named: dict[Program, tuple[str, str]] = field(default_factory=dict)

    def check(self, program: Program, wanted: str, place: str) -> str:
        """The name of the check for an assertion; `wanted` if it is a free name."""
        if program not in self.named:
            kind = next(one for one in KINDS if one in program.kind)
            own = _identifier(wanted)
            self.named[program] = self._free(own or kind, is_numbered=not own), place
        return self.named[program][0]

    def _free(self, name: str, *, is_numbered: bool) -> str:
        used = {*self.taken, *(one for one, _ in self.named.values())}
        found, number = (f"{name}_1", 1) if is_numbered else (name, 1)
        while found in used or _is_known(found):
            number += 1
            found = f"{name}_{number}"
        return found

    @property
    def names(self) -> list[str]:
        """The names of all checks."""
        return [name for name, _ in self.named.values()]

    def module(self) -> str:
        """The Python module with a stub for each check; the code of promptfoo is in comments."""
        return "\n\n".join([_HEAD, *("\n".join(_stub(*one, program)) + "\n" for program, one in self.named.items())])


def _identifier(text: str) -> str:
    """The text as the name of a function, "" if nothing is left."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:_MAX_NAME].strip("_")
    return f"check_{name}" if name and (name[0].isdigit() or iskeyword(name)) else name


def _is_known(name: str) -> bool:
    """Whether the package or a plugin has a check of this name."""
    try:
        open_check(name, None)
    except LookupError:
        return False
    except Exception:  # it exists, and refuses the value
        return True
    return True


def _stub(name: str, place: str, program: Program) -> Iterator[str]:
    yield f"def {name}(text):"
    yield f"    # {printable_line(f'{place}: {program.kind}')}"
    lines = program.code.strip().splitlines()
    yield from (f"    #   {printable_line(line)}".rstrip() for line in lines[:_MAX_LINES])
    if len(lines) > _MAX_LINES:
        yield f"    #   and {len(lines) - _MAX_LINES} more lines"
    if program.config:
        yield f"    # config: {printable_line(program.config)}"
    yield _BODY


def limited(kind: str, threshold: Any) -> str:
    """The kind with its threshold."""
    return kind if threshold is None else f"{kind}, with a score of at least {threshold}"


def function_of(reference: str) -> str:
    """The name of the function or the file in `file://checks/tone.py:grade`."""
    path, _, function = reference.partition("://")[2].partition(":")
    return function.rpartition(".")[2] or path.rpartition("/")[2].partition(".")[0]
