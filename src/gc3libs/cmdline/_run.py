"""`gc3libs.run`: a session and an engine, joined for people's scripts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gc3libs.backends.base import Backend
from gc3libs.backends.local import LocalBackend
from gc3libs.cmdline._interrupts import Interrupts
from gc3libs.cmdline._orders import Orders
from gc3libs.cmdline._watch import Watch
from gc3libs.engine import Engine
from gc3libs.exceptions import InvalidOperation, InvalidType

if TYPE_CHECKING:
    from gc3libs.session import Counts, Session


class _Enough(Exception):
    """So many tasks have failed that nothing more is to be started. Never leaves this module."""


def run(
    session: Session,
    *,
    cores: int | None = None,
    max_in_flight: int = 0,
    max_failures: int | None = None,
    backend: Backend | None = None,
    quiet: bool = False,
) -> Counts:
    """Take all tasks of a session to their end, on this machine.

    Goes on where an earlier run was stopped. Tasks that have ended, well or not, are left alone.
    Shows its progress on the standard error stream.

    Args:
        session: Changed tasks of it are saved first.
        cores: Slots for jobs; None: the processors that this process may use.
        max_in_flight: At most so many tasks SUBMITTED or RUNNING; 0: no limit.
        max_failures: Stop, as Ctrl-C does, once more tasks than this have failed; None: never.
        backend: Where jobs run, if not on this machine.
        quiet: Show nothing.

    Returns:
        How many tasks the session has, by state.

    Raises:
        SessionInUse: Another process runs the session.
        KeyboardInterrupt: Ctrl-C was pressed. What runs goes on to its end, what waits stays;
            nothing is lost.
        InvalidOperation: Called inside a job.
    """
    _check(session)
    session.save_all()
    with (
        Interrupts() as interrupts,
        interrupts.held_back(),  # a write that is cut off would leave the store behind the tasks
        session.lease("gc3libs.run") as lease,
    ):
        own = LocalBackend(session.run_directory, cores=cores) if backend is None else None
        engine = Engine(
            backend or own, store=session.store, guard=lease.guard, max_in_flight=max_in_flight
        )
        orders = Orders(session, lease, engine)
        orders.take_up()
        engine.feed(session.unfinished())
        watch = Watch(session, engine, quiet=quiet)

        def look(_: Engine) -> None:
            interrupts.check()
            lease.check()
            watch.look()
            if watch.is_time_for_requests() and orders.take_up():
                engine.flush()
                watch.count()
            if max_failures is not None and watch.failures > max_failures:
                raise _Enough

        enough = False
        try:
            engine.run(each=look)
            while orders.take_up():
                engine.flush()
                watch.count()
                engine.run(each=look)
            engine.close()
        except _Enough:
            engine.close()
            enough = True
            watch.stopped()
        except KeyboardInterrupt:
            engine.close()
            watch.stopped()
            raise
        finally:
            watch.close()
            if own is not None:
                own.close()
    counts = session.counts()
    if counts.total == counts["TERMINATED"]:
        session.set_end_timestamp()
    if not enough:
        watch.ended(counts)
    return counts


def _check(session: object) -> None:
    """See that this is a session, and that the program is no job of one."""
    if "GC3_JOB" in os.environ:
        raise InvalidOperation(
            f"gc3libs.run() was called inside the job {os.environ['GC3_JOB']}; put it under"
            " `if __name__ == '__main__':`"
        )
    from gc3libs.session import Session  # whoever has a session has loaded it already

    if not isinstance(session, Session):
        raise InvalidType(f"gc3libs.run() takes a Session, not {session!r}")
