"""What a new supervisor makes of the journal that a dead one left."""

from __future__ import annotations

from .journal import Header
from .processes import end_orphans
from .records import ARMED, LOST, RETURNED, UNFINISHED, Record
from .scratch import keep

KILLED = "the supervisor was killed"
REBOOTED = "the machine was rebooted"
COPIED = "it ran for another directory, of which this one is a copy"


def settle(old: Header, new: Header, records: dict[str, Record]) -> None:
    """Decide on every job that has no end: it was never started, or it is lost.

    In the same life of the machine the journal shows exactly what was about to start; after a power
    failure only its synced lines are there, so whatever was announced may have run. What still runs
    is ended first.
    """
    unfinished = [record for record in records.values() if record.state in UNFINISHED]
    if not unfinished:
        return
    reason = _reason(old, new)
    if reason == KILLED:
        groups = {record.pid for record in unfinished if record.pid}
        end_orphans(old.pid, old.start, groups, {record.token for record in unfinished})
    for record in unfinished:
        if record.state == ARMED and reason == KILLED:
            record.state, record.reason = RETURNED, KILLED
        else:
            record.state, record.reason = LOST, reason
            record.directory = keep(record.directory, record.token)


def _reason(old: Header, new: Header) -> str:
    if old.boot != new.boot:
        return REBOOTED
    return KILLED if old.place == new.place else COPIED
