"""The main loop of scripts: rounds of their engine, what is shown of them, and how they stop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gc3libs._clock import SYSTEM
from gc3libs.cmdline._again import again
from gc3libs.cmdline._base import _Script
from gc3libs.cmdline._interrupts import Interrupts
from gc3libs.cmdline._messages import stopped_message
from gc3libs.cmdline._orders import Orders
from gc3libs.cmdline._requests import Request, whoami
from gc3libs.cmdline._trouble import STOPPED_EARLY
from gc3libs.cmdline._watch import REQUESTS_PAUSE, Watch
from gc3libs.engine import Counts, Engine
from gc3libs.model import State

if TYPE_CHECKING:
    from gc3libs.session import Lease

IN_FLIGHT = (
    State.SUBMITTED,
    State.RUNNING,
    State.STOPPED,
    State.TERMINATING,
    State.UNKNOWN,
)
WAITING = (State.NEW, State.SUBMITTED)
GOING = (State.RUNNING, State.TERMINATING)
LINGER = 2.0
"""Seconds after Ctrl-C in which a second one ends what runs, too."""
START = 1.0
"""Seconds that jobs are given to start in a single round."""
STEPS = 4
"""Steps of an engine that take everything as far as it goes without waiting."""
PENDING = 4 | 8


class _Enough(Exception):
    """A round is over. Never leaves this module."""


def bits(counts: Mapping[str, int]) -> int:
    """The exit code that says how tasks stand.

    >>> from gc3libs.engine import Counts
    >>> bits(Counts({"TERMINATED": 2, "failed": 1, "RUNNING": 1})), bits(Counts({}))
    (6, 0)
    """
    failed = 2 if counts["failed"] else 0
    in_flight = 4 if any(counts[state] for state in IN_FLIGHT) else 0
    return failed | in_flight | (8 if counts[State.NEW] else 0)


class Rounds(_Script):
    """A script whose main part is a loop over an engine."""

    session: Any
    _controller: Any
    _lease: Lease | None = None
    _orders: Orders | None = None
    _watch: Watch | None = None
    _interrupts: Interrupts
    _next_requests = 0.0

    # the loop

    def _loop(self) -> int:
        """Go round until all is over, or once; the exit code."""
        code = STOPPED_EARLY
        if self._is_watched:
            self._watch = Watch(self.session, self._controller, quiet=self._shows_tables)
        try:
            while True:
                code = self._round()
                if self._main_loop_done(code):
                    break
                self._sleep(self.params.wait)
            self._show_end()
        except KeyboardInterrupt:
            ended = self._stop()
            code = code if code == STOPPED_EARLY else ended
        finally:
            if self._watch is not None:
                self._watch.close()
        return code

    @property
    def _is_watched(self) -> bool:
        """Whether there is a picture of how things stand, for people here or elsewhere."""
        return bool(self.params.wait)

    @property
    def _shows_tables(self) -> bool:
        """Whether each round prints the tables, instead of the picture."""
        raise NotImplementedError

    def _round(self) -> int:
        with self._interrupts.allowed():
            self._main_loop_before_tasks_progress()
            self.every_main_loop()
        self._step()
        self._controller.flush()
        with self._interrupts.allowed():
            counts = self._main_loop_after_tasks_progress()
        return self._main_loop_exitcode(self._all() if counts is None else counts)

    def _step(self) -> None:
        """Take everything as far as it goes by itself."""
        steps = 0
        while self._controller.progress() and steps < STEPS:
            steps += 1
        if not self.params.wait:
            self._keep_going(START, self._have_started)

    def _have_started(self) -> bool:
        engine = self._controller
        return bool(engine.running()) or not Engine.counts(engine)[State.SUBMITTED]

    def every_main_loop(self) -> None:
        """Called at the beginning of each round."""

    def _main_loop_before_tasks_progress(self) -> None:
        """Called at the beginning of each round."""

    def _main_loop_after_tasks_progress(self) -> Mapping[str, int] | None:
        """Called when the engine has done its part of a round; may give other counts.

        It prints the tables, unless there is a live picture instead.
        """
        if self._shows_tables:
            self._print_tables()
        return None

    def _main_loop_exitcode(self, counts: Mapping[str, int]) -> int:
        """The exit code, by the numbers of tasks."""
        return bits(counts)

    def _main_loop_done(self, code: int) -> bool:
        """Whether this was the last round."""
        return not (self.params.wait and code & PENDING and self._controller.busy)

    def _sleep(self, seconds: float) -> None:
        """Let time pass until the next round; tasks go on meanwhile."""
        self._keep_going(seconds, lambda: False)

    def _keep_going(self, seconds: float, until: Callable[[], bool]) -> None:
        """Let the engine do what there is to do, for a while."""
        deadline = SYSTEM.monotonic() + seconds

        def look(engine: Engine) -> None:
            self._look()
            if until() or SYSTEM.monotonic() >= deadline:
                raise _Enough

        with contextlib.suppress(_Enough):
            self._controller.run(each=look)

    def _look(self) -> None:
        """Show how things stand, and do what other processes want."""
        self._interrupts.check()
        if self._lease is not None:
            self._lease.check()
        if self._watch is not None:
            self._watch.look()
        now = SYSTEM.monotonic()
        if self._orders is not None and now >= self._next_requests:
            self._next_requests = now + REQUESTS_PAUSE
            self._take_up(self._orders)

    def _take_up(self, orders: Orders) -> None:
        if orders.take_up():
            self._controller.flush()
            if self._watch is not None:
                self._watch.count()

    # the end

    def _all(self) -> Mapping[str, int]:
        """How many tasks the session has, collections included, by state; without leftovers."""
        self._controller.flush()
        counts: Mapping[str, int] = self._tally(None)
        return counts if self._may_start_more(counts) else Counts({**counts, State.NEW: 0})

    def _may_start_more(self, counts: Mapping[str, int]) -> bool:
        """Whether new tasks may yet run; a collection that ended early leaves some behind."""
        if not counts[State.NEW] or self._controller.busy:
            return True
        held = self.session.counts(held=True, state=State.NEW, tree=True).total
        return bool(held) or next(self.session.unfinished(), None) is not None

    def _tally(self, only: Any) -> Mapping[str, int]:
        raise NotImplementedError

    def _show_end(self) -> None:
        watch = self._watch
        if watch is not None:
            watch.close()
        self._controller.flush()
        if not self._shows_tables:
            self._print_tables()
        if watch is not None:
            watch.ended(self.session.counts())
        elif self._controller.busy:
            self._say(f"\nto go on, also until all is over:  {again(self._typed(), '-C', '10')}")

    def _print_tables(self) -> None:
        raise NotImplementedError

    # stopping

    def terminate(self) -> None:
        """Called on Ctrl-C."""

    def _stop(self) -> int:
        """Leave what runs as it is, unless Ctrl-C is pressed once more; the exit code."""
        if self._watch is not None:
            self._watch.close()
        with self._interrupts.allowed():
            self.terminate()
        self._controller.close()
        going = self._going()
        waiting = self.session.counts(states=WAITING).total
        end = f"Ctrl-C once more, within {LINGER:.0f} s"
        command = again(self._typed())
        self._say(stopped_message(self.name, len(going), waiting, go_on=command, end=end))
        if going:
            try:
                with self._interrupts.allowed():
                    SYSTEM.sleep(LINGER)
            except KeyboardInterrupt:
                self._end(going)
        self._print_tables()
        return self._main_loop_exitcode(self._tally(None))

    def _going(self) -> list[str]:
        """IDs of the tasks whose jobs go on by themselves."""
        return [each.id for each in self.session.summaries(states=GOING)]

    def _end(self, tasks: list[str]) -> None:
        assert self._lease is not None
        kill = Request(verb="kill", ids=tuple(tasks), time=SYSTEM.now(), by=whoami())
        outcome = Orders(self.session, self._lease).carry_out(kill)
        self._say(f"Ended {len(outcome.done):,} as well.")
