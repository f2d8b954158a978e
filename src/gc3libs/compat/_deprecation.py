"""The one way in which a name that moved says so: when it is used, not when it is imported."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any


def moved(module: str, names: Mapping[str, tuple[str, Any]]) -> Callable[[str], Any]:
    """The `__getattr__` of a module that things moved away from.

    Args:
        module: The module's `__name__`.
        names: For each former name of the module, the present place and what is there.
    """

    def getattr_(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        place, value = names[name]
        warn_moved(f"{module}.{name}", place)
        return value

    return getattr_


def warn_moved(old: str, new: str) -> None:
    """Warn whoever used `old`, two calls up, that `new` is its place now."""
    warnings.warn(f"{old} has moved: use {new}", DeprecationWarning, stacklevel=3)
