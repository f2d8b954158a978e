"""Handing submissions over: at the rate that a site allows, none twice."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Mapping

from gc3libs._clock import Clock
from gc3libs.backends.base import JobRefused
from gc3libs.backends.batch.book import Batch, Book
from gc3libs.backends.batch.place import Place
from gc3libs.backends.batch.requests import of_an_element
from gc3libs.backends.batch.scheduler import Scheduler, Submission, Unreadable
from gc3libs.exceptions import RecoverableError

logger = logging.getLogger(__name__)

_MINUTE = 60.0


class Sender:
    """Runs submission commands, and those that end jobs.

    Args:
        rate: The most submission commands a minute; 0: no limit.
    """

    def __init__(
        self, book: Book, place: Place, scheduler: Scheduler, clock: Clock, rate: int
    ) -> None:
        self._book = book
        self._place = place
        self._scheduler = scheduler
        self._clock = clock
        self._rate = rate
        self._times: deque[float] = deque(maxlen=rate or 1)

    @property
    def _unsent(self) -> list[Batch]:
        return [each for each in self._book.batches.values() if not each.sent and each.open]

    @property
    def has_unsent(self) -> bool:
        """Whether something is still to be submitted."""
        return bool(self._unsent)

    @property
    def is_busy(self) -> bool:
        """Whether something was submitted, and is not over."""
        return any(each.sent and each.open for each in self._book.batches.values())

    @property
    def waiting(self) -> int:
        """How many jobs are not known to run."""
        return sum(len(each.open) for each in self._book.batches.values())

    def send(self) -> dict[str, JobRefused]:
        """Submit what can be submitted now; gives jobs that were refused, which are forgotten.

        Raises:
            RecoverableError: The batch system does not answer. What it was given may have arrived
                or not, which is found out later.
        """
        refused: dict[str, JobRefused] = {}
        for batch in self._unsent:
            if not self._may_send(batch):
                break
            reason = self._send(batch)
            if reason is not None:
                tokens = [batch.token(number) for number in batch.open]
                refused |= {token: JobRefused(token, reason) for token in tokens}
                self._drop(batch)
        return refused

    def _may_send(self, batch: Batch) -> bool:
        if not self._rate or len(self._times) < self._rate:
            return True
        return self._clock.monotonic() - self._times[0] >= _MINUTE

    def _send(self, batch: Batch) -> str | None:
        """Submit; gives the reason if it was refused for good."""
        batch.mark_sent()
        self._times.append(self._clock.monotonic())
        answer = self._place.submit(self._scheduler.submit(self._submission(batch)))
        if answer.exitcode == 0:
            try:
                batch.mark_id(self._scheduler.job_id(answer))
            except Unreadable as err:
                logger.warning("the ID of %s will be looked for: %s", batch.plan.name, err)
            return None
        reason = self._scheduler.refusal(answer)
        if reason is None:
            said = answer.stderr.decode(errors="replace").strip().replace("\n", "; ")
            title, host = self._scheduler.title, self._place.host
            raise RecoverableError(f"{title} on {host} does not take jobs: {said}")
        return reason

    def _submission(self, batch: Batch) -> Submission:
        base = f"{self._place.root}/batches/{batch.plan.key}"
        return Submission(
            key=batch.plan.key,
            name=batch.plan.name,
            script=f"{base}/script",
            directory=self._place.root,
            log=f"{base}/log",
            elements=batch.plan.elements,
            request=of_an_element(batch.plan),
        )

    def _drop(self, batch: Batch) -> None:
        self._book.free([batch.token(number) for number in batch.open])
        self._place.remove_batches([batch.plan.key])
        self._book.remove(batch)

    def cancel(self, wanted: Mapping[Batch, Collection[int]]) -> None:
        """Have the batch system end what only these jobs keep there, or their scripts end them.

        Raises:
            RecoverableError: The batch system does not answer.
        """
        ended: list[tuple[str, int | None]] = []
        for batch, numbers in wanted.items():
            if not batch.sent:
                continue
            going = [number for number in numbers if number in batch.open]
            if batch.plan.pack > 1 and going:
                self._place.wish(batch.plan.key, going)
            ended += self._unwanted(batch, numbers)
        if ended:
            self._place.tell(self._scheduler.cancel(ended))

    @staticmethod
    def _unwanted(batch: Batch, numbers: Collection[int]) -> list[tuple[str, int | None]]:
        """Jobs of the batch system that do nothing any more but what is to be ended."""
        if batch.id is None:
            return []
        plan, open_ = batch.plan, set(batch.open)
        is_array = plan.elements > 1
        found: list[tuple[str, int | None]] = []
        for element in {number // plan.pack for number in numbers}:
            left = [number for number in plan.numbers(element) if number in open_]
            if not left or (plan.pack == 1 and set(left) <= batch.cancelled):
                found.append((batch.id, element if is_array else None))
        return found
