"""System calls that fail: full disks and quotas, read-only and broken ones, too many open files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from gc3libs.exceptions import StoreError
from gc3libs.session import Session

from .apart import Work, every, failed_at, need_strace
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


def trying(path: Path, operation: Operation) -> Work:
    """Work that takes a store's error that names the place for an answer, and tries again."""

    def work(say: Say) -> None:
        for _ in range(2):
            try:
                session = Session(path, create=False)
                operation(session, say)
                session.close()
                return
            except StoreError as err:
                assert str(path) in str(err), str(err)
                say("failed")

    return work


def trying_in_place(path: Path, operation: Operation) -> Work:
    """The same in a session that stays open."""

    def work(say: Say) -> None:
        session = Session(path, create=False)
        try:
            operation(session, say)
        except StoreError as err:
            assert str(path) in str(err), str(err)
            say("failed")
            operation(session, say)
        with contextlib.suppress(StoreError):
            session.close()

    return work


@pytest.mark.parametrize("error", FAULTS)
@pytest.mark.parametrize("name", ["add", "add_several", "save_all", "remove", "flush"])
def test_an_error_names_the_place_and_nothing_is_lost(
    place: Place, tmp_path: Path, name: str, error: str
) -> None:
    """Fails if `Index._write_at_end` does not cut off what it could not write."""
    need_strace()
    place.make(*range(1, 9))
    failures = 0
    for number in every(8, sum(map(ord, name + error))):
        for try_ in (trying, trying_in_place):
            work = try_(place.path, OPERATIONS[name])
            ended, hit = failed_at(work, error, number, FAULTS[error], tmp_path / "log")
            failures += "failed" in place.ledger.take(ended.said)
            assert ended.status == 0 or (try_ is trying_in_place and not ended.said)
            place.ledger.check(place.path)
            replenish(place)
        if not hit:
            break
    assert failures or number < 9
    place.ledger.check_goes_on(place.path)


def replenish(place: Place) -> None:
    if len(place.ledger.sure) < 6:
        session = Session(place.path)
        for _ in range(6):
            place.ledger.sure[session.add(task(10))] = 10
        session.close()
