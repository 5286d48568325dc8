"""The Unicode tokeniser."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalharness.scoring.metrics.tokenise import tokenise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Don't stop_now: 3.14!", ["don", "t", "stop", "now", "3", "14"]),
        ("CAFÉ cafe\u0301 café", ["café"] * 3),
        ("naïve—façade", ["naïve", "façade"]),
        ("Straße ΣΊΣΥΦΟΣ", ["strasse", "σίσυφοσ"]),  # casefold: ß -> ss, final sigma -> sigma
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),  # matras are marks: Python's \w would cut at each
        ("مرحبًا بالعالم", ["مرحبًا", "بالعالم"]),
        ("한국어 단어", ["한국어", "단어"]),  # Korean puts spaces
        ("退货30天iPhone", ["退", "货", "30", "天", "iphone"]),
        ("ひらカナ", ["ひ", "ら", "カ", "ナ"]),
        ("か\u3099", ["が"]),  # combining dakuten composes
        ("รุ่นใหม่iPhone", ["รุ่", "น", "ใ", "ห", "ม่", "iphone"]),  # vowel and tone stay on their consonant
        ("ភាសា", ["ភា", "សា"]),
        ("ພາສາ", ["ພ", "າ", "ສ", "າ"]),
        ("မြန်မာ", ["မြ", "န်", "မာ"]),
        ("co\u00adop می\u200cروم", ["coop", "میروم"]),  # soft hyphen and zero width non-joiner are invisible
        ("a\u200bb", ["a", "b"]),  # the zero width space separates
        ("👍 -- ½", ["½"]),
        ("❤\ufe0f ☠\ufe0f #\ufe0f\u20e3", []),  # marks that stand on no letter
        ("👍\ufe0fok \u0301a", ["ok", "a"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    """The words follow the rules in the module's docstring, by hand."""
    assert tokenise(text) == [normalize("NFC", word) for word in words]


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_rouge_score(text: str) -> None:
    """For ASCII the words are those of rouge-score."""
    from rouge_score.tokenize import tokenize

    assert tokenise(text) == tokenize(text, None)


@given(st.text())
@example("\u03b1\u0345\u0301")  # alpha with iota below, which casefold makes a letter, and an acute
def test_forms_and_case_do_not_count(text: str) -> None:
    """The words do not depend on composition or previous case folding."""
    words = tokenise(text)
    assert tokenise(normalize("NFD", text)) == tokenise(normalize("NFC", text)) == words
    assert tokenise(" ".join(words)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("👍 -- ½", ["👍", "½"]),
        ("ok✓ok", ["ok", "✓", "ok"]),
        ("👍🏽", ["👍", "🏽"]),
        ("❤\ufe0f", ["❤"]),
        ("5 € < $6", ["5", "€", "6"]),
        ("≥", ["≥"]),
        (">\u0338", ["≯"]),  # composed before it is looked at
    ],
)
def test_symbols(text: str, words: list[str]) -> None:
    """With `symbols` each symbol beyond ASCII is a word."""
    assert tokenise(text, symbols=True) == words


@given(st.text())
def test_words_with_symbols_are_stable(text: str) -> None:
    """The words with symbols do not depend on composition either, and contain the words without."""
    words = tokenise(text, symbols=True)
    assert tokenise(normalize("NFD", text), symbols=True) == tokenise(" ".join(words), symbols=True) == words


@given(st.text(), st.text())
def test_a_space_separates(left: str, right: str) -> None:
    """The words of two texts with a space between them are those of both; no word is empty or contains a space."""
    words = tokenise(f"{left} {right}")
    assert words == tokenise(left) + tokenise(right)
    assert all(word and not any(char.isspace() for char in word) for word in words)
