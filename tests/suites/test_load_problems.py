"""Every mistake in a suite is reported with its position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evalharness.config import Config
from evalharness.errors import SuiteError
from evalharness.records import TimeBounds
from evalharness.suites import load_suite

Make = Callable[..., Any]


def test_a_good_suite_loads(project: Make) -> None:
    """The suite that the other tests break is valid."""
    suite = project().load()

    assert [(case.id, case.vars, case.golden) for case in suite.cases] == [("a", {"q": "hello"}, ("world",))]
    assert (suite.file, suite.models, suite.default_prompts) == ("suites/s.yaml", ("fake",), ("ask",))
    assert str(suite.cases[0].where) == "suites/s.yaml:8:5"


def test_logprobs(project: Make, good: str) -> None:
    """`logprobs: true` enables the metric that needs it; it is off by default."""
    suite = project(good.replace("[rouge_l]", "[answer_logprob]\nparams: {logprobs: true}")).load()

    assert suite.params.logprobs
    assert [spec.name for spec in suite.metrics] == ["answer_logprob"]
    assert not project(good).load().params.logprobs


def test_stop(project: Make, good: str) -> None:
    """`stop` is a text or a list of texts, also of white space and of a quoted number."""
    for written, stop in [("'5'", ("5",)), ('"\\n"', ("\n",)), ("[' ', no stop]", (" ", "no stop")), ("[]", ())]:
        changed = good.replace("models: [fake]", f"models: [fake]\nparams: {{stop: {written}}}")
        assert project(changed).load().params.stop == stop


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("metrics:", "metricz:", ["suites/s.yaml:1:1: 'metrics' is missing",
                                  "suites/s.yaml:6:1: unknown key 'metricz'; did you mean 'metrics'?"]),
        ("schema: 1\n", "", ["suites/s.yaml:1:1: 'schema' is missing: add `schema: 1`"]),
        ("metrics: [rouge_l]\n", "", ["suites/s.yaml:1:1: 'metrics' is missing: add `metrics: [rouge_l]`, or"]),
        ("    vars:", "    varz:", ["suites/s.yaml:9:5: unknown key 'varz'; did you mean 'vars'?"]),
        ("models: [fake]", "models: [fake]\nparams: {max_token: 3}",
         ["suites/s.yaml:3:10: unknown key 'max_token'; did you mean 'max_tokens'?"]),
        ("models: [fake]", "models: [fake]\nparams: {logprobs: yes}",
         ["suites/s.yaml:3:10: logprobs: must be a valid boolean, got 'yes'"]),
        ("models: [fake]", "models: [fake]\nparams: {stop: ['.', '']}",
         ["suites/s.yaml:3:22: stop: an empty text would end every answer at once: remove it"]),
        ("models: [fake]", 'models: [fake]\nparams: {stop: ""}', ["suites/s.yaml:3:10: stop: an empty text would"]),
        ("models: [fake]", "models: [fake]\nparams: {stop: [5]}",
         ["suites/s.yaml:3:17: stop: expected a text, got 5; write '5'"]),
        ("models: [fake]", "models: [fake]\nparams: {stop: null}",
         ["suites/s.yaml:3:10: stop: expected a text, got null; remove it"]),
        ("models: [fake]", "models: [fake]\nparams: {stop: {a: b}}",
         ["suites/s.yaml:3:10: stop: must be a valid string, got a mapping"]),
        ("[rouge_l]", "[rouge_l, answer_logprob]",
         ["suites/s.yaml:6:20: the metric 'answer_logprob' needs params: {logprobs: true}"]),
        ("models: [fake]", "models: [fake]\ngates: [{metrik: rouge_l}]",
         ["suites/s.yaml:3:9: 'metric' is missing",
          "suites/s.yaml:3:10: unknown key 'metrik'; did you mean 'metric'?"]),
        ("- user:", "- usr:", ["suites/s.yaml:5:7: unknown key 'usr'; did you mean 'user'?"]),
        ("models: [fake]", "api_key: x\nmodels: [fake]", ["suites/s.yaml:2:1: unknown key 'api_key'; known: assert,"]),
        ("models: [fake]", "models: [fak]", ["suites/s.yaml:2:10: unknown model 'fak': no [tool."]),
        ("models: [fake]", "models: [a/b]", ["suites/s.yaml:2:10: models: 'a/b' may contain only letters, digits"]),
        ("models: [fake]", "models: [fake]\ndefault_prompts: [aks]",
         ["suites/s.yaml:3:19: no prompt 'aks' in this suite; did you mean 'ask'?"]),
        ("[rouge_l]", "[rogue_l]", ["suites/s.yaml:6:11: unknown metric 'rogue_l'; did you mean 'rouge_l'"]),
        ("[rouge_l]", "[rouge_l, {rouge_l: {stem: true}}]",
         ["suites/s.yaml:6:20: duplicate metric 'rouge_l': remove it, or give it a name for its scores, as in "
          "{rouge_l: {\"stem\": true}, name: rouge_l_2}"]),
        ("[rouge_l]", "[{rouge_l: {}, name: r}, {exact: {}, name: r}]",
         ["suites/s.yaml:6:35: duplicate name 'r' of a metric"]),
        ("[rouge_l]", "[{rouge_l: {}, name: exact}]",
         ["suites/s.yaml:6:11: name: 'exact' is the name of a metric or a kind of gate: choose another name"]),
        ("[rouge_l]", "[{rouge_l: {}, name: cost}]", ["suites/s.yaml:6:11: name: 'cost' is the name of a metric or a"]),
        ("[rouge_l]", "[{rouge_l: {}, name: a/b}]", ["suites/s.yaml:6:11: name: expected "]),
        ("[rouge_l]", "[{rouge_l: {stm: true}}]", ["suites/s.yaml:6:11: the metric 'rouge_l' has no option 'stm'"]),
        ("[rouge_l]", "[{regex: '('}]", ["suites/s.yaml:6:11: '(' is not a pattern that RE2 takes: missing )"]),
        ("[rouge_l]", "[{embedding: minilm}]", ["suites/s.yaml:6:11: unknown embedder 'minilm': no [tool."]),
        ("[rouge_l]", "[{a: 1, b: 2}]", ["suites/s.yaml:6:11: expected NAME or {NAME: value}, got {'a': 1, 'b': 2}"]),
        ("[rouge_l]", "[~]", ["suites/s.yaml:6:11: expected NAME or {NAME: value}, got None"]),
        ("[rouge_l]", "[rouge_l]\nassert: [not_contain: x]",
         ["suites/s.yaml:7:10: unknown check 'not_contain'; did you mean 'not_contains'"]),
        ("[rouge_l]", "[rouge_l]\nassert: [regex: '(?=a)']", ["suites/s.yaml:7:10: '(?=a)' is not a pattern that RE2"]),
        ("[rouge_l]", "[rouge_l]\nassert: [contains: 30]", ["suites/s.yaml:7:10: contains: expected a text, got 30; "]),
        ("  - id: a", "  - id: a\n    assert: [max_word: 3]",
         ["suites/s.yaml:9:14: unknown check 'max_word'; did you mean 'max_words'"]),
        ("  - id: a", "  - id: a\n    tags: x", ["suites/s.yaml:9:5: tags: must be a valid list, got 'x'"]),
        ("  - id: a", "  - id: a b", ["suites/s.yaml:8:5: id: 'a b' may contain only letters, digits and - _ . @ +"]),
        ("  - id: a", "  - id: gate", ["suites/s.yaml:8:5: the id 'gate' is reserved for gate results"]),
        ("- user:", "- {user: x, system: y}\n    - user:", ["suites/s.yaml:5:7: ask: a message must have exactly"]),
        ("schema: 1", "schema: 2", ["suites/s.yaml:1:1: schema: must be 1, got '2'"]),
        ("schema: 1", "schema: true", ["suites/s.yaml:1:1: schema: must be 1, got 'true'"]),
        ("models: [fake]", "models: [fake]\ngates: [{metric: rouge_1}]",
         ["suites/s.yaml:3:10: no metric 'rouge_1' in this suite; did you mean 'rouge_l'?"]),
        ("models: [fake]", "models: [fake]\ngates: [{metric: cost}, {metric: cost}]",
         ["suites/s.yaml:3:25: duplicate gate on 'cost'"]),
    ],
)  # fmt: skip
def test_mistakes(project: Make, good: str, old: str, new: str, wanted: list[str]) -> None:
    """A mistake has its line and column, and the most similar known word."""
    assert old in good

    found = [line for line in project(good.replace(old, new, 1)).problems() if "golden/" not in line]

    assert len(found) == len(wanted), found
    for line, start in zip(found, wanted, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    "value",
    ["true", "yes", "012", "0x1F", "1_000", "1:30", "64.0", '"64"', "~", ".inf", "1e3", "[1]", "-1", "0", "9" * 400],
)
def test_whole_numbers(project: Make, good: str, value: str) -> None:
    """An integer field accepts only a bare JSON integer within its range."""
    (line,) = project(good + f"params: {{max_tokens: {value}}}\n").problems()

    assert line.startswith("suites/s.yaml:10:10: max_tokens: must be ")


@pytest.mark.parametrize(
    "value", ["true", "nan", ".nan", "inf", "1e999", "abc%", "nan%", "'%'", "50", "0", "-1%", "101%"]
)
def test_margins(project: Make, good: str, value: str) -> None:
    """A margin must be a number in (0, 1] or a percentage, so that no typo relaxes a gate."""
    (line,) = project(good + f"gates: [{{metric: cost, margin: {value}}}]\n").problems()

    assert line.startswith("suites/s.yaml:10:24: margin: must be ")


@pytest.mark.parametrize(
    ("value", "margin"), [("10%", 0.1), ("'5 %'", 0.05), ("0.050", 0.05), ("1", 1.0), ("1e-2", 0.01)]
)
def test_good_margins(project: Make, good: str, value: str, margin: float) -> None:
    """A margin can be a number or a percentage."""
    assert project(good + f"gates: [{{metric: cost, margin: {value}}}]\n").load().gates[0].rule.margin == pytest.approx(
        margin
    )


def test_options_of_a_gate(project: Make, good: str) -> None:
    """A gate on seconds takes `slots`, a number; one on a metric takes `tag`; each refuses the other's."""
    assert project(good + "gates: [{metric: latency, slots: 1}]\n").load().gates[0].rule.slots == 1
    for gate, option in (("metric: cost, slots: 1", "slots"), ("metric: latency, tag: t", "tag")):
        problems = "\n".join(map(str, project(good + f"gates: [{{{gate}}}]\n").problems()))
        assert f"does not take '{option}': remove it" in problems


