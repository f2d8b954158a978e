"""The reckoning at the end of a soak: every task accounted for, nothing left behind."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from havoc import Havoc
from world import World

from gc3libs.model import Signals, decode_details
from gc3libs.model.details import Attempt, RunDetails
from gc3libs.model.termination import split
from gc3libs.persistence import Record
from gc3libs.session import Session

_STARTS_NOTHING = "absent"
_SIGNALS = {"dying": 11}
_REASONS = {"hanging": "walltime", "stubborn": "walltime", "hungry": "memory"}
_EXITS = {"returning": 0, "raising": 1, "absent": 127}
_OWN_RETRIES = 3
_BYTES_A_TASK = 40_000
_EXPECTED = frozenset(
    ("created", "finished", "index.txt", "jobs", "out", "run", "store.db", "store.url", "undo")
)
_KEPT = frozenset(("supervisor.lock", "lease"))


class Account:
    """Holds what the session says against what happened.

    Args:
        world: Where it took place; no process may be in it any more.
        havoc: What was done to it.
    """

    def __init__(self, world: World, havoc: Havoc) -> None:
        self._world = world
        self._havoc = havoc
        self._starts: dict[str, int] = defaultdict(int)
        self._ends: dict[str, object] = {}
        for what, token, value, _ in world.notes():
            if what == "start":
                self._starts[str(token)] += 1
            else:
                self._ends[str(token)] = value
        self._records: dict[str, Record] = {}
        self._owners: dict[str, str] = {}

    def troubles(self) -> Iterator[str]:
        """Whatever is not as it must be."""
        yield from self._world.troubles
        yield from self._left_processes()
        session = Session(self._world.session, create=False)
        try:
            self._read(session)
            yield from self._missing(session)
        finally:
            session.close()
        for record in self._records.values():
            yield from self._of_task(record)
        yield from self._started_twice_or_unknown()
        yield from self._left_files()
        yield from self._complaints()
        done = self._world.gc3("check")
        if done.code:
            yield f"gc3 check: {done.out}{done.err}"

    @property
    def summary(self) -> str:
        """How much there was of what."""
        kills = ", ".join(f"{count} of the {what}" for what, count in self._world.kills.items())
        return (
            f"{len(self._records):,} tasks, {sum(self._starts.values()):,} started;"
            f" kills: {kills}; {len(self._world.lost)} jobs lost"
        )

    # the session

    def _read(self, session: Session) -> None:
        ids = [each.id for each in session.summaries(tree=True)]
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            self._records.update(session.store.records(some))
            for owner, children in session.store.children_of(some).items():
                self._owners.update(dict.fromkeys(children, owner))

    def _missing(self, session: Session) -> Iterator[str]:
        listed = session.list_ids()
        for id_ in self._havoc.added - listed - self._havoc.removed:
            yield f"{id_} was added, and is not in the session"
        names = [each.summary.jobname for each in self._records.values()]
        if len(names) != len(set(names)):
            yield f"{len(names) - len(set(names))} names are there twice"

    def _of_task(self, record: Record) -> Iterator[str]:
        summary, details = record.summary, decode_details(record.details)
        where = f"{record.id} ({summary.jobname})"
        if summary.state != "TERMINATED":
            if not self._may_wait(record):
                yield f"{where} is {summary.state}"
        elif summary.leaf:
            current = _current(record, details)
            for attempt in (*details.attempts, current):
                for trouble in self._of_attempt(record, attempt):
                    yield f"{where}, attempt {attempt.number}: {trouble}"
            yield from (f"{where}: {each}" for each in self._attempts(record, details))
            yield from (f"{where}: {each}" for each in _outputs(record, details))

    def _may_wait(self, record: Record) -> bool:
        """Whether it is part of what ended early, by itself or because somebody ended it."""
        above = self._above(record.id)
        ended = {each for each in above if self._records[each].summary.state == "TERMINATED"}
        aborting = {each for each in ended if "Aborting" in self._records[each].summary.cls}
        killed = {record.id, *ended} & self._havoc.killed  # itself, if that was undone later
        return record.summary.state == "NEW" and bool(ended and (aborting or killed))

    def _above(self, id_: str) -> list[str]:
        found = []
        while (owner := self._owners.get(id_)) is not None:
            found.append(owner)
            id_ = owner
        return found

    # attempts

    def _of_attempt(self, record: Record, attempt: Attempt) -> Iterator[str]:
        signal, code = split(attempt.returncode)
        started, ended = self._starts.get(attempt.token, 0), self._ends.get(attempt.token)
        kind = str(record.summary.jobname).split("-")[1]
        if signal == Signals.Lost:
            if attempt.token not in self._world.lost:
                yield f"lost, and its supervisor was not killed: {attempt.reason}"
        elif signal == Signals.Cancelled:
            if not self._havoc.killed & {record.id, *self._above(record.id)}:
                yield "cancelled, and nobody wanted it"
        elif attempt.token in self._world.lost:
            yield f"not lost, though its supervisor was killed: {signal}, {code}"
        elif kind in _REASONS:
            if not attempt.reason.startswith(_REASONS[kind]):
                yield f"ended with {signal}, {code} {attempt.reason!r}, not by its limit"
        elif kind in _SIGNALS:
            if signal != _SIGNALS[kind]:
                yield f"ended with {signal}, {code}, not by its signal"
        elif kind == _STARTS_NOTHING:
            if code != _EXITS[kind]:
                yield f"ended with {signal}, {code}"
        elif (signal, code) != (0, ended):
            yield f"ended with {signal}, {code} {attempt.reason!r}, and noted {ended}"
        elif started != 1:
            yield f"ended well, and was started {started} times"

    def _attempts(self, record: Record, details: RunDetails) -> Iterator[str]:
        """No more attempts than there were reasons for."""
        above = self._above(record.id)
        reasons = sum(self._havoc.retried[each] for each in (record.id, *above))
        attempts = details.attempts
        by_retry = any("RetryableTask" in self._records[each].summary.cls for each in above)
        if by_retry:
            reasons += _OWN_RETRIES * (1 + reasons)
        if by_retry or record.summary.parameters.get("on_loss") == "rerun":
            reasons += sum(split(each.returncode)[0] == Signals.Lost for each in attempts)
        if len(attempts) > reasons:
            yield f"{len(attempts)} attempts too many, with {reasons} reasons"

    def _started_twice_or_unknown(self) -> Iterator[str]:
        known = set()
        for record in self._records.values():
            details = decode_details(record.details)
            known |= {details.token, *(each.token for each in details.attempts)}
        gone = {token.rpartition(".")[0] for token in self._starts.keys() - known}
        for id_ in gone - self._havoc.removed:
            if not self._was_removed(id_):
                yield f"an attempt of {id_} was started, and is not known"
        for token, count in self._starts.items():
            if count != 1:
                yield f"{token} was started {count} times"

    def _was_removed(self, id_: str) -> bool:
        """Whether it went together with a collection; what is not in the session is gone."""
        return id_ not in self._records

    # what is left

    def _left_processes(self) -> Iterator[str]:
        deadline = time.monotonic() + 30
        while (left := self._world.processes()) and time.monotonic() < deadline:
            self._world.reap()
            time.sleep(0.1)
        for pid, words in left.items():
            yield f"process {pid} is left: {words}"
        for lock in self._world.locks():
            yield f"a lock is left: {lock}"

    def _left_files(self) -> Iterator[str]:
        world = self._world
        places = [world.temporary, world.home / "runtime", world.session / "run"]
        failed = {
            decode_details(each.details).token
            for each in self._records.values()
            if each.summary.failed
        }
        for path in (each for place in places for each in place.rglob("*")):
            if path.is_file() and path.name not in _KEPT and not _is_of(path, failed):
                yield f"{path} is left"
        for path in world.session.iterdir():
            if path.name not in _EXPECTED:
                yield f"{path} is left"
        size = sum(_size(path) for path in world.session.rglob("*") if "out" not in path.parts)
        if size > _BYTES_A_TASK * max(100, len(self._records)):
            yield f"the session takes {size:,} bytes for {len(self._records):,} tasks"

    def _complaints(self) -> Iterator[str]:
        """Tracebacks of whatever was not interrupted."""
        for path in self._world.home.glob("*.err"):
            for part in path.read_text(errors="replace").split("Traceback (most")[1:]:
                end = next((line for line in part.splitlines()[1:] if line[:1].isalpha()), part)
                if not end.startswith("KeyboardInterrupt"):
                    yield f"in {path}: {end}"


def _is_of(path: Path, tokens: set[str]) -> bool:
    """Whether a file belongs to one of these jobs: it is in its directory, or one of its logs."""
    return path.stem in tokens or any(each.name in tokens for each in path.parents)


def _current(record: Record, details: RunDetails) -> Attempt:
    return Attempt(
        number=record.summary.attempt,
        returncode=record.summary.returncode,
        reason=details.reason,
        token=details.token,
    )


def _outputs(record: Record, details: RunDetails) -> Iterator[str]:
    """What it has left is its own, and all of it is there."""
    name = record.summary.jobname
    kind = name.split("-")[1]
    signal, _ = split(record.summary.returncode)
    if signal or kind in ("returning", "raising", "absent"):
        return
    if kind == "broken":
        if details.missing != ["result"]:
            yield f"its missing output was not noticed: {details.missing}"
        return
    try:
        text = (Path(details.output_path) / "result").read_text()
    except OSError as err:
        yield f"its output cannot be read: {err}"
    else:
        if text != name:
            yield f"its output is {text!r}"


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        if path.is_file():
            return path.stat().st_size
    return 0
