"""A jinja2 environment that is sandboxed and limits memory and work.

Templates come from suites and GGUF files, both untrusted. jinja2's sandbox blocks access to Python internals but allows
`'a' * 10**9`. This one also limits every operation: no value is larger than `max_chars`, and loops, filters, calls,
comparisons and operators count against `max_steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, Template, Undefined, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as ALL_TESTS
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from evalharness.errors import did_you_mean
from evalharness.templating.errors import TemplateError as TemplateError
from evalharness.templating.errors import failed_line, template_errors
from evalharness.templating.filters import allowed, check_needles

_TEXT_METHODS = frozenset(
    """
    capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower isnumeric isspace isupper
    join lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip split splitlines
    startswith strip swapcase title upper
    """.split()  # noqa: SIM905
)
STRUCTURE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_MAX_TOKENS = 50_000
"""Tokens of one template, counted before parsing. A long chat template has 10,000."""
_MAX_BITS = 1_000
"""Of an integer."""


class _Metered(NodeTransformer):
    """Passes every value that is iterated, compared, sliced or collected through a counting filter."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja2 calls it by the node's name
        node.iter = _filtered("_iterated", node.iter)
        return self.generic_visit(node)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        node.expr = _filtered("_counted", node.expr)
        for operand in node.ops:
            operand.expr = _filtered("_counted", operand.expr)
        return self.generic_visit(node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        if isinstance(node.arg, nodes.Slice):
            node.node = _filtered("_counted", node.node)
        return self.generic_visit(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        return self.visit(_filtered("join", nodes.List(node.nodes, lineno=node.lineno)))  # type: ignore[no-any-return]

    def visit_List(self, node: nodes.List | nodes.Dict) -> nodes.Node:  # noqa: N802
        return _filtered("_counted", self.generic_visit(node))

    visit_Dict = visit_List  # noqa: N815

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        whole = self.generic_visit(node)
        return _filtered("_counted", whole) if node.ctx == "load" else whole


def _filtered(name: str, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class Sandbox(ImmutableSandboxedEnvironment):
    """Compiles and renders templates within `max_chars` and `max_steps` per text."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(
        self, *, max_chars: int, max_steps: int, functions: Mapping[str, Callable[..., Any]] | None = None
    ) -> None:
        super().__init__(
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            finalize=self._text,
        )
        self.max_chars, self.max_steps, self.steps = max_chars, max_steps, 0.0
        self.globals = dict(functions or {})
        filters = allowed({"join": self._join, "replace": self._replace, "string": self._text})
        self.filters = {name: self._metered(function) for name, function in filters.items()}
        self.filters |= {"_iterated": self._iterated, "_counted": self._counted}
        tests: Mapping[str, Any] = ALL_TESTS
        self.tests = {name: self._metered(test) for name, test in tests.items()}

    def render(self, template: Template, variables: Mapping[str, Any]) -> str:
        """The rendered text. Raises TemplateError, also for too much output or work."""
        self.steps, pieces, size = 0.0, [], 0
        try:
            for piece in template.generate(variables):
                size += len(piece)
                self._check_size(size)
                pieces.append(piece)
        except UndefinedError as error:
            missing = str(error).partition("'")[2].partition("'")[0]
            hint = did_you_mean(missing, variables) if str(error).endswith("is undefined") else ""
            raise TemplateError(f"{error}{hint}", failed_line(error, template)) from None
        except Exception as error:  # untrusted: every error is the template's
            raise TemplateError(f"{error}" or type(error).__name__, failed_line(error, template)) from None
        return self.concat(pieces)

    def _checked_template(self, source: str, forbidden: tuple[type[nodes.Node], ...]) -> Template:
        with template_errors():
            return self._template_of(self._checked_tree(source, forbidden))

    def _checked_tree(self, source: str, forbidden: tuple[type[nodes.Node], ...]) -> nodes.Template:
        if any(islice((1 for _, kind, _ in self.lex(source) if kind != "data"), _MAX_TOKENS, None)):
            raise TemplateError(f"the template has more than {_MAX_TOKENS} tokens")
        tree = self.parse(source)
        for node in tree.find_all(forbidden):
            kind = type(node).__name__.lower()
            hint = ": write {{ a }}{{ b }}" if kind == "concat" else ""
            message = f"line {node.lineno} of the template: '{kind}' is not allowed here{hint}"
            raise TemplateError(message, node.lineno)
        return tree

    def _template_of(self, tree: nodes.Template) -> Template:
        self.steps = 0.0  # jinja2 evaluates constant expressions while compiling
        return Template.from_code(self, self.compile(_Metered().visit(tree)), self.globals)

    def _check_size(self, size: float) -> None:
        if size > self.max_chars:
            raise SecurityError(f"the text would be longer than limits.prompt_chars = {self.max_chars}")

    def _count_steps(self, steps: float) -> None:
        self.steps += steps
        if self.steps > self.max_steps:
            raise SecurityError(
                f"more than limits.template_steps = {self.max_steps} loop iterations or equivalent work"
            )

    def _size(self, value: Any, *, printed: bool = False) -> int:
        """The characters and values in a value, at any depth. 100 characters or four values are one step."""
        size, values, rest = 0, 0, [value]
        while rest:
            item = rest.pop()
            values += 1
            size += len(item) if isinstance(item, str | list | tuple | dict) else 1
            self._check_size(size)  # before visiting the items: a list can contain the same long list many times
            if isinstance(item, list | tuple):
                rest += item
            elif isinstance(item, dict):
                rest += [*item.keys(), *item.values()]
            elif isinstance(item, Namespace) and (printed or item is not value):
                raise SecurityError("a namespace cannot be used as a value: use its attributes")
            else:
                _check_single(item, printed)
        self._count_steps(values / 4 + size / 100)
        return size

    def _counted(self, value: Any) -> Any:
        self._size(value)
        return value

    def _text(self, value: Any) -> str:
        """The text of a printed value. Functions and generators are errors: their text is a memory address."""
        self._size(value, printed=True)
        return str(value)

    def _iterated(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._count_steps(1)
            yield item

    def _metered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The filter or test with its arguments and its result counted."""

        @wraps(function)  # keeps jinja2's markers, such as pass_environment
        def metered(*args: Any, **kwargs: Any) -> Any:
            for value in (*args, *kwargs.values()):
                self._size(value)
            return self._counted(function(*args, **kwargs))

        return metered

    def _replace(self, text: Any, old: str, new: str, count: int = -1) -> str:
        whole, old, new = str(text), str(old), str(new)
        self._check_size(len(whole) + (whole.count(old) if old else len(whole) + 1) * len(new))
        return whole.replace(old, new, -1 if count is None else count)

    def _join(self, items: Iterable[Any], d: str = "", attribute: str | None = None) -> str:
        texts, size = [], 0
        for item in self._iterated(items):
            texts.append(self._text(item if attribute is None else self.getitem(item, attribute)))
            size += len(texts[-1]) + len(d)
            self._check_size(size)
        return d.join(texts)

    def concat(self, pieces: Iterable[str]) -> str:
        """The text of a macro, a `{% set %}` block or a recursive loop; jinja2 calls this."""
        texts = list(pieces)
        self._check_size(sum(map(len, texts)))
        return "".join(texts)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """None: without a wrapper, `str.format` is rejected like other methods."""
        return None

    def unsafe_undefined(self, obj: Any, attribute: str) -> StrictUndefined:
        """An undefined value that raises SecurityError on every use, never an empty text."""
        return StrictUndefined(
            f"access to attribute '{attribute}' of {type(obj).__name__!r} object is unsafe",
            obj=obj,
            name=attribute,
            exc=SecurityError,
        )

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may access an attribute; of text, only bounded methods."""
        if isinstance(obj, int | float) or (isinstance(obj, str) and attr not in _TEXT_METHODS):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """The item `obj[argument]`; jinja2 calls this."""
        return super().getitem(obj, self._counted(argument))

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The result of a call, where `str.replace` and `str.join` are bounded."""
        self._count_steps(1)
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        own = keywords(kwargs)
        values = [owner, *args, *own.values()] if isinstance(owner, str | list | dict) else args
        self._size([value for value in values if not isinstance(value, Namespace)])
        if isinstance(obj, LoopContext) and args:
            args = (self._iterated(args[0]), *args[1:])  # a recursive loop
        if isinstance(owner, str) and name == "replace":
            return self._replace(owner, *args, **own)
        if isinstance(owner, str) and name == "join":
            return self._join(args[0], owner)
        if isinstance(owner, str):
            check_needles(args)
        return self._counted(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The result of `+ * ** %` with bounded numbers, texts and lists."""
        sizes = [self._size(side) for side in (left, right)]
        large = [isinstance(side, str | list | tuple) for side in (left, right)]
        if operator == "%" and isinstance(left, str):
            raise SecurityError("'%' cannot format text here")
        if operator == "**" and _both_numbers(left, right) and not (abs(left) <= 1e6 and abs(right) <= 16):
            raise SecurityError("the power is too large")
        if operator == "*" and large[0] != large[1] and isinstance(times := right if large[0] else left, int):
            self._check_size(sizes[large[1]] * times)
        if operator == "+" and all(large):
            self._check_size(sum(sizes))
        return self._counted(super().call_binop(context, operator, left, right))


def keywords(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keyword arguments that a template writes, without those that jinja2 adds inside loops and blocks."""
    return {name: value for name, value in kwargs.items() if name not in ("_loop_vars", "_block_vars")}


def _both_numbers(left: Any, right: Any) -> bool:
    return isinstance(left, int | float) and isinstance(right, int | float)


def _check_single(item: Any, printed: bool) -> None:
    if isinstance(item, int) and item.bit_length() > _MAX_BITS:
        raise SecurityError("the number is too large")
    if printed and isinstance(item, Undefined):
        str(item)  # raises UndefinedError
    elif printed and not isinstance(item, str | int | float | None):
        raise SecurityError(f"{{{{ }}}} cannot print a {type(item).__name__}: call it or add |list")
