r"""Words of any script, for ROUGE and token F1.

rouge-score's own tokeniser keeps `[a-z0-9]` only, which gives 0 to Thai and Chinese and cuts "café" to "caf". This one:

    1. canonical caseless form: NFC of casefold (Unicode 3.13, D145), so that é in one or two code points is the same;
    2. a word is a run of letters, digits and marks (general categories L, N, M) that starts with a letter or a digit. A
       mark does not end a word: Thai vowels and tones, Devanagari matras and Arabic vowel signs are marks, and Python's
       `\w` would split at each. A mark on anything else is dropped: the emoji selector is a mark, and would be a word
       that all emoji share;
    3. invisible format characters (Cf: soft hyphen, joiners, direction marks) vanish without ending a word, as in
       UAX #29, WB4; the zero width space ends one;
    4. everything else separates words: spaces, punctuation, symbols, emoji, underscore, and a character that is newer
       than Python's Unicode tables;
    5. Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar do not put spaces between words. There a token is one
       character with the marks that stand on it. Finding words would take a dictionary per language, whose version
       would move scores; a single code point would let bare tone marks, of which there are four, match one another.

For ASCII text the tokens are exactly those of rouge-score.
"""

from __future__ import annotations

import re
from unicodedata import category

from evalharness.scoring.metrics.normal_form import normalize

# Blocks, since unicodedata does not know the Script property; all letters of these blocks are of these scripts.
_SPACELESS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # ideographic iteration mark, closing mark, zero
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana for Ainu
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar, extended B
    (0xAA60, 0xAA7F),  # Myanmar, extended A
    (0xF900, 0xFAFF),  # Han, compatibility
    (0xFF66, 0xFF9F),  # Katakana, halfwidth
    (0x1AFF0, 0x1B16F),  # Kana, extended and supplement
    (0x20000, 0x3FFFD),  # Han: planes 2 and 3 are kept for it
)
RULES = "unicode-2"
"""The name of these rules in signatures: change it with the rules."""
_WITH_MARKS = _SPACELESS[:3] + _SPACELESS[8:10] + ((0x3099, 0x309A), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))


def tokenise(text: str, *, symbols: bool = False) -> list[str]:
    """Return the words of `text` in order, folded so that words that read the same are equal strings.

    `symbols`: every symbol beyond ASCII (general category S: emoji, arrows, currencies) is a word too.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    folded = normalize("NFC", normalize("NFD", text).casefold())
    found = _WORD.findall(folded.translate(_WITH_SYMBOLS if symbols else _LETTERS))
    return [word for word in map(_from_its_letter, found) if word]


class _Letters(dict[int, str]):
    """A table for `str.translate` that keeps letters, digits and marks, and caches what it computed."""

    def __init__(self, *, symbols: bool) -> None:
        self._symbols = symbols

    def __missing__(self, code: int) -> str:
        self[code] = kept = _kept(chr(code), self._symbols)
        return kept


def _kept(char: str, symbols: bool) -> str:
    kind = category(char)
    if kind == "Cf" and char != "\N{ZERO WIDTH SPACE}":
        return ""
    if symbols and kind[0] == "S" and not char.isascii():
        return f" {char} "
    return char if kind[0] in "LNM" else " "


def _from_its_letter(word: str) -> str:
    """The word without the marks at its start."""
    start = 0
    while start < len(word) and category(word[start])[0] == "M":
        start += 1
    return word[start:]


def _class(blocks: tuple[tuple[int, int], ...]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in blocks)


def _marks() -> str:
    codes = (code for first, last in _WITH_MARKS for code in range(first, last + 1))
    return "".join(chr(code) for code in codes if category(chr(code))[0] == "M")


_LETTERS, _WITH_SYMBOLS = _Letters(symbols=False), _Letters(symbols=True)
_ASCII_WORD = re.compile("[a-z0-9]+")
_WORD = re.compile(f"[{_class(_SPACELESS)}][{_marks()}]*|[^ {_class(_SPACELESS)}]+")
