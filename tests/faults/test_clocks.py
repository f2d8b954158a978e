"""Clocks that are set, machines that sleep: nothing expires early, nothing lasts less than zero."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gc3libs import Application
from gc3libs.cmdline import run as run_session
from gc3libs.exceptions import LeaseLost, SessionInUse
from gc3libs.model import Run
from gc3libs.session import Session
from gc3libs.session._lease import EXPIRES, INTERVAL
from gc3libs.testing import VirtualClock

from .conftest import Place

NOW = 1_700_000_000.0


class SetClock(VirtualClock):
    """A clock that somebody sets; `monotonic` goes on as if nothing had happened."""

    def set(self, seconds: float) -> None:
        self._start += seconds

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: `monotonic` does not see it."""
        self._start += seconds


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def session(place: Place, clock: SetClock) -> Iterator[Session]:
    place.make(1)
    opened = Session(place.path)
    opened.clock = clock
    yield opened
    opened.close()


def hold_elsewhere(session: Session, ago: float) -> None:
    """A lease of another host, last heard of so many seconds ago, as the disk's machine has it."""
    beat = time.time() - ago
    run = Path(session.path, "run")
    run.mkdir()
    holder = {"host": "another", "pid": 7, "boot": "b", "since": beat, "epoch": 1, "what": ""}
    (run / "lease").write_text(json.dumps(holder))
    os.utime(run / "lease", (beat, beat))


@pytest.mark.parametrize("set_by", [-86400.0, -EXPIRES, 0.0, EXPIRES / 2])
def test_a_lease_does_not_expire_because_the_clock_is_set(
    session: Session, clock: SetClock, set_by: float
) -> None:
    """Fails if the clock of this machine is believed, which is not that of the disk's."""
    hold_elsewhere(session, ago=1.0)
    clock.set(set_by)
    with pytest.raises(SessionInUse, match="another"):
        session.lease()
    holder = session.holder()
    assert holder is not None
    assert holder.host == "another"


def test_a_lease_that_nobody_renews_expires(session: Session) -> None:
    """Fails if leases of other hosts are for ever."""
    hold_elsewhere(session, ago=EXPIRES + 1)
    with session.lease() as lease:
        assert lease.epoch == 2


def test_who_wakes_up_sees_that_the_lease_is_lost(session: Session, clock: SetClock) -> None:
    """Fails if `check` believes what it remembers."""
    lease = session.lease()
    clock.suspend(10 * EXPIRES)
    file = Path(session.path, "run", "lease")
    file.unlink()
    hold = {"host": "another", "pid": 7, "boot": "b", "since": NOW, "epoch": 2, "what": ""}
    file.write_text(json.dumps(hold))
    with pytest.raises(LeaseLost):
        lease.check()
    lease.release()
    assert file.exists()


def test_heartbeats_go_on_when_the_clock_is_set_back(session: Session, clock: SetClock) -> None:
    """Fails if heartbeats are timed by the clock on the wall."""
    with session.lease() as lease:
        file = Path(session.path, "run", "lease")
        clock.set(-86400.0)
        os.utime(file, (1.0, 1.0))
        clock.sleep(INTERVAL)
        lease.check()
        assert file.stat().st_mtime > 1.0


def test_nothing_lasts_less_than_nothing() -> None:
    """Fails if a duration is the difference of two readings of the clock."""
    run = Run()
    run.finish(
        signal=0,
        exitcode=0,
        started=NOW,
        ended=NOW - 3600,
    )
    assert run.details.duration == 0.0


def test_a_table_has_no_negative_durations(session: Session) -> None:
    """Fails if a duration is the difference of two readings of the clock."""
    pytest.importorskip("pandas")
    record = session.store.record(next(iter(session.tasks)))
    summary = replace(record.summary, started=NOW, ended=NOW - 3600)
    session.store.rewrite([replace(record, summary=summary)])
    assert list(session.to_pandas()["duration"]) == [0.0]


def test_times_of_a_job_follow_each_other(place: Place) -> None:
    """Fails if the end of a job is not reckoned from its start."""
    session = Session(place.path, store_or_url=place.store)
    session.add(Application(["/bin/sleep", "0.05"], [], [], str(place.path / "out")))
    run_session(session, cores=1, quiet=True)
    (task,) = session
    details = task.execution.details
    assert 0.04 <= details.duration <= 30
    assert details.ended == pytest.approx(details.started + details.duration)
    session.close()
