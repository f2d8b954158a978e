"""Following a script's calls."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

_logger = logging.getLogger("gc3.gc3libs")


def trace(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a function so that each call, and what came of it, goes to the log (DEBUG)."""

    @functools.wraps(function)
    def traced(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        shown = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
        call = f"{function.__qualname__}({', '.join(shown)})"
        _logger.debug("calling %s", call)
        try:
            result = function(*args, **kwargs)
        except Exception as err:
            _logger.debug("%s raised %r", call, err)
            raise
        _logger.debug("%s returned %r", call, result)
        return result

    return traced
