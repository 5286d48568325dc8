"""Porter's stemmer with the extensions of nltk, the one that rouge-score uses.

Porter 1980, "An algorithm for suffix stripping". Written again because nltk imports scipy.stats and scikit-learn, which
costs a second of processor time. The tests compare it with nltk's `PorterStemmer`.
"""

from __future__ import annotations

from collections.abc import Callable

_IRREGULAR = {
    "canning": "canning",
    "cannings": "canning",
    "dying": "die",
    "exceed": "exceed",
    "howe": "howe",
    "inning": "inning",
    "innings": "inning",
    "lying": "lie",
    "news": "news",
    "outing": "outing",
    "outings": "outing",
    "proceed": "proceed",
    "skies": "sky",
    "sky": "sky",
    "succeed": "succeed",
    "tying": "tie",
}
_Rules = tuple[tuple[str, str], ...]
"""Suffixes and what replaces them. The first suffix of a word decides, also if its rest is too short to change."""
_PLURALS: _Rules = (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", ""))
_STEP_2: _Rules = (
    *(("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble")),
    *(("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate")),
    *(("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al")),
    *(("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful")),
)
_STEP_3: _Rules = (
    *(("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")),
)
_REMOVED = "al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize"
_STEP_4: _Rules = tuple((suffix, "") for suffix in _REMOVED.split())


def stem(word: str) -> str:
    """Return the stem of an English word, in lower case."""
    word = word.lower()
    if word in _IRREGULAR or len(word) <= 2:
        return _IRREGULAR.get(word, word)
    for step in (_plural, _past, _final_y, _step_2, _step_3, _step_4, _final_e, _final_ll):
        word = step(word)
    return word


def _kinds(word: str) -> str:
    """`v` for each vowel and `c` for each other letter. A y after a consonant is a vowel."""
    kinds = ""
    for letter in word:
        kinds += "v" if letter in "aeiou" or (letter == "y" and kinds.endswith("c")) else "c"
    return kinds


def _measure(word: str) -> int:
    """The number of times that a consonant follows a vowel."""
    return _kinds(word).count("vc")


def _is_short(word: str) -> bool:
    """Whether a word ends like `hop` or is like `at`: its verb has an e that `ing` removes."""
    kinds = _kinds(word)
    return kinds == "vc" or (kinds.endswith("cvc") and word[-1] not in "wxy")


def _replaced(word: str, rules: _Rules, applies: Callable[[str], bool]) -> str:
    for suffix, replacement in rules:
        if word.endswith(suffix):
            rest = word.removesuffix(suffix)
            return rest + replacement if applies(rest) else word
    return word


def _plural(word: str) -> str:
    if word.endswith("ies") and len(word) == 4:
        return word[:-1]
    return _replaced(word, _PLURALS, lambda _: True)


def _past(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix) and "v" in _kinds(rest := word.removesuffix(suffix)):
            return _with_its_end(rest)
    return word


def _with_its_end(word: str) -> str:
    """The verb that lost `ed` or `ing`: `conflat` -> `conflate`, `hopp` -> `hop`, `fil` -> `file`."""
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if word[-2:-1] == word[-1] and _kinds(word).endswith("c"):
        return word if word[-1] in "lsz" else word[:-1]
    return word + "e" if _measure(word) == 1 and _is_short(word) else word


def _final_y(word: str) -> str:
    rest = word.removesuffix("y")
    return rest + "i" if word.endswith("y") and len(rest) > 1 and _kinds(rest).endswith("c") else word


def _step_2(word: str) -> str:
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _step_2(word[:-2])
    if word.endswith("logi"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _replaced(word, _STEP_2, lambda rest: _measure(rest) > 0)


def _step_3(word: str) -> str:
    return _replaced(word, _STEP_3, lambda rest: _measure(rest) > 0)


def _step_4(word: str) -> str:
    ends = ("s", "t") if word.endswith("ion") else ""
    return _replaced(word, _STEP_4, lambda rest: _measure(rest) > 1 and rest.endswith(ends))


def _final_e(word: str) -> str:
    rest = word.removesuffix("e")
    measure = _measure(rest)
    return rest if measure > 1 or (measure == 1 and not _is_short(rest)) else word


def _final_ll(word: str) -> str:
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
