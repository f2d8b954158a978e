"""Real limits: a small disk, the longest file, the number of open files, no permission."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc3libs.exceptions import StoreError, StoreUnavailable
from gc3libs.session import Session

from .apart import run
from .conftest import Place
from .ledger import Say, task
from .operations import add

SIZE = 1_200_000


@pytest.fixture
def small(place: Place, tmp_path: Path) -> Iterator[Place]:
    """The session on a disk of a megabyte."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(mounted)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting needs root")
    place.path = mounted / "session"
    yield place
    subprocess.run(["umount", str(mounted)], check=True)


def fill(path: Path) -> None:
    """Leave not a byte."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(64)):
            pass


def test_a_full_disk(small: Place) -> None:
    """Fails if what could not be written is left behind: going on would need a repair."""
    small.make(*range(1, 6))
    ballast = small.path.parent / "ballast"
    session = Session(small.path)
    refused = 0
    for round_ in range(3):
        fill(ballast)
        try:
            for value in range(10_000):
                small.ledger.sure[session.add(task(value))] = value
        except StoreError as err:
            assert str(small.path) in str(err)
            refused += 1
        found = session.load(next(iter(small.ledger.sure)))
        found.ballast = bytes(200_000)
        with pytest.raises(StoreUnavailable, match=str(small.path)):
            session.save_all()
        reader = Session(small.path)
        assert reader.list_ids() >= small.ledger.sure.keys()
        assert len(list(reader)) == len(reader)
        reader.close()
        ballast.unlink()
        found.ballast = bytes([found.value % 251]) * 300
        session.save_all()
        small.ledger.sure[session.add(task(round_))] = round_
        removed = list(small.ledger.sure)[-1]
        session.remove(removed)
        del small.ledger.sure[removed]
    session.close()
    assert refused == 3
    small.ledger.check(small.path)
    small.ledger.check_goes_on(small.path)


def test_a_disk_that_cannot_be_written_any_more(small: Place) -> None:
    """Fails if opening or looking writes anything, or a refused task counts as added."""

    def mounted(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(small.path.parent)], check=True)

    small.make(1, 2, 3)
    mounted("ro")
    small.ledger.check(small.path)
    session = Session(small.path)
    for call in (lambda: session.add(task(4)), lambda: session.remove("Task.1"), session.lease):
        with pytest.raises(StoreError, match=str(small.path)):
            call()
    session.close()
    mounted("rw")
    small.ledger.check(small.path)
    small.ledger.check_goes_on(small.path)


def test_a_limit_on_the_length_of_files(place: Place) -> None:
    """Fails if a part of a record that was written is taken for all of it."""
    place.make(1, 2)

    def work(say: Say) -> None:
        session = Session(place.path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
        with contextlib.suppress(StoreUnavailable):
            for _ in range(2000):
                add(session, say)
        big = task(7)
        big.more = bytes(400_000)
        try:
            session.add(big)
        except StoreError as err:
            assert str(place.path) in str(err)
            say("failed")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        add(session, say)
        session.close()

    ended = run(work)
    assert "failed" in place.ledger.take(ended.said)
    assert ended.status == 0
    place.ledger.check(place.path)
    place.ledger.check_goes_on(place.path)


def test_too_many_open_files(place: Place) -> None:
    """Fails if a descriptor is lost with each error."""
    place.make(1, 2)

    def work(say: Say) -> None:
        session = Session(place.path)
        add(session, say)
        before = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, before + 20))
        for spare in range(12):
            resource.setrlimit(resource.RLIMIT_NOFILE, (before + spare, before + 20))
            try:
                add(session, say)
            except StoreError as err:
                assert str(place.path) in str(err), str(err)
                say("failed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 20, before + 20))
        add(session, say)
        assert len(os.listdir("/proc/self/fd")) <= before + 2
        session.close()

    ended = run(work)
    kinds = place.ledger.take(ended.said)
    assert ended.status == 0
    assert "failed" in kinds
    place.ledger.check(place.path)


def test_no_permission_any_more(place: Place) -> None:
    """Fails if the error does not say which file."""
    place.make(1, 2)
    everything = [place.path, *place.path.rglob("*")]
    above = [each for each in place.path.parents if each.owner() == place.path.owner()]

    def work(say: Say) -> None:
        session = Session(place.path)
        os.setegid(65534)
        os.seteuid(65534)
        for call in (
            lambda: session.add(task(1)),
            lambda: session.remove("Task.1"),
            session.lease,
            session.destroy,
        ):
            with pytest.raises(StoreError, match=str(place.path)):
                call()
            say("failed")
        os._exit(0)

    if os.geteuid() != 0:
        pytest.skip("dropping privileges needs root")
    modes = {each: each.stat().st_mode for each in above}
    try:
        for each in above:
            each.chmod(0o755)
        for each in everything:
            each.chmod(0o555 if each.is_dir() else 0o444)
        ended = run(work)
    finally:
        for each, mode in modes.items():
            each.chmod(mode)
        for each in everything:
            each.chmod(0o755 if each.is_dir() else 0o644)
    assert place.ledger.take(ended.said).count("failed") == 4
    place.ledger.check(place.path)
