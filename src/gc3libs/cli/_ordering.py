"""Having something done to tasks: now if nobody runs the session, else by whoever does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from gc3libs._clock import SYSTEM
from gc3libs.cli._output import plural, say
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
_REASONS = 5
_EXAMPLES = 3


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


def catch_up(session: Session) -> None:
    """Carry out what was queued for a run that is over: what is wanted next comes after it."""
    if Queue(session.path):
        with contextlib.suppress(SessionInUse), session.lease("gc3 catch-up") as lease:
            Orders(session, lease).take_up()


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


def say_left(left: dict[str, str]) -> None:
    """Which tasks were left as they are, and why: each reason once."""
    reasons: dict[str, list[str]] = {}
    for id_, reason in left.items():
        reasons.setdefault(reason, []).append(id_)
    for reason, ids in list(reasons.items())[:_REASONS]:
        some = ", ".join(ids[:_EXAMPLES]) + (", ..." if len(ids) > _EXAMPLES else "")
        say(f"left {plural(len(ids))} ({some}): {reason}")
