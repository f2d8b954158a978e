"""Having something done to tasks: now if nobody runs the session, else by whoever does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from gc3libs._clock import SYSTEM
from gc3libs.cmdline._desk import Outcome
from gc3libs.cmdline._orders import Orders
from gc3libs.cmdline._requests import Queue, Request, whoami
from gc3libs.exceptions import SessionInUse

if TYPE_CHECKING:
    from gc3libs.session import Session

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds to wait for other commands, which have the session for a moment only."""
_PAUSE = 0.05


def after_others(session: Session, work: Callable[[], T]) -> T:
    """What `work`, which needs the lease, gives; other commands are waited for, a run is not.

    Raises:
        SessionInUse: Somebody runs the session.
    """
    deadline = SYSTEM.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except SessionInUse:
            if _is_run(session) or SYSTEM.monotonic() > deadline:
                raise
        SYSTEM.sleep(_PAUSE)


def order(session: Session, request: Request) -> Outcome | None:
    """What came of it; None if the request was queued for whoever runs the session.

    Raises:
        StoreUnavailable: The session may not be written.
        Error: It cannot be done.
    """
    try:
        lease = after_others(session, lambda: session.lease(f"gc3 {request.verb}"))
    except SessionInUse:
        Queue(session.path).put(replace(request, time=SYSTEM.now(), by=whoami()))
        return None
    with lease:
        orders = Orders(session, lease)
        orders.take_up()
        return orders.carry_out(request)


def _is_run(session: Session) -> bool:
    """Whether the holder of the lease is an engine, and not a command like this one."""
    holder = session.holder()
    return holder is not None and not holder.what.startswith("gc3 ")
