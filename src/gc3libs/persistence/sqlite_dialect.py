"""SQLite's SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from gc3libs.persistence import query as queries
from gc3libs.persistence.conditions import (
    NOTHING,
    NUMBERS,
    TEXTS,
    Condition,
    Dialect,
    json_of,
    moment,
    text_of,
)
from gc3libs.persistence.record import Comparison, Fact


class SqliteDialect(Dialect):
    """Of SQLite from 3.24 on."""

    for_update = ""
    json_kept = True

    def quote(self, name: str) -> str:
        return f'"{name}"'

    def unindexed(self, column: str) -> str:
        return f"+{column}"

    def among(self, column: str, key: str, values: Collection[Any]) -> Condition:
        listed = msgspec.json.encode(list(values)).decode()
        return f"{column} IN (SELECT value FROM json_each(:{key}))", {key: listed}

    def class_name(self, column: str) -> str:
        letters = f"replace(replace({column}, ':', ''), '.', '')"
        return f"substr({column}, length(rtrim({column}, {letters})) + 1)"

    def fits(self, expression: str, key: str, pattern: str) -> Condition:
        glob = queries.glob_to_sqlite(pattern)
        return NOTHING if glob is None else (f"{expression} GLOB :{key}", {key: glob})

    def contains(self, column: str, key: str, text: str) -> Condition:
        return f"instr({column}, :{key}) > 0", {key: text}

    def has_parameter(self, column: str, key: str, name: str, value: Any) -> Condition:
        """The wanted value goes through SQLite's own reading of JSON, so that decimals agree."""
        wanted = json_of(value)
        if wanted is None:
            return NOTHING
        kinds = ", ".join(f"'{kind}'" for kind in _KINDS_OF_JSON.get(type(value), _NUMBERS))
        values = {key: f"[{wanted}]", f"{key}_name": name}
        path = _path(name)
        if path is not None:
            values[f"{key}_name"] = path
            found = f"{column}, :{key}_name"
            return (
                f"json_extract({found}) IS json_extract(:{key}, '$[0]')"
                f" AND json_type({found}) IN ({kinds})",
                values,
            )
        return (
            f"EXISTS (SELECT 1 FROM json_each({column}) AS found WHERE found.key = :{key}_name"
            f" AND found.type IN ({kinds}) AND found.value IS json_extract(:{key}, '$[0]'))",
            values,
        )

    def compares_text(self, expression: str, key: str, comparison: Comparison) -> Condition:
        """Texts are compared byte by byte, which in UTF-8 is character by character."""
        operator = "IS NOT" if comparison.operator == "!=" else comparison.operator
        return f"{expression} {operator} :{key}", {key: comparison.value}

    def compares_parameter(self, column: str, key: str, comparison: Comparison) -> Condition | None:
        """SQLite may read a decimal as its neighbour: so `<` lets through what is equal, too."""
        path, value = _path(comparison.fact.name), comparison.value
        if path is None or comparison.operator == "!=":
            return None
        found = f"{column}, :{key}_path"
        if isinstance(value, str):
            kinds, wanted = "'text'", f":{key}"
            operator = comparison.operator
        else:
            kinds, wanted = "'integer', 'real', 'true', 'false'", f"json_extract(:{key}, '$[0]')"
            operator, value = _GENEROUS[comparison.operator], f"[{json_of(value + 0)}]"
        return (
            f"json_type({found}) IN ({kinds}) AND json_extract({found}) {operator} {wanted}",
            {key: value, f"{key}_path": path},
        )

    def order_by(self, fact: Fact) -> tuple[Sequence[str], dict[str, Any]] | None:
        if not fact.parameter:
            if fact.name not in NUMBERS and fact.name not in TEXTS:
                return None
            expression = NUMBERS.get(fact.name) or text_of(fact.name, self)
            return (f"{expression} IS NULL", expression), moment(expression)
        path = _path(fact.name)
        if path is None:
            return None
        value = "json_extract(parameters, :order_path)"
        return (f"{value} IS NULL", f"typeof({value}) = 'text'", value), {"order_path": path}


def _path(name: str) -> str | None:
    """Of a member of a JSON object, by its name; None: it cannot be written."""
    if name.isprintable() and not set(name) & {'"', "\\"}:
        return f'$."{name}"'
    return None


_GENEROUS: Final = {"==": "=", "<": "<=", "<=": "<=", ">": ">=", ">=": ">="}
_NUMBERS: Final = ("integer", "real")
_KINDS_OF_JSON: Final[dict[type, Sequence[str]]] = {
    bool: ("true", "false"),
    type(None): ("null",),
    str: ("text",),
}
