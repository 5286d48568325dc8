"""The terminal interface of labelling: show an answer, read a key, repeat."""

from __future__ import annotations

from evalharness.cli.keys import key_by_key, show_help, typed_at
from evalharness.review.label_screen import label_screen
from evalharness.review.label_steps import LabelSteps
from evalharness.review.screen import Size

_BOTTOM = "s skip  b back  m more  q stop  ? help"
_HELP = """\
The keys in brackets are the choices. Each label is saved immediately.

s  skip the answer (or right arrow); the next calibration asks again
b  go back, to change a label (or left arrow)
m  show all of the texts, or as much as fits
q  stop labelling, and let the judge judge what is labelled
?  show this help

press any key to continue"""


def label_all(steps: LabelSteps) -> None:
    """Step through the answers, until the end or q."""
    whole, message = False, ""
    typed: list[str] = []
    with key_by_key():
        while (item := steps.current) is not None:
            if not typed:
                typed = _shown(steps, message, whole=whole)
                continue
            message, key = "", typed.pop(0)
            if key in ("q", "\x04"):
                return
            if key == "m":
                whole = not whole
            elif key == "?":
                show_help(_HELP)
            else:
                message = steps.press(key)
                whole = whole and steps.current is item


def _shown(steps: LabelSteps, message: str, *, whole: bool) -> list[str]:
    """Show the current answer, and return the typed keys."""

    def lines(size: Size) -> list[str]:
        item = steps.current
        assert item is not None
        place = f"{steps.place + 1} of {len(steps.items)}"
        return label_screen(item, place, steps.made.get(item.of, ""), size, whole=whole)

    return typed_at(lines, message, _BOTTOM)
