"""What an engine knows of the jobs of one directory, kept up to date by their supervisor.

If the supervisor dies, the next one is started at once, and says what became of the jobs.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from gc3libs.backends.base import JobState, Report
from gc3libs.backends.local.connection import Connection, Disconnected, connect
from gc3libs.backends.local.directory import Directory
from gc3libs.backends.local.supervisor import journal, records
from gc3libs.exceptions import InvalidOperation, RecoverableError

_ATTEMPTS = 3

_STATES = {
    records.WAITING: JobState.WAITING,
    records.ARMED: JobState.WAITING,
    records.STARTING: JobState.WAITING,
    records.RUNNING: JobState.RUNNING,
    records.ENDED: JobState.ENDED,
    records.RETURNED: JobState.RETURNED,
    records.LOST: JobState.LOST,
}
_OVER = frozenset((records.ENDED, records.RETURNED, records.LOST))

Row = tuple[Any, ...]
"""A report or an order as it goes over the socket."""

(TOKEN, STATE, STATUS, STARTED, ENDED, CPU, MEMORY, BOUND, DIRECTORY, STREAMS, REASON) = range(
    len(records.FIELDS)
)


class Link:
    """The reports of a directory's jobs, and the way to their supervisor.

    Args:
        directory: The directory; made when needed.
        boot: Names the time since the machine's start.
        offer: Cores, bytes of memory, and seconds between SIGTERM and SIGKILL.
    """

    def __init__(self, directory: Directory, boot: str, offer: tuple[int, int, float]) -> None:
        self._directory = directory
        self._workdir = directory.path
        self._boot = boot
        self._offer = offer
        self._connection: Connection | None = None
        self._closed = False
        self.rows: dict[str, Row] = {}
        self.news: dict[str, Row] = {}
        self.mean = 0.0  # seconds that a job lately took; 0: not known yet

    @property
    def pid(self) -> int | None:
        """The supervisor's process ID, if it is being talked to."""
        return None if self._connection is None else self._connection.pid

    def find(self) -> bool:
        """Whether anything is known of any job; if so, the supervisor is there afterwards."""
        if self._connection is None:
            self._refuse_if_closed()
            if not self.rows and not (self._workdir / journal.FILE).exists():
                return False
            self._connect()
        return True

    def connected(self) -> Connection:
        """The conversation with the supervisor, started if need be.

        Raises:
            RecoverableError: Another engine uses the directory.
        """
        if self._connection is None:
            self._refuse_if_closed()
            return self._connect()
        return self._connection

    def listen(self, wait: float) -> None:
        """Hear what the supervisor has to say, if need be after `wait` seconds."""
        try:
            for _, content in self.connected().receive(wait):
                self._apply(content)
        except Disconnected:
            self._connect()
        except BaseException:
            self._hang_up()
            raise

    def say(self, kind: str, tokens: list[str]) -> None:
        """Tell the supervisor something that needs no answer."""
        try:
            self.connected().send(kind, tokens)
        except Disconnected:
            self._connect().send(kind, tokens)
        except BaseException:
            self._hang_up()
            raise

    def hand_over(self, orders: list[Row]) -> dict[str, str]:
        """Give orders to the supervisor; returns those that it refused, with its reasons."""
        for _ in range(_ATTEMPTS):
            if not orders:
                return {}
            connection = self.connected()
            try:
                connection.send("submit", orders)
                return self._note_taken(orders, self._answer(connection))
            except Disconnected:
                self._connect()
                orders = [order for order in orders if not self.was_taken(order[TOKEN])]
            except BaseException:
                self._hang_up()
                raise
        raise RecoverableError(
            f"the supervisor of local jobs in {self._workdir} was killed {_ATTEMPTS} times while"
            " jobs were handed over to it; whatever kills it must stop first"
        )

    def was_taken(self, token: str) -> bool:
        """Whether the supervisor has this job, or had it and knows its end."""
        row = self.rows.get(token)
        return row is not None and row[STATE] != records.RETURNED

    def is_over(self, token: str) -> bool:
        """Whether nothing more will happen to this job; true of an unknown one."""
        row = self.rows.get(token)
        return row is None or row[STATE] in _OVER

    def forget(self, tokens: Collection[str]) -> None:
        for token in tokens:
            self.rows.pop(token, None)
            self.news.pop(token, None)

    def report(self, row: Row) -> Report:
        """A row in the words of the port."""
        state = row[STATE]
        ended = state == records.ENDED
        number = row[STATUS] & 0x7F
        directory = f"{self._workdir}/{row[DIRECTORY]}" if row[DIRECTORY] else None
        return Report(
            token=row[TOKEN],
            state=_STATES[state],
            signal=number if ended and number else None,
            exitcode=row[STATUS] >> 8 if ended and not number else None,
            started=row[STARTED] or None,
            ended=row[ENDED] or None,
            cpu_time=row[CPU] if ended else None,
            max_memory=row[MEMORY] or None,
            memory_is_bound=row[BOUND],
            reason=row[REASON],
            directory=directory if directory and os.path.isdir(directory) else None,  # noqa: PTH112
        )

    def close(self) -> None:
        """Leave the supervisor; it goes, too, unless something runs."""
        self._closed = True
        self.forget(list(self.rows))
        if self._connection is not None:
            self._connection.leave()
            self._connection = None
        self._directory.leave()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise InvalidOperation(f"the backend of {self._workdir} was closed; make a new one")

    def _hang_up(self) -> None:
        """Begin anew after an interruption: half a message may have been read."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> Connection:
        """Find or start the supervisor, and learn what it knows."""
        self._hang_up()
        self._directory.make()
        hello = (dict(os.environb), *self._offer)
        connection, table = connect(self._workdir, self._boot, hello)
        try:
            now = {row[TOKEN]: row for row in table}
            gone = [_orphaned(row) for token, row in self.rows.items() if token not in now]
            self._apply([row for row in table if self.rows.get(row[TOKEN]) != row] + gone)
            self._connection = connection
        except BaseException:
            connection.close()
            raise
        return connection

    def _answer(self, connection: Connection) -> list[str | None]:
        while True:
            kind, content = connection.hear()
            if kind == "taken":
                return list(content)
            self._apply(content)

    def _note_taken(self, orders: list[Row], reasons: list[str | None]) -> dict[str, str]:
        refused = {}
        for order, reason in zip(orders, reasons, strict=True):
            token = order[TOKEN]
            if reason is not None:
                refused[token] = reason
                continue
            self.news.pop(token, None)
            self.rows[token] = (
                token,
                records.WAITING,
                0,
                0.0,
                0.0,
                0.0,
                0,
                False,
                "",
                order[-1],
                "",
            )
        return refused

    def _apply(self, rows: list[Row]) -> None:
        for row in rows:
            token = row[TOKEN]
            self.rows[token] = self.news[token] = row
            if row[STATE] == records.ENDED:
                took = max(1e-4, row[ENDED] - row[STARTED])
                self.mean = self.mean + (took - self.mean) / 8 if self.mean else took


def _orphaned(row: Row) -> Row:
    """What becomes of a job that a new supervisor knows nothing of."""
    state = row[STATE]
    if state in _OVER:
        return row
    if state in (records.WAITING, records.ARMED):
        state, reason = records.RETURNED, "the supervisor was killed"
    else:
        state, reason = records.LOST, "the journal of its supervisor is gone"
    return (row[TOKEN], state, *row[STATUS:REASON], reason)
