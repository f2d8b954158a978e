"""`gc3libs.run`: a session and an engine, joined for people's scripts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from gc3libs.backends.base import Backend
from gc3libs.cmdline._canary import Canary
from gc3libs.cmdline._interrupts import Interrupts
from gc3libs.cmdline._opening import open_resources
from gc3libs.cmdline._orders import Orders
from gc3libs.cmdline._resources import configured_resources, patterns
from gc3libs.cmdline._watch import Watch
from gc3libs.config import Settings, load_settings
from gc3libs.engine import Engine
from gc3libs.engine.resource import Resource
from gc3libs.exceptions import InvalidOperation, InvalidType

if TYPE_CHECKING:
    from gc3libs.session import Counts, Lease, Session


class _Enough(Exception):
    """Nothing more is to be started. Never leaves this module."""


def run(
    session: Session,
    *,
    cores: int | None = None,
    max_in_flight: int | None = None,
    max_failures: int | None = None,
    canary: int | None = None,
    resources: str | Sequence[str] = (),
    backend: Backend | Sequence[Backend] | None = None,
    quiet: bool = False,
) -> Counts:
    """Take all tasks of a session to their end, on the resources that are configured.

    Goes on where an earlier run was stopped. Tasks that have ended, well or not, are left alone.
    Shows its progress on the standard error stream.

    Args:
        session: Changed tasks of it are saved first.
        cores: Slots for jobs on this machine; None: as configured, or else the processors that this
            process may use.
        max_in_flight: At most so many tasks SUBMITTED or RUNNING; 0: no limit; None: as configured.
        max_failures: Stop, as Ctrl-C does, once more tasks than this have failed; None: never.
        canary: Start only so many tasks, spread over the parameters, until as many have ended well;
            stop if one of them fails. 0: start all; None: as configured.
        resources: Names, or patterns for names, of resources that tasks may go to; none: as
            configured.
        backend: Where jobs run, whatever is configured.
        quiet: Show nothing.

    Returns:
        How many tasks the session has, by state.

    Raises:
        SessionInUse: Another process runs the session.
        KeyboardInterrupt: Ctrl-C was pressed. What runs goes on to its end, what waits stays;
            nothing is lost.
        NoResources: There is no such resource, or none is enabled.
        ConfigurationError: The configuration makes no sense; says where.
        InvalidOperation: Called inside a job.
    """
    _check(session)
    names = patterns(resources) if isinstance(resources, str) else list(resources)
    settings = load_settings(session=session.path, flags={"use": names or None})
    session.save_all()
    with (
        Interrupts() as interrupts,
        interrupts.held_back(),  # a write that is cut off would leave the store behind the tasks
        session.lease("gc3libs.run") as lease,
        ExitStack() as cleanup,
    ):
        opened = None if backend else _opened(session, settings, cleanup, cores)
        engine = Engine(
            backend or opened,
            store=session.store,
            guard=lease.guard,
            max_in_flight=settings.max_in_flight if max_in_flight is None else max_in_flight,
            max_submitted=settings.max_submitted,
        )
        wanted = settings.canary if canary is None else canary
        running = _Running(session, lease, engine, interrupts, Canary(session, engine, wanted))
        running.max_failures = max_failures
        running.go(quiet=quiet)
    counts = session.counts()
    if counts.total == counts["TERMINATED"]:
        session.set_end_timestamp()
    running.say_end(counts)
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


def _opened(
    session: Session, settings: Settings, cleanup: ExitStack, cores: int | None
) -> list[Resource]:
    """The resources, opened."""
    found = configured_resources(settings)
    if cores is not None:
        found.give_cores(cores)
    return open_resources(found, cleanup, session.run_directory, session.store)


class _Running:
    """One run of a session."""

    max_failures: int | None = None

    def __init__(
        self,
        session: Session,
        lease: Lease,
        engine: Engine,
        interrupts: Interrupts,
        canary: Canary,
    ) -> None:
        self._lease = lease
        self._engine = engine
        self._interrupts = interrupts
        self._canary = canary
        self._orders = Orders(session, lease, engine)
        self._session = session
        self._stopped = False

    def go(self, *, quiet: bool) -> None:
        """Have everything run that is to be run."""
        self._orders.take_up()
        self._canary.feed()
        self._watch = Watch(self._session, self._engine, quiet=quiet)
        try:
            self._run()
        except _Enough:
            self._stopped = True
        except KeyboardInterrupt:
            self._engine.close()
            self._watch.stopped()
            raise
        finally:
            self._close()

    def _run(self) -> None:
        self._engine.run(each=self._look)
        while self._orders.take_up():
            self._engine.flush()
            self._watch.count()
            self._engine.run(each=self._look)

    def _close(self) -> None:
        try:
            self._engine.close()
        finally:
            self._watch.close()

    def _look(self, _: Engine) -> None:
        watch = self._watch
        self._interrupts.check()
        self._lease.check()
        watch.look()
        if watch.is_time_for_requests() and self._orders.take_up():
            self._engine.flush()
            watch.count()
        if self.max_failures is not None and watch.failures > self.max_failures:
            self._engine.close()
            watch.stopped()
            raise _Enough
        if self._canary.look(watch.done, watch.failures):
            self._engine.close()
            watch.say(self._canary.message(watch.failures))
            raise _Enough

    def say_end(self, counts: Counts) -> None:
        """Say what came of it, if it was not said why it stopped."""
        if not self._stopped:
            self._watch.ended(counts)
