"""Texts with parameters, and all the texts that follow from lists of values."""

from __future__ import annotations

import itertools
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gc3libs.exceptions import InvalidValue


def always_true(keywords: Mapping[str, Any]) -> bool:
    """The validator that accepts everything."""
    return True


class Template:
    """A text with placeholders ``${name}``, and values for them.

        >>> greeting = Template("${word}, ${name}!", word="Hello")
        >>> greeting.substitute(name="Ada")
        'Hello, Ada!'
        >>> [str(t) for t in greeting.expansions(name=["Ada", "Alan"])]
        ['Hello, Ada!', 'Hello, Alan!']

    Two templates are equal if their texts and values are.

    Args:
        template: Text, or any object that becomes text or has a method `substitute`.
        validator: Says whether a dictionary of values makes sense.
        **keywords: Values; a list holds alternatives for `expansions`.
    """

    __hash__ = None  # type: ignore[assignment]  # its values can change

    def __init__(
        self,
        template: Any,
        validator: Callable[[dict[str, Any]], bool] = always_true,
        **keywords: Any,
    ) -> None:
        self._template = template
        self._validator = validator
        self._keywords = keywords

    def substitute(self, **keywords: Any) -> str:
        """The text with the values filled in; a placeholder without a value stays.

        Args:
            **keywords: They take precedence over those of the template.

        Raises:
            InvalidValue: the validator does not accept the values.
        """
        values = self._keywords | keywords
        if not self._validator(values):
            raise InvalidValue(f"{self!r} does not accept {values!r}")
        if hasattr(self._template, "substitute"):
            return str(self._template.substitute(**values))
        return string.Template(str(self._template)).safe_substitute(values)

    def expansions(self, **keywords: Any) -> Iterator[Template]:
        """Templates with one value for each keyword, for all combinations that are valid.

        Values that are templates are expanded, too, and what they were given counts as if this
        one had been given it.
        """
        for template in expansions(self._template, **keywords):
            for values in expansions(self._keywords | keywords):
                merged = _inherited(values) | values
                if self._validator(merged):
                    yield type(self)(template, self._validator, **merged)

    def __str__(self) -> str:
        return self.substitute()

    def __repr__(self) -> str:
        keywords = "".join(f", {name}={value!r}" for name, value in self._keywords.items())
        return f"{type(self).__name__}({self._template!r}{keywords})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Template):
            return NotImplemented
        return bool(self._template == other._template and self._keywords == other._keywords)


def _inherited(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that templates among these values were given."""
    nested = (value._keywords for value in values.values() if isinstance(value, Template))
    return {name: value for keywords in nested for name, value in keywords.items()}


def expansions(obj: Any, **keywords: Any) -> Iterator[Any]:
    """All that an object stands for.

    A list stands for each of its items; a tuple or dictionary for all combinations of its values
    (the last one varies fastest), a `Template` for its expansions, anything else for itself.

        >>> list(expansions(("a", [1, 2], [3, 4])))
        [('a', 1, 3), ('a', 1, 4), ('a', 2, 3), ('a', 2, 4)]

    Args:
        obj: The object.
        **keywords: Values for the templates in it.
    """
    if isinstance(obj, Template):
        yield from obj.expansions(**keywords)
    elif isinstance(obj, list):
        for item in obj:
            yield from expansions(item, **keywords)
    elif isinstance(obj, tuple):
        yield from itertools.product(*(tuple(expansions(item, **keywords)) for item in obj))
    elif isinstance(obj, dict):
        for values in expansions(tuple(obj.values()), **keywords):
            yield dict(zip(obj, values, strict=True))
    else:
        yield obj
