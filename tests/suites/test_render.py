"""Prompts and cases are rendered into requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.config import Limits
from evalharness.records import Case, Location, Message, Params, Prompt, Purpose, Request, Suite
from evalharness.suites import another_sample, requests
from evalharness.suites.render import Renderer

Make = Callable[..., Any]
_HERE = Location("suites/s.yaml", 1, 1)


def _suite(*turns: tuple[str, str], cases: tuple[dict[str, Any], ...] = ({"q": "x"},), **variables: Any) -> Suite:
    prompt = Prompt("ask", tuple(Message(*turn) for turn in turns), _HERE)
    rows = tuple(Case(f"c{i}", row, (), (), (), "", _HERE) for i, row in enumerate(cases))
    return Suite("s", "suites/s.yaml", "", ("m",), {"ask": prompt}, ("ask",), Params(), variables, (), (), rows)


def _requests(suite: Suite, repeat: int = 1) -> list[Request]:
    found = requests(suite, models=suite.models, prompts=["ask"], repeats={"m": repeat}, limits=Limits())
    return [request for _, request in found]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ qq }}", "'qq' is undefined; did you mean 'q'? (with case 'a', suites/s.yaml:8:5)"),
        ("{{ q.x }}", "'str object' has no attribute 'x' (with case 'a', suites/s.yaml:8:5)"),
        ("{{ ''.__class__ }}", "access to attribute '__class__' of 'str' object is unsafe (with case 'a'"),
        ("{{ q", "line 1 of the template: unexpected end of template, expected 'end of print statement'."),
        ("{{ 'a' * 10**9 }}", "the text would be longer than limits.prompt_chars = 1000000 (with case 'a'"),
        ("{% for a in q * 400000 %}{% endfor %}", "the text would be longer than limits.prompt_chars"),
        ("{% for a in q * 30000 %}{% endfor %}", "more than limits.template_steps = 100000 loop iterations"),
    ],
)
def test_template_problems(project: Make, good: str, template: str, message: str) -> None:
    """Loading the suite reports a broken template with its position and the failing case."""
    (line,) = project(good.replace("{{ q }}", template)).problems()

    assert line.startswith(f"suites/s.yaml:5:7: {message}")


def test_limits_are_settings(project: Make, good: str) -> None:
    """The configuration sets the maximum length of a message."""
    assert "limits.prompt_chars = 4" in project(good, prompt_chars=4).problems()[0]


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"suite_chars": 2_000}, "the messages of all cases are longer than limits.suite_chars = 2000"),
        ({"suite_steps": 2_000}, "the messages of all cases take more than limits.suite_steps = 2000"),
    ],
    ids=["length", "work"],
)
def test_limits_count_over_the_suite(project: Make, good: str, limit: dict[str, int], message: str) -> None:
    """Many cases, each within the limits of a message, exceed those of the suite."""
    template = "{% for a in q * 20 %}{{ a }}{% endfor %}"
    rows = "".join(f"  - {{id: c{number}, vars: {{q: hello}}}}\n" for number in range(30))
    suite = good.partition("cases:")[0].replace("{{ q }}", template) + f"cases:\n{rows}"
    golden = "".join(f"c{number}: x\n" for number in range(30))

    assert len(project(suite, golden).load().cases) == 30
    assert message in project(suite, golden, **limit).problems()[0]


@pytest.mark.parametrize(
    ("template", "lines"), [("{{ q }}", [5, 6]), ("{{ qq }}", [5, 6]), ("{{ q * 9 }}", [5, 6]), ("Hi", [6])]
)
def test_limits_count_over_the_messages(project: Make, good: str, template: str, lines: list[int]) -> None:
    """A message that exceeds a limit together with those before it has this problem, if it has none of its own."""
    messages = good.replace("{{ q }}", template).replace("metrics:", '    - user: "{{ q }}{{ q }}"\nmetrics:')
    found = project(messages, suite_chars=4).problems()
    assert [int(line.split(":")[1]) for line in found] == lines
    assert found[-1].endswith("the messages of all cases are longer than limits.suite_chars = 4")


def test_a_message_of_all_cases_is_rendered_once() -> None:
    """Requests have the same object in place of equal messages, unless a case overrides a variable of the suite."""
    suite = _suite(("system", "Hi {{ s }}"), ("user", "{{ q }}"), cases=({"q": 1}, {"q": 2}, {"q": 3, "s": "S"}), s="S")
    first, second, third = (request.messages[0] for request in _requests(suite))
    assert first is second
    assert (first == third, first is third) == (True, False)


def test_variables_of_the_case_come_first(project: Make, good: str) -> None:
    """A variable of a case overrides the suite variable of the same name."""
    suite = project("vars: {q: general, z: 1}\n" + good).load()

    assert suite.vars == {"q": "general", "z": 1}
    assert _requests(replace(suite, models=("m",)))[0].messages == (Message("user", "hello"),)


@given(st.text())
def test_variables_are_data(text: str) -> None:
    """Template syntax in a variable of the suite or the case is sent unchanged."""
    suite = _suite(("system", "{{ s }}"), ("user", "{{ q }}"), cases=({"q": "{{ s }}" + text},), s="{% for %}" + text)

    assert [message.content for message in _requests(suite)[0].messages] == ["{% for %}" + text, "{{ s }}" + text]


def test_requests_in_order() -> None:
    """Requests are ordered by case and repeat; each repeat has its own seed, which wraps around."""
    suite = replace(_suite(("user", "{{ q }}"), cases=({"q": "x"}, {"q": "y"})), params=Params(seed=2**32 - 1))

    found = [(r.key.case, r.key.repeat, r.params.seed, r.messages[0].content) for r in _requests(suite, repeat=2)]

    assert found == [("c0", 0, 2**32 - 1, "x"), ("c0", 1, 0, "x"), ("c1", 0, 2**32 - 1, "y"), ("c1", 1, 0, "y")]


@pytest.mark.parametrize(
    ("turns", "shared"),
    [
        ((("system", "Hi"), ("user", "{{ q }}")), 1),
        ((("system", "Hi {{ s }}"), ("user", "shot"), ("assistant", "{{ s }}"), ("user", "{{ q }}")), 3),
        ((("user", "{{ q }}"), ("user", "Hi")), 0),
        ((("system", "{{ 'x' if q is defined else s }}"), ("user", "{{ q }}")), 0),
        ((("system", "{% for q in [1] %}{{ q }}{% endfor %}"), ("user", "{{ q }}")), 1),
        ((("user", "Hi"),), 1),
    ],
)
def test_shared_messages(turns: tuple[tuple[str, str], ...], shared: int) -> None:
    """All cases share the leading messages that use only suite variables."""
    assert _requests(_suite(*turns, s="S"))[0].shared_prefix == shared


def test_an_overridden_variable_is_not_shared() -> None:
    """A case that overrides a suite variable shares only the messages that stay equal."""
    suite = _suite(
        ("system", "Hi"), ("user", "{{ s }}"), ("user", "{{ q }}"), cases=({"q": 1}, {"q": 1, "s": "T"}), s="S"
    )

    assert [request.shared_prefix for request in _requests(suite)] == [2, 1]


def test_a_suite_variable_that_every_case_overrides() -> None:
    """A message that renders only with the variables of the cases is not shared."""
    suite = _suite(("system", "{{ 1 / n }}"), ("user", "{{ q }}"), cases=({"q": "x", "n": 2},), n="to be given")

    assert [(request.shared_prefix, request.messages[0].content) for request in _requests(suite)] == [(0, "0.5")]


_TURN = st.sampled_from(
    ["Hi", "{{ s }}", "{{ q }}", "{{ s }} {{ t }}", "{% if s %}{{ t }}{% endif %}", "{{ q }}{{ s }}"]
)
_CASE = st.fixed_dictionaries({"q": st.text(max_size=3)}, optional={"s": st.text(max_size=1)})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_TURN, min_size=1, max_size=4), st.lists(_CASE, min_size=1, max_size=5))
def test_the_prefix_does_not_depend_on_the_other_cases(turns: list[str], cases: list[dict[str, str]]) -> None:
    """A request does not depend on the other cases, and its shared prefix is the same text for all cases."""
    suite = _suite(*[("user", turn) for turn in turns], cases=tuple(cases), s="S", t="T")
    together = _requests(suite)

    alone = [_requests(replace(suite, cases=(case,)))[0] for case in suite.cases]

    assert together == alone
    common = Renderer(Limits()).common_messages(suite.prompts["ask"], suite.vars)
    assert all(request.messages[: request.shared_prefix] == common[: request.shared_prefix] for request in together)


PURPOSES: tuple[Purpose, ...] = ("planned", "confirm", "rerun", "reference")


@pytest.mark.parametrize("purpose", PURPOSES)
def test_no_seed_in_any_repeat(purpose: Purpose) -> None:
    """Without a seed, no sample has one, whatever its repeat and purpose; `seed: 0` is a seed."""
    suite = _suite(("user", "{{ q }}"), cases=({"q": "x"},))
    first, second = _requests(replace(suite, params=Params(seed=None)), repeat=2)
    assert (first.params.seed, second.params.seed) == (None, None)
    assert another_sample(first, 3, purpose).params.seed is None
    seeded = _requests(replace(suite, params=Params(seed=0)))[0]
    assert another_sample(seeded, 3, purpose).params.seed is not None