@pytest.mark.parametrize(
    ("written", "within"),
    [
        ("{ttft: 300ms, e2el: 2s}", TimeBounds(ttft=0.3, e2el=2.0)),
        ("{tpot: '12.5 ms'}", TimeBounds(tpot=0.0125)),
        ("{e2el: 1m}", "e2el: expected a time with its unit, such as 300ms or 2s, got 1m"),
        ("{e2el: 2}", "e2el: expected a time with its unit, such as 300ms or 2s, got 2"),
        ("{e2el: 0s}", "e2el: must be greater than 0"),
        ("{e2el: nans}", "e2el: must be"),
        ("{e2el: [2s]}", "e2el: expected a time with its unit"),
        ("{itl: 2s}", "unknown key 'itl'"),
        ("{}", "expected at least one bound, as in within: {ttft: 300ms, e2el: 2s}"),
    ],
)
def test_bounds_of_times(project: Make, good: str, written: str, within: TimeBounds | str) -> None:
    """A bound of a time has a unit, and `within` has at least one bound."""
    made = project(good + f"gates: [{{metric: attainment, within: {written}, at_least: 95%}}]\n")
    if isinstance(within, str):
        assert within in "\n".join(map(str, made.problems()))
    else:
        rule = made.load().gates[0].rule
        assert (rule.within, rule.at_least) == (pytest.approx(within), 0.95)


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        ("metric: attainment, at_least: 95%", "a gate on attainment needs 'within', as in within: {ttft: 300ms"),
        ("metric: attainment, within: {e2el: 2s}", "a gate on attainment needs 'at_least', as in at_least: 95%"),
        ("metric: attainment, within: {e2el: 2s}, at_least: 100%", "at_least: must be less than 1"),
        ("metric: goodput", "a gate on goodput needs 'within'"),
        ("metric: goodput, within: {e2el: 2s}, at_least: 95%", "a gate on goodput does not take 'at_least': remove it"),
        ("metric: latency, within: {e2el: 2s}", "a gate on latency does not take 'within': remove it"),
    ],
)
def test_keys_of_gates_on_responses_in_time(project: Make, good: str, gate: str, problem: str) -> None:
    """`attainment` needs bounds and a share, `goodput` bounds alone; other gates take neither."""
    assert problem in "\n".join(map(str, project(good + f"gates: [{{{gate}}}]\n").problems()))


