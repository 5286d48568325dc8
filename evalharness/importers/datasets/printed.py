"""Read values as Python and numpy print them: pandas writes lists of a data set into CSV files in this form."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from typing import Any

_SPACE = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
_CONSTANTS = ("True", "False", "None", "nan")
_NUMPY = ("np", "numpy")


def printed_value(text: str) -> Any:
    """The value that Python or numpy prints as this text: `['a', 'b']`, `['a' 'b']`, `array(['a'], dtype=object)`.

    Raises ValueError for another text.
    """
    try:
        tree = ast.parse(" ".join(_with_commas(text)), mode="eval")
        return ast.literal_eval(_Plain().visit(tree))
    except (ValueError, SyntaxError, tokenize.TokenError, TypeError, RecursionError, MemoryError):
        raise ValueError("expected a value as Python prints it") from None


def _with_commas(text: str) -> Iterator[str]:
    """The tokens, with the commas between items that numpy does not print: Python joins two adjacent texts."""
    is_after_value = False
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _SPACE:
            continue
        is_literal = token.type in (tokenize.STRING, tokenize.NUMBER) or token.string in _CONSTANTS
        if is_after_value and (is_literal or token.string in ("[", "{")):
            yield ","
        yield token.string
        is_after_value = is_literal or token.string in ("]", "}", ")")


class _Plain(ast.NodeTransformer):
    """Replaces numpy's arrays and scalars by their content, and `nan` by None."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        name = function.id if isinstance(function, ast.Name) else ""
        known = name == "array" if function is node.func else name in _NUMPY
        return self.visit(node.args[0]) if known and node.args else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(None) if node.id == "nan" else node
