"""Which errors old scripts want to see raised."""

from __future__ import annotations

import os

_WORDS = frozenset(
    word.strip() for word in os.environ.get("GC3PIE_NO_CATCH_ERRORS", "").split(",") if word.strip()
)


def error_ignored(*context: str) -> bool:
    """Whether an error in this context, said in words, is caught and reported only.

    The environment variable `GC3PIE_NO_CATCH_ERRORS`, read once, names contexts in which errors are
    raised; `ALL` means every one.

    >>> error_ignored("engine", "submit")
    True
    """
    return "ALL" not in _WORDS and _WORDS.isdisjoint(word.lower() for word in context)