def test_all_at_once_in_file_order(project: Make, good: str) -> None:
    """One error lists all problems: the suite file from top to bottom, then the other files."""
    suite = good.replace("[fake]", "[fak]").replace("{{ q }}", "{{ qq }}").replace("[rouge_l]", "[rouge_l, nope]")

    lines = project(suite, "zz: x\na: ''\n").problems()

    assert [line.split(": ")[0] for line in lines] == [
        "suites/s.yaml:2:10",
        "suites/s.yaml:5:7",
        "suites/s.yaml:6:20",
        "golden/s.yaml:1:1",
        "golden/s.yaml:2:1",
    ]


def test_schema_problems_in_file_order(project: Make) -> None:
    """Schema problems are in file order."""
    lines = project("foo: 1\ncases: []\nmetrics: []\nprompts: {}\nmodels: {}\nschema: 3\n").problems()

    assert [line.split(":")[1] for line in lines] == ["1", "3", "4", "5", "6"]


def test_many_problems_are_cut(project: Make, head: str) -> None:
    """After 200 problems the error only counts the rest."""
    cases = "".join(f"  - {{id: c{i}, vars: {{q: x}}, assert: [{{contians: x}}]}}\n" for i in range(300))

    lines = project(head + "cases:\n" + cases, "c0: x\n").problems()

    assert len(lines) == 201
    assert lines[-1] == "suites/s.yaml: and 100 more"


