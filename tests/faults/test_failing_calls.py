"""System calls that fail: full disks and quotas, read-only and broken ones, too many open files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from gc3libs.exceptions import StoreError
from gc3libs.session import Session

from .apart import Work, failed_at, need_strace, points, some
from .conftest import Place
from .ledger import Say, task
from .operations import OPERATIONS, Operation, on

FAULTS = {
    "ENOSPC": "write,pwrite64,ftruncate,fallocate,mkdir,mkdirat,openat,rename,renameat,renameat2",
    "EDQUOT": "write,pwrite64,mkdir,mkdirat",
    "EIO": "write,pwrite64,fsync,fdatasync,syncfs,unlink,unlinkat,rename,renameat,renameat2",
    "EROFS": "openat,mkdir,mkdirat,unlink,unlinkat,rename,renameat,renameat2",
    "EACCES": "openat,unlink,unlinkat,rename,renameat,renameat2",
    "EMFILE": "openat",
}


@pytest.fixture(autouse=True)
def _nothing_is_done_for_the_first_time(place: Place, tmp_path: Path) -> None:
    """So that what fails is what the session does, and not that a module is imported."""
    practice = Place(tmp_path / "practice", place.store)
    practice.make(*range(1, 9))
    for operation in OPERATIONS.values():
        on(practice.path, operation)(lambda *words: None)


def trying(path: Path, operation: Operation, *, stays: bool) -> Work:
    """Work that takes a store's error that names the place for an answer, and tries again.

    Args:
        stays: In the same session, if it could be opened.
    """

    def work(say: Say) -> None:
        session = None
        for _ in range(2):
            try:
                if session is None or not stays:
                    session = Session(path, create=False)
                operation(session, say)
                break
            except StoreError as err:
                assert str(path) in str(err), str(err)
                say("failed")
                if session is not None:
                    assert len(list(session)) == len(session), "what is listed is not there"
        if session is not None:
            with contextlib.suppress(StoreError):
                session.close()

    return work


@pytest.mark.parametrize("error", FAULTS)
@pytest.mark.parametrize("name", ["add", "add_several", "save_all", "remove", "flush"])
def test_an_error_names_the_place_and_nothing_is_lost(
    place: Place, tmp_path: Path, name: str, error: str
) -> None:
    """Fails (in its long form) if `Register._restore` brings back what was removed all the same."""
    need_strace()
    place.make(*range(1, 9))
    calm = on(place.path, OPERATIONS[name])
    ended, calls = points(calm, FAULTS[error], tmp_path / "log")
    place.ledger.take(ended.said)
    for point in some(calls, 3, sum(map(ord, name + error))):
        for stays in (True, False):
            replenish(place)
            work = trying(place.path, OPERATIONS[name], stays=stays)
            ended = failed_at(work, point, error)
            place.ledger.take(ended.said)
            assert ended.status == 0
            with Session(place.path) as session, session.lease():
                pass  # whoever writes next completes a batch that was decided on
            session.close()
            place.ledger.check(place.path)
    place.ledger.check_goes_on(place.path)


def replenish(place: Place) -> None:
    if len(place.ledger.sure) < 6:
        session = Session(place.path)
        for _ in range(6):
            place.ledger.sure[session.add(task(10))] = 10
        session.close()
