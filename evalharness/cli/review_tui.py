"""The terminal interface of a review: show the answer, read a key, repeat."""

from __future__ import annotations

from evalharness.cli.keys import Mode, key_by_key, line_of, show_help, typed_at
from evalharness.review.screen import Size, screen
from evalharness.review.steps import Review

_BOTTOM = "a golden  k keep  f flag  n note  b back  m more  q quit  ? help"
_HELP = """\
a  accept this answer as golden; written at the end, after confirmation
k  keep the golden answers
f  flag the answer for a second look
n  write a note
b  go back (or left arrow)
↵  go on without a decision (or right arrow)
m  show all of the answer, or as much as fits
q  quit; the next review continues here
?  show this help

press any key to continue"""


def go_through(review: Review) -> bool:
    """Step through the answers. Returns True at the end, False after q."""
    with key_by_key() as usual:
        return _all_seen(review, usual)


def _all_seen(review: Review, usual: Mode) -> bool:
    whole, message = False, ""
    typed: list[str] = []
    while (one := review.current) is not None:
        if not typed:
            typed = _shown(review, message, whole=whole)
            continue
        message = ""
        key = typed.pop(0)
        if key in ("q", "\x04"):
            return False
        if key == "m":
            whole = not whole
        elif key == "?":
            show_help(_HELP)
        elif key == "n":
            note = line_of("\nnote", review.decisions.on(one.key).note, usual)
            review.decisions.note(one.key, " ".join(note.split())[:500])
        else:
            message = review.press(key)
            whole = whole and review.current is one
    return True


def _shown(review: Review, message: str, *, whole: bool) -> list[str]:
    """Show the current answer, and return the typed keys."""

    def lines(size: Size) -> list[str]:
        one = review.current
        assert one is not None
        place = f"{review.place + 1} of {len(review.answers)}"
        return screen(one, place, review.decisions.on(one.key), size, whole=whole)

    return typed_at(lines, message, _BOTTOM)
