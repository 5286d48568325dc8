"""What a run is doing right now: the loggers of this package, below `logging.getLogger("evalharness")`.

Lines have the level INFO (one for each event) or DEBUG (also the beginnings of responses), never a higher one: problems
are reported by the run itself. So nothing is printed until `pytest --llm-log`, `evalharness -v` or a program's own
`logging.basicConfig(level="INFO")` shows the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from evalharness.redaction import scrub

_MOST_CHARS = 1000
_COMMAND = re.compile(r"(##\w*)\[")
"""A command of a CI system, which obeys it anywhere in a line."""
_PACKAGE = logging.getLogger("evalharness")
_PACKAGE.addHandler(logging.NullHandler())


def get_logger(name: str) -> logging.Logger:
    """The logger of a module: its lines hold no key and no control character."""
    logger = logging.getLogger(name)
    logger.addFilter(_clean)
    return logger


@contextmanager
def logging_to(handler: logging.Handler, level: int, process: str = "") -> Iterator[None]:
    """Send the lines from this level up to a handler, and close it. `process` names an xdist worker."""
    name = f"{process} %(name)s" if process else "%(name)s"
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)-5s {name}: %(message)s"))
    level_before = _PACKAGE.level
    _PACKAGE.addHandler(handler)
    _PACKAGE.setLevel(level)
    try:
        yield
    finally:
        _PACKAGE.removeHandler(handler)
        _PACKAGE.setLevel(level_before)
        with suppress(OSError):  # a full disk; each lost line was reported
            handler.close()


def clean_line(text: str) -> str:
    """The beginning of a text on one line, without keys, control characters and commands of CI systems."""
    line = _COMMAND.sub(r"\1⟨U+005B⟩", " ".join(scrub(text)[:_MOST_CHARS].split()))
    return "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in line)


def _clean(record: logging.LogRecord) -> bool:
    """Clean a record before any handler sees it."""
    record.msg, record.args = clean_line(record.getMessage()), ()
    return True
