"""For the API pages: what griffe does not know of how gc3libs is written."""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


class Style(griffe.Extension):
    """Puts a fence around each doctest, and shows `@shown` methods as attributes."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """A doctest goes up to the next blank line."""
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Decorated by `@shown`, a method is used as a property is."""
        for name, member in list(cls.members.items()):
            if isinstance(member, griffe.Function) and _is_shown(member):
                attribute = griffe.Attribute(
                    name,
                    lineno=member.lineno,
                    endlineno=member.endlineno,
                    annotation=member.returns,
                    docstring=member.docstring,
                )
                attribute.labels.add("property")
                cls.set_member(name, attribute)


def _is_shown(function: griffe.Function) -> bool:
    return any(str(decorator.value) == "shown" for decorator in function.decorators)
