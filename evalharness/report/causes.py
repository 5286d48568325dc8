"""Identical errors as one cause: how many cases it affects, which ones come first, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evalharness.records import Sample, SampleKey
from evalharness.records.marks import Mark, marked

_SHOWN = 3
_KEPT = ("HTTP ", "code ", "code: ", "status ", "status: ", "rror ", "signal ", "rrno ", "line ", "exit ")
"""Words before a number that tells causes apart."""
_NUMBERS = re.compile("".join(f"(?<!{word})" for word in _KEPT) + r"(?<![\w:#./-])\d[\d,]*(\.\d+)?(?![\w-])")
_IDS = re.compile(r"\b(?=[\w-]*\d)(?:[0-9a-f]{8}-[\w-]{27}|[0-9a-f]{10,64}|[a-z]{2,9}[_-](?=\w*[A-Z\d])\w{12,})\b")
"""UUIDs, hexadecimal digests, and ids such as `req_011CbrFTcXhtiMzr3s6EocF7`."""
_IN_WORD = re.compile(r"[\w-]")
_PLAIN = ("provider", "not recorded", "scripted", "load")
"""Kinds that add nothing to the text."""
_UNSET = re.compile(r"variable (\w+) is not set")


@dataclass(slots=True)
class Cause:
    """One error and the cases that it affects."""

    sample: Sample
    """The first affected one, in the order of the record."""
    samples: int = 0
    """Number of affected samples."""
    cases: set[int] = field(default_factory=set)
    """A hash of each affected case, model and prompt: there may be a million of them."""
    named: dict[tuple[str, str, str], None] = field(default_factory=dict)
    """The first cases, with prompt and model."""
    pairs: dict[tuple[str, str], None] = field(default_factory=dict)
    """The affected models and prompts."""

    def add(self, key: SampleKey) -> None:
        """Count one more affected sample."""
        case = key[:3]
        self.samples += 1
        self.cases.add(hash(case))
        self.pairs.setdefault((key.model, key.prompt))
        if len(self.named) <= _SHOWN:
            self.named.setdefault(case)

    @property
    def kind(self) -> str:
        """The kind of the error, such as `auth`."""
        return _error(self.sample)[0]

    @property
    def text(self) -> str:
        """The first line of the first sample's error."""
        return _error(self.sample)[1].partition("\n")[0]

    @property
    def headline(self) -> str:
        """The text behind its kind, unless the text says it anyway."""
        return self.text if self.kind in _PLAIN else f"{self.kind}: {self.text}"

    @property
    def detail(self) -> str:
        """The other lines of that error, which may concern its case alone."""
        return _error(self.sample)[1].partition("\n")[2]

    def remedy(self, again: str) -> str:
        """What to do, as one sentence. `again`: the command that repeats the run."""
        models = list(dict.fromkeys(model for model, _ in self.pairs))
        return remedy(self.kind, self.text, models, again)

    @property
    def count(self) -> str:
        """The number of affected cases; one with several models or prompts counts for each of them."""
        number = len(self.cases)
        return "1 case" if number == 1 else f"{number:,} cases"

    @property
    def first(self) -> str:
        """The first affected cases."""
        ids = [_name(*case, several=len(self.pairs) > 1) for case in self.named]
        return ", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "")


def causes(samples: Sequence[Sample]) -> list[Cause]:
    """The causes of all errors, the most frequent first. Samples with equal `cause_key` have one cause."""
    found: dict[tuple[str, str], Cause] = {}
    for sample in marked(samples, Mark.ERROR):
        found.setdefault(cause_key(sample), Cause(sample)).add(sample.key)
    return sorted(found.values(), key=lambda cause: cause.samples, reverse=True)


def cause_key(sample: Sample) -> tuple[str, str]:
    """The kind and the first line of a sample's error, without ids and numbers that vary from case to case.

    Status codes, signals and line numbers stay: they tell causes apart.
    """
    kind, message = _error(sample)
    line = message.partition("\n")[0]
    return kind, _NUMBERS.sub("#", _IDS.sub("#", _without_case(line, sample.key.case)))


def _without_case(line: str, case: str) -> str:
    """The line without the id of its case: in quotes, or as a word that no language has."""
    line = line.replace(f"'{case}'", "'#'")
    is_word = case.isalpha() or case.isdigit()
    return line if is_word or not case else "".join(_without_word(line, case))


def _without_word(line: str, word: str) -> Iterator[str]:
    """The parts of a line with `#` for each whole word. A pattern for each case would take most of a report's time."""
    begin = search = 0
    while (at := line.find(word, search)) >= 0:
        end = search = at + len(word)
        if _IN_WORD.match(line[at - 1 : at]) or _IN_WORD.match(line[end : end + 1]):
            search = at + 1
            continue
        yield line[begin:at] + "#"
        begin = end
    yield line[begin:]


def remedy(kind: str, text: str, models: Sequence[str], again: str) -> str:
    """What to do about an error, as one sentence. `again`: the command that repeats the run."""
    if unset := _UNSET.search(text):
        return f"export {unset[1]}=..., or replay answers: --llm-record=none"
    return _REMEDIES.get(kind, _OTHER).format(models=" and ".join(models[:2]), again=again)


_OTHER = "once it is fixed, continue with {again}"
_PING = ": evalharness doctor --ping"
_REMEDIES: Mapping[str, str] = {
    "auth": "correct the key of {models}" + _PING,
    "quota": "add credit to the account of {models}" + _PING,
    "not found": "correct 'model' or the address of {models}" + _PING,
    "redirect": "correct the address of {models}" + _PING,
    "connect": "start it or correct the address of {models}" + _PING,
    "tls": "check the address or 'ca_file' of {models}" + _PING,
    "parameter": "remove it from 'params', or add it to 'omits' of {models}",
    "load": "correct the model {models}: evalharness doctor --load",
    "template": "set a 'chat_template' that fits the prompts for {models}",
    "context": "raise 'context' of {models}, or lower 'max_tokens' of the suite",
    "no answer": "raise 'max_tokens' of the suite, or lower the effort in 'extra' of {models}",
    "not recorded": "record them, not offline: {again}",
    "budget": "raise --llm-budget, and continue with {again}",
    "deadline": "raise 'deadline_s' of {models}, or --llm-deadline",
    "import": "correct 'call', 'path' or the module of {models}: evalharness doctor",
    "application": "correct the application {models}, and run {again}",
    "answer": "return text, or an object with 'text', from {models}, or correct its paths",
    "variable": "set it in 'vars' of the cases, or correct 'body' and 'query' of {models}",
    "rate limit": "lower 'concurrency' of {models}, and continue with {again}",
    "check": "correct the function of the check, and run {again}",
    "metric": "correct the metric or its options in the suite",
}


def _error(sample: Sample) -> tuple[str, str]:
    assert sample.error, "only failed samples have a cause"
    return sample.error.kind, sample.error.message.strip()


def _name(case: str, prompt: str, model: str, *, several: bool) -> str:
    return f"{case}[{model}-{prompt}]" if several else case
