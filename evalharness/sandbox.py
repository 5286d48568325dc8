"""The one jinja2 environment: immutable, sandboxed, without globals, loader or unbounded work.

Templates come from suites and from GGUF files, both untrusted. Beyond jinja2's own sandbox (which keeps Python's
insides out of reach, but lets `'a' * 10**9` through) every step that could make much out of little is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, meta, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.filters import FILTERS as ALL_FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalharness.registry import did_you_mean

FILTERS = frozenset(
    """
    abs capitalize count d default dictsort first float int items join last length list lower map max min reject
    rejectattr replace reverse round select selectattr sort string sum title tojson trim unique upper wordcount
    """.split()  # noqa: SIM905 - forty words read better than forty strings
)
"""jinja2's filters that return no more than they are given, or are bounded here."""

_TEXT_METHODS = frozenset(
    """
    capitalize count endswith find index isalnum isalpha isdigit islower isspace isupper join lower lstrip replace rfind
    rsplit rstrip split splitlines startswith strip title upper
    """.split()  # noqa: SIM905
)
_STRUCTURE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_GROWTH = (nodes.Macro, nodes.CallBlock, nodes.Block, nodes.Concat)


class TemplateProblem(Exception):
    """Why a template cannot be read or rendered, as a sentence."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Compiles and renders; every text it makes has at most `max_chars` characters."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(
        self, *, max_chars: int, max_steps: int, functions: Mapping[str, Callable[..., Any]] | None = None
    ) -> None:
        super().__init__(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False)
        self.max_chars, self.max_steps, self.steps = max_chars, max_steps, 0
        self.globals = dict(functions or {})
        self.filters = {name: ALL_FILTERS[name] for name in FILTERS}
        self.filters |= {"join": self._join, "replace": self._replace, "_turns": self._turns}

    def compile_prompt(self, source: str) -> Template:
        """A template of a suite: no macros, blocks, includes or `~`. Raises TemplateProblem."""
        return self._translate(source, (*_STRUCTURE, *_GROWTH))

    def compile_chat_template(self, source: str) -> Template:
        """A model's chat template; it may use macros: render it in a process that may die. Raises TemplateProblem."""
        return self._translate(source, _STRUCTURE)

    def variables(self, source: str) -> set[str]:
        """Names that a template takes from outside."""
        return meta.find_undeclared_variables(self.parse(source))

    def render(self, template: Template, variables: Mapping[str, Any]) -> str:
        """The text. Raises TemplateProblem: an undefined name, a forbidden attribute, too much output or work."""
        self.steps, pieces, size = 0, [], 0
        try:
            for piece in template.generate(variables):
                size += len(piece)
                self._allow(size)
                pieces.append(piece)
        except UndefinedError as error:
            missing = str(error).partition("'")[2].partition("'")[0]
            hint = did_you_mean(missing, variables) if str(error).endswith("is undefined") else ""
            raise TemplateProblem(f"{error}{hint}") from None
        except (
            TemplateError,
            TypeError,
            ValueError,
            ArithmeticError,
            LookupError,
            AttributeError,
            RecursionError,
        ) as error:
            raise TemplateProblem(f"{error}" or type(error).__name__) from None
        return "".join(pieces)

    def _translate(self, source: str, forbidden: tuple[type[nodes.Node], ...]) -> Template:
        try:
            tree = self.parse(source)
            for node in tree.find_all(forbidden):
                kind = type(node).__name__.lower()
                hint = ": write {{ a }}{{ b }}" if kind == "concat" else ""
                raise TemplateProblem(f"line {node.lineno} of the template: '{kind}' is not allowed here{hint}")
            for loop in tree.find_all(nodes.For):
                loop.iter = nodes.Filter(loop.iter, "_turns", [], [], None, None, lineno=loop.lineno)
            return Template.from_code(self, self.compile(tree), {})
        except TemplateSyntaxError as error:
            raise TemplateProblem(f"line {error.lineno} of the template: {error.message}") from None
        except RecursionError:
            raise TemplateProblem("the template is nested too deeply") from None

    def _turns(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.steps += 1
            if self.steps > self.max_steps:
                raise SecurityError(f"more than limits.template_steps = {self.max_steps} loop turns")
            yield item

    def _allow(self, size: float) -> None:
        if size > self.max_chars:
            raise SecurityError(f"the text would be longer than limits.prompt_chars = {self.max_chars}")

    def _replace(self, text: str, old: str, new: str, count: int = -1) -> str:
        self._allow(len(text) + (len(text) + 1 if not old else text.count(old)) * len(new))
        return str(text).replace(old, new, count)

    def _join(self, items: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
        texts = [str(self.getitem(item, attribute) if attribute else item) for item in self._turns(items)]
        self._allow(sum(map(len, texts)) + len(separator) * len(texts))
        return separator.join(texts)

    def wrap_str_format(self, value: Any) -> None:
        """jinja2 would let `str.format` through, padding and all; without its wrapper it is refused like the others."""
        return

    def unsafe_undefined(self, obj: Any, attribute: str) -> StrictUndefined:
        """What a forbidden attribute gives: an error wherever it is used, never an empty text."""
        return StrictUndefined(
            f"access to attribute '{attribute}' of {type(obj).__name__!r} object is unsafe",
            obj=obj,
            name=attribute,
            exc=SecurityError,
        )

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """jinja2 asks this before each attribute access: of a text, only methods that make nothing large."""
        if isinstance(obj, str) and attr not in _TEXT_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """jinja2 makes each call through this: the two growing text methods go through the bounded filters."""
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str) and name == "replace":
            return self._replace(owner, *args, **kwargs)
        if isinstance(owner, str) and name == "join":
            return self._join(args[0], owner)
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """jinja2 makes `+ * ** %` through this: numbers stay small, texts and lists within bounds."""
        texts = [side for side in (left, right) if isinstance(side, str | list | tuple)]
        if operator == "%" and isinstance(left, str):
            raise SecurityError("'%' formats no text here")
        if operator == "**" and not (abs(left) <= 1e6 and abs(right) <= 16):
            raise SecurityError("the power is too large")
        if operator == "*" and texts:
            self._allow(len(texts[0]) * float(right if texts[0] is left else left))
        if operator == "+" and len(texts) == 2:
            self._allow(len(left) + len(right))
        if operator == "*" and not texts and max(abs(left), abs(right)) > 1e15:
            raise SecurityError("the number is too large")
        return super().call_binop(context, operator, left, right)
