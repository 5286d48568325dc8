"""Hostile templates end at once, with an error or harmless text."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hang import in_time
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.templating.chat import ChatSandbox
from evalharness.templating.filters import FILTERS
from evalharness.templating.prompts import PromptSandbox
from evalharness.templating.sandbox import TemplateError

_CANARY = "canary-4f1d"
_VARS: Mapping[str, Any] = {
    "q": "hello", "question": "why", "n": 3, "t": "ab" * 100_000, "L": list(range(10_000)), "d": {"a": 1, "b": [1, 2]},
}  # fmt: skip


def _render(
    source: str, *, chat: bool = False, max_chars: int = 1_000_000, max_steps: int = 100_000, **variables: Any
) -> str:
    limits = {"max_chars": max_chars, "max_steps": max_steps}
    if chat:
        chats = ChatSandbox(**limits, today=date(2026, 1, 1))
        return chats.render(chats.compile_chat_template(source), {**_VARS, **variables})
    sandbox = PromptSandbox(**limits)
    return sandbox.render(sandbox.compile_prompt(source), {**_VARS, **variables})


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """The folder of a file with a secret that is also in the environment."""
    (tmp_path / "canary").write_text(_CANARY)
    os.environ["CANARY"] = _CANARY
    yield tmp_path
    del os.environ["CANARY"]


def _files(folder: Path) -> set[Path]:
    return {*folder.iterdir(), *Path.cwd().iterdir()}


_ATTACKS = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''['__cla' + 'ss__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ ().__class__.__bases__[0].__subclasses__() }}",
    "{{ [].__class__.__base__ }}",
    "{{ {}.__class__ }}",
    "{{ q.__init__.__globals__ }}",
    "{{ q.upper.__self__ }}",
    "{{ q.upper.__func__ }}",
    "{{ config }}",
    "{{ request.application.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ self.__init__.__globals__.__builtins__ }}",
    "{{ self.__init__.__globals__.__builtins__.__import__('os').popen('touch PWNED').read() }}",
    "{{ self['_TemplateReference__context'] }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__.os.environ }}",
    "{{ namespace.__init__.__globals__.os.environ }}",
    "{{ lipsum.__globals__['os'].environ }}",
    "{{ lipsum.__globals__.os.popen('cat canary').read() }}",
    "{{ range.__class__ }}",
    "{{ dict.__base__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ url_for.__globals__.current_app.config }}",
    "{{ '{0.__class__}'.format(q) }}",
    "{{ '{0.__class__.__init__.__globals__}'.format_map({'0': q}) }}",
    "{{ ('{0.__class__}'|string).format(q) }}",
    "{{ ['{0.__class__}']|map('format', q)|list }}",
    "{{ '%s'|format(q.__class__) }}",
    "{{ '%(a)s' % {'a': q} }}",
    "{% set f = '{0.__class__}'.format %}{{ f(q) }}",
    "{{ ['a']|map(attribute='__class__')|list }}",
    "{{ ['a']|map('attr', '__class__')|list }}",
    "{{ ['a']|map('upper.__globals__')|list }}",
    "{{ ['a']|sum(attribute='__class__') }}",
    "{{ ['a']|selectattr('__class__')|list }}",
    "{{ ['a', 'b']|sort(attribute='__class__') }}",
    "{{ ['a']|join(attribute='__class__') }}",
    "{{ ['a']|unique(attribute='__class__')|list }}",
    "{{ ['a', 'b']|max(attribute='__class__') }}",
    "{{ d.update({'a': 2}) }}",
    "{{ d.pop('a') }}",
    "{{ d.__setitem__('a', 2) }}",
    "{{ L.append(1) }}",
    "{{ L.__class__ }}",
    "{{ L.clear() }}",
    "{% set x = loop %}{{ x }}",
    "{% for i in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% for i in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% for i in [1] %}{{ loop.cycle.__globals__ }}{% endfor %}",
    "{% for i in [1] %}{{ loop }}{% endfor %}",
    "{{ self }}",
    "{{ q.upper }}",
    "{{ d.items }}",
    "{{ d.keys() }}",
    "{{ L|map('string') }}",
    "{% include 'canary' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import environ %}",
    "{% extends 'canary' %}",
    "{% block x %}{{ self.x.__globals__ }}{% endblock %}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{{ m() }}",
    "{% call q() %}{% endcall %}",
    "{% do q.__class__ %}",
    "{% debug %}",
    "{{ q|pprint }}",
    "{{ q|xmlattr }}",
    "{{ open('canary').read() }}",
    "{{ __import__('os').environ['CANARY'] }}",
    "{{ environ['CANARY'] }}",
    "{{ (1).__class__ }}",
    "{{ (1).real.__class__ }}",
    "{{ 1.0.hex() }}",
    "{{ q.encode() }}",
    "{{ q.encode().decode.__self__ }}",
    "{{ q.translate({104: 'x'}) }}",
    "{{ q.maketrans('a', 'b') }}",
    "{{ (q|tojson).unescape() }}",
    "{{ (q|tojson).format_map(d) }}",
    "{{ _iterated.__globals__ }}",
    "{{ (L|_iterated).gi_frame }}",
    "{{ (L|_iterated).gi_frame.f_globals }}",
    "{{ (L|select).gi_code }}",
    "{{ missing }}",
    "{{ [missing] }}",
    "{{ {'a': missing} }}",
    "{{ missing * 2 }}",
    "{{ missing ** 2 }}",
    "{{ d.missing }}",
]


def _outcome(source: str, **limits: int) -> str:
    """`rejected: ...` for a TemplateError, `rendered: ...` for a text, else the name of the error."""
    try:
        return f"rendered: {_render(source, **limits)[:200]!r}"
    except TemplateError as error:
        return f"rejected: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def test_attacks(canary: Path) -> None:
    """Reaching for Python internals or printing something other than data is an error without side effects."""
    before, failures = _files(canary), []
    for source in _ATTACKS:
        outcome = _outcome(source)
        same = _files(canary) == before and _VARS["d"] == {"a": 1, "b": [1, 2]}
        if not outcome.startswith("rejected: ") or _CANARY in outcome or not same:
            failures.append(f"{source}: {outcome}; nothing changed: {same}")
    assert not failures, "\n".join(failures)


_TEN = "{%% set %s = [%s] %%}"


def _nested(levels: int, end: str) -> str:
    """Ten lists of ten lists of ...: eight lines make 100 million values."""
    names = "abcdefghijkl"
    lines = ["{% set a = ['x'] %}"]
    lines += [_TEN % (names[i], ", ".join([names[i - 1]] * 10)) for i in range(1, levels)]
    return "".join(lines) + end.replace("@", names[levels - 1])


_BOMBS = [
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ t * 1000 }}",
    "{{ ['a'] * 10**9 }}",
    "{{ (1,) * 10**9 }}",
    "{{ [t] * 1000 }}",
    "{{ ([t] * 1000)|length }}",
    "{{ ([t] * 1000)|map('list')|list|length }}",
    "{{ (['a' * 1000] * 1000)|map('replace', 'a', 'b' * 1000)|list|length }}",
    "{{ t + t + t + t + t + t }}",
    "{{ 'a' ~ t ~ t ~ t ~ t ~ t }}",
    "{{ 2 ** (10 ** 8) }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 1000000 ** 17 }}",
    "{{ 9 ** 16 ** 16 }}",
    "{% set x = 10 ** 16 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
    "{% set x = '9' * 4000 %}{{ x|int }}",
    "{{ t|int(0, 16) }}",
    "{{ 'x'|center(10**9) }}",
    "{{ 'x'.center(10**9) }}",
    "{{ 'x'.ljust(10**9) }}",
    "{{ 'x'.zfill(10**9) }}",
    "{{ '\t'.expandtabs(10**9) }}",
    "{{ 'x'|indent(10**9) }}",
    "{{ '%0100000000d'|format(1) }}",
    "{{ '%0100000000d' % 1 }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ t|replace('a', t) }}",
    "{{ t.replace('', t) }}",
    "{{ t|replace('', t) }}",
    "{{ L|join(t) }}",
    "{{ t.join(L) }}",
    "{{ ([t] * 4)|join(t)|length }}" * 1,
    "{{ [1, [2, [3]]]|tojson(indent=10**9) }}",
    "{{ L|tojson(indent=t) }}",
    "{{ 1|round(-10**9) }}",
    "{{ 1|round(-1000000000) }}",
    "{{ 1|round(1000000000, 'ceil') }}",
    "{{ 5.5|round(10**9, 'floor') }}",
    "{{ (10**16)|abs * 10**90 * 10**90 * 10**90 * 10**90 }}",
    "{% for a in L %}{% for b in L %}x{% endfor %}{% endfor %}",
    "{% for a in L %}{% for b in L %}{% endfor %}{% endfor %}",
    "{% for a in L %}{% for b in L if b < 0 %}{% endfor %}{% endfor %}",
    "{% for a in L %}{{ t }}{% endfor %}",
    "{% for a in L %}{{ t|length }}{% endfor %}",
    "{% for a in L %}{{ t|replace('b', 'c')|length }}{% endfor %}",
    "{% for a in L %}{{ t.replace('b', 'c')|length }}{% endfor %}",
    "{% for a in L %}{% if 'zz' in L %}{% endif %}{% endfor %}",
    "{% for a in L %}{% if -1 in L %}{% endif %}{% endfor %}",
    "{% for a in L %}{% if -1 is in L %}{% endif %}{% endfor %}",
    "{% for a in L %}{% if t[1:] == t[:1] %}{% endif %}{% endfor %}",
    "{% for a in L %}{% if t == t[:] %}{% endif %}{% endfor %}",
    "{% for a in L %}{{ L|sum }}{% endfor %}",
    "{% for a in L %}{{ L|sort|first }}{% endfor %}",
    "{% for a in L %}{{ L|map('string')|list|length }}{% endfor %}",
    "{% for a in L %}{{ L|select('odd')|list|length }}{% endfor %}",
    "{% for a in L %}{{ L|unique|list|length }}{% endfor %}",
    "{% for a in L %}{{ d|dictsort }}{{ L|max }}{% endfor %}",
    "{% for a in L %}{{ loop.cycle(t, t) }}{% endfor %}",
    "{% for a in L %}{% if loop.changed(L) %}{% endif %}{% endfor %}",
    "{% for a in L recursive %}{{ loop(L) }}{% endfor %}",
    "{% for a in [1, 2] recursive %}{% if loop.depth < 40 %}{{ loop([1, 2]) }}{% endif %}{% endfor %}",
    "{% for a in L recursive %}{% if loop.depth < 3 %}{{ loop(L) }}{% endif %}{% endfor %}",
    "{% set x %}{% for a in L %}{{ t }}{% endfor %}{% endset %}{{ x|length }}",
    "{% set x %}{% for a in L %}" + "y" * 1_000 + "{% endfor %}{% endset %}{{ x|length }}",
    "{% filter upper %}{% for a in L %}{{ t }}{% endfor %}{% endfilter %}",
    _nested(9, "{{ @ }}"),
    _nested(9, "{{ @|string|length }}"),
    _nested(9, "{{ @|tojson|length }}"),
    _nested(9, "{{ @|sum(start=[])|length }}"),
    _nested(9, "{{ [@]|join|length }}"),
    _nested(9, "").replace("[", "(").replace("]", ",)") + "{{ {i: 1} }}",
    "{% set a = [1] * 10 %}" + "".join(f"{{% set a = [{', '.join(['a'] * 10)}]|sum(start=[]) %}}" for _ in range(9)),
    "{{ ('a' * 200000)|trim('b' * 200000 + 'a') }}",
    "{{ ('a' * 200000).strip('b' * 200000 + 'a') }}",
    "{{ ('a' * 400000).rfind('b' + 'a' * 200000) }}",
    "{{ 1|round(missing) }}",
    "{{ (5).to_bytes(10**9, 'big') }}",
    "{{ " + "9" * 5_000 + " }}",
    "{{ n + 1e999 }}",
    "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "{{ " + "[" * 5_000 + "]" * 5_000 + " }}",
    "{{ " + "-" * 20_000 + "1 }}",
    "{{ " + "not " * 10_000 + "1 }}",
    "{{ n" + " + n" * 10_000 + " }}",
    "{{ n }}" * 60_000,
    "{% if n %}" * 200 + "{% endif %}" * 200,
    "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
]


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_bombs() -> None:
    """A template that would create huge values is an error and uses little memory."""
    _render("{{ q }}")
    failures = []
    for source in _BOMBS:
        before = _peak_mb()
        with in_time():
            outcome = _outcome(source, max_chars=250_000, max_steps=20_000)  # `t` alone has 200,000 characters
        if not outcome.startswith("rejected: ") or _peak_mb() - before >= 100:
            failures.append(f"{source[:60]}: {outcome}, {_peak_mb() - before:.0f} MB more")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(
    "source",
    [
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{% for a in L %}{{ t }}{% endfor %}{% endmacro %}{{ f()|length }}",
        "{% set x = t ~ t %}{% set x = x ~ x %}{% set x = x ~ x %}{{ x|length }}",
        "{% for a in L %}{{ (t ~ t)|length }}{% endfor %}",
    ],
)
def test_chat_template_bombs(source: str) -> None:
    """Macros and `~` in a chat template are bounded too."""
    with in_time(), pytest.raises(TemplateError):
        _render(source, chat=True)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ q }}", "hello"),
        ("{{ q|upper }} {{ n + 1 }} {{ n * 'x' }} {{ 2 ** 10 }} {{ 7 % 4 }} {{ 1 / 4 }}", "HELLO 4 xxx 1024 3 0.25"),
        ("{% for i in [1, 2] %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/2 2/2 "),
        ("{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=[1, 2];"),
        ("{% if 'ell' in q and n is odd %}yes{% endif %}", "yes"),
        ("{% set x %}a{{ q }}{% endset %}{{ x }}", "ahello"),
        ("{{ [1, 2]|map('string')|join('-') }}", "1-2"),
        ("{{ ['b', 'a']|sort|join }}{{ [1, 2]|sum }}", "ab3"),
        ("{{ d|tojson }}", '{"a": 1, "b": [1, 2]}'),
        ('{{ "it\'s <ä>"|tojson }}', '"it\'s <ä>"'),
        ("{{ [1]|tojson(indent=2) }}", "[\n  1\n]"),
        ("{{ 'x'|tojson + '<b>' }}", '"x"<b>'),
        ("{{ 2.567|round(1) }} {{ 7|round }}", "2.6 7"),
        ("{{ missing|default('d') }}{{ 'x' if missing is defined else 'y' }}", "dy"),
        ("{{ q[1:3] }}{{ q.split('l')|length }}{{ ' a '|trim }}{{ q.replace('l', 'L') }}", "el3aheLLo"),
        ("{{ 12|replace('1', '2') }}", "22"),
        ("{{ none }} {{ true }} {{ [none] }}", "None True [None]"),
        ("{% for a in ['xa'] %}{% set b = a %}{{ b.replace('x', 'y') }}{{ '-'.join([b, a]) }}{% endfor %}", "yaxa-xa"),
        ("{% for a in [1, [2]] recursive %}{{ loop(a) if a is iterable else a }}{% endfor %}", "12"),
        ("{% raw %}{{ q }}{% endraw %}", "{{ q }}"),
        ("{# nothing #}a & <b>", "a & <b>"),
        ("{{ t|length }}", "200000"),
        ("line\n{% if n %}\n  kept\n{% endif %}\nend\n", "line\n  kept\nend"),
    ],
)
def test_common_templates(source: str, text: str) -> None:
    """Common template features work, and `tojson` writes JSON without HTML escapes."""
    assert _render(source) == text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ qestion }}", "'qestion' is undefined; did you mean 'question'?"),
        ("{{ d.c }}", "'dict object' has no attribute 'c'"),
        ("{{ q|uper }}", "line 1 of the template: No filter named 'uper'.; did you mean 'upper'?"),
        ("a\n{% if %}", "line 2 of the template: Expected an expression, got 'end of statement block'"),
        ("\n{{ q ~ q }}", "line 2 of the template: 'concat' is not allowed here: write {{ a }}{{ b }}"),
        ("{% macro m() %}{% endmacro %}", "line 1 of the template: 'macro' is not allowed here"),
        ("{% include 'x' %}", "line 1 of the template: 'include' is not allowed here"),
        ("{{ ''.__class__ }}", "access to attribute '__class__' of 'str' object is unsafe"),
        ("{{ t * 9 }}", "the text would be longer than limits.prompt_chars = 1000000"),
        ("{% for a in L %}{% for b in L %}{% endfor %}{% endfor %}", "more than limits.template_steps = 100000 loop"),
    ],
)
def test_messages(source: str, message: str) -> None:
    """The message has the problem, the line of the template and the exceeded limit."""
    with pytest.raises(TemplateError) as caught:
        _render(source)

    assert str(caught.value).startswith(message)


@given(st.text())
def test_a_variable_is_never_rendered(text: str) -> None:
    """A variable with template syntax is rendered unchanged."""
    for value in (text, "{{ n }}" + text, "{% for %}" + text, text + "{#"):
        assert _render("{{ v }}", v=value) == value


_WORDS = [
    *sorted(FILTERS),
    "for",
    "in",
    "if",
    "else",
    "endfor",
    "endif",
    "set",
    "endset",
    "is",
    "not",
    "loop",
    "recursive",
]
_WORDS += [
    "{{",
    "}}",
    "{%",
    "%}",
    "|",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    "=",
    "==",
    "*",
    "**",
    "+",
    "-",
    "/",
    "%",
]
_WORDS += [
    "q",
    "n",
    "t",
    "L",
    "d",
    "x",
    "1",
    "0",
    "9999999",
    "1e999",
    "'a'",
    "''",
    "none",
    "true",
    "__class__",
    "items",
    "filter",
]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=14), st.booleans())
def test_any_words(words: list[str], chat: bool) -> None:
    """Any sequence of template tokens renders or raises TemplateError, and never hangs."""
    for source in (
        " ".join(words),
        "{{ " + " ".join(words) + " }}",
        "{% set x = [q, n] %}{{ x | " + " ".join(words) + " }}",
    ):
        with in_time(), suppress(TemplateError):
            assert isinstance(_render(source, chat=chat), str)
