"""One round of an engine's work."""

from __future__ import annotations

import math

from gc3libs.engine import evidence
from gc3libs.engine.members import Members
from gc3libs.engine.site import Site
from gc3libs.exceptions import RecoverableError
from gc3libs.model import State, Task

GATHER = 0.005
"""Seconds given to short jobs to end together, while a backend has enough to do."""

SHORTEST_WAIT = 0.001
"""In seconds; a clock may not tell less."""

LOOK_AROUND = 1.0
"""Longest wait, in seconds, for something to happen."""


class Loop(Members):
    """The steps that move tasks."""

    can_submit: bool
    can_retrieve: bool
    max_in_flight: int
    max_submitted: int
    to_start: int | None
    retrieve_running: bool
    retrieve_changed_only: bool
    retrieve_overwrites: bool

    _interrupted = False

    @property
    def busy(self) -> bool:
        """Whether `progress` has, or will have, something to do by itself."""
        return bool(
            self._fleet
            or self._inbox
            or self._dispatcher
            or self._killed
            or self._conductor
            or (self._harvest and self.can_retrieve)
            or (self.can_submit and self._dispatcher.has_waiting)
        )

    def progress(self) -> bool:
        """Take each task as far as it can go now; whether anything has moved.

        Raises:
            RecoverableError: The store or a backend has trouble. Whatever does not depend on it
                was done; the next call tries again.
            LeaseLost: Another engine has taken over.
        """
        if self._interrupted:
            self._regroup()
        self._interrupted = True
        try:
            moved = self._round()
        except RecoverableError:
            self._interrupted = False
            raise
        self._interrupted = False
        return moved

    def _regroup(self) -> None:
        """After a round that broke off: find out anew what each task is waiting for."""
        for task in self._roster:
            run = task.execution
            run.forget_move()
            self._leave_out(task)
            self._enter(task)
            if run.state is State.TERMINATED and self._fleet.place_of(run.details.token):
                self._keeper.note_end(task)

    def _round(self) -> bool:
        self._look_around()
        moved = self._inbox.claim()
        troubles = [self._fleet.poll()]
        moved |= self._inbox.read()
        self._conductor.ring()
        moved |= self._end_killed()
        if self.retrieve_running and self.retrieve_overwrites and self.can_retrieve:
            self._harvest.copy_running(changed_only=self.retrieve_changed_only)
        if self._harvest and self.can_retrieve:
            before = len(self._harvest)
            troubles.append(self._harvest.gather(overwrite=self.retrieve_overwrites))
            moved |= len(self._harvest) < before
        moved |= self._conductor.conduct()
        moved |= self._end_killed()
        if self.can_submit:
            self._choose()
        self._keeper.save()
        moved |= self._dispatcher.hand_over()
        self._keeper.flush_if_due()
        if not moved:
            troubles.append(self._fleet.trouble)
        for trouble in troubles:
            if trouble is not None:
                raise trouble
        return moved or self._conductor.has_stirred or self._inbox.has_unclaimed

    def _choose(self) -> None:
        chosen = self._dispatcher.choose(self._room())
        if self.to_start is not None:
            self.to_start -= chosen

    def _room(self) -> float:
        in_flight = len(self._fleet) + len(self._dispatcher)
        running = sum(task.execution.state is State.RUNNING for task in self._fleet)
        room = math.inf  # resources that are chosen among have their own
        if not self._dispatcher.has_choice:
            room = self._fleet.room - len(self._dispatcher)
        if self.to_start is not None:
            room = min(room, self.to_start)
        if self.max_in_flight:
            room = min(room, self.max_in_flight - in_flight)
        if self.max_submitted:
            room = min(room, self.max_submitted - (in_flight - running))
        return room

    def _rest(self, *, moved: bool) -> None:
        """Sleep until something can happen."""
        if moved:
            waiting = sum(task.execution.state is State.SUBMITTED for task in self._fleet)
            slots = self._fleet.slots
            if slots is not None and waiting > 2 * slots:
                self._clock.sleep(GATHER)
            return
        due_in = min(self._keeper.due_in, self._conductor.due_in)
        limit = min(LOOK_AROUND, max(SHORTEST_WAIT, due_in))
        if not self._fleet.wait(limit) and self.busy:
            self._clock.sleep(limit)

    def _end_killed(self) -> bool:
        """Carry out what `kill` was called for, of collections and then of what is in them."""
        moved = False
        done: set[int] = set()
        while waiting := self._killed.keys() - done:
            done |= waiting
            for key in waiting:
                moved |= self._end(self._killed[key])
        self._fleet.cancel(task for task in self._killed.values() if self._fleet.has(task))
        return moved

    def _end(self, task: Task) -> bool:
        state = task.execution.state
        if self._fleet.has(task) and state not in (State.TERMINATING, State.TERMINATED):
            return False
        if not task._leaf and state is not State.TERMINATED:
            self._conductor.kill(task)
        elif state not in (State.TERMINATING, State.TERMINATED):
            self._dispatcher.discard(task)
            self._course.cancel(task)
        self._killed.pop(id(task), None)
        return True

    def _look_around(self) -> None:
        """Take up, once, jobs of an earlier engine of which the store does not know."""
        for site in self._fleet.sites:
            if site.was_examined or not site.in_service:
                continue
            try:
                findings = evidence.examine(site.backend, self._store)
            except RecoverableError as err:
                if self._fleet.note_trouble(site, err) is not None:
                    raise
                continue
            self._take_up(site, findings)
            site.was_examined = True

    def _take_up(self, site: Site, findings: evidence.Findings) -> None:
        for token, task in findings.to_follow.items():
            task.execution.start_attempt(token)
            task.execution.details.resource = site.name
            if self._course.move(task, State.SUBMITTED):
                self._roster.add(task, fed=True)
                self._enter(task)
        for token in findings.to_end:
            self._fleet.abandon(token, site)
            self._keeper.note_evidence(token, keep_directory=False)
        for token, owner in findings.to_free.items():
            self._fleet.note_place(token, site)
            failed = owner is None or owner.execution.returncode != 0
            place = "" if owner is None else owner.execution.details.output_path
            self._keeper.note_evidence(token, keep_directory=failed, place=place)
