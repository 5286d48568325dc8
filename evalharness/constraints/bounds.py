"""Check that a grammar is complete, terminates and stays small when expanded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from evalharness.constraints.gbnf import Chars, GrammarError, Group, Item, Repeat, Rule, RuleReference, read_grammar

ROOT = "root"
MAX_EXPANDED_CHARS = 1_000_000
"""Characters of literals and sets on the longest path through a rule. Bounded repetitions count at their maximum,
unbounded ones once, and names as their rules."""

MAX_EMPTY_ITEMS = 32
"""Consecutive items that can be empty. Native code tries every combination of skipping them."""

_Sizes = Mapping[str, float]


def check_grammar(text: str) -> None:
    """Raise GrammarError unless llama.cpp can use the grammar safely.

    The grammar must be GBNF within the bounds of `gbnf`, and define `root` and every rule that it references. Each rule
    must terminate. No rule may be left-recursive, repeat an item that can be empty, have too many consecutive items
    that can be empty, or be too large when expanded.

    An ambiguous grammar (`"x"* "x"* "x"*`) can pass and still take growing time and memory during sampling, because
    native code follows all parses at once. `deadline_s` and `memory_limit_mb` of the model end its process then.
    """
    rules = read_grammar(text)
    if ROOT not in rules:
        raise GrammarError("missing rule 'root', the start of every answer", text, 0)
    for rule in rules.values():
        for reference in _references(rule.body):
            if reference.name not in rules:
                raise GrammarError(f"undefined rule '{reference.name}'", text, reference.offset)
    order = _dependencies_first(rules)
    shortest = _shortest(order)
    for check in (_endless, _empty_repeats, _empty_runs, _left_recursion, _too_large):
        for message, offset in check(order, shortest):
            raise GrammarError(message, text, offset)


_Problems = Iterator[tuple[str, int]]


def _endless(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    for rule in rules:
        if shortest[rule.name] == math.inf:
            yield f"rule '{rule.name}' never terminates", rule.offset


def _empty_repeats(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    """Native code turns `x*` into `r ::= x r | ""`, which is left-recursive if x can be empty."""
    for rule in rules:
        for repeat in _repeats(rule.body):
            if repeat.maximum != 1 and not _minimum_chars(repeat.item, shortest):
                yield f"rule '{rule.name}' repeats an item that can be empty", repeat.offset


def _empty_runs(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    for rule in rules:
        for sequence in _sequences(rule.body):
            run = 0
            for item in sequence:
                run = 0 if _minimum_chars(item, shortest) else run + 1
                if run > MAX_EMPTY_ITEMS:
                    message = f"rule '{rule.name}' has more than {MAX_EMPTY_ITEMS} consecutive items that can be empty"
                    yield message, rule.offset


def _left_recursion(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    """Remove rules whose first items are resolved, repeatedly; the remaining rules are left-recursive."""
    firsts = {rule.name: {found.name for found in _first(rule.body, shortest)} for rule in rules}
    left = dict(firsts)
    while free := [name for name in left if not firsts[name] & left.keys()]:
        for name in free:
            del left[name]
    for rule in rules:
        if rule.name in left:
            yield f"rule '{rule.name}' is left-recursive or starts with a left-recursive rule", rule.offset


def _too_large(rules: Sequence[Rule], shortest: _Sizes) -> _Problems:
    sizes: dict[str, float] = {}
    for rule in rules:  # dependencies first: a name without a size yet is part of a cycle and counts once
        sizes[rule.name] = _expanded_chars(rule.body, sizes)
        if sizes[rule.name] > MAX_EXPANDED_CHARS:
            yield f"rule '{rule.name}' exceeds {MAX_EXPANDED_CHARS:,} characters when expanded", rule.offset


def _dependencies_first(rules: Mapping[str, Rule]) -> list[Rule]:
    """The rules, each after the rules that it references, except in cycles. Iterative: a chain can have 1,000 rules."""
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
    """The length of the shortest text of each rule in characters, infinite if the rule never terminates."""
    sizes: dict[str, float] = {rule.name: math.inf for rule in rules}
    changed = True
    while changed:
        before = dict(sizes)
        for rule in rules:
            sizes[rule.name] = _minimum_chars(rule.body, sizes)
        changed = sizes != before
    return sizes


def _minimum_chars(item: Item, sizes: _Sizes) -> float:
    match item:
        case Chars():
            return item.shortest
        case RuleReference():
            return sizes[item.name]
        case Repeat():
            return item.minimum * _minimum_chars(item.item, sizes) if item.minimum else 0
        case Group():
            return min(sum(_minimum_chars(inner, sizes) for inner in sequence) for sequence in item.alternatives)


def _expanded_chars(item: Item, sizes: _Sizes) -> float:
    match item:
        case Chars():
            return item.length
        case RuleReference():
            return sizes.get(item.name, 1)
        case Repeat():
            return max(item.minimum, item.maximum or 1) * _expanded_chars(item.item, sizes)
        case Group():
            return max(sum(_expanded_chars(inner, sizes) for inner in sequence) for sequence in item.alternatives)


def _references(item: Item) -> Iterator[RuleReference]:
    if isinstance(item, RuleReference):
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


def _first(item: Item, shortest: _Sizes) -> Iterator[RuleReference]:
    """The references that a text of the item can start with."""
    if isinstance(item, RuleReference):
        yield item
    elif isinstance(item, Repeat):
        yield from _first(item.item, shortest)
    elif isinstance(item, Group):
        for sequence in item.alternatives:
            for inner in sequence:
                yield from _first(inner, shortest)
                if _minimum_chars(inner, shortest):
                    break