def test_a_problem_is_one_line(project: Make, good: str) -> None:
    """A quoted value cannot start a line, where CI systems read commands, or fill the screen."""
    lines = project(good.replace("id: a", f'id: "a\\n::error::{"x" * 100_000}"')).problems()

    assert len(lines) == 1
    assert len(lines[0]) < 600


@pytest.mark.parametrize(
    ("suite", "wanted"),
    [
        ("", "suites/s.yaml: the file is empty: expected a mapping (key: value)"),
        ("# only a comment\n", "suites/s.yaml: the file is empty: expected a mapping (key: value)"),
        ("- a\n", "suites/s.yaml:1:1: this must be a mapping (key: value), got a list"),
        ("text\n", "suites/s.yaml:1:1: this must be a mapping (key: value), got 'text'"),
        ("a: [1\n", "suites/s.yaml:2:1: invalid YAML: did not find expected ',' or ']'"),
        ("a: 1\n---\nb: 2\n", "suites/s.yaml:2:1: invalid YAML: but found another document"),
        ("a: *x\n", "suites/s.yaml:1:4: invalid YAML: found undefined alias"),
        ("\tb: 1\n", "suites/s.yaml:1:1: invalid YAML: found character that cannot start any token"),
    ],
)
def test_not_a_suite(project: Make, suite: str, wanted: str) -> None:
    """A file that is not a YAML mapping is rejected with its position."""
    assert project(suite).problems() == [wanted]


def test_duplicate_ids_name_the_first(project: Make, good: str) -> None:
    """A duplicate id is reported at the second case and names the position of the first."""
    (line,) = project(good + "  - id: a\n    vars: {q: again}\n").problems()

    assert line == "suites/s.yaml:10:5: duplicate id 'a': first used at suites/s.yaml:8:5"


def test_no_cases(project: Make, head: str) -> None:
    """A suite without cases is an error, because it would always pass."""
    (line,) = project(head + "cases: []\n", None).problems()

    assert line == "suites/s.yaml:7:1: the suite has no cases: add at least one"


@pytest.mark.parametrize("name", ["t", "../suites/s", "/etc/passwd", "", "s.yaml", "s\n::error::"])
def test_unknown_suites(project: Make, name: str) -> None:
    """A name must match an existing suite; it is never used as a path."""
    with pytest.raises(SuiteError, match="unknown suite"):
        load_suite(name, project().config)


def test_a_folder_without_suites(tmp_path: Any) -> None:
    """In an empty folder the error says that the project has no suites."""
    with pytest.raises(SuiteError, match="unknown suite 's'; no suites in suites/: evalharness init writes one"):
        load_suite("s", Config(root=tmp_path))
