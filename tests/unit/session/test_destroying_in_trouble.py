"""A session can be removed where little else is possible, and if not, then later."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc3libs import Task
from gc3libs.exceptions import Error, StoreUnavailable
from gc3libs.persistence import make_store
from gc3libs.session import Session

NOBODY = 65534
KINDS = ("file", "sqlite")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte, to be filled with a file `ballast`."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1200000", "tmpfs", str(mounted)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting needs root")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def fill(disk: Path) -> None:
    with open(disk / "ballast", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(64)):
            pass


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_does_not_keep_a_session(full: Path, kind: str) -> None:
    session = Session(full / "session", store_or_url=kind)
    session.add_many(Task(value=value) for value in range(10))
    fill(full)
    with pytest.raises(StoreUnavailable):
        session.add(Task(more=bytes(10_000)))
    session.destroy()
    assert os.listdir(full) == ["ballast"]


def test_a_full_disk_does_not_keep_a_session_that_was_moved(full: Path) -> None:
    Session(full / "session").add(Task())
    (full / "session").rename(full / "moved")
    fill(full)
    Session(full / "moved").destroy()
    assert os.listdir(full) == ["ballast"]


def test_a_session_is_made_anew_on_a_full_disk(full: Path) -> None:
    Session(full / "session").add(Task())
    fill(full)
    session = Session(full / "session", load=False)
    assert len(session) == 0
    session.close()


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory of somebody who is not root, where everybody may go."""
    path = Path(tempfile.mkdtemp(prefix="gc3libs-test-"))
    path.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path)


def without_privileges(work: Callable[[], Any]) -> Any:
    """What it returns in a process that is not root's."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writing, pickle.dumps(work()))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        outcome = pickle.loads(file.read())
    os.waitpid(pid, 0)
    return outcome


def trouble_of(session: Session) -> str:
    """What keeps it from being removed; empty if nothing does."""
    try:
        session.destroy()
    except Error as err:
        return f"{type(err).__name__}: {err}"
    return ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("locked", ["..", "out"])
def test_what_cannot_be_removed_now_is_removed_later(home: Path, kind: str, locked: str) -> None:
    path = home / "session"

    def work() -> list[str]:
        session = Session(path, store_or_url=kind)
        session.add(Task())
        (path / "out").mkdir()
        (path / "out" / "result").touch()
        (path / locked).chmod(0o555)
        troubles = [trouble_of(session) for _ in range(2)]
        Path(path, locked).resolve().chmod(0o755)
        return [*troubles, trouble_of(session), trouble_of(session)]

    *troubles, third, fourth = without_privileges(work)
    for each in troubles:
        assert each.startswith(f"StoreUnavailable: cannot remove {path}"), each
    assert [third, fourth] == ["", ""]
    assert not path.exists()


def test_what_another_process_could_not_remove_can_be_removed(home: Path) -> None:
    path = home / "session"

    def work() -> str:
        session = Session(path)
        session.add(Task())
        (path / "out").mkdir()
        (path / "out" / "result").touch()
        (path / "out").chmod(0o555)
        return trouble_of(session)

    assert "out" in without_privileges(work)
    (path / "out").chmod(0o755)
    left = Session(path, create=False)
    assert len(left) == 0
    left.destroy()
    assert not path.exists()


def test_a_session_made_in_the_same_place_meanwhile_stays(home: Path) -> None:
    path = home / "session"

    def work() -> list[str]:
        session = Session(path)
        home.chmod(0o555)
        first = trouble_of(session)
        home.chmod(0o755)
        with Session(path) as other:
            other.add(Task())
        return [first, trouble_of(session)]

    first, second = without_privileges(work)
    assert first.startswith("StoreUnavailable")
    assert second == ""
    assert len(Session(path, create=False)) == 1


def test_a_store_elsewhere_keeps_what_is_not_the_sessions(full: Path) -> None:
    """It is on another disk than the session, which is full."""
    url = f"sqlite://{full.parent}/store.db"
    with make_store(url) as store:
        foreign = store.save(Task())
    session = Session(full / "session", store_or_url=url)
    session.add(Task())
    fill(full)
    session.destroy()
    with make_store(url) as store:
        assert store.list() == [foreign]
    assert os.listdir(full) == ["ballast"]
