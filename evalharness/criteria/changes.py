"""Lists the differences between two criteria, and marks those that relax them.

A function of two values alone. In case of doubt a difference relaxes. Editing a case relaxes too, because an edited
case is not compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from evalharness.criteria import strictness
from evalharness.criteria.criteria import Criteria, CriteriaCase, CriteriaCheck, as_json
from evalharness.records import AcceptedRun, Baseline, CriteriaChange
from evalharness.store.baselines import MOST_RUNS, PINNED

MOST_CHANGES = 200
_WHAT_CHARS, _SIDE_CHARS = 130, 80
"""Longest subject and longest side of a line: less than 300 characters together."""
_Value = TypeVar("_Value")


def changes(old: Criteria | None, new: Criteria | None) -> list[CriteriaChange]:
    """The differences between two criteria, the relaxing ones first.

    None is a missing suite. At most `MOST_CHANGES`: the last one counts those that are left out, and relaxes if one of
    them does.
    """
    if old is None or new is None:
        return _whole_suite(old, new)
    parts = (_rules, _cases, _assertions, _config, _baselines)
    found = sorted((change for part in parts for change in part(old, new)), key=lambda change: not change.relaxes)
    rest = found[MOST_CHANGES - 1 :]
    if len(rest) <= 1:
        return found
    relaxes = any(change.relaxes for change in rest)
    return [*found[: MOST_CHANGES - 1], CriteriaChange(f"{len(rest)} more changes", "", "not shown", relaxes)]


def deleted_suite(name: str) -> CriteriaChange:
    """The difference for a suite that the new version lacks."""
    return _change(f"suite {name}", "", "deleted", relaxes=True)


def _whole_suite(old: Criteria | None, new: Criteria | None) -> list[CriteriaChange]:
    """Deleting a suite relaxes; a new suite has no criteria to relax."""
    if old:
        return [_change(f"suite {old.suite}", f"{len(old.cases)} cases", "deleted", relaxes=True)]
    return [_change(f"suite {new.suite}", "", f"new, {len(new.cases)} cases", relaxes=False)] if new else []


def _rules(old: Criteria, new: Criteria) -> Iterator[CriteriaChange]:
    # adding a gate or a model does not relax: the gates of the merge base keep their alpha, see gate/families.py
    yield from _table("gate", old.gates, new.gates, shown=strictness.shown_rule, harder=strictness.is_narrower)
    yield from _table("metric", old.metrics, new.metrics)
    yield from _table("model", dict.fromkeys(old.models, ""), dict.fromkeys(new.models, ""))
    yield from _table("default prompt", dict.fromkeys(old.prompts, ""), dict.fromkeys(new.prompts, ""))
    yield from _table("params", old.params, new.params)
    yield from _table("world", old.world, new.world, adding_relaxes=True)
    yield from _table("shared variable", old.vars, new.vars, adding_relaxes=True)
    yield from _table("attachment", old.attachments, new.attachments, shown=_file)
    yield from _table("file", old.files, new.files, shown=_file, adding_relaxes=True)


def _table(
    noun: str,
    then: Mapping[str, _Value],
    now: Mapping[str, _Value],
    *,
    shown: Callable[[str, _Value], str] = lambda _, value: str(value),
    harder: Callable[[_Value, _Value], bool] = lambda *_: False,
    adding_relaxes: bool = False,
) -> Iterator[CriteriaChange]:
    """The removed, added and changed entries of a table, by name."""
    for name in _either(then, now):
        subject = f"{noun} {name}"
        if name not in now:
            yield _change(subject, shown(name, then[name]), "removed", relaxes=True)
        elif name not in then:
            yield _change(subject, "", f"added {shown(name, now[name])}", relaxes=adding_relaxes)
        elif then[name] != now[name]:
            sides = [shown(name, side[name]) or "no options" for side in (then, now)]
            yield _change(subject, *sides, relaxes=not harder(then[name], now[name]))


def _cases(old: Criteria, new: Criteria) -> Iterator[CriteriaChange]:
    """One line for all cases with the same difference."""
    moved = {case for name, case in new.cases.items() if name not in old.cases}
    gated = {rule.tag for rule in old.gates.values()}
    cases: dict[tuple[str, bool], list[str]] = {}
    for name in _either(old.cases, new.cases):
        for difference in _about_case(old.cases.get(name), new.cases.get(name), moved, gated):
            cases.setdefault(difference, []).append(name)
    for (message, relaxes), names in cases.items():
        yield _change(_some(names), "", message, relaxes=relaxes)


def _about_case(
    then: CriteriaCase | None, now: CriteriaCase | None, moved: Collection[CriteriaCase], gated: Collection[str]
) -> Iterator[tuple[str, bool]]:
    """The differences of one case: a message, and whether it relaxes.

    More cases with a gated tag dilute its gate. A new case does not, because it is not in the baseline.
    """
    if then is None or now is None:
        yield ("added", False) if then is None else ("renamed" if then in moved else "deleted", True)
        return
    if (then.vars, then.conversation) != (now.vars, now.conversation):
        yield f"{'variables' if then.vars != now.vars else 'conversation'} changed", True
    if then.questions != now.questions:
        yield "question for a judge changed", True
    if then.golden != now.golden:
        fewer, more = set(now.golden) < set(then.golden), set(then.golden) < set(now.golden)
        yield f"golden answers {'removed' if fewer else 'added' if more else 'changed'}", True
    standing = {*then.golden} & {*now.golden}
    for pair in sorted({pair for digest, pair, _ in now.origins - then.origins if digest in standing}):
        yield f"golden answer attributed to {pair}, so that the case cannot fail its gates", True
    for tag in sorted(then.tags ^ now.tags):
        yield (f"tag {tag} removed", True) if tag in then.tags else (f"tag {tag} added", tag in gated)


def _assertions(old: Criteria, new: Criteria) -> Iterator[CriteriaChange]:
    """Removed, added and changed assertions. Removing and adding one of the same name in the same cases is a change."""
    removed, added = _only(old, new), _only(new, old)
    for then, cases in removed.items():
        alike = [check for check, others in added.items() if check.name == then.name and others == cases]
        now = next((check for check in alike if check.value == then.value), next(iter(alike), None))
        if now is None:
            yield _change(f"assertion {strictness.shown_check(then)}", "", f"removed from {_some(cases)}", relaxes=True)
        else:
            del added[now]
            yield _successor(then, now, _some(cases))
    for now, cases in added.items():
        yield _change(f"assertion {strictness.shown_check(now)}", "", f"added to {_some(cases)}", relaxes=False)


def _successor(then: CriteriaCheck, now: CriteriaCheck, cases: str) -> CriteriaChange:
    """The change of one assertion: of its value, or of its `must_pass`, or of both."""
    stricter = strictness.is_stricter_value(then, now) and strictness.is_as_strict(then.must_pass, now.must_pass)
    if then.value == now.value:
        sides = [strictness.shown_must_pass(check) for check in (then, now)]
        return _change(f"must_pass of {then.name} {then.value} of {cases}", *sides, relaxes=not stricter)
    sides = [check.value if then.must_pass == now.must_pass else strictness.shown_check(check) for check in (then, now)]
    return _change(f"assertion {then.name} of {cases}", *sides, relaxes=not stricter)


def _only(one: Criteria, other: Criteria) -> dict[CriteriaCheck, list[str]]:
    """The assertions that only `one` has, with their cases, among the cases of both sides."""
    found: dict[CriteriaCheck, list[str]] = {}
    for name in sorted(one.cases.keys() & other.cases.keys()):
        for check in sorted(one.cases[name].checks - other.cases[name].checks, key=str):
            found.setdefault(check, []).append(name)
    return found


def _config(old: Criteria, new: Criteria) -> Iterator[CriteriaChange]:
    for section in _either(old.config, new.config):
        then, now = old.config.get(section), new.config.get(section)
        # an empty table differs from none, because pytest then reads no other file
        missing: dict[str, Any] | None = None if {} in (then, now) else {}
        yield from _settings((section,), missing if then is None else then, missing if now is None else now)


def _settings(path: tuple[str, ...], then: Any, now: Any) -> Iterator[CriteriaChange]:
    if isinstance(then, Mapping) and isinstance(now, Mapping) and len(path) < strictness.OPTION_DEPTH:
        for name in _either(then, now):
            yield from _settings((*path, name), then.get(name), now.get(name))
    elif as_json(then) != as_json(now):
        sides = ["none" if value is None else as_json(value) for value in (then, now)]
        yield _change(f"configuration {'.'.join(path)}", *sides, relaxes=not strictness.is_harmless(path, then, now))


def _baselines(old: Criteria, new: Criteria) -> Iterator[CriteriaChange]:
    for name in _either(old.baselines, new.baselines):
        then, now, subject = old.baselines.get(name), new.baselines.get(name), f"baseline {name}"
        if isinstance(then, Baseline) and isinstance(now, Baseline):
            for message, accepts in _runs(then, now):
                change = _change(subject, "", message, relaxes=True)
                yield replace(change, accepts=name if accepts and not name.startswith(f"{PINNED}/") else "")
        elif then is None:
            yield _change(subject, "", f"new, {_state(now)}", relaxes=isinstance(now, str))
        elif then != now:
            yield _change(subject, _state(then), _state(now), relaxes=True)


def _runs(then: Baseline, now: Baseline) -> Iterator[tuple[str, bool]]:
    """Differences between the accepted runs, and whether accepting a run makes this difference.

    An added run relaxes too, because it moves the mean of the baseline.
    """
    before, after = ({run.id: run for run in baseline.runs} for baseline in (then, now))
    kept, added = [name for name in before if name in after], [name for name in after if name not in before]
    is_full = len(after) == MOST_RUNS
    if not kept:
        yield f"replaced: {_state(then)} by {_state(now)}", is_full or _settings_of(then) != _settings_of(now)
        return
    removed = [name for name in before if name not in after]
    if kept != [name for name in after if name in before]:
        yield "edited by hand: the order of the accepted runs differs", False
    is_joined = list(after) == [*kept, *added]
    is_rolled = is_joined and is_full and removed == list(before)[: len(removed)]
    yield from ((f"accepted run {name} removed", is_rolled) for name in removed)
    place = "" if is_joined else " before earlier ones"
    yield from ((f"accepted run {name} added{place}", is_joined) for name in added)
    for name in kept:
        edits = *_header_edits(before[name], after[name]), *_sample_edits(name, _facts(then, name), _facts(now, name))
        yield from ((edit, False) for edit in edits)


def _settings_of(baseline: Baseline) -> tuple[str, Mapping[str, str]]:
    """The settings that the runs of a baseline share: accepting a run with other ones replaces them."""
    return baseline.runs[-1].request_digest, baseline.runs[-1].signatures


def _header_edits(then: AcceptedRun, now: AcceptedRun) -> Iterator[str]:
    names = [field.name for field in fields(then)]
    if edited := [name for name in names if as_json(getattr(then, name)) != as_json(getattr(now, name))]:
        yield f"edited by hand: {', '.join(edited)} of accepted run {then.id}"


_Facts = Mapping[tuple[str, int, str], object]
"""Values that an accepted run has for one case, by kind, number of the sample and name."""


def _sample_edits(run: str, then: Mapping[str, _Facts], now: Mapping[str, _Facts]) -> Iterator[str]:
    if lost := [case for case in then if case not in now]:
        yield f"{_some(lost)} removed from accepted run {run}"
    if extra := [case for case in now if case not in then]:
        yield f"{_some(extra)} added to accepted run {run}"
    both = [(then[case], now[case]) for case in then if case in now]
    kinds = Counter(fact[0] for a, b in both for fact in _either(a, b) if a.get(fact) != b.get(fact))
    if kinds:
        differ = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items())
        yield f"edited by hand: {differ} differ in accepted run {run}"


def _facts(baseline: Baseline, run: str) -> dict[str, _Facts]:
    found: dict[str, _Facts] = {}
    for case, stored in baseline.cases.items():
        samples = [sample for sample in stored.samples if sample.run == run]
        facts: dict[tuple[str, int, str], object] = {("case digest", 0, ""): stored.digest} if samples else {}
        for number, sample in enumerate(samples):
            facts |= {("score", number, metric): score for metric, score in sample.scores.items()}
            facts |= {("score", number, metric): "not applicable" for metric in sample.not_applicable}
            facts["text", number, ""], facts["time", number, ""] = sample.text, sample.total_s
            facts["token count", number, "prompt"] = sample.prompt_tokens
            facts["token count", number, "completion"] = sample.completion_tokens
        if facts:
            found[case] = facts
    return found


def _state(baseline: Baseline | str | None) -> str:
    if baseline is None:
        return "deleted"
    if isinstance(baseline, str):
        return f"cannot be read: {baseline}"
    return f"accepted run {', '.join(run.id for run in baseline.runs)}"


def _file(name: str, digest: str) -> str:
    return digest if digest.startswith("link ") else digest[:12]


def _either(then: Iterable[_Value], now: Iterable[_Value]) -> list[_Value]:
    """The names of both sides, in their order."""
    return list(dict.fromkeys([*then, *now]))


def _some(names: Sequence[str]) -> str:
    """Case ids for a message: 'case a', or '86 cases (a, b, c, ...)'."""
    shown = ", ".join(name[:25] for name in names[:3])
    return f"case {names[0]}" if len(names) == 1 else f"{len(names)} cases ({shown}{', ...' if len(names) > 3 else ''})"


def _change(what: str, then: str, now: str, *, relaxes: bool) -> CriteriaChange:
    """A difference with untrusted texts on one line, cut. If the cut makes two sides equal, both become 'changed'."""
    before, after = _short(then, _SIDE_CHARS), _short(now, _SIDE_CHARS if then else 2 * _SIDE_CHARS)
    alike = bool(before) and before == after
    return CriteriaChange(_short(what, _WHAT_CHARS), "" if alike else before, "changed" if alike else after, relaxes)


def _short(text: str, most: int) -> str:
    line = " ".join(text[: 20 * most].split())
    return line if len(line) <= most else line[: most - 1] + "…"
