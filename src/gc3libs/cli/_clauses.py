"""What of a condition a store can look for.

A store lets through what fulfils the condition, and perhaps more: the condition has the last word.
So whatever a store cannot look for is left out here.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from itertools import product
from typing import Final

from gc3libs.cli._filters import FIELDS
from gc3libs.cli._where import in_base_units, quantity_of
from gc3libs.persistence import facts
from gc3libs.persistence.record import Comparison, Fact

Clause = tuple[Comparison, ...]
Clauses = tuple[Clause, ...]
"""Of each of these groups at least one comparison must hold."""

_ANYTHING: Final[Clauses] = ()
_MOST: Final = 64
"""Clauses; of a condition that makes more, a store would not be faster."""

_OPERATORS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_TURNED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE: Final = {"==": "!=", "!=": "=="}

_STATE: Final = Fact("state")
_OVER: Final = Comparison(_STATE, "==", "TERMINATED")
_NEW: Final = Comparison(_STATE, "==", "NEW")
_WORDS: Final[Mapping[str, Clause]] = {
    "done": (_OVER, Comparison(Fact("returncode"), "==", 0)),
    "failed": (_OVER, Comparison(Fact("returncode"), "!=", 0)),
    "waiting": (_NEW, Comparison(Fact("held"), "==", 0)),
    "held": (_NEW, Comparison(Fact("held"), "==", 1)),
    "ending": (Comparison(_STATE, "==", "TERMINATING"),),
    **{
        word: (Comparison(_STATE, "==", word.upper()),)
        for word in ("submitted", "running", "stopped", "unknown")
    },
}
"""What is true, all of it, of a task in this state."""


def fact_of(name: str) -> Fact | None:
    """What a store calls this column; None: it knows of none that is the same."""
    if name not in FIELDS:
        return Fact(name, parameter=True)
    return Fact(name) if FIELDS[name] is facts.FIELDS.get(name) else None


def clauses_of(text: str) -> Clauses:
    """What must be true of a task for a condition, one that makes sense, to hold.

    >>> clauses_of("x > 3 or memory < '1kB'")
    ((Comparison(fact=Fact(name='x', parameter=True), operator='>', value=3), \
Comparison(fact=Fact(name='memory', parameter=False), operator='<', value=1000)),)
    >>> clauses_of("x + y > 3 and not ok")
    ()
    """
    return _clauses(ast.parse(text.strip(), mode="eval").body)


def _clauses(node: ast.expr) -> Clauses:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return tuple(clause for value in values for clause in _clauses(value))
        case ast.BoolOp(values=values):
            return _one_of([_clauses(value) for value in values])
        case ast.Compare(left=left, ops=ops, comparators=others):
            nodes = [left, *others]
            pairs = zip(nodes, ops, others, strict=False)
            return tuple(clause for pair in pairs for clause in _pair(*pair))
    return _ANYTHING


def _one_of(branches: list[Clauses]) -> Clauses:
    """Each clause of one branch, or each of another; of ever more, ever fewer are worth it."""
    size = 1
    for branch in branches:
        size *= len(branch)
    if not 0 < size <= _MOST:
        return _ANYTHING
    return tuple(sum(choice, ()) for choice in product(*branches))


def _pair(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Clauses:
    if isinstance(op, ast.In) and isinstance(left, ast.Name):
        if not isinstance(right, ast.Tuple | ast.List):
            return _ANYTHING
        return _one_of([_comparison(left.id, "==", item) for item in right.elts])
    operator = _OPERATORS.get(type(op))
    if operator is None:
        return _ANYTHING
    if isinstance(left, ast.Name):
        return _comparison(left.id, operator, right)
    return _comparison(right.id, _TURNED[operator], left) if isinstance(right, ast.Name) else ()


def _comparison(name: str, operator: str, node: ast.expr) -> Clauses:
    value = _constant(name, node)
    if value is None:
        return _ANYTHING
    if name == "state":
        return _state(operator, value)
    fact = fact_of(name)
    return _ANYTHING if fact is None else ((Comparison(fact, operator, value),),)


def _constant(name: str, node: ast.expr) -> int | float | str | None:
    number = in_base_units(node, quantity_of(name))
    if number is not None:
        return number
    match node:
        case ast.Constant(value=value) if isinstance(value, int | float | str):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if isinstance(
            value, int | float
        ):
            return -value
    return None


def _state(operator: str, word: object) -> Clauses:
    facts_of_it = _WORDS.get(word) if isinstance(word, str) else None
    if facts_of_it is None or operator not in _OPPOSITE:
        return _ANYTHING
    if operator == "==":
        return tuple((each,) for each in facts_of_it)
    return (tuple(Comparison(c.fact, _OPPOSITE[c.operator], c.value) for c in facts_of_it),)
