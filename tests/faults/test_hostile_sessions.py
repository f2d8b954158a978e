"""Sessions and names that somebody has made to do harm: nothing outside is read, written or run."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gc3libs import Application
from gc3libs.cmdline import run as run_session
from gc3libs.exceptions import Error, InvalidValue, UntrustedObject
from gc3libs.persistence import make_store
from gc3libs.session import Session

from .conftest import Place
from .ledger import task


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory of the user's; every file in it stays as it is."""
    path = tmp_path / "home"
    (path / "documents").mkdir(parents=True)
    (path / "file").write_text("mine, and without an end of line")
    (path / "documents" / "thesis").write_text("mine\n")
    before = contents(path)
    yield path
    assert contents(path) == before


def contents(path: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(each): (each.read_bytes() if each.is_file() else b"", each.stat().st_mtime_ns)
        for each in [path, *path.rglob("*")]
    }


def use(path: Path) -> None:
    """All that a user does to a session, as far as it lets itself be used."""
    with contextlib.suppress(Error):
        session = Session(path)
        for step in (
            lambda: list(session),
            lambda: session.counts(),
            lambda: session.add(task(1)),
            lambda: session.remove(next(iter(session.tasks))),
            lambda: session.set_end_timestamp(),
            lambda: session.set_start_timestamp(12345.0),
            lambda: session.lease().release(),
            lambda: run_session(session, cores=1, quiet=True),
            lambda: session.destroy(),
        ):
            with contextlib.suppress(Error, StopIteration):
                step()
        session.close()


FILES = ["index.txt", "store.url", "created", "finished"]
DIRECTORIES = ["run", "jobs/00", "jobs/new", "jobs/commit", "jobs/children"]


@pytest.mark.parametrize("name", FILES)
def test_a_link_instead_of_a_file(place: Place, outside: Path, name: str) -> None:
    """Fails without `O_NOFOLLOW` in `open_inside`: the user's file would be appended to."""
    place.make(1, 2)
    (place.path / name).unlink(missing_ok=True)
    (place.path / name).symlink_to(outside / "file")
    use(place.path)


@pytest.mark.parametrize("place", ["files"], indirect=True)
@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_link_instead_of_a_directory(place: Place, outside: Path, name: str) -> None:
    """Fails if a lease is taken in a directory that is a link.

    The store itself may be anywhere, and so may `jobs`.
    """
    place.make(1, 2)
    link = place.path / name
    if link.is_dir():
        link.rename(link.with_name("aside"))
    link.symlink_to(outside)
    use(place.path)


@pytest.mark.parametrize("place", ["files"], indirect=True)
def test_a_link_instead_of_a_record(place: Place, outside: Path) -> None:
    """Fails if records are opened without `O_NOFOLLOW`."""
    place.make(1, 2)
    record = place.path / "jobs" / "00" / "Task.1"
    (outside.parent / "record").write_bytes(record.read_bytes())
    record.unlink()
    record.symlink_to(outside.parent / "record")
    session = Session(place.path)
    with pytest.raises(Error, match=r"Task\.1"):
        session.load("Task.1")
    session.close()
    use(place.path)


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_instead_of_a_file_does_not_hang(place: Place, name: str) -> None:
    """Fails without `O_NONBLOCK`: opening would wait for a writer that never comes."""
    place.make(1)
    (place.path / name).unlink(missing_ok=True)
    os.mkfifo(place.path / name)
    use(place.path)


IDS = ["../../home/file", "/etc/passwd", "Task.1/../../x", "..", "Task.-1", "Task.1\0", "a\nTask.1"]


@pytest.mark.parametrize("id_", IDS)
def test_ids_are_no_paths(place: Place, outside: Path, id_: str) -> None:
    """Fails if an ID becomes a path before it is looked at."""
    place.make(1)
    session = Session(place.path)
    for call in (session.load, session.store.load, session.store.remove, session.store.children):
        with pytest.raises((Error, KeyError)):
            call(id_)
    session.close()
    with open(place.path / "index.txt", "a") as file:
        file.write(id_ + "\n")
    session = Session(place.path)
    assert [each.value for each in session] == [1]
    session.close()
    use(place.path)


NAMES = {
    "shell": "$(touch {marker}); `touch {marker}` ; touch {marker} #",
    "dots": "../../../outside",
    "newlines": "a\nb\r\nTask.99\n",
    "control": "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "long": "x" * 5000,
    "nul": "a\0b",
    "half": "\ud800",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_no_code_and_no_paths(
    place: Place, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Fails if a job's name becomes part of a command or of a path, or goes to the log as it is."""
    marker = tmp_path / "marker"
    jobname = NAMES[name].format(marker=marker)
    session = Session(place.path, store_or_url=place.store)
    with contextlib.suppress(InvalidValue):
        job = Application(
            ["/bin/echo", "done"],
            [],
            [],
            str(place.path / "out"),
            stdout="answer",
            jobname=jobname,
        )
        session.add(job)
    before = set(tmp_path.iterdir())
    counts = run_session(session, cores=1, quiet=True)
    assert counts.failed == 0
    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert not marker.exists()
    assert set(tmp_path.iterdir()) == before
    assert len(session) == len(list(session)) == session.counts().total
    session.close()


class Harmful:
    """What a pickle may ask for when it is read."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self._marker}",)


@pytest.mark.parametrize("place", ["files"], indirect=True)
def test_records_run_nothing(place: Place, tmp_path: Path) -> None:
    """Fails if a payload is read by `pickle.loads`."""
    marker = tmp_path / "marker"
    place.make(1, 2)
    with make_store(place.path / "jobs") as store:
        record = store.record("Task.1")
        store.rewrite([replace(record, payload=pickle.dumps({"value": Harmful(marker)}))])
    session = Session(place.path)
    with pytest.raises(UntrustedObject, match=r"Task\.1"):
        session.load("Task.1")
    session.close()
    use(place.path)
    assert not marker.exists()
