"""Conditions such as `x > 3 and returncode != 0`: a small part of Python's expressions, evaluated
here and nowhere else.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from gc3libs.cli._exits import UsageError
from gc3libs.exceptions import InvalidValue

Lookup = Callable[[str], Any]
Evaluate = Callable[[Lookup], Any]

_COMPARE: Final[Mapping[type, Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}
_COMPUTE: Final[Mapping[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_MEMORY: Final = frozenset({"memory"})
_TIMES: Final = frozenset({"duration", "cpu_time"})


class Unknown(Exception):
    """A name that means nothing. Never leaves this package."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Condition:
    """A condition on named values.

    A comparison of what cannot be compared, such as a number with a text, or with a value that is
    not there, is false.

    Raises:
        UsageError: The text is no condition; says what is wrong with it.

    >>> condition = Condition("x > 3 and (name == 'fit' or not ok)")
    >>> condition({"x": 4, "name": "fit", "ok": True}.get)
    True
    >>> condition.names == {"x", "name", "ok"}
    True
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()
        try:
            tree = ast.parse(text.strip(), mode="eval")
            self._evaluate = self._compile(tree.body)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
            raise UsageError(
                f"{text!r} is no condition. One looks like: x > 3 and state == 'failed'"
            ) from err

    def __call__(self, lookup: Lookup) -> bool:
        """Whether it holds for what `lookup` says of each name."""
        return bool(self._evaluate(lookup))

    def _compile(self, node: ast.expr) -> Evaluate:
        match node:
            case ast.Constant(value=value) if value is None or isinstance(value, int | float | str):
                return lambda lookup: value
            case ast.Name(id=name):
                self.names.add(name)
                return lambda lookup: lookup(name)
            case ast.Tuple(elts=items) | ast.List(elts=items):
                parts = [self._compile(item) for item in items]
                return lambda lookup: [part(lookup) for part in parts]
            case ast.BoolOp(op=ast.And(), values=values):
                parts = [self._compile(value) for value in values]
                return lambda lookup: all(part(lookup) for part in parts)
            case ast.BoolOp(values=values):
                parts = [self._compile(value) for value in values]
                return lambda lookup: any(part(lookup) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._compile(operand)
                return lambda lookup: not inner(lookup)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._compile(operand)
                return lambda lookup: _safely(operator.sub, 0, inner(lookup), numbers_only=True)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTE:
                return self._compute(_COMPUTE[type(op)], left, right)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compare(left, ops, others)
        raise self._refused(node)

    def _operand(self, node: ast.expr, quantity: str | None) -> Evaluate:
        if quantity is not None and isinstance(node, ast.Tuple | ast.List):
            parts = [self._operand(item, quantity) for item in node.elts]
            return lambda lookup: [part(lookup) for part in parts]
        number = in_base_units(node, quantity)
        return self._compile(node) if number is None else lambda lookup: number

    def _refused(self, node: ast.expr) -> UsageError:
        part = ast.get_source_segment(self.text.strip(), node) or self.text
        return UsageError(
            f"{part!r} cannot be part of a condition: names, numbers, texts, comparisons, and, or,"
            " not, + - * / % can"
        )

    def _compute(self, how: Callable[[Any, Any], Any], left: ast.expr, right: ast.expr) -> Evaluate:
        one, other = self._compile(left), self._compile(right)
        return lambda lookup: _safely(how, one(lookup), other(lookup), numbers_only=True)

    def _compare(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> Evaluate:
        nodes = [left, *others]
        names = (node.id for node in nodes if isinstance(node, ast.Name))
        quantity = next((q for name in names if (q := quantity_of(name)) is not None), None)
        parts = [self._operand(node, quantity) for node in nodes]
        unknown = next((type(op).__name__ for op in ops if type(op) not in _COMPARE), None)
        if unknown:
            raise UsageError(f"{self.text!r}: compare with == != < <= > >= in, not with 'is'")
        steps = [
            (_COMPARE[type(op)], parts[place], parts[place + 1]) for place, op in enumerate(ops)
        ]
        return lambda lookup: all(
            _safely(how, one(lookup), other(lookup)) for how, one, other in steps
        )


def quantity_of(name: str) -> str | None:
    """Which kind of quantity a field is: "memory" or "time"; None: neither."""
    if name in _MEMORY:
        return "memory"
    return "time" if name in _TIMES else None


def in_base_units(node: ast.expr, quantity: str | None) -> float | None:
    """A text such as '1GB' that is compared with a quantity, as a number; None: something else.

    Raises:
        UsageError: It is none of that quantity.
    """
    if quantity is None or not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return None
    from gc3libs.quantity import Duration, Memory

    text = node.value
    try:
        return Memory(text).in_bytes() if quantity == "memory" else Duration(text).in_seconds()
    except InvalidValue as err:
        raise UsageError(str(err)) from err


def _safely(
    how: Callable[[Any, Any], Any], one: Any, other: Any, *, numbers_only: bool = False
) -> Any:
    """What comes of it; None where that makes no sense."""
    if numbers_only and not (isinstance(one, int | float) and isinstance(other, int | float)):
        return None
    if how not in (operator.eq, operator.ne) and None in (one, other):
        return None
    try:
        return how(one, other)
    except (TypeError, ZeroDivisionError, OverflowError):
        return None


def unknown_name(name: str, known: set[str], said: str = "no task has") -> UsageError:
    """What to say of a name that means nothing."""
    near = difflib.get_close_matches(name, sorted(known), 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known))}"
    return UsageError(f"{said} {name!r}. {hint}")
