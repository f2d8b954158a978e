"""What `run` and `wait` say by their exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gc3libs.cli import _exits as exits

if TYPE_CHECKING:
    from gc3libs.session import Counts


def exit_code(counts: Counts) -> int:
    """The bits for tasks that failed, are in flight, or wait; 0 if all ended well."""
    waiting = counts["NEW"]
    in_flight = counts.total - counts["TERMINATED"] - waiting
    return (
        (exits.FAILED if counts["failed"] else 0)
        | (exits.IN_FLIGHT if in_flight else 0)
        | (exits.WAITING if waiting else 0)
    )
