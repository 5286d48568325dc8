"""Prompts of text and variables alone are joined, and are the same as jinja2 renders them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import Template

from evalharness.suites.document import Bare
from evalharness.templating.prompts import PromptSandbox
from evalharness.templating.sandbox import Sandbox, TemplateError

_NAMES = ["q", "question", "self", "loop", "context", "resolve", "varargs", "class", "\ufb01", "fi", "none", "missing"]
_TEXTS = st.sampled_from(
    ["", "a", "%", "%s", "{}", "\n", "\r\n", "\r", " \n ", "\ud800", "é\u2028", "{% raw %}{{ q }}{% endraw %}"]
)
_VARIABLE = st.sampled_from(_NAMES).flatmap(
    lambda name: st.sampled_from([f"{{{{ {name} }}}}", f"{{{{- {name} -}}}}", f"{{{{ ({name}) }}}}", f"{{# {name} #}}"])
)
_TAG = st.sampled_from(_NAMES).flatmap(
    lambda name: st.sampled_from(
        [
            f"{{{{ {name}.x }}}}",
            f"{{{{ {name}|upper }}}}",
            f"{{{{ {name}, }}}}",
            f"  {{%- set q = {name} %}}\n",
            f"{{% if {name} is defined %}}{name}{{% endif %}}\n",
        ]
    )
)
_JOINED = st.lists(_TEXTS | _VARIABLE | st.text(max_size=5), max_size=6).map("".join)
_SOURCES = _JOINED | st.lists(_TEXTS | _VARIABLE | _TAG, max_size=6).map("".join)
_TEXT = st.text(max_size=4) | st.sampled_from(["{{ q }}", "%s", "x" * 20, "\r\n"])
_VALUES = _TEXT | _TEXT.map(Bare) | st.none() | st.booleans() | st.integers() | st.lists(_TEXT, max_size=2)
_VARIABLES = st.fixed_dictionaries(dict.fromkeys(_NAMES, _TEXT)) | st.dictionaries(st.sampled_from(_NAMES), _VALUES)


def _outcome(
    render: Callable[[Template, Mapping[str, Any]], str], sandbox: Sandbox, template: Template, given: Mapping[str, Any]
) -> tuple[object, ...]:
    """The text or the error, and the work."""
    try:
        return render(template, given), sandbox.steps
    except TemplateError as error:
        return str(error), error.line, sandbox.steps


@settings(deadline=None, max_examples=200)
@example("{{ self }}", {"self": "a"}, 100, 100)
@example("{{ fi }}{{ \ufb01 }}", {"fi": "a", "\ufb01": "b"}, 100, 100)
@given(_SOURCES, _VARIABLES, st.sampled_from([0, 3, 30, 1_000]), st.sampled_from([0, 1, 100]))
def test_same_as_jinja2(source: str, variables: dict[str, Any], chars: int, steps: int) -> None:
    """Whatever the template, the values and the limits: the text, the work and the error with its line are the same."""
    sandbox = PromptSandbox(max_chars=chars, max_steps=steps)
    try:
        template = sandbox.compile_prompt(source)
    except TemplateError:
        return
    expected = _outcome(super(PromptSandbox, sandbox).render, sandbox, template, variables)
    assert _outcome(sandbox.render, sandbox, template, variables) == expected


@pytest.mark.parametrize("source", ["", "100 % {{ a }}\n{# note #}{{ b }}\n", "Only text."])
def test_jinja2_is_left_out(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template of text and variables is rendered without a context of jinja2, which takes most of the time."""
    sandbox = PromptSandbox(max_chars=100, max_steps=100)
    template, variables = sandbox.compile_prompt(source), {"a": "{{ b }}", "b": "B"}
    expected = super(PromptSandbox, sandbox).render(template, variables)
    monkeypatch.setattr(Template, "generate", None)
    assert sandbox.render(template, variables) == expected


def test_no_text_is_made_beyond_the_limit() -> None:
    """A long text three hundred times is an error before it is joined."""
    sandbox, variables = PromptSandbox(max_chars=1_000_000, max_steps=10**9), {"q": "x" * 1_000_000}
    template = sandbox.compile_prompt("{{ q }}" * 300)
    tracemalloc.start()
    with pytest.raises(TemplateError, match="longer than limits"):
        sandbox.render(template, variables)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
