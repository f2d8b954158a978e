"""Columns of the user's own beside those that every store has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from gc3libs.exceptions import InvalidType, InvalidValue
from gc3libs.persistence.columns import COLUMNS

logger = logging.getLogger(__name__)


class ExtraFields:
    """Names of columns and the functions that compute their values, at each save.

    A key is a name or a `sqlalchemy.Column`, which brings its type.

    Args:
        fields: Functions by key.
        as_text: Columns without a type hold text.
    """

    def __init__(
        self, fields: Mapping[Any, Callable[[Any], Any]] | None, *, as_text: bool = False
    ) -> None:
        self._as_text = as_text
        self._functions: dict[str, Callable[[Any], Any]] = {}
        self.columns: dict[str, Any] = {}
        """By name: None, or the `sqlalchemy.Column`."""
        for key, function in (fields or {}).items():
            name = key if isinstance(key, str) else getattr(key, "name", None)
            if not isinstance(name, str) or not name.isidentifier():
                raise InvalidValue(f"extra_fields: {key!r} is neither a column's name nor a column")
            if name.lower() in COLUMNS:
                raise InvalidValue(f"extra_fields: every store has a column {name!r} of its own")
            if not callable(function):
                raise InvalidType(f"extra_fields: the value of {name!r} must be a function")
            self._functions[name] = function
            self.columns[name] = None if isinstance(key, str) else key

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(self._functions)

    def values(self, obj: Any) -> dict[str, Any]:
        """What the functions say of this object; one that raises is warned of and left out."""
        values = {}
        for name, function in self._functions.items():
            try:
                value = function(obj)
                untyped = self._as_text and self.columns[name] is None
                values[name] = str(value) if untyped and value is not None else value
            except Exception as err:  # noqa: BLE001 - a user's function may raise anything
                logger.warning(
                    "extra field %r of %r left unset: %s: %s", name, obj, type(err).__name__, err
                )
        return values
