"""A job that takes no time, to try things out."""

from __future__ import annotations

from typing import Any

from gc3libs.model import Application

__all__ = ["Square"]


class Square(Application):
    """Computes the square of a whole number.

    Args:
        x: The number.
        **extra: As for any `Application`; by default the result goes to `Square-x.d/stdout.txt`.

    >>> Square(5).arguments
    ['/usr/bin/expr', '5', '*', '5']
    """

    application_name = "square"

    def __init__(self, x: int, **extra: Any) -> None:
        extra.setdefault("jobname", f"Square-{x}")
        extra.setdefault("output_dir", f"Square-{x}.d")
        extra.setdefault("stdout", "stdout.txt")
        super().__init__(["/usr/bin/expr", x, "*", x], inputs=[], outputs=[], x=x, **extra)
