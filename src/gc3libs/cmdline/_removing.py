"""Removing all tasks of a session, those that run included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gc3libs._clock import SYSTEM
from gc3libs.cmdline._amend import IN_FLIGHT
from gc3libs.cmdline._orders import Orders
from gc3libs.cmdline._requests import Request, whoami

if TYPE_CHECKING:
    from gc3libs.session import Lease, Session


def remove_all(session: Session, lease: Lease) -> None:
    """End what runs and remove all tasks; outputs stay where they are.

    No code of the tasks' classes runs.
    """
    going = tuple(each.id for each in session.summaries(states=sorted(IN_FLIGHT)))
    if going:
        Orders(session, lease).carry_out(
            Request(verb="kill", ids=going, time=SYSTEM.now(), by=whoami())
        )
    session.remove_many(session.list_ids())
    session.set_start_timestamp()
