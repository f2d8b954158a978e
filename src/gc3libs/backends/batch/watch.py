"""Seeing how jobs are: markers and records first, then the batch system, then its accounts."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from gc3libs._clock import Clock
from gc3libs.backends.base import JobState, Report
from gc3libs.backends.batch import place as places
from gc3libs.backends.batch import verdicts
from gc3libs.backends.batch.book import Batch, Book
from gc3libs.backends.batch.place import Place, View
from gc3libs.backends.batch.scheduler import Entry, Scheduler, Unreadable
from gc3libs.backends.batch.script import End, Records
from gc3libs.exceptions import RecoverableError

logger = logging.getLogger(__name__)

_ACCOUNTS_WITHIN = 10.0
"""Seconds that accounts are given to arrive, once a job has ended."""

_WITHOUT_ACCOUNTS = 300.0
"""Seconds until accounts are asked for again, where there were none."""

Element = tuple[str, int]
"""One job of the batch system: the key of its submission, and its number there."""


class Watch:
    """Finds out what has become of jobs.

    Args:
        outputs: Where jobs' directories are, if they are on this machine.
        settle: Seconds that a job has to be over, or unknown, for the batch system before anything
            is concluded from that.

    Attributes:
        running: When jobs were first seen to have started, by key and number.
    """

    def __init__(
        self,
        book: Book,
        place: Place,
        scheduler: Scheduler,
        clock: Clock,
        *,
        outputs: Path | None,
        settle: float,
    ) -> None:
        self._book = book
        self._place = place
        self._scheduler = scheduler
        self._clock = clock
        self._outputs = outputs
        self._settle = settle
        self.running: dict[tuple[str, int], float] = {}
        self._records = Records()
        self._seen: set[str] = set()
        self._ends: dict[Element, dict[int, tuple[End, float]]] = {}
        self._gone: dict[Element, float] = {}
        self._over: dict[Element, Entry] = {}
        self._dropped: set[Element] = set()
        self._no_accounts_until = clock.monotonic()

    @property
    def is_curious(self) -> bool:
        """Whether something waits for what the batch system, or its accounts, will say."""
        return bool(self._ends or self._gone)

    def look(self, *, ask: bool) -> tuple[dict[str, Report], RecoverableError | None]:
        """What has changed, by token; and why the batch system, if it was asked, did not answer."""
        view = self._place.look(self._scheduler.status() if ask else None)
        entries, trouble = self._answer(view)
        news = self._take_markers(view.started - self._seen)
        self._take_records(view.ended - self._seen)
        self._seen = {*view.started, *view.ended}
        if entries is not None:
            self._take_entries(entries)
            self._ask_accounts()
        self._conclude(news)
        if entries is not None:
            self._judge(news)
        return news, trouble

    def cancel(self, wanted: Mapping[Batch, Collection[int]]) -> dict[str, Report]:
        """See to it that jobs do not start; what is reported of those that had not."""
        names = [f"{each.plan.key}.{n}" for each, numbers in wanted.items() for n in numbers]
        claimed = self._place.claim(names)
        news: dict[str, Report] = {}
        for batch, numbers in wanted.items():
            mine = [n for n in numbers if f"{batch.plan.key}.{n}" in claimed]
            title = self._scheduler.title
            found = {n: verdicts.of_absence(batch, n, None, title, is_dropped=False) for n in mine}
            self._report(batch, found, news, durable=True)
        return news

    # what is there

    def _answer(self, view: View) -> tuple[dict[Element, Entry] | None, RecoverableError | None]:
        if view.answer is None:
            return None, None
        title, host = self._scheduler.title, self._place.host
        if view.answer.exitcode != 0:
            said = view.answer.stderr.decode(errors="replace").strip().partition("\n")[0]
            said = said or f"exit status {view.answer.exitcode}"
            return None, RecoverableError(f"{title} on {host} does not answer: {said}")
        try:
            entries = self._scheduler.entries(view.answer.stdout)
        except Unreadable as err:
            return None, RecoverableError(f"{title} on {host} cannot be understood: {err}")
        return dict(self._ours(entries)), None

    def _ours(self, entries: list[Entry]) -> Iterator[tuple[Element, Entry]]:
        """Those entries that belong to submissions of ours."""
        by_id = {each.id: key for key, each in self._book.batches.items() if each.id is not None}
        for entry in entries:
            key = entry.key if entry.key in self._book.batches else by_id.get(entry.job, "")
            if key:
                yield (key, entry.element or 0), entry

    def _take_markers(self, names: Collection[str]) -> dict[str, Report]:
        """Jobs whose markers are there have started."""
        news: dict[str, Report] = {}
        now = self._clock.now()
        for name in names:
            key, _, number = name.partition(".")
            batch = self._book.batches.get(key)
            if batch is None or not number.isdigit() or int(number) in batch.reports:
                continue
            self.running[key, int(number)] = now
            news[batch.token(int(number))] = self.report(batch, int(number))
        return news

    def _take_records(self, names: Collection[str]) -> None:
        wanted = [name for name in names if name.partition(".")[0] in self._book.batches]
        found = self._place.records(wanted)
        self._note_ends(found)

    def _note_ends(self, found: Mapping[str, list[str]]) -> None:
        now = self._clock.monotonic()
        for name in places.names_in(found):
            key, element = name.split(".")[:2]
            reports = self._book.batches[key].reports
            ends = self._ends.setdefault((key, int(element)), {})
            for end in self._records.read(name, found[name]):
                if end.number not in reports:
                    ends.setdefault(end.number, (end, now))
        self._ends = {where: ends for where, ends in self._ends.items() if ends}

    def _take_entries(self, entries: dict[Element, Entry]) -> None:
        """Note which elements are over for the batch system, or unknown to it.

        One that is unknown, while others of its array are known, was taken out of the queue,
        unless it ran; the same holds for a batch system that forgets nothing.
        """
        now = self._clock.monotonic()
        known = {key for key, _ in entries}
        for key, batch in self._book.batches.items():
            if not batch.sent:
                continue
            for element in {number // batch.plan.pack for number in batch.open}:
                entry = entries.get((key, element))
                if entry is not None and batch.id is None:
                    batch.mark_id(entry.job)
                if entry is not None and not entry.standing.is_over:
                    self._gone.pop((key, element), None)
                    continue
                self._gone.setdefault((key, element), now)
                if entry is not None:
                    self._over[key, element] = entry
                elif key in known or (self._scheduler.remembers and batch.id is not None):
                    self._dropped.add((key, element))

    def _ask_accounts(self) -> None:
        """Have the batch system's accounts say how elements ended, where it keeps any."""
        wanted = {where for where in self._gone if where not in self._over}
        wanted |= {where for where in self._ends if not self._has_account(where)}
        ids = {self._book.batches[key].id for key, _ in wanted} - {None}
        command = self._scheduler.accounting(sorted(filter(None, ids)))
        if command is None or not ids or not self._keeps_accounts:
            return
        done = self._place.ask(command)
        if done.exitcode != 0:
            self._no_accounts_until = self._clock.monotonic() + _WITHOUT_ACCOUNTS
            return
        for where, entry in self._ours(self._scheduler.accounts(done.stdout)):
            if entry.standing.is_over:
                self._over[where] = entry

    @property
    def _keeps_accounts(self) -> bool:
        """Whether accounts can be expected."""
        return self._scheduler.accounting(()) is not None and (
            self._clock.monotonic() >= self._no_accounts_until
        )

    def _has_account(self, where: Element) -> bool:
        return where in self._over and self._over[where].cpu_time is not None

    # what follows

    def _conclude(self, news: dict[str, Report]) -> None:
        """Report jobs that have left a record, unless the batch system has to say more."""
        for where, ends in tuple(self._ends.items()):
            batch = self._book.batches[where[0]]
            ready = {
                n: end for n, (end, since) in ends.items() if self._is_clear(where, end, since)
            }
            entry = self._over.get(where)
            found = {n: self._of_end(batch, end, entry) for n, end in ready.items()}
            self._report(batch, found, news, durable=False)
            for number in ready:
                del ends[number]
            if not ends:
                del self._ends[where]

    def _is_clear(self, where: Element, end: End, since: float) -> bool:
        """Whether all is known of a job that has left a record."""
        batch = self._book.batches[where[0]]
        entry = self._over.get(where)
        waited = self._clock.monotonic() - since
        if verdicts.needs_the_system(end) and end.number not in batch.cancelled:
            if entry is None and not self._has_settled(where):
                return False
        elif batch.plan.pack > 1 or not self._keeps_accounts:
            return True
        return self._has_account(where) or not self._keeps_accounts or waited > _ACCOUNTS_WITHIN

    def _has_settled(self, where: Element) -> bool:
        gone = self._gone.get(where)
        return gone is not None and self._clock.monotonic() - gone >= self._settle

    def _judge(self, news: dict[str, Report]) -> None:
        """Decide about jobs of which the batch system says that they are over, or nothing."""
        settled = [where for where in self._gone if self._has_settled(where)]
        if not settled:
            return
        silent = {where: self._silent(where) for where in settled}
        names = [f"{key}.{n}" for (key, _), numbers in silent.items() for n in numbers]
        claimed = self._place.claim(names)
        started = [
            where
            for where, numbers in silent.items()
            if any(f"{where[0]}.{n}" not in claimed for n in numbers)
        ]
        self._note_ends(self._place.last_records([f"{key}.{e}" for key, e in started]))
        for where, numbers in silent.items():
            absent = [n for n in numbers if f"{where[0]}.{n}" in claimed]
            self._judge_element(where, absent, self._silent(where), news)
            del self._gone[where]

    def _silent(self, where: Element) -> list[int]:
        """The jobs of an element that have left no record."""
        key, element = where
        batch = self._book.batches[key]
        ends = self._ends.get(where, {})
        numbers = batch.plan.numbers(element)
        return [n for n in numbers if n not in batch.reports and n not in ends]

    def _judge_element(
        self, where: Element, absent: list[int], silent: list[int], news: dict[str, Report]
    ) -> None:
        batch, entry = self._book.batches[where[0]], self._over.pop(where, None)
        title, now = self._scheduler.title, self._clock.now()
        is_dropped = where in self._dropped
        self._dropped.discard(where)
        found = {
            n: verdicts.of_absence(batch, n, entry, title, is_dropped=is_dropped) for n in absent
        }
        for number in set(silent) - set(absent):
            started = self.running.get((where[0], number))
            if f"{where[0]}.{number}.again" in self._seen:
                found[number] = verdicts.started_twice(batch.token(number), started, title)
            else:
                found[number] = verdicts.of_entry(batch, number, entry, started, now, title)
        ends = self._ends.pop(where, {})
        for number, (end, _) in ends.items():
            found[number] = self._of_end(batch, end, entry)
        self._report(batch, found, news, durable=True)

    def _of_end(self, batch: Batch, end: End, entry: Entry | None) -> Report:
        token = batch.token(end.number)
        place = None if self._outputs is None else str(self._outputs / token)
        return verdicts.of_end(batch, end, entry, place)

    def _report(
        self, batch: Batch, found: Mapping[int, Report], news: dict[str, Report], *, durable: bool
    ) -> None:
        if not found:
            return
        batch.add_reports(found, durable=durable)
        for number, report in found.items():
            self.running.pop((batch.plan.key, number), None)
            if number not in batch.freed:
                news[report.token] = report
                _tell(report)

    def report(self, batch: Batch, number: int) -> Report:
        """What is known of a job."""
        known = batch.reports.get(number)
        if known is not None:
            return known
        started = self.running.get((batch.plan.key, number))
        state = JobState.WAITING if started is None else JobState.RUNNING
        return Report(token=batch.token(number), state=state, started=started)

    def forget(self, batch: Batch) -> None:
        """A submission is of no interest any more."""
        key = batch.plan.key
        tables: tuple[dict[Element, Any], ...] = (self._ends, self._gone, self._over)
        for table in tables:
            for where in [each for each in table if each[0] == key]:
                del table[where]


def _tell(report: Report) -> None:
    if report.state is JobState.LOST:
        logger.warning("job %s is lost: %s", report.token, report.reason)
