"""What a grammar may ask of native code: rules that exist, that end, and that do not grow without bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from evalharness.constraints.gbnf import Chars, GrammarProblem, Group, Item, Reference, Repeat, Rule, read_grammar

ROOT = "root"
MOST_WRITTEN_OUT = 1_000_000
"""Characters of literals and sets on the longest way through a rule, with each bounded repetition written out as often
as it may come, each other one once, and each name as its rule."""

MOST_SKIPPED = 32
"""Items in a row that may be empty: each can be skipped, and native code tries all ways to do so."""

_Sizes = Mapping[str, float]


def check_grammar(text: str) -> None:
    """Raise GrammarProblem, with line and column, unless the grammar is one that llama.cpp takes without harm:

    it is GBNF within the bounds of `gbnf`, has the rule `root` and every rule that it names; each rule can come to an
    end, none begins with itself, repeats what may be empty, or has too much of it in a row, and none is too large when
    it is written out.

    A grammar that passes can still be ambiguous (`"x"* "x"* "x"*`), and then take ever more time and memory while an
    answer is drawn, for native code follows all ways at once. No check finds that for every grammar: it is what
    `deadline_s` and `memory_limit_mb` of the model are for, which end its process.
    """
    rules = read_grammar(text)
    if ROOT not in rules:
        raise GrammarProblem("there is no rule 'root', with which every answer begins", text, 0)
    for rule in rules.values():
        for reference in _references(rule.body):
            if reference.name not in rules:
                raise GrammarProblem(f"there is no rule '{reference.name}'", text, reference.at)
    order = _inner_first(rules)
    shortest = _shortest(order)
    for check in (_endless, _empty_repeats, _skips, _begins_with_itself, _too_large):
        for message, at in check(order, shortest):
            raise GrammarProblem(message, text, at)


_Problems = Iterator[tuple[str, int]]


def _endless(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    for rule in rules:
        if shortest[rule.name] == math.inf:
            yield f"the rule '{rule.name}' can never come to an end", rule.at


def _empty_repeats(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    """`x*` is `r ::= x r | ""` in native code: where x may be empty, r begins with itself."""
    for rule in rules:
        for repeat in _repeats(rule.body):
            if repeat.most != 1 and not _least(repeat.item, shortest):
                yield f"the rule '{rule.name}' repeats what may be empty", repeat.at


def _skips(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    for rule in rules:
        for sequence in _sequences(rule.body):
            row = 0
            for item in sequence:
                row = 0 if _least(item, shortest) else row + 1
                if row > MOST_SKIPPED:
                    yield (
                        f"the rule '{rule.name}' has more than {MOST_SKIPPED} parts in a row that may be empty",
                        rule.at,
                    )


def _begins_with_itself(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    """Take away what begins with nothing that is left, until that is nothing or begins with itself."""
    firsts = {rule.name: {found.name for found in _first(rule.body, shortest)} for rule in rules}
    left = dict(firsts)
    while free := [name for name in left if not firsts[name] & left.keys()]:
        for name in free:
            del left[name]
    for rule in rules:
        if rule.name in left:
            yield f"the rule '{rule.name}' begins with itself, or with a rule that does: left recursion", rule.at


def _too_large(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    sizes: dict[str, float] = {}
    for rule in rules:  # inner ones first: a name that has no size yet is one of a circle, and counts once
        sizes[rule.name] = _written_out(rule.body, sizes)
        if sizes[rule.name] > MOST_WRITTEN_OUT:
            yield f"the rule '{rule.name}' is more than {MOST_WRITTEN_OUT:,} characters when written out", rule.at


def _inner_first(rules: Mapping[str, Rule]) -> list[Rule]:
    """Each rule after those that it names, but for circles. Without recursion: a chain may have a thousand rules."""
    order, seen = list[Rule](), set[str]()
    stack = [(name, False) for name in reversed(list(rules))]
    while stack:
        name, done = stack.pop()
        if done:
            order.append(rules[name])
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack.extend((found.name, False) for found in _references(rules[name].body))
    return order


def _shortest(rules: Sequence[Rule]) -> dict[str, float]:
    """The number of characters of the shortest text of each rule; infinite for one that has none."""
    sizes: dict[str, float] = {rule.name: math.inf for rule in rules}
    changed = True
    while changed:
        before = dict(sizes)
        for rule in rules:
            sizes[rule.name] = _least(rule.body, sizes)
        changed = sizes != before
    return sizes


def _least(item: Item, sizes: _Sizes) -> float:
    match item:
        case Chars():
            return item.shortest
        case Reference():
            return sizes[item.name]
        case Repeat():
            return item.least * _least(item.item, sizes) if item.least else 0
        case Group():
            return min(sum(_least(inner, sizes) for inner in sequence) for sequence in item.alternatives)


def _written_out(item: Item, sizes: _Sizes) -> float:
    match item:
        case Chars():
            return item.length
        case Reference():
            return sizes.get(item.name, 1)
        case Repeat():
            return max(item.least, item.most or 1) * _written_out(item.item, sizes)
        case Group():
            return max(sum(_written_out(inner, sizes) for inner in sequence) for sequence in item.alternatives)


def _references(item: Item) -> Iterator[Reference]:
    if isinstance(item, Reference):
        yield item
    for inner in _inside(item):
        yield from _references(inner)


def _repeats(item: Item) -> Iterator[Repeat]:
    if isinstance(item, Repeat):
        yield item
    for inner in _inside(item):
        yield from _repeats(inner)


def _sequences(item: Item) -> Iterator[Sequence[Item]]:
    if isinstance(item, Group):
        yield from item.alternatives
    for inner in _inside(item):
        yield from _sequences(inner)


def _inside(item: Item) -> Iterator[Item]:
    if isinstance(item, Repeat):
        yield item.item
    elif isinstance(item, Group):
        for sequence in item.alternatives:
            yield from sequence


def _first(item: Item, shortest: _Sizes) -> Iterator[Reference]:
    """The names with which a text of the item may begin."""
    if isinstance(item, Reference):
        yield item
    elif isinstance(item, Repeat):
        yield from _first(item.item, shortest)
    elif isinstance(item, Group):
        for sequence in item.alternatives:
            for inner in sequence:
                yield from _first(inner, shortest)
                if _least(inner, shortest):
                    break
