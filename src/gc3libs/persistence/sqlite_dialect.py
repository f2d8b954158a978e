"""SQLite's SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from gc3libs.persistence import query as queries
from gc3libs.persistence.conditions import NOTHING, Condition, Dialect, json_of


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
        if name.isprintable() and not set(name) & {'"', "\\"}:
            values[f"{key}_name"] = f'$."{name}"'
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


_NUMBERS: Final = ("integer", "real")
_KINDS_OF_JSON: Final[dict[type, Sequence[str]]] = {
    bool: ("true", "false"),
    type(None): ("null",),
    str: ("text",),
}
