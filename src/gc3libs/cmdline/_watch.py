"""Watching an engine run a session: numbers, and the view of them."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gc3libs import events
from gc3libs._clock import SYSTEM
from gc3libs.cmdline._causes import cause_of
from gc3libs.cmdline._messages import as_typed, end_message, gc3_command, stopped_message
from gc3libs.cmdline._progress import Progress, ProgressView
from gc3libs.cmdline._published import Publisher
from gc3libs.engine import Engine
from gc3libs.model import State, Task

if TYPE_CHECKING:
    from gc3libs.session import Counts, Session

EXAMPLES = 3
"""How many running tasks are named in the view."""

REQUESTS_PAUSE = 0.5
"""Seconds between two looks at what other processes want."""

GROWTH_PAUSE = 2.0
"""Seconds between two looks whether collections have made new tasks."""


class Watch:
    """Counts what happens, and shows it."""

    def __init__(self, session: Session, engine: Engine, *, quiet: bool) -> None:
        self._session = session
        self._engine = engine
        self._name = session.name
        self._path = as_typed(session.path)
        self._causes: Counter[str] = Counter()
        self._cpu = 0.0
        # Why tasks failed, None for those that did not: one that is tried again is not the
        # engine's at the moment when it becomes new.
        self._ends: WeakKeyDictionary[Task, str | None] = WeakKeyDictionary()
        self.count()
        self._before = self._done + self._failed
        self._quiet = quiet
        nothing_to_show = quiet or self._before == self._total
        self._place = _place(engine)
        self._view = None if nothing_to_show else ProgressView(self._name, self._place)
        self._unsubscribe = events.publisher.subscribe(self._changed, events.TaskStateChanged)
        self._publisher = Publisher(session.run_directory)
        self._grows = session.counts(leaf=False).total > 0
        self._next_requests = self._next_growth = self._began = SYSTEM.monotonic()
        self.failures = 0

    @property
    def done(self) -> int:
        """How many tasks have ended well."""
        return self._done

    def count(self) -> None:
        """Start from how things stand in the store."""
        counts = self._session.counts()
        self._numbers = Counter({state.value: counts[state.value] for state in State})
        self._done, self._failed = counts["ok"], counts["failed"]
        self._held = self._session.counts(held=True, state="NEW").total
        self._total = counts.total

    def _changed(self, event: events.TaskStateChanged) -> None:
        task: Task = event.task
        if task._leaf and (task._controller is self._engine or task in self._ends):
            self._numbers[event.before] -= 1
            self._numbers[event.after] += 1
            if event.after == State.TERMINATED:
                self._cpu += task.execution.details.cpu_time or 0.0
                ok = task.execution.returncode == 0
                self._ends[task] = None if ok else cause_of(task)
                self._count_end(self._ends[task], 1)
            elif event.before == State.TERMINATED:
                self._count_end(self._ends.pop(task, cause_of(task)), -1)

    def _count_end(self, cause: str | None, number: int) -> None:
        if cause is None:
            self._done += number
        else:
            self._failed += number
            self.failures += number
            self._causes[cause] += number

    def look(self) -> None:
        """Show how things stand, if it is time."""
        self._look_for_growth()
        shows = self._view is not None and self._view.due
        if shows or self._publisher.due:
            progress = self._progress()
            if self._view is not None:
                self._view.update(progress)
            if self._publisher.due:
                self._publisher.update(progress)

    def _look_for_growth(self) -> None:
        now = SYSTEM.monotonic()
        if self._grows and now >= self._next_growth:
            self._next_growth = now + GROWTH_PAUSE
            self._total = self._session.counts().total

    def is_time_for_requests(self) -> bool:
        """Whether to look what other processes want: about once a second."""
        now = SYSTEM.monotonic()
        if now < self._next_requests:
            return False
        self._next_requests = now + REQUESTS_PAUSE
        return True

    def _progress(self) -> Progress:
        running = self._engine.running()
        now = time.time()
        slots = self._engine.slots
        numbers = self._numbers
        going = numbers["RUNNING"] + numbers["TERMINATING"]
        total = max(self._total, self._done + self._failed + going + self._held)
        return Progress(
            total=total,
            done=self._done,
            failed=self._failed,
            running=going,
            waiting=total - self._done - self._failed - going - self._held,
            held=self._held,
            examples=tuple((_name(task), now - _since(task)) for task in running[:EXAMPLES]),
            slots=None if slots is None else (min(len(running), slots), slots),
            notes=tuple(f"{name} is set aside: {why}" for name, why in self._engine.set_aside),
            causes=tuple((+self._causes).most_common(3)),
        )

    def stopped(self) -> None:
        """Say how to go on."""
        numbers = self._numbers
        going = numbers["RUNNING"] + numbers["TERMINATING"]
        waiting = numbers["NEW"] + numbers["SUBMITTED"]
        self.say(stopped_message(self._path, going, waiting, gc3=gc3_command()))

    def say(self, message: str) -> None:
        """Take the picture away, and say something."""
        if self._view is not None:
            self._view.close(message)

    def ended(self, counts: Counts) -> None:
        """Say what came of it."""
        if self._quiet:
            return
        view = self._view or ProgressView(self._name, self._place)
        done, failed = counts["ok"], counts["failed"]
        if self._before == self._total:
            which = "its task was" if self._total == 1 else f"all {self._total:,} tasks were"
            view.close(f"{self._name}: {which} over already: {done:,} done, {failed:,} failed")
            return
        view.close(
            end_message(
                self._path,
                done=done,
                failed=failed,
                rest=counts.total - done - failed,
                seconds=SYSTEM.monotonic() - self._began,
                cpu_seconds=self._cpu,
                gc3=gc3_command(),
            )
        )

    def close(self) -> None:
        """Take the picture away."""
        self._unsubscribe()
        self._publisher.close()
        if self._view is not None:
            self._view.close()


def _place(engine: Engine) -> str:
    """Where tasks go."""
    enabled = [each for each in engine.resources.values() if each.enabled]
    names = ["this machine" if each.is_here else each.name for each in enabled]
    return ", ".join(dict.fromkeys(names))


def _name(task: Task) -> str:
    return task.get("jobname") or str(task)


def _since(task: Task) -> float:
    return task.execution.timestamp.get("RUNNING", time.time())
